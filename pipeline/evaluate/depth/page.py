"""A report on depth as an HTML page, which loads nothing but the drawings of the worst images."""

from __future__ import annotations

from typing import Any

from pipeline.evaluate.bootstrap import FEWEST_GROUPS
from pipeline.evaluate.depth.metrics import METRICS
from pipeline.evaluate.plots import error_by_depth_plot
from pipeline.export.html import rendered_page


def page_of(report: dict[str, Any]) -> str:
    """HTML document of a report from ``report_of`` or ``report.json``."""
    bins = report["by_depth"]
    return rendered_page(
        "depth_report.html",
        report,
        metrics=METRICS,
        fewest=FEWEST_GROUPS,
        curve=error_by_depth_plot(bins) if bins else "",
    )
