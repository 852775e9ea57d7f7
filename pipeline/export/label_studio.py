"""Regions and claims as predictions for Label Studio: ``tasks.json``, ``config.xml`` and the photos in ``images/``.

Format: https://labelstud.io/guide/predictions (tasks, predictions), https://labelstud.io/tags/rectanglelabels,
polygonlabels, keypointlabels and relations (results). Places are per cent of the image with its top-left corner at
(0, 0). Photos are named as local files (https://labelstud.io/guide/storage#Local-storage) of the run's folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import cv2
import numpy as np

from pipeline.export.files import write_text
from pipeline.export.formats import FormatSettings
from pipeline.export.palette import region_colour
from pipeline.export.regions import RegionDepth, box_in_frame, category_of, region_depths
from pipeline.export.run_items import RunItem, run_items, write_photos
from pipeline.export.text import one_line
from pipeline.records import Frame, Region, Result, Verdict
from pipeline.records.error_budget import HALF_INTERVAL
from pipeline.records.versions import versions

# Corners of an outline that lie closer to it are left out [half pixels].
_SMOOTH = 1.0
_POINT_PERCENT = 0.8


def write(path: Path, folder: Path, settings: FormatSettings) -> Path | None:
    """Write the results of a run as tasks with predictions, one task for each question and frame.

    Every region is a rectangle, or a key point where the model pointed; the outline of its mask is a polygon below
    the rectangle, without holes. Claims about two regions of a frame are relations, labelled with the relation and the
    status of the verdict. The score of a prediction is the confidence of its least sure verdict.

    Args:
        path: The folder to write to.
        folder: The folder of ``results.jsonl``.
        settings: Which item is wanted.

    Returns:
        The folder, or None if no result has a scene.

    Raises:
        ExportError: If the results cannot be read or a file cannot be written.
    """
    tasks: list[dict[str, Any]] = []
    labels: dict[str, None] = {}
    relations: dict[str, None] = {}
    for item in run_items(folder, settings.item):
        names = write_photos(item, path / "images")
        for result in item.results:
            depths = region_depths(item.stored, result.regions)
            for index, name in enumerate(names):
                results = [*_regions(item, result, depths, index)]
                located = {entry["id"] for entry in results}
                linked = [*_relations(result, index, located)]
                labels |= {_label(region): None for region in result.regions}
                relations |= {label: None for entry in linked for label in entry["labels"]}
                address = f"/data/local-files/?d={quote(f'{path.name}/images/{name}')}"
                tasks.append(_task(item, result, index, address, [*results, *linked]))
    if not tasks:
        return None
    write_text(path / "tasks.json", json.dumps(tasks, ensure_ascii=False) + "\n")
    write_text(path / "config.xml", labelling_config(list(labels), list(relations)))
    return path


def labelling_config(labels: Sequence[str], relations: Sequence[str]) -> str:
    """The labelling interface that the tasks need, as XML."""
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Header", value="$question")
    ElementTree.SubElement(view, "Image", name="image", value="$image", zoom="true")
    ElementTree.SubElement(view, "Text", name="answer", value="$answer")
    for tag, name in (("RectangleLabels", "box"), ("PolygonLabels", "mask"), ("KeyPointLabels", "point")):
        control = ElementTree.SubElement(view, tag, name=name, toName="image")
        for index, label in enumerate(labels or ("object",)):
            background = "#{:02x}{:02x}{:02x}".format(*region_colour(index))
            ElementTree.SubElement(control, "Label", value=label, background=background)
    if relations:
        group = ElementTree.SubElement(view, "Relations")
        for relation in relations:
            ElementTree.SubElement(group, "Relation", value=relation)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _task(item: RunItem, result: Result, frame: int, address: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    answer = result.answer
    model = "none" if answer is None else answer.model
    prediction: dict[str, Any] = {"model_version": f"{model}, theodolite {versions()['theodolite']}"}
    sureness = [
        max(verdict.probability, 1 - verdict.probability)
        for verdict in result.verdicts
        if verdict.probability is not None
    ]
    if sureness:
        prediction["score"] = min(sureness)
    return {
        "data": {
            "image": address,
            "item": result.item_id,
            "frame": frame,
            "frame_name": item.stored.scene.frames[frame].name,
            "question": result.question or "",
            "answer": "" if answer is None else answer.text,
            "verdicts": [f"{verdict.claim_text}: {verdict.status}. {verdict.reason}" for verdict in result.verdicts],
        },
        "predictions": [{**prediction, "result": results}],
    }


def _regions(
    item: RunItem, result: Result, depths: Sequence[RegionDepth], frame_index: int
) -> Iterator[dict[str, Any]]:
    """The results of the regions of a frame."""
    frame = item.stored.scene.frames[frame_index]
    for index, (region, depth) in enumerate(zip(result.regions, depths, strict=True)):
        if region.frame != frame_index:
            continue
        common = {
            "to_name": "image",
            "original_width": frame.width,
            "original_height": frame.height,
            "image_rotation": 0,
            "origin": "prediction",
            **({} if region.score is None else {"score": region.score}),
            **_meta(region, depth),
        }
        if region.is_point:
            x, y = _percent(region.box_px[:2], frame)
            if 0 <= x <= 100 and 0 <= y <= 100:
                value = {"x": x, "y": y, "width": _POINT_PERCENT, "keypointlabels": [_label(region)]}
                yield {**common, "id": _id(index), "from_name": "point", "type": "keypointlabels", "value": value}
            continue
        box = box_in_frame(region, (frame.width, frame.height))
        if box is None:
            continue
        (left, top), (right, bottom) = _percent(box[:2], frame), _percent(box[2:], frame)
        value = {"x": left, "y": top, "width": right - left, "height": bottom - top, "rotation": 0}
        rectangle = {"from_name": "box", "type": "rectanglelabels"}
        yield {**common, "id": _id(index), **rectangle, "value": {**value, "rectanglelabels": [_label(region)]}}
        if region.mask is not None and region.mask.shape == frame.rgb.shape[:2]:
            for number, outline in enumerate(outlines(region.mask)):
                points = [list(_percent((u, v), frame)) for u, v in outline]
                value = {"points": points, "closed": True, "polygonlabels": [_label(region)]}
                about = {"id": f"{_id(index)}m{number}", "parentID": _id(index)}
                yield {**common, **about, "from_name": "mask", "type": "polygonlabels", "value": value}


def _relations(result: Result, frame: int, located: set[str]) -> Iterator[dict[str, Any]]:
    """The claims about two regions of a frame."""
    for verdict in result.verdicts:
        for evidence in verdict.evidence:
            ends = [_id(index) for index in evidence.regions[:2]]
            if evidence.frame == frame and len(ends) == 2 and located.issuperset(ends):
                yield {
                    "type": "relation",
                    "from_id": ends[0],
                    "to_id": ends[1],
                    "direction": "right",
                    "labels": [_relation_label(verdict)],
                }
                break


def outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Outer outlines of a mask.

    Args:
        mask: bool (H, W).

    Returns:
        float64 (N, 2) each, corners (u, v) [px] with the image's top-left corner at (0, 0), within a pixel of the
        edges of the mask's pixels; parts without three corners are left out.
    """
    # At twice the size, the middle of a pixel's quarter is close to the pixel's corner.
    large = mask.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    contours, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    smooth = (cv2.approxPolyDP(contour, _SMOOTH, True)[:, 0] for contour in contours)
    return [(corners + 0.5) / 2 for corners in smooth if len(corners) >= 3]


def _meta(region: Region, depth: RegionDepth) -> dict[str, Any]:
    """What the interface shows of a region."""
    lines = [region.label] if category_of(region) != region.label else []
    if depth.unit is not None and depth.sigma is not None:
        lines.append(f"depth {depth.value:.3g} ± {HALF_INTERVAL * depth.sigma:.2g} m")
    return {"meta": {"text": lines}} if lines else {}


def _id(index: int) -> str:
    return f"r{index}"


def _label(region: Region) -> str:
    # XML has no control characters.
    return one_line(category_of(region)) or "unnamed"


def _relation_label(verdict: Verdict) -> str:
    denied = "not " if verdict.claim.negated else ""
    return f"{denied}{verdict.claim.relation} ({verdict.status})"


def _percent(place: Sequence[float], frame: Frame) -> tuple[float, float]:
    return 100 * place[0] / frame.width, 100 * place[1] / frame.height
