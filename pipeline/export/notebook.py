"""A result as the output of a notebook's cell: photos, verdicts and 3D view in a frame that needs no network.

Everything stands inline in the ``srcdoc`` of a sandboxed ``iframe``: its scripts can reach neither the notebook nor
the network, and Jupyter, VS Code and nbconvert keep it as it is.
"""

from __future__ import annotations

import base64
import html
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.claims.markup import without_code
from pipeline.export.overlay import draw_overlay
from pipeline.export.palette import STATUS_COLOURS
from pipeline.export.report.scripts import script_value
from pipeline.export.report.verdict_view import share_text
from pipeline.export.stored_scene import StoredScene
from pipeline.records import Result, Status
from pipeline.records.errors import TheodoliteError
from pipeline.records.message import message

MOST_POINTS = 30_000
"""Points of the 3D view: half of a page's, because a notebook keeps a copy of every output."""

_TEMPLATES = Path(__file__).parent / "templates"
_MOST_VERDICTS = 24
_WIDEST_PX, _JPEG_QUALITY = 900, 80
# Height of the frame [px]: title and pictures, a verdict, and the most; what is higher scrolls.
_BASE_PX, _VERDICT_PX, _MOST_PX = 590, 58, 900
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
    verdicts = len(result.verdicts[:_MOST_VERDICTS])
    height = min(_MOST_PX, (_BASE_PX if stored is not None else 130) + _VERDICT_PX * max(1, verdicts))
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
    viewer, notes = None, [note] if note else []
    if stored is not None:
        try:
            viewer = _viewer(stored, result)
        except TheodoliteError as error:
            notes.append(str(error))
    return environment.get_template("notebook.html").render(
        result=result,
        say=lambda code, **values: message(code, **values).text(result.language),
        answer=None if answer is None else without_code(answer.text),
        photo=None if stored is None else _photo(stored, result),
        viewer=viewer,
        notes=notes,
        verdicts=result.verdicts[:_MOST_VERDICTS],
        more=max(0, len(result.verdicts) - _MOST_VERDICTS),
        colours={status: "rgb({}, {}, {})".format(*STATUS_COLOURS[status]) for status in Status},
        strokes=_STROKES,
    )


def _photo(stored: StoredScene, result: Result) -> str:
    """The frames with their regions as a data URI."""
    image = draw_overlay(replace(stored.scene, depth=()), replace(result, verdicts=()))
    height, width = image.shape[:2]
    if width > _WIDEST_PX:
        size = (_WIDEST_PX, max(1, round(height * _WIDEST_PX / width)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


def _viewer(stored: StoredScene, result: Result) -> dict[str, Any]:
    """Scripts, style sheet and data of the 3D view."""
    from markupsafe import Markup

    from pipeline.export.viewer.assets import three_script, viewer_script, viewer_style
    from pipeline.export.viewer.data import view_data

    return {
        "scripts": [Markup(three_script()), Markup(viewer_script())],
        "style": Markup(viewer_style()),
        "data": Markup(script_value(view_data(stored, result, MOST_POINTS))),
    }
