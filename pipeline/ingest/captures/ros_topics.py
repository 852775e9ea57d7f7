"""Which topics of a recording of ROS are its images and their depth.

Types and contents of messages decide, not names alone: REP 118 for depth, ``sensor_msgs`` for images.

Layout of the RealSense SDK: ``/device_0/sensor_0/Depth_0/image/data``, ``.../info/camera_info`` and ``.../tf/0``, the
transform out of a frame of reference into the stream's, and ``/device_0/sensor_0/option/Depth Units/value``, metres per
stored number (https://github.com/IntelRealSense/librealsense, src/media/readme.md, src/media/ros/ros_file_format.h and
src/device.cpp).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.geometry.lens import Lens
from pipeline.ingest.captures.ros_cameras import camera_of
from pipeline.ingest.captures.ros_images import is_colour_encoding, is_depth_encoding
from pipeline.ingest.captures.ros_messages import (
    CAMERA_INFO,
    COMPRESSED_IMAGE,
    FLOAT,
    IMAGE,
    TRANSFORM,
    TRANSFORMS,
    CameraInfo,
    RosImage,
    Transform,
    camera_info_of,
    float_of,
    image_of,
    transform_of,
    transforms_of,
)
from pipeline.ingest.captures.ros_storage import Bag, Topic
from pipeline.ingest.captures.ros_transforms import TransformGraph
from pipeline.ingest.files import one_line
from pipeline.records import Camera
from pipeline.records.errors import InputError

_REALSENSE = re.compile(r"(/device_\d+)/sensor_\d+/([A-Za-z]+)_\d+(?=/)")
_TRANSPORTS = ("compressed", "compressedDepth", "theora", "ffmpeg", "zstd")
# Drawn for people or programs, or not seen in visible light.
_NOT_DEPTH = re.compile(r"(?:^|[/_])(?:ir|infra|infrared|confidence|disparity|labels?|mask|semantic\w*)(?:[/_\d]|$)")
_LAST_CHOICE = re.compile(rf"{_NOT_DEPTH.pattern}|depth|segmentation|overlay|debug", re.IGNORECASE)
_REGISTERED = re.compile(r"aligned_depth_to|depth_registered|depth_to_(?:rgb|color)")


@dataclass(frozen=True)
class Stream:
    """The images of one camera.

    Args:
        topic: Where they are.
        is_depth: Whether they are depth.
        frame: The camera's optical frame.
        camera: Intrinsics; None where none are known.
        lens: Distortion; None without.
        is_last_choice: Whether other images are to be preferred.
        unit_m: Metres per stored whole number of depth; None is a millimetre.
    """

    topic: Topic
    is_depth: bool
    frame: str
    camera: Camera | None
    lens: Lens | None
    is_last_choice: bool = False
    unit_m: float | None = None

    @property
    def device(self) -> str:
        """What the topics of one device have in common."""
        layout = _REALSENSE.match(self.topic.name)
        return layout[1] if layout else _base(self.topic.name).rsplit("/", 2)[0]

    @property
    def rank(self) -> tuple[bool, bool, str]:
        """Smaller is better: visible light, uncompressed, first by name."""
        return self.is_last_choice, self.topic.kind == COMPRESSED_IMAGE, self.topic.name


@dataclass(frozen=True)
class Chosen:
    """What is read of a recording.

    Args:
        images: The images.
        depth: Their depth; None where there is none.
        is_registered: Whether the depth shows the view of the camera of the images.
        cameras: Number of cameras with such images.
        transforms: What holds at all times.
    """

    images: Stream
    depth: Stream | None
    is_registered: bool
    cameras: int
    transforms: tuple[Transform, ...]


def chosen_topics(bag: Bag) -> Chosen:
    """The images of a recording, those with depth first, and the depth that is nearest to them.

    Depth of the same optical frame comes first, then depth with a transform; of several cameras, the first by name.

    Raises:
        InputError: If there are no images, or a message is damaged.
    """
    streams, others = _streams(bag)
    images = sorted((stream for stream in streams if not stream.is_depth), key=lambda stream: stream.rank)
    if not images:
        what = (
            f"depth but no colour images ({others})" if streams else f"no topic with images that can be read ({others})"
        )
        raise InputError(f"it has {what}; record colour images as sensor_msgs/Image or CompressedImage")
    static = static_transforms(bag)
    graph = TransformGraph(static)
    pairs = [
        (-_nearness(image, depth, graph), image.rank, depth.rank, image, depth)
        for image in images for depth in streams if depth.is_depth
    ]  # fmt: skip
    image, depth = min(pairs, key=lambda pair: pair[:3])[3:] if pairs else (images[0], None)
    cameras = {one.frame or one.device for one in images if one.is_last_choice == image.is_last_choice}
    return Chosen(image, depth, depth is not None and _is_registered(image, depth), len(cameras), static)


def static_transforms(bag: Bag) -> tuple[Transform, ...]:
    """The transforms of /tf_static, and those between the streams of the RealSense SDK.

    Raises:
        InputError: If a message is damaged.
    """
    found = {}
    topics = [topic for topic in bag.topics if topic.kind in TRANSFORMS and topic.name.endswith("tf_static")]
    for _, _, data in bag.messages(topics):
        for transform in transforms_of(data, bag.is_ros1):
            found[transform.parent, transform.child] = transform
    for topic in bag.topics:
        stream, group = _REALSENSE.match(topic.name), topic.name.rpartition("/tf/")[2]
        if stream and topic.kind == TRANSFORM and topic.name == f"{stream[0]}/tf/{group}":
            matrix = transform_of(_first(bag, topic), bag.is_ros1)
            if matrix is not None:
                found[stream[0], group] = Transform(0, stream[0], f"{stream[1]}/tf/{group}", matrix)
    return tuple(found.values())


def _streams(bag: Bag) -> tuple[list[Stream], str]:
    """All images that can be read, and what else has the type of images, in words."""
    topics = [topic for topic in bag.topics if topic.count]
    infos = {
        topic.name: camera_info_of(_first(bag, topic), bag.is_ros1) for topic in topics if topic.kind == CAMERA_INFO
    }
    streams, others = [], []
    for topic in topics:
        if topic.kind not in (IMAGE, COMPRESSED_IMAGE):
            continue
        try:
            first = image_of(_first(bag, topic), bag.is_ros1, topic.kind)
            stream = _stream(bag, topic, first, infos)
        except InputError as error:
            raise InputError(f"{topic.name}: {one_line(error)}") from None
        if stream is not None:
            streams.append(stream)
        if stream is None or stream.is_depth:
            others.append(f"{topic.name} in {first.encoding!r:.60}")
    return streams, ", ".join(others[:5]) or "no images at all"


def _stream(bag: Bag, topic: Topic, first: RosImage, infos: dict[str, CameraInfo]) -> Stream | None:
    base, layout = _base(topic.name), _REALSENSE.match(topic.name)
    frame = layout[0] if layout else first.header.frame
    if layout:
        is_depth = layout[2] == "Depth"
    else:
        is_sixteen_bit_depth = first.encoding.lower() == "mono16" and "depth" in base
        is_depth = is_sixteen_bit_depth or is_depth_encoding(first.encoding)
        if is_depth and _NOT_DEPTH.search(base):
            return None
    if not is_depth and not is_colour_encoding(first.encoding, first.is_compressed):
        return None
    info = infos.get(f"{layout[0]}/info/camera_info" if layout else f"{base.rpartition('/')[0]}/camera_info")
    if info is None and frame:
        same = {one for one in infos.values() if one.header.frame == frame}
        info = same.pop() if len(same) == 1 else None
    camera, lens = (None, None) if info is None else camera_of(info, "rect" in base.rpartition("/")[2])
    unit = _depth_unit_m(bag, topic.name) if layout and is_depth else None
    is_last_choice = bool(layout and layout[2] != "Color") or bool(not layout and _LAST_CHOICE.search(base))
    return Stream(topic, is_depth, frame, camera, lens, is_last_choice and not is_depth, unit)


def _depth_unit_m(bag: Bag, name: str) -> float | None:
    prefix = f"{name.rsplit('/', 3)[0]}/option/"
    for topic in bag.topics:
        option = topic.name.removeprefix(prefix).replace("_", " ").lower()
        if topic.name.startswith(prefix) and topic.kind == FLOAT and option == "depth units/value" and topic.count:
            unit = float_of(_first(bag, topic), bag.is_ros1)
            return unit if 0 < unit < 1 else None
    return None


def _nearness(image: Stream, depth: Stream, graph: TransformGraph) -> int:
    if _is_registered(image, depth):
        return 2
    return 1 if graph.between(depth.frame, image.frame) is not None else 0


def _is_registered(image: Stream, depth: Stream) -> bool:
    """Whether both are images of one optical frame, by its name or by the topic's and the same camera."""
    if image.frame and image.frame == depth.frame:
        return True
    named = bool(_REGISTERED.search(depth.topic.name)) and image.device == depth.device
    return named and (image.camera is None or depth.camera is None or is_same_view(image, depth))


def is_same_view(image: Stream, depth: Stream) -> bool:
    """Whether both have one camera, apart from its resolution, and one lens; unknown ones count as the same."""
    if image.camera is None or depth.camera is None:
        return True
    scaled = depth.camera.resized(image.camera.width, image.camera.height)
    away_px = [abs(getattr(scaled, name) - getattr(image.camera, name)) for name in ("fx", "fy", "cx", "cy")]
    return max(away_px) < 0.005 * image.camera.width and image.lens == depth.lens


def _base(name: str) -> str:
    """The name of a topic without the transport of its images."""
    base, _, last = name.rpartition("/")
    return base if last in _TRANSPORTS else name


def _first(bag: Bag, topic: Topic) -> bytes:
    for _, _, data in bag.messages([topic]):
        return data
    raise InputError(f"{topic.name} has no messages, though the recording lists some; record it again")
