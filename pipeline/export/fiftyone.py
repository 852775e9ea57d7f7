"""Regions and verdicts as a FiftyOne data set: ``samples.json``, ``metadata.json``, photos and masks.

``fiftyone.Dataset.from_dir(dataset_dir=..., dataset_type=fiftyone.types.FiftyOneDataset)`` loads it. Format: the JSON
form of samples, as ``fiftyone.core.sample.Sample.from_dict`` reads it (``LegacyFiftyOneDatasetImporter`` in
https://github.com/voxel51/fiftyone/blob/develop/fiftyone/utils/data/importers.py); ids are made on import. Boxes are
(left, top, width, height) as shares of the image with its top-left corner at (0, 0)
(https://docs.voxel51.com/user_guide/using_datasets.html#object-detection).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.export.files import replacing, write_text
from pipeline.export.formats import FormatSettings
from pipeline.export.regions import RegionDepth, box_in_frame, category_of, region_depths
from pipeline.export.run_items import RunItem, SharedRegion, run_items, shared_regions, write_photos
from pipeline.records import Region, Status
from pipeline.records.errors import ExportError
from pipeline.records.versions import versions

# Paths in this folder are made absolute on import.
_MASKS = "fields/regions.detections"


def write(path: Path, folder: Path, settings: FormatSettings) -> Path | None:
    """Write the results of a run as a FiftyOne data set, one sample per frame.

    Fields of a sample: ``item``, ``frame``, ``regions`` (detections with their depth), ``claims`` (one classification
    per claim with its verdict), the counts ``supported``, ``refuted``, ``undecided``, and a tag for each status that
    occurs. A mask lies in its own box, so the box of a region with a mask is that of its mask.

    Args:
        path: The folder to write to.
        folder: The folder of ``results.jsonl``.
        settings: Which item is wanted.

    Returns:
        The folder, or None if no result has a scene.

    Raises:
        ExportError: If the results cannot be read or a file cannot be written.
    """
    samples: list[dict[str, Any]] = []
    for item in run_items(folder, settings.item):
        names = write_photos(item, path / "data")
        shared = shared_regions(item)
        depths = region_depths(item.stored, [each.region for each in shared])
        for index, (frame, name) in enumerate(zip(item.stored.scene.frames, names, strict=True)):
            detections = [
                _detection(path, f"{item.name}-{index}-{number}", item, each, depth)
                for number, (each, depth) in enumerate(zip(shared, depths, strict=True))
                if each.region.frame == index
            ]
            claims = list(_claims(item, index))
            counts = {status: sum(claim["status"] == status for claim in claims) for status in map(str, Status)}
            metadata = {"_cls": "ImageMetadata", "width": frame.width, "height": frame.height, "num_channels": 3}
            samples.append(
                {
                    "filepath": f"data/{name}",
                    "tags": [status for status, count in counts.items() if count],
                    "metadata": metadata,
                    "item": item.stored.scene.id,
                    "frame": index,
                    "frame_name": frame.name,
                    "regions": {"_cls": "Detections", "detections": [each for each in detections if each is not None]},
                    "claims": {"_cls": "Classifications", "classifications": claims},
                    **counts,
                }
            )
    if not samples:
        return None
    about = {
        "name": path.parent.resolve().name,
        "media_type": "image",
        "info": {"theodolite": versions()["theodolite"]},
    }
    write_text(path / "samples.json", json.dumps({"samples": samples}, ensure_ascii=False) + "\n")
    write_text(path / "metadata.json", json.dumps(about, ensure_ascii=False) + "\n")
    return path


def _detection(
    folder: Path, name: str, item: RunItem, shared: SharedRegion, depth: RegionDepth
) -> dict[str, Any] | None:
    """A detection, whose mask is written; None where the region has no area in its frame."""
    region: Region = shared.region
    frame = item.stored.scene.frames[region.frame]
    box = box_in_frame(region, (frame.width, frame.height))
    mask_path = None
    mask = region.mask
    if mask is not None and mask.shape == frame.rgb.shape[:2] and mask.any():
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        box = float(left), float(top), float(right), float(bottom)
        mask_path = f"{_MASKS}/{name}.png"
        _write_mask(folder / mask_path, mask[top:bottom, left:right])
    if box is None:
        return None
    values: dict[str, Any] = {"origin": str(region.origin)}
    if depth.value is not None:
        names = ("depth_m", "depth_sigma_m") if depth.unit else ("depth_relative", "depth_relative_sigma")
        values |= {**dict(zip(names, (depth.value, depth.sigma), strict=True)), "depth_kind": str(depth.kind)}
    if category_of(region) != region.label:
        values["text"] = region.label
    if mask_path is not None:
        values["mask_path"] = mask_path
    width, height = frame.width, frame.height
    return {
        "_cls": "Detection",
        "label": category_of(region),
        "bounding_box": [box[0] / width, box[1] / height, (box[2] - box[0]) / width, (box[3] - box[1]) / height],
        "confidence": region.score,
        "tags": [],
        "attributes": {},
        **values,
    }


def _claims(item: RunItem, frame: int) -> Iterator[dict[str, Any]]:
    """The claims that were judged on a frame; those without evidence are with the first frame."""
    for result in item.results:
        for verdict in result.verdicts:
            frames = {evidence.frame for evidence in verdict.evidence} or {0}
            if frame in frames:
                yield {
                    "_cls": "Classification",
                    "label": verdict.claim_text,
                    "confidence": verdict.probability,
                    "tags": [str(verdict.status)],
                    "relation": str(verdict.claim.relation),
                    "status": str(verdict.status),
                    "reason": verdict.reason,
                    "question": result.question,
                    "truth": verdict.claim.truth,
                    "is_correct": verdict.is_correct,
                }


def _write_mask(path: Path, mask: np.ndarray) -> None:
    done, data = cv2.imencode(".png", mask.astype(np.uint8) * 255)
    if not done:
        raise ExportError(f"A mask of {mask.shape} cannot be written as PNG.")
    with replacing(path) as temporary:
        temporary.write_bytes(data.tobytes())
