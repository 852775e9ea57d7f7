"""SVG plots of a report's page, with the light and dark colours of its style sheet.

The plots need no display. Matplotlib is imported by the first plot.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

# Placeholders for colours of the page.
_INK, _FAINT = "#010101", "#020202"
SERIES = ("#0a0101", "#0a0202", "#0a0303", "#0a0404")
"""Placeholders for the colours of the curves, in the order of the report."""
_VARIABLES = {
    _INK: "var(--ink)",
    _FAINT: "var(--line)",
    **{stand_in: f"var(--series-{index})" for index, stand_in in enumerate(SERIES)},
}
_STYLES = ("-", "--", "-.", ":")
_SIZE_IN = (5.6, 3.9)
_LEAST_TOP = 0.05
_LEAST_PIXEL_SHARE = 1e-4


def risk_coverage_plot(curves: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """Error rate against the share of claims answered, one curve for the verifier and each baseline.

    Args:
        curves: ``coverage`` and ``risk`` by name, as in the report.

    Returns:
        An ``<svg>`` element.
    """
    figure, axes = _axes("Share of claims answered, the most confident first", "Error rate")
    highest = _LEAST_TOP
    for index, (name, curve) in enumerate(curves.items()):
        axes.plot(
            curve["coverage"],
            curve["risk"],
            _STYLES[index % len(_STYLES)],
            color=SERIES[index % len(SERIES)],
            linewidth=2.4 if index == 0 else 1.6,
            label=name.replace("_", " "),
        )
        highest = max(highest, max(curve["risk"]))
    axes.set_xlim(0, 1)
    axes.set_ylim(0, min(1.0, 1.08 * highest))
    legend = figure.legend(frameon=False, fontsize=9, loc="outside upper left", ncols=4, columnspacing=1.2)
    for text in legend.get_texts():
        text.set_color(_INK)
    return _svg(figure, "Risk against coverage")


def reliability_plot(bins: Sequence[Mapping[str, float]]) -> str:
    """Share of true claims against the predicted probability; the area of a point shows its number of claims.

    Args:
        bins: ``count``, ``probability`` and ``true_share`` of each, as in the report.

    Returns:
        An ``<svg>`` element.
    """
    figure, axes = _axes("Predicted probability", "Share of true claims")
    axes.plot((0, 1), (0, 1), "--", color=_FAINT, linewidth=1.2)
    probabilities = [item["probability"] for item in bins]
    shares = [item["true_share"] for item in bins]
    axes.vlines(probabilities, probabilities, shares, color=SERIES[1], linewidth=1.4)
    axes.plot(probabilities, shares, color=SERIES[0], linewidth=1.2)
    most = max((item["count"] for item in bins), default=1)
    areas = [14 + 90 * item["count"] / most for item in bins]
    axes.scatter(probabilities, shares, areas, color=SERIES[0], zorder=3)
    for item in bins:
        # Labels of points on the right stand left of them, to stay inside the frame.
        is_right = item["probability"] > 0.5
        axes.annotate(
            f"{item['count']:.0f}",
            (item["probability"], item["true_share"]),
            xytext=(-8, 6) if is_right else (8, -12),
            textcoords="offset points",
            ha="right" if is_right else "left",
            fontsize=8,
            color=_INK,
        )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.05, 1.05)
    return _svg(figure, "Reliability of the probabilities")


def error_by_depth_plot(bins: Sequence[Mapping[str, float]]) -> str:
    """Mean relative error against true depth, in front of the distribution of the pixels over depth.

    Args:
        bins: ``from_m``, ``to_m``, ``pixels`` and ``abs_rel`` of each, as in the report.

    Returns:
        An ``<svg>`` element.
    """
    figure, axes = _axes("True depth [m]", "Mean error / true depth")
    total = sum(item["pixels"] for item in bins)
    # Bins with few pixels are noisy and would stretch the scale.
    shown = [item for item in bins if item["pixels"] >= _LEAST_PIXEL_SHARE * total]
    highest = 1.15 * max(max(item["abs_rel"] for item in shown), _LEAST_TOP)
    most = max(item["pixels"] for item in shown)
    lefts = [item["from_m"] for item in shown]
    widths = [item["to_m"] - item["from_m"] for item in shown]
    heights = [0.5 * highest * item["pixels"] / most for item in shown]
    axes.bar(lefts, heights, widths, align="edge", color=_FAINT, alpha=0.6, label="share of pixels")
    middles = [(item["from_m"] * item["to_m"]) ** 0.5 for item in shown]
    errors = [item["abs_rel"] for item in shown]
    axes.plot(middles, errors, "o-", color=SERIES[0], linewidth=2, markersize=4, label="error")
    axes.set_xscale("log")
    label_depths(axes.xaxis)
    axes.set_ylim(0, highest)
    return _svg(figure, "Error by true depth")


def label_depths(axis: Any) -> None:
    """Label a logarithmic axis of depth at 1, 2, 5, 10, ..."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _axes(x_label: str, y_label: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure = Figure(figsize=_SIZE_IN, layout="constrained")
    axes = figure.add_subplot()
    figure.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    axes.set_xlabel(x_label, color=_INK)
    axes.set_ylabel(y_label, color=_INK)
    axes.grid(color=_FAINT, linewidth=0.7)
    axes.tick_params(colors=_INK, labelsize=9, length=0, pad=6)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(_FAINT)
    return figure, axes


def _svg(figure: Any, title: str) -> str:
    """The figure as an ``<svg>`` element as wide as its container; equal figures give equal text."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": title, "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    # The metadata links to the web.
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', rf'<svg \1 role="img" aria-label="{title}">', text, count=1)
    text = re.sub(r"font-family: [^;\"]*", "font-family: inherit", text)
    prefix = re.sub(r"\W+", "-", title.lower())
    # Ids must be unique on the page.
    text = re.sub(r'id="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", text)
    text = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{prefix}-\1"', text)
    for stand_in, variable in _VARIABLES.items():
        text = text.replace(stand_in, variable)
    return text
