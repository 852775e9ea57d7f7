"""A report on claims as one self-contained HTML page, in light and dark, and the sentences that its figures make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.evaluate.bootstrap import FEWEST_GROUPS
from pipeline.evaluate.claims.report import VERIFIER
from pipeline.evaluate.plots import reliability_plot, risk_coverage_plot
from pipeline.export.html import counted, percent, rendered_page, words
from pipeline.export.report.figure_text import share_text

NEED_TITLES = {"depth": "Claims that need depth", "image_plane": "Claims of the image plane"}
_MOST_MISTAKES = 25
_MOST_FAILURES = 20


def page_of(report: dict[str, Any]) -> str:
    """HTML document of a report from ``report_of`` or ``report.json``."""
    # Claims of the image plane are seldom wrong, and would hide in a plot how the others fare.
    plotted = next(iter(report["needs"].values()), None)
    return rendered_page(
        "claims_report.html",
        report,
        verifier=VERIFIER,
        titles=NEED_TITLES,
        few_scenes=few_scenes(report),
        against_best=against_best,
        guarantee=guarantee,
        promise=promise(report["calibration"]),
        curves=risk_coverage_plot(plotted["risk_coverage"]) if plotted else "",
        reliability=reliability_plot(plotted["reliability"]) if plotted and plotted["reliability"] else "",
        mistakes=report["mistakes"][:_MOST_MISTAKES],
        wrong_answers=report.get("wrong_answers", {"count": 0, "first": []}),
        failures=report["failures"]["first"][:_MOST_FAILURES],
        share=share_text,
    )


def best_baselines(judges: Mapping[str, Any]) -> tuple[list[str], float, float] | None:
    """The baselines with the smallest area under the risk-coverage curve, their area, and the verifier's.

    An area of 0 is the best there can be. Several baselines are best if their areas are equal.

    Args:
        judges: Figures of the verifier and the baselines, as in the report.

    Returns:
        None without claims or baselines.
    """
    areas = {name: figures["risk_coverage_area"]["value"] for name, figures in judges.items()}
    own = areas.pop(VERIFIER)
    known = {name: area for name, area in areas.items() if area is not None}
    if own is None or not known:
        return None
    least = min(known.values())
    return [name for name, area in known.items() if area == least], least, own


def against_best(judges: Mapping[str, Any]) -> str:
    """A sentence that compares the verifier with the best baseline; empty without one."""
    best = best_baselines(judges)
    if best is None:
        return ""
    names, area, own = best
    ratio = f", {percent(own / area, 0)} of it" if area else ""
    return (
        f"Best baseline: {', '.join(map(words, names))}, with an area of {percent(area, 2)}; the verifier's area is "
        f"{percent(own, 2)}{ratio}."
    )


def few_scenes(report: Mapping[str, Any]) -> str:
    """Why the report has no bootstrap intervals; empty where it may have them."""
    scenes = report["dataset"]["scenes"]
    if not report["bootstrap"]["draws"] or scenes >= FEWEST_GROUPS:
        return ""
    return f"{counted(scenes, 'scene')} {'is' if scenes == 1 else 'are'} too few for them: they need {FEWEST_GROUPS}."


def promise(calibration: Mapping[str, Any]) -> str:
    """What a guarantee of the calibration bounds; empty where no calibration has a guarantee to give."""
    name, risk, confidence = (calibration[key] for key in ("name", "risk", "confidence"))
    if name is None or not any(row["calibration"] for row in calibration["kinds"]):
        return ""
    return (
        f"Where the guarantee of calibration {name} holds, at most {percent(risk, 0)} of a scene's decided verdicts "
        f"are wrong on average, with {percent(confidence, 0)} confidence, on data like those it was fitted on."
    )


def guarantee(row: Mapping[str, Any], calibration: Mapping[str, Any]) -> str:
    """Whether the guarantee holds for a family of relations and a class of depth, and what is missing.

    Args:
        row: One of ``kinds`` of the report's ``calibration``.
        calibration: The report's ``calibration``.
    """
    applied = row["calibration"]
    if row["has_guarantee"]:
        return "guarantee holds"
    if applied is None:
        return "no guarantee: no calibration applied"
    missing = applied["missing_scenes"]
    if missing is None:
        return "no guarantee: no comparable verdict was judged"
    if missing:
        return f"no guarantee: at least {counted(missing, 'more scene')} needed"
    return f"no guarantee: it is for risk {calibration['risk']}, and risk {calibration['decided_at_risk']} decided"
