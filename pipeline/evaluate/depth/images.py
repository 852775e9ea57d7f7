"""A drawing of one evaluated image: input, prediction, ground truth and error map, with their scales."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.evaluate.plots import label_depths
from pipeline.export.files import replacing
from pipeline.export.text import one_line

_LONGEST_SIDE_PX = 640
_PANEL_IN = 3.6
_DPI = 110
# Largest error of the colour scale, as a share of the true depth; the second if many pixels exceed the first.
_LARGEST_ERRORS = (0.5, 2.0)
_NOTHING = "#d9d9d9"
# Readable on white and on the dark page, because the background is transparent.
_INK = "#7b8591"
_ROOM_IN = 1.2
# Panels of very tall images become narrower instead.
_HIGHEST_IN = 9.0


def save_comparison(path: Path, rgb: np.ndarray, prediction_m: np.ndarray, truth_m: np.ndarray, title: str) -> None:
    """Draw input, aligned prediction, ground truth and relative error side by side.

    Prediction and ground truth share one logarithmic scale [m], from the 2nd to the 98th percentile of the ground
    truth. Unknown pixels are grey.

    Args:
        path: The PNG to write.
        rgb: uint8 (H, W, 3).
        prediction_m: float (H, W), z-depth after alignment [m]; NaN where invalid.
        truth_m: float (H, W), true z-depth [m]; NaN where unknown.
        title: One line above the panels.

    Raises:
        ExportError: If the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.figure import Figure

    step = max(1, -(-max(rgb.shape[:2]) // _LONGEST_SIDE_PX))
    rgb, prediction_m, truth_m = (array[::step, ::step] for array in (rgb, prediction_m, truth_m))
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.abs(prediction_m - truth_m) / truth_m
    depths = LogNorm(*_range_m(truth_m))
    panels = (
        ("Input", rgb, None),
        ("Prediction, aligned [m]", prediction_m, depths),
        ("Ground truth [m]", truth_m, depths),
        ("Error / true depth", error, Normalize(0, _largest_error(error))),
    )
    height_in = min(_PANEL_IN * rgb.shape[0] / rgb.shape[1], _HIGHEST_IN) + _ROOM_IN
    figure = Figure(figsize=(_PANEL_IN * len(panels), height_in), dpi=_DPI, layout="constrained")
    figure.patch.set_alpha(0)
    for number, (name, values, scale) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), number + 1)
        axes.set_axis_off()
        axes.set_title(name, fontsize=14, color=_INK)
        if scale is None:
            image = axes.imshow(values)
            # An invisible scale aligns the panels.
            figure.colorbar(image, ax=axes, orientation="horizontal", fraction=0.06, pad=0.02).ax.set_visible(False)
            continue
        _map(figure, axes, values, scale, is_error=number == len(panels) - 1)
    # Unescaped dollar signs would start a formula.
    figure.suptitle(one_line(title).replace("$", r"\$"), fontsize=14, color=_INK)
    with replacing(path) as temporary, temporary.open("wb") as file, warnings.catch_warnings():
        # matplotlib warns of missing glyphs, which it draws as boxes.
        warnings.simplefilter("ignore", UserWarning)
        FigureCanvasAgg(figure).print_png(file)


def _map(figure: Any, axes: Any, values: np.ndarray, scale: Any, *, is_error: bool) -> None:
    from matplotlib import colormaps
    from matplotlib.ticker import FuncFormatter

    colors = colormaps["magma" if is_error else "plasma_r"].with_extremes(bad=_NOTHING)
    with np.errstate(invalid="ignore"):
        shown = np.ma.masked_invalid(np.clip(values, scale.vmin, scale.vmax))
    image = axes.imshow(shown, norm=scale, cmap=colors, interpolation="nearest")
    bar = figure.colorbar(image, ax=axes, orientation="horizontal", fraction=0.06, pad=0.02)
    bar.ax.tick_params(labelsize=10.5, colors=_INK)
    bar.outline.set_edgecolor(_INK)
    if is_error:
        bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    else:
        label_depths(bar.ax.xaxis)


def _largest_error(error: np.ndarray) -> float:
    known = error[np.isfinite(error)]
    return _LARGEST_ERRORS[bool(len(known)) and float(np.percentile(known, 75)) > _LARGEST_ERRORS[0]]


def _range_m(truth_m: np.ndarray) -> tuple[float, float]:
    known = truth_m[np.isfinite(truth_m) & (truth_m > 0)]
    if not len(known):
        return 0.5, 10.0
    low, high = (float(value) for value in np.percentile(known, (2, 98)))
    # The scale of a flat scene must not be empty.
    return (low, high) if high > 1.05 * low else (low / 1.1, high * 1.1)
