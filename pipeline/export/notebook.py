"""A result as the output of a notebook's cell: photos, verdicts and 3D view in a frame that needs no network.

Everything stands inline in the ``srcdoc`` of a sandboxed ``iframe``: its scripts can reach neither the notebook nor
the network, and Jupyter, VS Code and nbconvert keep it as it is.
"""

from __future__ import annotations

import base64
import html
import math
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.claims.markup import without_code
from pipeline.export.palette import STATUS_COLOURS
from pipeline.export.report.photo_svg import WIDTH, drawing_of, shapes_of
from pipeline.export.report.scripts import script_value
from pipeline.export.report.verdict_view import share_text
from pipeline.export.stored_scene import StoredScene
from pipeline.export.viewer.data import view_data
from pipeline.records import Result, Status
from pipeline.records.errors import TheodoliteError
from pipeline.records.message import message

MOST_POINTS = 66_000
"""Points of a frame in the 3D view, as on a page."""

_TEMPLATES = Path(__file__).parent / "templates"
_MOST_VERDICTS = 24
_MOST_PHOTOS = 4
_WIDEST_PX, _JPEG_QUALITY = 900, 80
# Height of the pictures, and of the frame in which no list scrolls [px].
_PICTURES_PX, _MOST_PX = 460, 2400
# Height of a line, and what is around the lines of the title, the list and a verdict [px].
_LINE_PX, _HEAD_PX, _LIST_PX, _VERDICT_PX = 20.5, 22, 48, 12
# Letters of a line in a cell of common width; wide ones, as those of Chinese, count twice.
_LETTERS_PER_LINE = 125
_STROKES = {
    Status.SUPPORTED: "M4.4 8.4 7 11 11.8 5.4",
    Status.REFUTED: "M5.2 5.2 10.8 10.8M5.2 10.8 10.8 5.2",
    Status.UNDECIDED: "M4.6 8H11.4",
}


def result_html(result: Result, stored: StoredScene | None, note: str = "") -> str:
    """The result as HTML of a notebook's cell.

    Args:
        result: The result.
        stored: Its scene; without one there are neither photos nor 3D view.
        note: Why there is no scene.

    Returns:
        An ``iframe`` that holds a whole document.
    """
    height = min(_MOST_PX, _height(result, stored is not None, note))
    document = html.escape(_document(result, stored, note), quote=True)
    return (
        f'<iframe srcdoc="{document}" sandbox="allow-scripts" referrerpolicy="no-referrer" loading="lazy" '
        f'title="{html.escape(result.item_id, quote=True)}" width="100%" height="{height}" '
        'style="border: 0; display: block; max-width: 100%"></iframe>'
    )


def _document(result: Result, stored: StoredScene | None, note: str) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters.update(share=share_text)
    answer = result.answer
    viewer, photos, notes = None, [], [note] if note else []
    if stored is not None:
        data: dict[str, Any] = {"claims": []}
        try:
            data = view_data(stored, result, MOST_POINTS)
            viewer = _viewer(data)
        except TheodoliteError as error:
            notes.append(str(error))
        photos = _photos(stored, result, data["claims"])
    return environment.get_template("notebook.html").render(
        result=result,
        say=lambda code, **values: message(code, **values).text(result.language),
        answer=None if answer is None else without_code(answer.text),
        photos=photos,
        all_shapes=shapes_of(result),
        width=WIDTH,
        height=_PICTURES_PX,
        viewer=viewer,
        notes=notes,
        verdicts=result.verdicts[:_MOST_VERDICTS],
        more=max(0, len(result.verdicts) - _MOST_VERDICTS),
        colours={status: "rgb({}, {}, {})".format(*STATUS_COLOURS[status]) for status in Status},
        strokes=_STROKES,
    )


def _height(result: Result, has_pictures: bool, note: str) -> int:
    """Height that the document needs in a cell of common width [px]."""
    texts = [result.question or "-", note, "" if result.answer is None else without_code(result.answer.text)]
    height = _HEAD_PX + _LINE_PX * sum(map(_lines, texts)) + (_PICTURES_PX if has_pictures else 0) + _LIST_PX
    for verdict in result.verdicts[:_MOST_VERDICTS]:
        height += _VERDICT_PX + _LINE_PX * sum(map(_lines, (verdict.claim_text, verdict.reason, verdict.needs or "")))
    return math.ceil(height)


def _lines(text: str) -> int:
    letters = sum(2 if unicodedata.east_asian_width(letter) in "FW" else 1 for letter in text)
    return math.ceil(letters / _LETTERS_PER_LINE)


def _photos(stored: StoredScene, result: Result, claims: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Photos as data URIs with the drawings over them, first those of frames that have regions."""
    frames = stored.scene.frames
    with_regions = {region.frame for region in result.regions}
    chosen = sorted(sorted(range(len(frames)), key=lambda frame: frame not in with_regions)[:_MOST_PHOTOS])
    shapes = shapes_of(result)
    return [
        {
            "source": _data_uri(frames[index].rgb),
            "name": frames[index].name,
            "aspect": frames[index].camera.width / frames[index].camera.height,
            "drawing": drawing_of(result, index, frames[index].camera, shapes, claims),
        }
        for index in chosen
    ]


def _data_uri(rgb: np.ndarray) -> str:
    height, width = rgb.shape[:2]
    if width > _WIDEST_PX:
        size = (_WIDEST_PX, max(1, round(height * _WIDEST_PX / width)))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


def _viewer(data: dict[str, Any]) -> dict[str, Any]:
    """Scripts, style sheet and data of the 3D view."""
    from markupsafe import Markup

    from pipeline.export.viewer.assets import three_script, viewer_script, viewer_style

    return {
        "scripts": [Markup(three_script()), Markup(viewer_script())],
        "style": Markup(viewer_style()),
        "data": Markup(script_value(data)),
    }
