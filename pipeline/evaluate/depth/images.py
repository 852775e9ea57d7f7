"""One image per image: input, prediction, truth and error map, with their scales."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.export.files import replacing
from pipeline.export.text import one_line

_LONGEST_SIDE_PX = 640
_PANEL_IN = 3.6
_DPI = 110
# Errors beyond this share of the true depth look alike; the second where many of an image do.
_LARGEST_ERRORS = (0.5, 2.0)
_NOTHING = "#d9d9d9"
_ROOM_IN = 0.95
# A panel of a very high image is narrower instead.
_HIGHEST_IN = 9.0


def save_comparison(path: Path, rgb: np.ndarray, prediction_m: np.ndarray, truth_m: np.ndarray, title: str) -> None:
    """Draw input, aligned prediction, truth and relative error side by side.

    Prediction and truth share one logarithmic scale [m], from the 2nd to the 98th percentile of the truth. What is
    not known is grey.

    Args:
        path: The PNG to write.
        rgb: uint8 (H, W, 3).
        prediction_m: float (H, W), z-depth after alignment [m]; NaN where there is none.
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
        ("Truth [m]", truth_m, depths),
        ("Error / true depth", error, Normalize(0, _largest_error(error))),
    )
    height_in = min(_PANEL_IN * rgb.shape[0] / rgb.shape[1], _HIGHEST_IN) + _ROOM_IN
    figure = Figure(figsize=(_PANEL_IN * len(panels), height_in), dpi=_DPI, layout="constrained")
    for number, (name, values, scale) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), number + 1)
        axes.set_axis_off()
        axes.set_title(name, fontsize=9)
        if scale is None:
            image = axes.imshow(values)
            # An unseen scale keeps the panels in line.
            figure.colorbar(image, ax=axes, orientation="horizontal", fraction=0.06, pad=0.02).ax.set_visible(False)
            continue
        _map(figure, axes, values, scale, is_error=number == len(panels) - 1)
    figure.suptitle(_shown(title), fontsize=10)
    with replacing(path) as temporary, temporary.open("wb") as file, warnings.catch_warnings():
        # Letters that the font lacks are shown as boxes.
        warnings.simplefilter("ignore", UserWarning)
        FigureCanvasAgg(figure).print_png(file)


def _map(figure: Any, axes: Any, values: np.ndarray, scale: Any, *, is_error: bool) -> None:
    from matplotlib import colormaps
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    colors = colormaps["magma" if is_error else "viridis_r"].with_extremes(bad=_NOTHING)
    with np.errstate(invalid="ignore"):
        shown = np.ma.masked_invalid(np.clip(values, scale.vmin, scale.vmax))
    image = axes.imshow(shown, norm=scale, cmap=colors, interpolation="nearest")
    bar = figure.colorbar(image, ax=axes, orientation="horizontal", fraction=0.06, pad=0.02)
    bar.ax.tick_params(labelsize=7)
    if not is_error:
        bar.ax.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
        bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        bar.ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))


def _largest_error(error: np.ndarray) -> float:
    known = error[np.isfinite(error)]
    return _LARGEST_ERRORS[bool(len(known)) and float(np.percentile(known, 75)) > _LARGEST_ERRORS[0]]


def _range_m(truth_m: np.ndarray) -> tuple[float, float]:
    known = truth_m[np.isfinite(truth_m) & (truth_m > 0)]
    if not len(known):
        return 0.5, 10.0
    low, high = (float(value) for value in np.percentile(known, (2, 98)))
    # A flat scene needs a scale too.
    return (low, high) if high > 1.05 * low else (low / 1.1, high * 1.1)


def _shown(title: str) -> str:
    """The title without what matplotlib would take for mathematics."""
    return one_line(title).replace("$", r"\$")
