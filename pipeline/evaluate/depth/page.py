"""A report on depth as an HTML page, which loads nothing but the drawings of the worst images."""

from __future__ import annotations

from typing import Any

from pipeline.evaluate.bootstrap import FEWEST_GROUPS
from pipeline.evaluate.depth.metrics import METRICS
from pipeline.evaluate.figures import figure_texts
from pipeline.evaluate.plots import error_by_depth_plot
from pipeline.export.html import rendered_page

NOISE_HEADINGS = {
    "relative": "Smooth error",
    "relative_per_m": "Smooth error, growth per metre",
    "place_share": "Its reach, of the longer side",
    "pixel": "Pixel error",
    "pixel_per_m": "Pixel error, growth per metre",
    "far_share": "Below the 2nd percentile, of the range",
    "blur_px": "Blur of steps [px]",
    "scale": "Scale error, logarithm",
    "typical_disagreement": "Typical disagreement",
    "unfamiliar": "Smooth error of unfamiliar images",
}
"""Headings of the numbers of a noise model; errors are fractions of the depth."""


def page_of(report: dict[str, Any]) -> str:
    """HTML document of a report from ``report_of`` or ``report.json``."""
    bins = report["by_depth"]
    return rendered_page(
        "depth_report.html",
        report,
        metrics=METRICS,
        fewest=FEWEST_GROUPS,
        headings=NOISE_HEADINGS,
        figure_texts=figure_texts,
        curve=error_by_depth_plot(bins) if bins else "",
    )
