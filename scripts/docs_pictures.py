"""Draws the pictures of the documentation from a rendered scene and the shipped numbers.

Usage: python scripts/docs_pictures.py

The same code gives the same files, which are committed in docs/pictures/.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from textwrap import wrap

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline import Pipeline
from pipeline.export.palette import STATUS_COLOURS
from pipeline.geometry.lengths import length_probability
from pipeline.geometry.objects import order_coordinate
from pipeline.geometry.occlusion import clear_step, shared_contour
from pipeline.records import Claim, DepthKind, Result, Status
from pipeline.records.calibration import Calibration, Curve
from pipeline.records.error_budget import ErrorBudget
from pipeline.synthetic.depth_errors import monocular_disparity, sensor_depth
from pipeline.synthetic.scenes import rendered_scene
from pipeline.synthetic.view import RenderedView

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"
SEED, SIZE_PX = 3111, (400, 300)
# The part of the photo that shows how two objects meet (left, top, right, bottom), and how much it is enlarged.
DETAIL_PX, ENLARGED = (80, 70, 245, 190), 2.4
FRONT, BACK = "cyan box", "green ball"
BLUE, RED, GREY, INK = "#0072b2", "#d55e00", "#8a8a8a", "#222222"
SIGNS = {Status.SUPPORTED: "✓", Status.REFUTED: "✗", Status.UNDECIDED: "–"}
JPEG_QUALITY = 82


class Drawing:
    """An SVG that is built up from shapes; lengths in px, colours as CSS names them."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self.size, self.title, self.parts = (width, height), title, ['<rect width="100%" height="100%" fill="#fff"/>']

    def line(self, points: np.ndarray, colour: str, width: float = 2, dash: str = "") -> None:
        """A line through points (N, 2)."""
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="{width}"{dashes}/>')

    def box(self, corners: tuple[float, ...], colour: str, fill: str = "none", opacity: float = 1) -> None:
        """A rectangle (left, top, right, bottom)."""
        left, top, right, bottom = corners
        self.parts.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" fill="{fill}" '
            f'stroke="{colour}" stroke-width="2" fill-opacity="{opacity}"/>'
        )

    def dots(self, points: np.ndarray, colour: str, radius: float = 2) -> None:
        """Discs at points (N, 2)."""
        discs = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>' for x, y in points)
        self.parts.append(f'<g fill="{colour}">{discs}</g>')

    def text(self, x: float, y: float, words: str, size: float = 14, colour: str = INK, **more: str) -> None:
        """One line of text with its baseline at y."""
        rest = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in more.items())
        safe = words.replace("&", "&amp;").replace("<", "&lt;")
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"{rest}>{safe}</text>')

    def image(self, corner: tuple[float, float], rgb: np.ndarray) -> None:
        """A photo with its top-left corner there, at its own size."""
        height, width = rgb.shape[:2]
        done, jpeg = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        assert done
        data = base64.b64encode(jpeg.tobytes()).decode()
        self.parts.append(
            f'<image x="{corner[0]}" y="{corner[1]}" width="{width}" height="{height}" '
            f'href="data:image/jpeg;base64,{data}"/>'
        )

    def save(self, name: str) -> None:
        """Write it into the folder of pictures."""
        width, height = self.size
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
            f'font-family="system-ui, sans-serif"><title>{self.title}</title>\n' + "\n".join(self.parts) + "\n</svg>\n",
            encoding="utf-8",
        )


def judged(view: RenderedView) -> Result:
    """Three claims about the scene, on depth like that of a network for single images."""
    claims = [
        Claim("occludes", FRONT, BACK),
        Claim("closer", "green pyramid", FRONT),
        Claim("distance_between", "brown capsule", BACK, value=30, unit="cm"),
    ]
    assert view.frame.given_depth is not None
    depth = monocular_disparity(view.frame.given_depth.values, SEED)
    return Pipeline.from_config(["depth=file"]).judge(view.frame, claims, view.regions(), depth=depth)


def verdicts(view: RenderedView) -> None:
    """A photo, its depth, and one verdict of each kind."""
    result = judged(view)
    drawing = Drawing(820, 470, "Three claims about one image, and their verdicts")
    drawing.image((0, 0), view.frame.rgb)
    assert view.frame.given_depth is not None
    values = monocular_disparity(view.frame.given_depth.values, SEED).values
    shown = np.interp(values, (values.min(), values.max()), (0, 255)).astype(np.uint8)
    drawing.image((420, 0), cv2.applyColorMap(shown, cv2.COLORMAP_VIRIDIS)[..., ::-1])
    for item in view.objects:
        if item.label != "table":
            drawing.box(item.box_px, "#fff")
            drawing.text(item.box_px[0] + 2, item.box_px[1] - 4, item.label, 12, "#fff", font_weight="bold")
    for index, verdict in enumerate(result.verdicts):
        x = 275 * index
        red, green, blue = STATUS_COLOURS[verdict.status]
        colour = f"rgb({red},{green},{blue})"
        drawing.box((x + 1, 315, x + 262, 468), colour)
        drawing.dots(np.array([(x + 22, 338)]), colour, 12)
        drawing.text(x + 22, 343, SIGNS[verdict.status], 15, "#fff", text_anchor="middle", font_weight="bold")
        drawing.text(x + 42, 343, str(verdict.status), 15, INK, font_weight="bold")
        claim = wrap(f"“{verdict.claim_text}”", 34)
        reason = wrap(f"{verdict.reason}{f' It needs {verdict.needs}.' if verdict.needs else ''}", 40)
        for row, line in enumerate(claim + reason):
            weight = "600" if row < len(claim) else "400"
            drawing.text(x + 12, 366 + 16 * row, line, 12, INK, font_weight=weight)
    drawing.save("verdicts.svg")


def contour(view: RenderedView) -> None:
    """Who owns the contour of two objects, and the step at one of its pixels."""
    assert view.frame.given_depth is not None
    depth = sensor_depth(view.frame.given_depth.values, view.frame.camera, SEED)
    front, back = (next(item for item in view.objects if item.label == name) for name in (FRONT, BACK))
    coordinate = order_coordinate(depth.values, DepthKind.METRIC)
    first, second = front.visible & depth.valid, back.visible & depth.valid
    found = shared_contour(
        coordinate, first, second, DepthKind.METRIC, edge_px=2, gap_px=2, outlines=(front.visible, back.visible)
    )
    least = clear_step(found, noise=0.003, drift=0.002)
    drawing = Drawing(820, 330, "Ownership of the contour of two objects, and a step in depth")
    left, top, right, bottom = DETAIL_PX
    detail = view.frame.rgb[top:bottom, left:right]
    drawing.image((0, 0), cv2.resize(detail, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC))

    def shown(pixels: np.ndarray) -> np.ndarray:
        return (np.asarray(pixels) - (left - 0.5, top - 0.5)) * ENLARGED

    for owned, colour in (
        (found.steps > least, BLUE),
        (found.steps < -least, RED),
        (abs(found.steps) <= least, "#fff"),
    ):
        drawing.dots(shown(found.pixels[owned]), colour, 2.2)
    row, columns, edge = _profile_place(front.visible, back.visible)
    drawing.line(shown([(columns[0], row), (columns[-1], row)]), "#fff", 2, "6 4")
    drawing.text(4, 320, f"blue: {FRONT} is nearer; red: {BACK} is; white: no clear step", 13)
    z = depth.values[row, columns]
    near, far = float(z[z > 0].min()), float(z.max())

    def at(column: float, depth_m: float) -> tuple[float, float]:
        across = (column - columns[0]) / (columns[-1] - columns[0])
        return 470 + 320 * across, 40 + 220 * (depth_m - near) / (far - near)

    drawing.text(470, 18, "depth along the dashed line; nearer is higher", 13)
    for mask, colour in ((first, BLUE), (second, RED)):
        read = mask[row, columns] & (abs(columns - edge) > 2)
        drawing.dots(np.array([at(*pair) for pair in zip(columns[read], z[read], strict=True)]), colour, 2.4)
        slope, offset = np.polyfit(columns[read], 1 / z[read], 1)
        ends = (columns[read].min(), edge) if columns[read].max() < edge else (edge, columns[read].max())
        drawing.line(np.array([at(column, 1 / (slope * column + offset)) for column in ends]), colour, 2)
        drawing.dots(np.array([at(edge, 1 / (slope * edge + offset))]), colour, 4.5)
    drawing.line(np.array([at(edge, near), at(edge, far)]), GREY, 1.5, "5 4")
    drawing.text(470, 290, "Planes fitted away from the edge meet the boundary (grey)", 13)
    drawing.text(470, 308, "at two depths: that difference is the step.", 13)
    drawing.save("contour.svg")


def _crossing(first: np.ndarray, second: np.ndarray, row: int) -> float | None:
    """Column between the two objects in a row; None where they do not meet there."""
    meets = np.flatnonzero((first[row, :-1] & second[row, 1:]) | (second[row, :-1] & first[row, 1:]))
    return float(meets[0]) + 0.5 if meets.size else None


def _profile_place(first: np.ndarray, second: np.ndarray) -> tuple[int, np.ndarray, float]:
    """A row in which both objects are wide on either side of their boundary, its columns there, and the boundary."""
    best = max(
        (min(np.count_nonzero(first[row]), np.count_nonzero(second[row])), row)
        for row in range(len(first))
        if _crossing(first, second, row) is not None
    )[1]
    edge = _crossing(first, second, best)
    assert edge is not None
    return best, np.arange(max(int(edge) - 30, 0), min(int(edge) + 31, first.shape[1])), edge


def kinds(view: RenderedView) -> None:
    """What each kind of depth leaves open: the scenes that one map stands for."""
    assert view.frame.given_depth is not None
    z = view.frame.given_depth.values[185, 20:360:4]
    titles = {
        "metric": ("one scene", [z]),
        "scale_invariant": ("any size", [z * factor for factor in (0.65, 1, 1.4)]),
        "depth_affine": ("any size, any distance", [z * 0.5 + 0.2 * z.max(), z, z * 1.3 + 0.1 * z.max()]),
        "disparity_affine": ("bent as well", [1 / (1.6 / z - 0.15 / z.max()), z, 1 / (0.45 / z + 0.27 / z.max())]),
    }
    most = 1.5 * float(z.max())
    drawing = Drawing(820, 235, "The scenes that a depth map of each kind stands for")
    for index, (name, (left_open, curves)) in enumerate(titles.items()):
        x = 207 * index
        drawing.box((x + 1, 45, x + 195, 230), "#ccc")
        drawing.text(x + 4, 18, name, 15, INK, font_weight="bold")
        drawing.text(x + 4, 36, left_open, 13, GREY)
        for curve, colour in zip(curves, (BLUE, INK, RED) if len(curves) > 1 else (INK,), strict=True):
            points = np.stack((np.linspace(x + 8, x + 188, len(z)), 226 - 178 * np.asarray(curve) / most), axis=1)
            drawing.line(points, colour, 2)
    drawing.save("kinds.svg")


def _axes(drawing: Drawing, corners: tuple[float, float, float, float], labels: tuple[str, str]) -> None:
    left, top, right, bottom = corners
    drawing.line(np.array([(left, top), (left, bottom), (right, bottom)]), INK, 1.5)
    drawing.text((left + right) / 2, bottom + 38, labels[0], 13, text_anchor="middle")
    drawing.text(left, top - 10, labels[1], 13)
    for share in (0.0, 0.05, 0.5, 0.95, 1.0):
        y = bottom - share * (bottom - top)
        drawing.text(left - 6, y + 4, f"{share:.0%}", 11, GREY, text_anchor="end")
        if share in (0.05, 0.95):
            drawing.line(np.array([(left, y), (right, y)]), GREY, 1, "3 3")


def budget() -> None:
    """Probability of a claim of 60 cm by what was measured, for a sensor and for an assumed camera."""
    corners = 60, 40, 780, 260
    drawing = Drawing(820, 310, "Probability that a claim of 60 cm holds, by the measured length")
    _axes(
        drawing,
        corners,
        ("measured distance [cm]; the claim says 60 cm, within 15 %", "probability that the claim holds"),
    )
    measured = np.linspace(30, 100, 141)
    settings = ErrorBudget()
    for name, colour, sigma in (
        ("sensor, camera given", BLUE, float(np.hypot(settings.scale["sensor"], settings.focal["given"]))),
        ("camera assumed", RED, settings.focal["assumed"]),
    ):
        chances = [length_probability(0.51, 0.69, value / 100, sigma) for value in measured]
        points = np.stack((60 + 720 * (measured - 30) / 70, 260 - 220 * np.array(chances)), axis=1)
        drawing.line(points, colour, 2.5)
        drawing.text(600, 80 + 22 * (colour == RED), f"{name}: ± {sigma:.1%}", 14, colour)
    for value in range(30, 101, 10):
        drawing.text(60 + 720 * (value - 30) / 70, 278, str(value), 11, GREY, text_anchor="middle")
    drawing.save("budget.svg")


def calibration() -> None:
    """What the calibration makes of a stated probability, with much, with little and without data."""
    corners = 60, 40, 480, 300
    drawing = Drawing(820, 350, "Calibrated against stated probability")
    _axes(drawing, corners, ("probability that the rule states", "probability after calibration"))
    shipped = Calibration.shipped()
    stated = np.linspace(0.001, 0.999, 200)
    for index, (key, colour) in enumerate((("order/measured", BLUE), ("occlusion/scattered", RED), ("", INK))):
        made = shipped.curves.get(key)
        curve = made if isinstance(made, Curve) else Curve(**made) if made else Curve()
        points = np.stack((60 + 420 * stated, 300 - 260 * np.array([curve.apply(value) for value in stated])), axis=1)
        drawing.line(points, colour, 2.5, "" if key else "6 4")
        words = f"{key}: {curve.verdicts} verdicts" if key else "a family without data"
        drawing.text(510, 90 + 50 * index, words, 14, colour, font_weight="bold")
        drawing.text(510, 110 + 50 * index, f"never surer than {curve.most:.1%}", 13)
    for value in (0, 0.5, 1):
        drawing.text(60 + 420 * value, 318, f"{value:.0%}", 11, GREY, text_anchor="middle")
    drawing.save("calibration.svg")


def sample() -> None:
    """The image of the tutorial, enlarged."""
    rgb = cv2.imread(str(FOLDER.parents[1] / "data" / "samples" / "images" / "2003-0.png"))
    assert rgb is not None
    large = cv2.resize(rgb, None, fx=1.75, fy=1.75, interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(FOLDER / "sample.jpg"), large, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


if __name__ == "__main__":
    seen = rendered_scene(SEED, size_px=SIZE_PX, tidy=True).view
    verdicts(seen)
    contour(seen)
    kinds(seen)
    budget()
    calibration()
    sample()
