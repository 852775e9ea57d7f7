"""A report on depth as one HTML page; its only companions are the images of the worst images."""

from __future__ import annotations

from typing import Any

from pipeline.evaluate.bootstrap import FEWEST_GROUPS
from pipeline.evaluate.depth.metrics import METRICS
from pipeline.evaluate.plots import error_by_depth_plot
from pipeline.export.html import rendered_page


def page_of(report: dict[str, Any]) -> str:
    """The page of a report.

    Args:
        report: What ``report_of`` gave, or ``report.json`` holds.

    Returns:
        A whole HTML document.
    """
    bins = report["by_depth"]
    return rendered_page(
        "depth_report.html",
        report,
        metrics=METRICS,
        fewest=FEWEST_GROUPS,
        curve=error_by_depth_plot(bins) if bins else "",
    )
