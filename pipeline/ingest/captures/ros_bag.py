"""Recordings of robots: ROS 1 bags, rosbag2, MCAP, and those of the RealSense SDK.

Images and depth are paired by the times in their headers. Cameras come from ``sensor_msgs/CameraInfo``, poses and the
place of the depth camera from /tf and /tf_static, the world's up from REP 103 (z).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.ingest.captures.base import Capture, CapturedFrame
from pipeline.ingest.captures.pairs import notes_of_left_out, paired
from pipeline.ingest.captures.ros_images import depth_of, rgb_of
from pipeline.ingest.captures.ros_messages import TRANSFORMS, Fields, RosImage, header_of, image_of, transforms_of
from pipeline.ingest.captures.ros_storage import Bag, is_rosbag2, opened_bag
from pipeline.ingest.captures.ros_topics import Chosen, Stream, chosen_topics, is_same_view
from pipeline.ingest.captures.ros_transforms import FIXED_FRAMES, TransformGraph, nearest_in_time
from pipeline.ingest.files import one_line, printable
from pipeline.ingest.resampling import same_aspect, size_of
from pipeline.records import Camera, DepthMap
from pipeline.records.errors import InputError, RecordError
from pipeline.records.message import Message, message

_SUFFIXES = (".bag", ".mcap", ".db3")
# How much later than its stamp a transform may have been recorded.
_RECORDED_LATE_NS = 1_000_000_000


@dataclass(frozen=True)
class _Entry:
    """A message: the time in its header, and when it was recorded [ns]."""

    stamp_ns: int
    recorded_ns: int


class RosBag(Capture):
    """A recording of ROS.

    Where there is depth, the frames are the images that have some.
    """

    format = "ROS bag"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with opened_bag(path) as bag, _naming(path):
            self._chosen = chosen_topics(bag)
            self._frames, self._notes = _listed(bag, self._chosen)
        if self._chosen.cameras > 1:
            topic = printable(self._chosen.images.topic.name)
            self._notes += (message("recording_camera_chosen", topic=topic),)
        first_ns = self._frames[0][0].stamp_ns
        self._times_s = [(image.stamp_ns - first_ns) / 1e9 for image, _ in self._frames]

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether it is named like a recording, or is a folder with the metadata of rosbag2."""
        return is_rosbag2(path) if path.is_dir() else path.suffix.lower() in _SUFFIXES

    @property
    def times_s(self) -> Sequence[float]:
        """Times in the headers of the images, from the first one [s]."""
        return self._times_s

    def frames(self, indices: Sequence[int]) -> Iterator[CapturedFrame]:
        """Decode frames; see ``Capture``."""
        world: str | None = None
        with opened_bag(self.path) as bag:
            for index in indices:
                with _naming(self.path):
                    entry, depth_entry = self._frames[index]
                    graph = self._graph(bag, entry)
                    name = f"{printable(self.path.name)} at {self._times_s[index]:.2f} s"
                    parts = self._parts(bag, entry, depth_entry, graph)
                    frame = self._chosen.images.frame
                    known = [one for one in FIXED_FRAMES if graph.between(frame, one) is not None]
                    # Poses of one recording share one world.
                    world = world or next(iter(known), None)
                    if world in known:
                        parts |= {"pose": graph.between(frame, world), "world_down": np.array((0.0, 0.0, -1.0))}
                    captured = CapturedFrame(name=name, notes=self._notes, **parts)
                yield captured

    def _parts(self, bag: Bag, entry: _Entry, depth_entry: _Entry | None, graph: TransformGraph) -> dict[str, Any]:
        """Image, camera, lens and depth of one frame."""
        images, depths = self._chosen.images, self._chosen.depth
        rgb = _decoded(bag, images, entry)
        camera, lens = images.camera, images.lens
        _check_size(images, camera, rgb)
        parts: dict[str, Any] = {"rgb": rgb, "camera": camera, "lens": lens}
        if depths is None or depth_entry is None:
            return parts
        depth: DepthMap = _decoded(bag, depths, depth_entry)
        _check_size(depths, depths.camera, depth.values)
        parts["depth"] = depth
        if self._chosen.is_registered and is_same_view(images, depths):
            if not same_aspect(size_of(depth.values), size_of(rgb)):
                raise InputError(f"{depths.topic.name} is registered to images of another shape; record it again")
            if camera is None:
                parts |= {"camera": depths.camera, "lens": depths.lens}
            return parts
        to_image = np.eye(4) if self._chosen.is_registered else graph.between(depths.frame, images.frame)
        if to_image is None or camera is None or depths.camera is None:
            lacking = "transform between them" if to_image is None else "camera_info of both"
            raise InputError(
                f"{depths.topic.name} is depth of another camera than {images.topic.name}, and there is no {lacking}; "
                "record /tf_static and camera_info too, or depth that is aligned to colour"
            )
        return parts | {"depth_camera": depths.camera, "depth_lens": depths.lens, "depth_to_image": to_image}

    def _graph(self, bag: Bag, entry: _Entry) -> TransformGraph:
        """All transforms at the time of an image."""
        topics = [one for one in bag.topics if one.kind in TRANSFORMS and not one.name.endswith("tf_static")]
        start_ns, end_ns = entry.recorded_ns - _RECORDED_LATE_NS, entry.recorded_ns + _RECORDED_LATE_NS
        found = (
            transform
            for _, _, data in bag.messages(topics, start_ns, end_ns)
            for transform in transforms_of(data, bag.is_ros1)
        )
        return TransformGraph((*self._chosen.transforms, *nearest_in_time(found, entry.stamp_ns)))


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the recording in an error within the block."""
    try:
        yield
    except (InputError, RecordError) as error:
        raise InputError(f"{path}: {one_line(error)}.") from None


def _listed(bag: Bag, chosen: Chosen) -> tuple[list[tuple[_Entry, _Entry | None]], tuple[Message, ...]]:
    """All images with their depth, by time, and what was left out; reads headers only."""
    streams = [stream for stream in (chosen.images, chosen.depth) if stream is not None]
    entries: dict[str, list[_Entry]] = {stream.topic.name: [] for stream in streams}
    for name, recorded_ns, data in bag.messages([stream.topic for stream in streams]):
        stamp_ns = header_of(Fields(data, bag.is_ros1)).stamp_ns
        entries[name].append(_Entry(stamp_ns, recorded_ns))
    if any(not any(entry.stamp_ns for entry in several) for several in entries.values()):
        # Nobody set the stamps of one of them.
        entries = {
            name: [_Entry(entry.recorded_ns, entry.recorded_ns) for entry in several]
            for name, several in entries.items()
        }
    by_time = {name: sorted(several, key=lambda entry: entry.stamp_ns) for name, several in entries.items()}
    images = by_time[chosen.images.topic.name]
    if chosen.depth is None:
        return [(image, None) for image in images], ()
    depths = by_time[chosen.depth.topic.name]
    pairs = paired([one.stamp_ns for one in images], [one.stamp_ns for one in depths])
    if not pairs:
        raise InputError(
            f"no image of {chosen.images.topic.name} has depth of {chosen.depth.topic.name} at its time; "
            "synchronise the clocks of both"
        )
    return [(images[image], depths[depth]) for image, depth in pairs], notes_of_left_out(len(images), len(pairs))


def _decoded(bag: Bag, stream: Stream, entry: _Entry) -> Any:
    """The pixels or the depth of one message."""
    try:
        image = _found(bag, stream, entry)
        return depth_of(image, stream.unit_m) if stream.is_depth else rgb_of(image)
    except InputError as error:
        raise InputError(f"{stream.topic.name}: {one_line(error)}") from None


def _found(bag: Bag, stream: Stream, entry: _Entry) -> RosImage:
    found = None
    for _, _, data in bag.messages([stream.topic], entry.recorded_ns, entry.recorded_ns + 1):
        image = image_of(data, bag.is_ros1, stream.topic.kind)
        if found is None or image.header.stamp_ns == entry.stamp_ns:
            found = image
    if found is None:
        raise InputError("a message is gone; read the recording when nothing writes to it")
    return found


def _check_size(stream: Stream, camera: Camera | None, pixels: np.ndarray) -> None:
    width, height = size_of(pixels)
    if camera is not None and not same_aspect((camera.width, camera.height), (width, height)):
        raise InputError(
            f"{stream.topic.name} has images of {width} x {height} px, but its camera_info is for "
            f"{camera.width} x {camera.height} px; record both of one mode"
        )
