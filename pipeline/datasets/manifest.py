"""Your own files: a manifest of items, and a file of claims with their ground truth.

Format: a manifest as ``run`` and ``verify`` read it, and a file of claims (``pipeline.ingest.annotations``) whose
claims each have ``truth``. An item may name its place: items of one place are resampled as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from pathlib import Path

from pipeline.datasets.base import Case, ClaimDataset, reader
from pipeline.ingest.item import BadItem, Item
from pipeline.ingest.source import FileSource
from pipeline.records.errors import InputError
from pipeline.records.settings import Natural, Text


@reader
class Manifest(ClaimDataset[Item | BadItem]):
    """Items of a manifest with claims whose ground truth is known.

    Args:
        path: The manifest, an image, or a folder of images.
        claims: File of the claims; None where the manifest holds them.
        places: Name of the place by the id of its item; an item without one is a place of its own.
        max_side_px: Longer side to which images and depth are shrunk [px]; 0 keeps their size.
        limit: Maximum number of items; None takes all.

    Raises:
        InputError: If a file is missing or cannot be read.
    """

    name = "manifest"

    path: Text | Path = field(kw_only=False)
    claims: Text | Path | None = None
    places: Mapping[str, str] = field(default_factory=dict)
    max_side_px: Natural = 0

    def __post_init__(self) -> None:
        """Open the manifest."""
        self.source = FileSource(self.path, claims=self.claims, max_side_px=self.max_side_px)

    @cached_property
    def _items(self) -> tuple[Item | BadItem, ...]:
        return tuple(self.source.items())

    def entries(self) -> Sequence[Item | BadItem]:
        """The items in the order of the manifest."""
        return self._items

    def entry_name(self, entry: Item | BadItem) -> str:
        """The item's id."""
        return entry.id

    def case(self, entry: Item | BadItem, index: int) -> Case | None:
        """Read one item; None where it has no claims."""
        if isinstance(entry, BadItem):
            raise InputError(entry.reason)
        scene = self.source.scene(entry)
        unknown = sum(claim.truth is None for claim in scene.claims)
        if unknown:
            raise InputError(f"{unknown} claims of {entry.id!r} have no truth; add truth: true or false to each.")
        if not scene.claims:
            return None
        return Case(replace(scene, questions=()), group=self.places.get(entry.id, ""))
