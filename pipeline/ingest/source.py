"""The input as the configuration names it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.ingest.annotations import Annotations, parse_annotations, read_claims
from pipeline.ingest.build import IngestSettings, build_scene
from pipeline.ingest.expand import FramesAre, Paths, as_paths, expand_input, holds_many, images_of, is_manifest
from pipeline.ingest.files import existing_path, suggestion
from pipeline.ingest.item import BadItem, Item
from pipeline.ingest.manifest import count_items
from pipeline.records import Scene
from pipeline.records.errors import ConfigError, InputError
from pipeline.records.settings import check_value


class FileSource:
    """Items from files, read lazily, one by one.

    Args:
        path: An image, a list of images of one scene, a folder, a video or a manifest.
        question: Asked of items that bring none: one question or several.
        depth: Depth files, one per frame, or a folder with files of the images' names.
        depth_kind: What the numbers of depth files mean.
        scale_source: Where their metric scale came from; None is ``sensor`` for metric depth.
        depth_scale: Metres (or units) per stored number.
        depth_invalid: Stored numbers that mean "no depth"; None is 0 for whole numbers.
        depth_key: Name of the array in an npz or of the channel in an EXR.
        camera: fx, fy, cx, cy [px] of items that bring no camera, with width and height if for another size.
        claims: Path of a JSON file of claims, see ``read_claims``, or its content.
        anchors: Known lengths and distances of items that bring none, see ``Anchor.from_plain``.
        frames_are: What the images of a folder are: ``items`` or ``scene``.
        **settings: Fields of ``IngestSettings``.

    Raises:
        ConfigError: If a setting is unknown or out of range.
    """

    def __init__(
        self,
        path: Paths,
        question: str | Sequence[str] | None = None,
        depth: Paths | None = None,
        depth_kind: str | None = None,
        scale_source: str | None = None,
        depth_scale: float | None = None,
        depth_invalid: float | Sequence[float] | None = None,
        depth_key: str | None = None,
        camera: Mapping[str, float] | None = None,
        claims: str | Path | Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        anchors: Sequence[Mapping[str, Any]] | None = None,
        frames_are: FramesAre | str = FramesAre.ITEMS,
        **settings: Any,
    ) -> None:
        self.path = path
        self.depth = depth
        self.claims = claims
        self.frames_are: FramesAre = check_value("frames_are", frames_are, FramesAre)
        defaults = {
            "question": question,
            "depth_kind": depth_kind,
            "scale_source": scale_source,
            "depth_scale": depth_scale,
            "depth_invalid": depth_invalid,
            "depth_key": depth_key,
            "camera": camera,
            "anchors": anchors,
        }
        self.defaults = {key: value for key, value in defaults.items() if value is not None}
        known = [*(field.name for field in fields(IngestSettings)), *_OWN_KEYS]
        for key in settings:
            if key not in known:
                listed = ", ".join(sorted(known))
                raise ConfigError(f"input has no key {key!r}; known are {listed}{suggestion(key, known) or '.'}")
        self.settings = IngestSettings(**settings)

    @cached_property
    def annotations(self) -> Annotations:
        """Regions and claims of ``claims``, read once.

        Raises:
            InputError: If they cannot be used.
        """
        if self.claims is None:
            return Annotations()
        if isinstance(self.claims, str | Path):
            return read_claims(self.claims)
        return parse_annotations(self.claims, Path(), "claims")

    def items(self) -> Iterator[Item | BadItem]:
        """The items one by one; those that cannot be used come as BadItem.

        Raises:
            InputError: At once if the path, the depth or the claims cannot be used.
        """
        self._check_names(self.annotations.items.keys())
        return self._expanded()

    def _expanded(self) -> Iterator[Item | BadItem]:
        return expand_input(self.path, frames_are=self.frames_are, depth=self.depth, defaults=self.defaults)

    def _check_names(self, names: Set[str]) -> None:
        """Check that claims by item id name at least one item."""
        if not names:
            return
        ids: list[str] = []
        for item in self._expanded():
            if item.id in names:
                return
            ids.append(item.id)
        raise InputError(
            f"The items of the claims ({_first_of(sorted(names))}) are none of the input's ({_first_of(ids)}); "
            "name them by the ids of the input."
        )

    def count(self) -> int | None:
        """How many items there are, without making them; None where that cannot be told."""
        try:
            paths = [existing_path(one) for one in as_paths(self.path)]
            if not holds_many(paths, self.frames_are):
                return 1
            return count_items(paths[0]) if is_manifest(paths[0]) else len(images_of(paths[0]))
        except InputError:
            return None

    def scene(self, item: Item) -> Scene:
        """Read all that an item names.

        Raises:
            InputError: If it cannot be read.
        """
        return build_scene(item, self.settings, self.annotations)


def _first_of(names: Sequence[str]) -> str:
    """The first three names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(repr, names[:3])) + more


_OWN_KEYS = tuple(
    name
    for name, parameter in inspect.signature(FileSource).parameters.items()
    if parameter.kind is not inspect.Parameter.VAR_KEYWORD
)
