"""A report as one HTML page that needs nothing else: no network, no script, light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.evaluate.plots import reliability_plot, risk_coverage_plot
from pipeline.evaluate.report import VERIFIER

_TEMPLATES = Path(__file__).parent / "templates"
_MOST_MISTAKES = 25
_MOST_FAILURES = 20


def page_of(report: dict[str, Any]) -> str:
    """The page of a report.

    Args:
        report: What ``report_of`` gave, or ``report.json`` holds.

    Returns:
        A whole HTML document.
    """
    has_claims = report["dataset"]["claims"] > 0
    return rendered_page(
        "report.html",
        report,
        verifier=VERIFIER,
        gain=area_gain(report),
        curves=risk_coverage_plot(report["risk_coverage"]) if has_claims else "",
        reliability=reliability_plot(report["reliability"]) if report["reliability"] else "",
        mistakes=report["mistakes"][:_MOST_MISTAKES],
        failures=report["failures"]["first"][:_MOST_FAILURES],
    )


def rendered_page(template: str, report: dict[str, Any], *, folder: Path = _TEMPLATES, **values: Any) -> str:
    """A whole HTML document, with everything escaped.

    Args:
        template: Name of a file in ``folder``, which may extend those of this package's ``templates/``.
        report: A report with ``configuration``, ``versions`` and ``seconds``.
        folder: Where the template lies.
        **values: What else the template names.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([folder, _TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, between=between, words=words, number=number, counted=counted)
    return environment.get_template(template).render(report=report, settings=_flat(report["configuration"]), **values)


def area_gain(report: dict[str, Any]) -> tuple[str, float] | None:
    """The baseline with the least area under its risk-coverage curve, and the verifier's area as a share of it.

    None where there is no baseline, or one without errors.
    """
    areas = {name: item["risk_coverage_area"]["value"] for name, item in report["judges"].items()}
    own = areas.pop(VERIFIER)
    known = {name: area for name, area in areas.items() if area}
    if own is None or not known:
        return None
    best = min(known, key=lambda name: known[name])
    return best, own / known[best]


def percent(value: float | None, digits: int = 1) -> str:
    """A share as people read it; a dash where there is none.

    >>> percent(0.9731), percent(None)
    ('97.3 %', '–')
    """
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def between(figure: dict[str, float | None], digits: int = 1) -> str:
    """The interval of a figure in per cent; the empty text where there is none.

    >>> between({"value": 0.5, "low": 0.412, "high": 0.6})
    '41.2 – 60.0'
    """
    low, high = figure["low"], figure["high"]
    return "" if low is None or high is None else f"{100 * low:.{digits}f} – {100 * high:.{digits}f}"


def number(value: float | None) -> str:
    """A number with four significant digits; a dash where there is none.

    >>> number(0.123456), number(12345.6), number(None)
    ('0.1235', '12346', '–')
    """
    if value is None:
        return "–"
    return f"{value:.0f}" if abs(value) >= 1e4 else f"{value:.4g}"


def counted(count: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "image"), counted(2, "image")
    ('1 image', '2 images')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def words(name: str) -> str:
    """A name of the code as words."""
    return name.replace("_", " ")


def _flat(node: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Keys and values of a nested configuration, one line each."""
    if isinstance(node, dict) and node:
        return [line for key, value in node.items() for line in _flat(value, f"{prefix}{key}.")]
    return [(prefix.rstrip("."), "null" if node is None else str(node))]
