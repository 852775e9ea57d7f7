"""RGB-D frames without annotation: things are smooth surfaces of the sensor's depth, which gives the truth too.

The verifier gets their boxes, and the sensor's depth or what a network predicted. Where a frame has annotated
objects, they are used instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.datasets.arc2017 import image_of_data, read_folder
from pipeline.datasets.base import Case
from pipeline.datasets.formats.rgbd_files import PREDICTED, FrameFiles, find_frames, read_frame
from pipeline.datasets.reading import (
    FileDataset,
    can_carry,
    check_count,
    check_relations,
    existing_folder,
)
from pipeline.datasets.segments import border_shares, occlusion_between, segments_of
from pipeline.datasets.sunrgbd import image_of_instances
from pipeline.datasets.things import Thing, thing_of_pixels
from pipeline.datasets.truths import AnnotatedImage
from pipeline.datasets.writing import claims_of
from pipeline.geometry.backprojection import back_project
from pipeline.geometry.regions import boxes_gap
from pipeline.ingest.resampling import resize_depth
from pipeline.records import DepthKind, DepthMap, Frame, ScaleSource, Scene
from pipeline.records.checks import member
from pipeline.records.errors import ConfigError, InputError

SOURCES = ("sensor", "predicted")
_FEWEST_THINGS = 2
# Pixels along a segment's edge that its depth is not read from.
_EDGE_PX = 2
# A thing of whose border less than this is hidden or cut off shows all of its near side.
_WHOLE_SHARE = 0.1
# Relative gap of depths beyond which the farther of two things cannot hide the nearer.
_BEHIND_SHARE = 0.05


class RgbdFrames(FileDataset[FrameFiles]):
    """Any folder of RGB-D frames.

    Args:
        path: Folder with one subfolder per place, or one such folder.
        descriptions: How the files of a subfolder are read, by its name; ``frame.json`` may say the same.
        depth: What the verifier gets: ``sensor``, or ``predicted`` for ``predicted_depth_m.npy`` beside the frame.
            Frames without it are left out.
        predicted_kind: Kind of the predicted depth.
        masks: Whether regions come with their masks, or with boxes alone.
        claims_per_scene: Claims per frame.
        frames_per_place: Most frames of one subfolder, evenly over its sequence; None takes all.
        relations: Names of relations to draw from; None takes those that the depth can carry.
        seed: Seed of what is drawn.
        limit: Most cases.

    Raises:
        InputError: If the folder is missing or holds no described frame.
        ConfigError: If an argument is not usable.
    """

    name = "rgbd_frames"

    def __init__(
        self,
        path: str | Path,
        *,
        descriptions: Mapping[str, Mapping[str, Any]] | None = None,
        depth: str = "sensor",
        predicted_kind: str = "scale_invariant",
        masks: bool = False,
        claims_per_scene: int = 40,
        frames_per_place: int | None = None,
        relations: Sequence[str] | None = None,
        seed: int = 0,
        limit: int | None = None,
    ) -> None:
        super().__init__(limit)
        if depth not in SOURCES:
            raise ConfigError(f"dataset.depth must be one of {', '.join(SOURCES)}, not {depth!r}.")
        self.depth = depth
        self.predicted_kind = member(DepthKind, predicted_kind, "dataset.predicted_kind")
        self.masks = masks
        self.claims_per_scene = check_count("claims_per_scene", claims_per_scene, 2)
        self.relations = check_relations(relations)
        self.seed = seed
        folder = existing_folder(path, "RGB-D frames", "give a folder with one described subfolder per place")
        self._frames = find_frames(folder, descriptions or {}, self.unreadable)
        if frames_per_place is not None:
            self._frames = _spread(self._frames, check_count("frames_per_place", frames_per_place, 1))
        if depth == "predicted":
            self._frames = [files for files in self._frames if files.predicted.is_file()]
            if not self._frames:
                raise InputError(f"No frame of {folder} has a {PREDICTED}; save one, or set dataset.depth=sensor.")

    def entries(self) -> Sequence[FrameFiles]:
        """The frames."""
        return self._frames

    def entry_name(self, entry: FrameFiles) -> str:
        """The frame's name."""
        return entry.name

    def case(self, entry: FrameFiles, index: int) -> Case | None:
        """Read one frame, find its things and write claims about them."""
        frame = read_frame(entry)
        image = _image(entry, frame)
        if len(image.things) < _FEWEST_THINGS:
            return None
        kind = DepthKind.METRIC if self.depth == "sensor" else self.predicted_kind
        claims = claims_of(
            image,
            np.random.default_rng([self.seed, index]),
            self.claims_per_scene,
            relations=self.relations,
            carried=None if self.relations is not None else lambda claim: can_carry(claim, kind),
        )
        if self.depth == "predicted":
            frame = replace(frame, given_depth=predicted_depth(entry.predicted, frame, self.predicted_kind))
        regions = tuple(thing.region(mask=self.masks) for thing in image.things)
        return Case(
            Scene(f"rgbd-{entry.name}", (frame,), regions=regions, claims=claims),
            group=entry.folder.name,
            tags={
                "objects": str(len(regions)),
                "regions": "masks" if self.masks else "boxes",
                "depth": self.depth,
                "place": entry.folder.name,
            },
        )


def _spread(frames: Sequence[FrameFiles], most: int) -> list[FrameFiles]:
    """At most so many frames of each folder, the first and the last among them."""
    kept: list[FrameFiles] = []
    for folder in dict.fromkeys(files.folder for files in frames):
        own = [files for files in frames if files.folder == folder]
        kept += own if len(own) <= most else [own[round(at)] for at in np.linspace(0, len(own) - 1, most)]
    return kept


def predicted_depth(file: Path, frame: Frame, kind: DepthKind) -> DepthMap:
    """Depth that a network predicted for a frame, enlarged to its size linearly.

    Raises:
        InputError: If the file holds no depth.
    """
    try:
        values = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{file} is no array that can be read: {error}.") from None
    if values.ndim != 2 or values.dtype.kind != "f":
        raise InputError(f"{file} holds {values.dtype} of shape {values.shape}, not float depth (H, W).")
    size = (frame.width, frame.height)
    enlarged, valid = resize_depth(values.astype(np.float32), np.isfinite(values), size, nearest=False)
    source = ScaleSource.MODEL if kind is DepthKind.METRIC else ScaleSource.NONE
    return DepthMap(enlarged, valid, kind, source, backend="predicted")


def _image(files: FrameFiles, frame: Frame) -> AnnotatedImage:
    depth = frame.given_depth
    assert depth is not None
    objects = files.description.get("objects")
    if objects == "arc2017":
        return image_of_data(read_folder(files.folder), depth, frame.camera)
    segments = segments_of(depth.values, depth.valid, frame.camera)
    image = image_of_segments(segments, frame)
    if objects == "sunrgbd":
        info = files.description["info"]
        points = back_project(depth.values, frame.camera, depth.valid)
        annotated = image_of_instances(info["data_list"][0], info["metainfo"], frame.camera, points)
        return replace(image, things=(*annotated.things, *image.things))
    return image


def image_of_segments(segments: Sequence[np.ndarray], frame: Frame) -> AnnotatedImage:
    """What is known of segments of a frame's metric depth; they are called segment 1, segment 2, ...

    Args:
        segments: bool (H, W) masks, disjoint.
        frame: The frame with its given depth.
    """
    depth = frame.given_depth
    assert depth is not None
    things: list[Thing] = []
    for number, mask in enumerate(segments, start=1):
        hidden = border_shares(mask, depth.values, depth.valid)[1]
        thing = thing_of_pixels(
            f"segment {number}",
            mask,
            depth.values,
            depth.valid,
            frame.camera,
            edge_px=_EDGE_PX,
            is_whole=hidden < _WHOLE_SHARE,
        )
        if thing is not None:
            things.append(thing)
    return AnnotatedImage(tuple(things), _occlusions(things, depth))


def _occlusions(things: Sequence[Thing], depth: DepthMap) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for position, first in enumerate(things):
        for second in things[:position]:
            assert first.mask is not None and second.mask is not None
            pair, reverse = (first.label, second.label), (second.label, first.label)
            step = occlusion_between(first.mask, second.mask, depth.values, depth.valid)
            if step is None:
                # What lies behind in all of its parts hides nothing before it, however much their boxes overlap.
                if boxes_gap(first.box_px, second.box_px) < 0:
                    gap = _gap_behind(first, second)
                    if gap is not None:
                        found[reverse if gap > 0 else pair] = -abs(gap)
            elif step == 0.0:
                found[pair] = found[reverse] = -0.001
            else:
                found[pair], found[reverse] = step, -step
    return found


def _gap_behind(first: Thing, second: Thing) -> float | None:
    """Relative gap in depth between all of two things, positive where the second lies behind; None where they mix."""
    assert first.points_m is not None and second.points_m is not None
    ends = [np.quantile(points[:, 2], (0.05, 0.95)) for points in (first.points_m, second.points_m)]
    for sign, (nearer, farther) in ((1, ends), (-1, ends[::-1])):
        gap = float(farther[0] / nearer[1] - 1)
        if gap > _BEHIND_SHARE:
            return sign * gap
    return None
