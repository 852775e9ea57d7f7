"""A report on claims as one self-contained HTML page, in light and dark."""

from __future__ import annotations

from typing import Any

from pipeline.evaluate.claims.report import VERIFIER
from pipeline.evaluate.plots import reliability_plot, risk_coverage_plot
from pipeline.export.html import rendered_page

_MOST_MISTAKES = 25
_MOST_FAILURES = 20


def page_of(report: dict[str, Any]) -> str:
    """HTML document of a report from ``report_of`` or ``report.json``."""
    has_claims = report["dataset"]["claims"] > 0
    return rendered_page(
        "claims_report.html",
        report,
        verifier=VERIFIER,
        gain=area_gain(report),
        curves=risk_coverage_plot(report["risk_coverage"]) if has_claims else "",
        reliability=reliability_plot(report["reliability"]) if report["reliability"] else "",
        mistakes=report["mistakes"][:_MOST_MISTAKES],
        failures=report["failures"]["first"][:_MOST_FAILURES],
    )


def area_gain(report: dict[str, Any]) -> tuple[str, float] | None:
    """The baseline with the smallest area under its risk-coverage curve, and the verifier's area as a share of it.

    None if no baseline made an error.
    """
    areas = {name: item["risk_coverage_area"]["value"] for name, item in report["judges"].items()}
    own = areas.pop(VERIFIER)
    known = [(area, name) for name, area in areas.items() if area]
    if own is None or not known:
        return None
    area, best = min(known)
    return best, own / area
