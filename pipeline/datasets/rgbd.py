"""Described RGB-D frames: the sensor's depth is the true depth, and claims are about its smooth surfaces.

The verifier gets the boxes of the surfaces, and the sensor's depth or what a network predicted. Where a frame has
annotated objects, they are used instead.

Format: that of ``pipeline.datasets.formats.rgbd_files``, one subfolder per place, described in ``frame.json`` or in the
configuration. An npy file beside a single frame, float (H, W) of any size, may hold predicted depth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.datasets.annotated.claims import AnnotatedDataset, ClaimCount
from pipeline.datasets.annotated.ground_truth import AnnotatedImage
from pipeline.datasets.annotated.objects import AnnotatedObject, object_of_pixels
from pipeline.datasets.annotated.surfaces import border_shares, occlusion_between, segments_of
from pipeline.datasets.arc2017 import image_of_data, read_folder
from pipeline.datasets.arguments import check_prediction_kind, existing_folder
from pipeline.datasets.base import Case, DepthDataset, DepthSample, reader
from pipeline.datasets.formats.rgbd_files import FrameFiles, find_frames, read_frame
from pipeline.datasets.listed import metric_truth
from pipeline.datasets.sunrgbd import image_of_instances
from pipeline.geometry.backprojection import back_project
from pipeline.geometry.regions import boxes_gap
from pipeline.ingest.resampling import resize_depth
from pipeline.records import DepthKind, DepthMap, Frame, ScaleSource
from pipeline.records.errors import InputError
from pipeline.records.settings import Count, Text

_FEWEST_OBJECTS = 2
# Width of a segment's edge whose depth is not read [px].
_EDGE_PX = 2
# An object shows all of its near side where a smaller share of its border is hidden or cut off.
_WHOLE_SHARE = 0.1
# Relative gap of depths beyond which the farther object cannot hide the nearer one.
_BEHIND_SHARE = 0.05


@reader
class Rgbd(AnnotatedDataset[FrameFiles], DepthDataset[FrameFiles]):
    """Any folder of described RGB-D frames, one group per place.

    Args:
        path: Folder with one subfolder per place, or one such folder.
        descriptions: How to read the files of a subfolder, by its name; ``frame.json`` in it may hold the same.
        prediction: Name of a file beside a frame, such as ``predicted_depth_m.npy``, with its given depth, which the
            verifier gets and ``depth=file`` measures. Frames without it are left out. None gives the verifier the
            sensor's depth, and leaves the measured depth to a network.
        prediction_kind: Kind of the predicted depth; needed with it.
        masks: Whether regions of claims come with their masks, or with boxes alone.
        claims_per_scene: Claims per frame.
        relations: Names of relations to draw from; None takes those that the depth can carry.
        seed: Random seed.
        step: Take every n-th frame of a place.
        frames_per_place: Most frames of one place, evenly over its sequence; None takes all.
        limit: Maximum number of frames; None takes all.

    Raises:
        InputError: If the folder is missing or holds no frame that can be used.
        ConfigError: If an argument is not usable.
    """

    name = "rgbd"

    path: Text | Path = field(kw_only=False)
    descriptions: Mapping[str, Mapping[str, Any] | None] | None = None
    prediction: Text | None = None
    prediction_kind: str | None = None
    masks: bool = False
    claims_per_scene: ClaimCount = 40
    step: Count = 1
    frames_per_place: Count | None = None

    def __post_init__(self) -> None:
        """List the frames."""
        prediction = self.prediction
        self._kind = check_prediction_kind(self.prediction_kind, prediction is not None)
        folder = existing_folder(self.path, "RGB-D frames", "give a folder with one described subfolder per place")
        found = find_frames(folder, self.descriptions or {}, self.unreadable)
        places = {files.folder: [each for each in found if each.folder == files.folder] for files in found}
        if prediction is not None:
            places = {place: frames for place, frames in places.items() if (place / prediction).is_file()}
            for place in [place for place, frames in places.items() if len(frames) > 1]:
                self.unreadable[place.name] = (
                    f"{place} has {len(places.pop(place))} frames for one {prediction}; give each its own folder."
                )
            if not places:
                raise InputError(
                    f"No frame of {folder} has a {prediction} of its own; save one, or set dataset.prediction=null."
                )
        self._frames = [
            files for frames in places.values() for files in _spread(frames[:: self.step], self.frames_per_place)
        ]
        if len({files.name for files in self._frames}) < len(self._frames):
            raise InputError(f"Two folders of frames in {folder} have the same name; rename one.")

    def entries(self) -> Sequence[FrameFiles]:
        """The frames, by place and number."""
        return self._frames

    def entry_name(self, entry: FrameFiles) -> str:
        """The frame's name: its place, and its number where there are several."""
        return entry.name

    def case(self, entry: FrameFiles, index: int) -> Case | None:
        """Read one frame, find its objects and write claims about them."""
        frame = read_frame(entry, any_size=True)
        image = _image(entry, frame)
        if len(image.objects) < _FEWEST_OBJECTS:
            return None
        place = entry.folder.name
        tags = {
            "regions": "masks" if self.masks else "boxes",
            "depth": "sensor" if self.prediction is None else "predicted",
            "place": place,
        }
        if self.prediction is not None:
            frame = replace(frame, given_depth=self._predicted(entry, frame))
        return self.written(f"rgbd-{entry.name}", index, frame, image, masks=self.masks, group=place, tags=tags)

    def sample(self, entry: FrameFiles) -> DepthSample:
        """Read one frame; its regions are the annotated objects, with their masks.

        Raises:
            InputError: If a file is missing or damaged.
        """
        frame = read_frame(entry, any_size=True)
        depth = frame.given_depth
        assert depth is not None
        truth = metric_truth(depth.values, depth.valid, entry.depth)
        annotated = _annotated(entry, frame) if entry.description.get("objects") == "arc2017" else None
        regions = tuple(item.region(mask=True) for item in annotated.objects) if annotated else ()
        frame = replace(frame, given_depth=self._predicted(entry, frame))
        return DepthSample(entry.name, frame, truth, entry.folder.name, regions)

    def _predicted(self, entry: FrameFiles, frame: Frame) -> DepthMap | None:
        if self.prediction is None or self._kind is None:
            return None
        return predicted_depth(entry.folder / self.prediction, frame, self._kind)


def _spread(frames: Sequence[FrameFiles], most: int | None) -> Sequence[FrameFiles]:
    """At most that many frames, evenly spaced, including the first and the last."""
    if most is None or len(frames) <= most:
        return frames
    return [frames[round(at)] for at in np.linspace(0, len(frames) - 1, most)]


def predicted_depth(file: Path, frame: Frame, kind: DepthKind) -> DepthMap:
    """Depth predicted for a frame, linearly enlarged to its size.

    Raises:
        InputError: If the file holds no depth.
    """
    try:
        values = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{file} cannot be read as an array: {error}.") from None
    if values.ndim != 2 or values.dtype.kind != "f":
        raise InputError(f"{file} holds {values.dtype} of shape {values.shape}, not float depth (H, W).")
    size = (frame.width, frame.height)
    enlarged, valid = resize_depth(values.astype(np.float32), np.isfinite(values), size, nearest=False)
    source = ScaleSource.MODEL if kind is DepthKind.METRIC else ScaleSource.NONE
    return DepthMap(enlarged, valid, kind, source, backend="predicted")


def _image(files: FrameFiles, frame: Frame) -> AnnotatedImage:
    """Annotated objects, and the surfaces of the depth unless all objects are annotated."""
    depth = frame.given_depth
    assert depth is not None
    annotation = files.description.get("objects")
    if annotation == "arc2017":
        return _annotated(files, frame)
    image = image_of_segments(segments_of(depth.values, depth.valid, frame.camera), frame)
    if annotation == "sunrgbd":
        info = files.description["info"]
        points = back_project(depth.values, frame.camera, depth.valid)
        annotated = image_of_instances(info["data_list"][0], info["metainfo"], frame.camera, points)
        return replace(image, objects=(*annotated.objects, *image.objects))
    return image


def _annotated(files: FrameFiles, frame: Frame) -> AnnotatedImage:
    assert frame.given_depth is not None
    return image_of_data(read_folder(files.folder), frame.given_depth, frame.camera)


def image_of_segments(segments: Sequence[np.ndarray], frame: Frame) -> AnnotatedImage:
    """The annotated image of segments of a frame's metric depth, called segment 1, segment 2, ...

    Args:
        segments: bool (H, W) masks, disjoint.
        frame: The frame with its given depth.
    """
    depth = frame.given_depth
    assert depth is not None
    objects: list[AnnotatedObject] = []
    for number, mask in enumerate(segments, start=1):
        hidden = border_shares(mask, depth.values, depth.valid)[1]
        item = object_of_pixels(
            f"segment {number}",
            mask,
            depth.values,
            depth.valid,
            frame.camera,
            edge_px=_EDGE_PX,
            is_whole=hidden < _WHOLE_SHARE,
        )
        if item is not None:
            objects.append(item)
    return AnnotatedImage(tuple(objects), _occlusions(objects, depth))


def _occlusions(objects: Sequence[AnnotatedObject], depth: DepthMap) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for position, first in enumerate(objects):
        for second in objects[:position]:
            assert first.mask is not None and second.mask is not None
            pair, reverse = (first.label, second.label), (second.label, first.label)
            step = occlusion_between(first.mask, second.mask, depth.values, depth.valid)
            if step is None:
                # An object that lies behind entirely hides nothing in front of it, however much their boxes overlap.
                if boxes_gap(first.box_px, second.box_px) < 0:
                    gap = _gap_behind(first, second)
                    if gap is not None:
                        found[reverse if gap > 0 else pair] = -abs(gap)
            elif step == 0.0:
                found[pair] = found[reverse] = -0.001
            else:
                found[pair], found[reverse] = step, -step
    return found


def _gap_behind(first: AnnotatedObject, second: AnnotatedObject) -> float | None:
    """Relative gap in depth between two whole objects, positive where the second lies behind; None where they mix."""
    assert first.points_m is not None and second.points_m is not None
    ends = [np.quantile(points[:, 2], (0.05, 0.95)) for points in (first.points_m, second.points_m)]
    for sign, (nearer, farther) in ((1, ends), (-1, ends[::-1])):
        gap = float(farther[0] / nearer[1] - 1)
        if gap > _BEHIND_SHARE:
            return sign * gap
    return None
