"""What the workbench shows of a result, as plain JSON.

Convention: pixels of the upright frame; edges of boxes are counted from the outer corner of the top-left pixel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pipeline.claims.markup import shorten
from pipeline.export.report.figure_text import share_text
from pipeline.export.report.label_layout import Label
from pipeline.export.report.photo_svg import Drawing, Measure, Shape, drawing_of, shapes_of
from pipeline.export.report.pictures import MOST_FRAMES
from pipeline.export.report.verdict_view import claim_regions
from pipeline.export.stored_scene import StoredScene
from pipeline.export.viewer.frames import ShownFrame, colour_ends, shown_frames
from pipeline.export.viewer.lines import claim_entries
from pipeline.records import DepthKind, Result, Verdict
from pipeline.records.depth import ScaleSource
from pipeline.records.message import message

VERSION = 1
RESULTS = "/v1/results"
"""Path under which a result's artefacts are."""

_LONGEST_NAME = 160


def workbench_data(
    result: Result, stored: StoredScene, result_id: str, scene: str | None = None, *, results: str = RESULTS
) -> dict[str, Any]:
    """What the workbench shows of a result.

    The keys of the data:

    - ``version``: 1; ``id``: that of the result; ``scene``: that of its scene, or None; ``item``; ``question`` or None;
      ``language`` of its words.
    - ``view``: address of the data of its 3D view; None without depth.
    - ``frames``: the first 32. ``index``, ``name``, ``time_s`` or None, ``sha256`` of its pixels, ``width`` and
      ``height`` [px], ``photo`` and ``depth`` (addresses; ``depth`` None without depth), ``drawing`` (below); of its
      depth ``kind``, ``kind_text``, ``ends_m``: depth at the near and the far end of its colours [m], None unless it is
      metric, ``has_holes`` and ``is_empty``: whether some, or all, of its pixels have no depth.
    - ``more_frames``: how many the scene has beyond these.
    - ``regions``: one per region of the result. ``name``, ``frame``, ``box_px``, ``colour`` and ``ink`` as CSS,
      ``is_named``: whether it has a label, ``signs``: the statuses of the claims about it.
    - ``objects``: ``name``, ``colour`` and ``regions`` (indices) of each name, in all frames.
    - ``claims``: one per verdict. ``text``, ``status``, ``share`` (its probability in words), ``reason``, ``regions``
      and ``frames``: indices.

    A drawing is 1000 units wide; ``Drawing`` says what its keys mean.

    Args:
        result: Regions and verdicts.
        stored: The scene that it was judged on.
        result_id: The id of the result in the store.
        scene: The id of its scene there; results of one scene share their photos.
        results: Path under which results are.

    Returns:
        A mapping of strings, numbers, lists and None.
    """
    base = f"{results}/{quote(result_id, safe='')}"
    shapes = shapes_of(result)
    shown = {frame.index: frame for frame in shown_frames(stored, result)}
    claims = claim_entries(stored.scene, result, shown)
    ends = colour_ends(stored, list(shown.values()))
    count = len(stored.scene.frames)
    return {
        "version": VERSION,
        "id": result_id,
        "scene": scene,
        "item": result.item_id,
        "question": result.question,
        "language": result.language,
        "view": f"{base}/view.json" if stored.scene.depth else None,
        "frames": [
            _frame(result, stored, index, base, shapes, claims, shown.get(index), ends.get(index))
            for index in range(min(count, MOST_FRAMES))
        ],
        "more_frames": max(0, count - MOST_FRAMES),
        "regions": [_region(result, shape) for shape in shapes],
        "objects": _objects(shapes),
        "claims": [_claim(verdict, result) for verdict in result.verdicts],
    }


def _frame(
    result: Result,
    stored: StoredScene,
    index: int,
    base: str,
    shapes: Sequence[Shape],
    claims: Sequence[Mapping[str, Any]],
    shown: ShownFrame | None,
    ends: tuple[float, float] | None,
) -> dict[str, Any]:
    frame = stored.scene.frames[index]
    entry: dict[str, Any] = {
        "index": index,
        "name": shorten(frame.name, _LONGEST_NAME),
        "time_s": frame.timestamp_s,
        "sha256": result.frames[index].sha256 if index < len(result.frames) else frame.digest,
        "width": frame.width,
        "height": frame.height,
        "photo": f"{base}/photo-{index}.jpg",
        "depth": None,
        "drawing": _drawing(drawing_of(result, index, frame.camera, shapes, claims)),
    }
    if index >= len(stored.scene.depth):
        return entry
    depth = stored.scene.depth[index]
    known = depth.scale_source is not ScaleSource.NONE
    kind = (
        message("legend_metric", kind=str(depth.kind), source=f"scale_{depth.scale_source}")
        if known
        else message("legend_kind", kind=str(depth.kind))
    )
    return {
        **entry,
        "depth": f"{base}/depth-{index}.png",
        "kind": str(depth.kind),
        "kind_text": kind.text(result.language),
        "ends_m": list(ends) if ends is not None and depth.kind is DepthKind.METRIC else None,
        "has_holes": not bool(depth.valid.all()),
        "is_empty": not bool(depth.valid.any()),
    }


def _drawing(drawing: Drawing) -> dict[str, Any]:
    return {
        "height": round(drawing.height, 1),
        "shapes": [
            {"region": shape.region, "box": shape.box, "point": shape.point, "mask": shape.mask}
            for shape in drawing.shapes
            if shape.box or shape.point
        ],
        "labels": [[_label(label) for label in labels] for labels in drawing.labels],
        "scales": [round(scale, 4) for scale in drawing.scales],
        "measures": [_measure(measure) for measure in drawing.measures],
    }


def _label(label: Label) -> dict[str, Any]:
    return {
        "key": label.key,
        "text": label.text,
        "place": [round(number, 1) for number in (label.x, label.y, label.width, label.height)],
        "font": round(label.font, 1),
        "text_width": round(label.text_width, 1),
        "leader": None if label.leader is None else [round(number, 1) for number in label.leader],
    }


def _measure(measure: Measure) -> dict[str, Any]:
    return {
        "claim": measure.claim,
        "contour": measure.contour,
        "lines": [{"ends": line.ends, "is_dashed": line.is_dashed} for line in measure.lines],
        "labels": [[_label(label) for label in labels] for labels in measure.labels],
    }


def _region(result: Result, shape: Shape) -> dict[str, Any]:
    region = result.regions[shape.region]
    return {
        "name": shape.name,
        "frame": region.frame,
        "box_px": [round(edge, 2) for edge in region.box_px],
        "colour": shape.colour,
        "ink": shape.ink,
        "is_named": shape.is_named,
        "signs": [str(status) for status in shape.signs],
    }


def _objects(shapes: Sequence[Shape]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for shape in shapes:
        if shape.is_named:
            one = found.setdefault(shape.name, {"name": shape.name, "colour": shape.colour, "regions": []})
            one["regions"].append(shape.region)
    return list(found.values())


def _claim(verdict: Verdict, result: Result) -> dict[str, Any]:
    regions = claim_regions(verdict, result.regions)
    frames = dict.fromkeys((*(one.frame for one in verdict.evidence), *(verdict.claim.frames or ()))) or dict.fromkeys(
        result.regions[region].frame for region in regions
    )
    return {
        "text": verdict.claim_text,
        "status": str(verdict.status),
        "share": share_text(verdict.probability),
        "reason": verdict.reason,
        "regions": list(regions),
        "frames": list(frames),
    }
