"""Your own files: a manifest of items, and a file of claims with their ground truth.

Format: a manifest as ``run`` and ``verify`` read it, and a file of claims (``pipeline.ingest.annotations``) whose
claims each have ``truth``. Items of one place are resampled as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path

from pipeline.datasets.base import Case, ClaimDataset, reader
from pipeline.ingest.item import BadItem, Item
from pipeline.ingest.source import FileSource
from pipeline.records import Frame
from pipeline.records.errors import InputError
from pipeline.records.settings import Natural, Text


@reader
class Manifest(ClaimDataset[Item | BadItem]):
    """Items of a manifest with claims whose ground truth is known.

    Args:
        path: The manifest, an image, or a folder of images.
        claims: File of the claims; None where the manifest holds them.
        places: Name of the place by the id of its item; an item without one is a place of its own.
        depth_backends: Network that made the depth file, by the id of its item; the noise model depends on it.
        max_side_px: Longer side to which images and depth are shrunk [px]; 0 keeps their size.
        limit: Maximum number of items; None takes all.

    Raises:
        InputError: If a file is missing or cannot be read, ``claims`` names only unknown items, or ``places`` any.
    """

    name = "manifest"
    has_questions = False

    path: Text | Path = field(kw_only=False)
    claims: Text | Path | None = None
    places: Mapping[str, str] | None = None
    depth_backends: Mapping[str, str] | None = None
    max_side_px: Natural = 0

    def __post_init__(self) -> None:
        """List the items; their images are read case by case."""
        self.source = FileSource(self.path, claims=self.claims, max_side_px=self.max_side_px)
        self.items = tuple(self.source.items())
        self.place_of = dict(self.places or {})
        self.backend_of = dict(self.depth_backends or {})
        for what, named in (("places", self.place_of), ("depth_backends", self.backend_of)):
            # A place that is silently missed would split it, and make intervals too narrow.
            if unknown := named.keys() - {item.id for item in self.items}:
                raise InputError(f"The {what} name the item {min(unknown)!r}, which the input does not have.")

    def entries(self) -> Sequence[Item | BadItem]:
        """The items in the order of the manifest."""
        return self.items

    def entry_name(self, entry: Item | BadItem) -> str:
        """The item's id."""
        return entry.id

    def case(self, entry: Item | BadItem, index: int) -> Case | None:
        """Read one item; None where it has no claims."""
        if isinstance(entry, BadItem):
            raise InputError(entry.reason)
        scene = self.source.scene(entry)
        unknown = [claim for claim in scene.claims if claim.truth is None]
        if unknown:
            raise InputError(
                f"The claim {unknown[0].in_words()!r} has no truth; add truth, true or false, to each claim."
            )
        if not scene.claims:
            return None
        if entry.id in self.backend_of:
            scene = replace(scene, frames=tuple(_named(frame, self.backend_of[entry.id]) for frame in scene.frames))
        return Case(replace(scene, questions=()), group=self.place_of.get(entry.id, ""))


def _named(frame: Frame, backend: str) -> Frame:
    """The frame whose depth names its network."""
    depth = frame.given_depth
    return frame if depth is None else replace(frame, given_depth=replace(depth, backend=backend))
