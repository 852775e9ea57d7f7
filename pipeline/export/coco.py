"""Regions as a COCO data set: ``annotations.json`` and the photos in ``images/``.

Fields as https://cocodataset.org/#format-data (object detection): boxes are (left, top, width, height) in pixels with
the image's top-left corner at (0, 0); masks are run lengths compressed by pycocotools. ``score`` is that of results
(https://cocodataset.org/#format-results). ``attributes`` of an annotation hold what COCO has no field for.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.export.files import write_text
from pipeline.export.formats import FormatSettings
from pipeline.export.regions import RegionDepth, box_in_frame, category_of, region_depths
from pipeline.export.run_items import RunItem, SharedRegion, run_items, shared_regions, write_photos
from pipeline.records import Region
from pipeline.records.versions import versions

ANNOTATIONS_NAME = "annotations.json"


def write(path: Path, folder: Path, settings: FormatSettings) -> Path | None:
    """Write the regions of a run as a COCO data set.

    Every frame of an item is an image, and every region with an area in its frame an annotation, once however many
    questions share it. Text that OCR read has the category ``text``. Regions without a mask have an empty
    ``segmentation``.

    Args:
        path: The folder to write to.
        folder: The folder of ``results.jsonl``.
        settings: Which item is wanted.

    Returns:
        The folder, or None if no result has a scene.

    Raises:
        ExportError: If the results cannot be read or a file cannot be written.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    categories: dict[str, int] = {}
    for item in run_items(folder, settings.item):
        first = len(images) + 1
        names = write_photos(item, path / "images")
        for index, (frame, name) in enumerate(zip(item.stored.scene.frames, names, strict=True)):
            about = {"item": item.stored.scene.id, "frame": index, "frame_name": frame.name}
            size = {"width": frame.width, "height": frame.height}
            images.append({"id": first + index, "file_name": f"images/{name}", **size, **about})
        for shared, depth in _with_depths(item):
            annotation = _annotation(item, shared, depth)
            if annotation is not None:
                annotation |= {
                    "id": len(annotations) + 1,
                    "image_id": first + shared.region.frame,
                    "category_id": categories.setdefault(category_of(shared.region), len(categories) + 1),
                }
                annotations.append(annotation)
    if not images:
        return None
    data = {
        "info": {"description": "Regions of a run of Theodolite", "version": versions()["theodolite"]},
        "licenses": [],
        "images": images,
        "categories": [{"id": number, "name": name, "supercategory": ""} for name, number in categories.items()],
        "annotations": annotations,
    }
    write_text(path / ANNOTATIONS_NAME, json.dumps(data, ensure_ascii=False) + "\n")
    return path


def _with_depths(item: RunItem) -> list[tuple[SharedRegion, RegionDepth]]:
    shared = shared_regions(item)
    return list(zip(shared, region_depths(item.stored, [each.region for each in shared]), strict=True))


def _annotation(item: RunItem, shared: SharedRegion, depth: RegionDepth) -> dict[str, Any] | None:
    """An annotation without its ids; None where the region has no area in its frame."""
    region = shared.region
    frame = item.stored.scene.frames[region.frame]
    box = box_in_frame(region, (frame.width, frame.height))
    if box is None:
        return None
    left, top, right, bottom = box
    mask = region.mask if region.mask is not None and region.mask.shape == frame.rgb.shape[:2] else None
    return {
        "bbox": [left, top, right - left, bottom - top],
        "area": (right - left) * (bottom - top) if mask is None else int(mask.sum()),
        "segmentation": [] if mask is None else run_lengths(mask),
        "iscrowd": 0,
        **({} if region.score is None else {"score": region.score}),
        "attributes": {**_depth(depth), **_origin(item, shared)},
    }


def run_lengths(mask: np.ndarray) -> dict[str, Any]:
    """COCO's compressed run lengths of a bool (H, W) mask, as JSON holds them."""
    from pycocotools import mask as coco_mask

    encoded = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": list(mask.shape), "counts": encoded["counts"].decode("ascii")}


def _depth(depth: RegionDepth) -> dict[str, Any]:
    if depth.value is None:
        return {}
    kind = {"depth_kind": str(depth.kind)}
    if depth.unit is not None:
        return {"depth_m": depth.value, "depth_sigma_m": depth.sigma, **kind}
    return {"depth_relative": depth.value, "depth_relative_sigma": depth.sigma, **kind}


def _origin(item: RunItem, shared: SharedRegion) -> dict[str, Any]:
    region: Region = shared.region
    questions = dict.fromkeys(item.results[number].question for number, _ in shared.places)
    text = {"text": region.label} if category_of(region) != region.label else {}
    return {"origin": str(region.origin), "questions": [each for each in questions if each is not None], **text}
