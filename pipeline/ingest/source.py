"""The input of a configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.ingest.annotations import Annotations, parse_annotations, read_claims
from pipeline.ingest.build import IngestSettings, build_scene
from pipeline.ingest.expand import FramesAre, Paths, count_input, expand_input
from pipeline.ingest.files import with_absolute_paths
from pipeline.ingest.item import BadItem, Item, TarItem
from pipeline.records import Scene
from pipeline.records.errors import InputError
from pipeline.records.settings import check_value


class FileSource:
    """Items from files, read lazily, one by one.

    Args:
        path: An image, a list of images of one scene, a folder, a path with wildcards, a video, a capture,
            a manifest, or one or several tar archives of samples.
        question: One or several questions for items without their own.
        depth: Depth files, one per frame, or a folder with files of the images' names.
        depth_kind: What the numbers of depth files mean.
        scale_source: Source of their metric scale; None is ``sensor`` for metric depth.
        depth_scale: Metres (or units) per stored number.
        depth_invalid: Stored numbers that mean "no depth"; None is 0 for integers.
        depth_key: Name of the array in an npz or of the channel in an EXR.
        depth_backend: Name of the network that made the depth files; None is ``file``.
        lidar_to_camera: Where depth files hold points of a scanner: its pose in the camera's frame, see ``Item``.
        camera: fx, fy, cx, cy [px] for items without a camera, with width and height if for another size.
        claims: Path of a JSON file of claims, see ``read_claims``, or its content.
        anchors: Known lengths and distances for items without their own, see ``Anchor.from_plain``.
        frames_are: What the images of a folder are: ``items`` or ``scene``.
        **settings: Fields of ``IngestSettings``.

    Raises:
        ConfigError: If a setting is out of range.
        TypeError: If a setting is unknown.
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
        depth_backend: str | None = None,
        lidar_to_camera: Any = None,
        camera: Mapping[str, Any] | None = None,
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
            "depth_backend": depth_backend,
            "lidar_to_camera": with_absolute_paths(lidar_to_camera),
            "camera": camera,
            "anchors": anchors,
        }
        self.defaults = {key: value for key, value in defaults.items() if value is not None}
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
        """The items one by one; an unusable one becomes a BadItem.

        Raises:
            InputError: At once if the path, the depth or the claims cannot be used, or if the claims name only
                unknown items.
        """
        names = self.annotations.items
        if names and not any(item.id in names for item in self._expanded(warns=False)):
            ids = [item.id for item in self._expanded(warns=False)]
            raise InputError(
                f"The claims name the items {_first_of(sorted(names))}, but the input has {_first_of(ids)}; "
                "use the ids of the input."
            )
        return self._expanded()

    def _expanded(self, *, warns: bool = True) -> Iterator[Item | BadItem]:
        return expand_input(
            self.path, frames_are=self.frames_are, depth=self.depth, defaults=self.defaults, warns=warns
        )

    def count(self) -> int | None:
        """Number of items, without making them; None if the input cannot be read."""
        try:
            return count_input(self.path, frames_are=self.frames_are, depth=self.depth)
        except InputError:
            return None

    def scene(self, item: Item) -> Scene:
        """Read everything that an item names.

        Raises:
            InputError: If it cannot be read.
        """
        if isinstance(item, TarItem):
            from pipeline.ingest.tar_files import unpacked

            with unpacked(item) as files:
                return build_scene(files, self.settings, self.annotations)
        return build_scene(item, self.settings, self.annotations)


def _first_of(names: Sequence[str]) -> str:
    """The first three names and the number of the others."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(repr, names[:3])) + more
