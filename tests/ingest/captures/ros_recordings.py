"""Recordings of ROS for tests, written by ``rosbags``; only the messages of its own types, not the reader, are used."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rosbags import rosbag1, rosbag2
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

ROS1, ROS2 = (get_typestore(store) for store in (Stores.ROS1_NOETIC, Stores.ROS2_HUMBLE))
ROS1.register(get_types_from_msg("geometry_msgs/TransformStamped[] transforms", "tf2_msgs/msg/TFMessage"))
START_NS = 1_700_000_000_000_000_000
FRAME_NS = 100_000_000
WIDTH, HEIGHT = 32, 24


class Said(NamedTuple):
    """One message: its topic, its type, when it is recorded [ns], and its values or serialised bytes."""

    topic: str
    kind: str
    recorded_ns: int
    values: Any


def image(
    topic: str,
    pixels: np.ndarray,
    encoding: str,
    frame: str = "color",
    index: int = 0,
    shift_ns: int = 0,
    padding: int = 0,
    **changes: Any,
) -> Said:
    """``sensor_msgs/Image`` number ``index``, whose rows may have padding."""
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(len(pixels), -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    stamp_ns = START_NS + index * FRAME_NS + shift_ns
    values = {
        "header": (stamp_ns, frame),
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "encoding": encoding,
        "is_bigendian": int(pixels.dtype.byteorder == ">"),
        "step": rows.shape[1],
        "data": rows.reshape(-1),
    }
    return Said(topic, "sensor_msgs/msg/Image", stamp_ns + 7_000_000, values | changes)


def compressed(topic: str, data: bytes, form: str, frame: str = "color", index: int = 0) -> Said:
    """``sensor_msgs/CompressedImage`` number ``index``."""
    stamp_ns = START_NS + index * FRAME_NS
    values = {"header": (stamp_ns, frame), "format": form, "data": np.frombuffer(data, np.uint8)}
    return Said(topic, "sensor_msgs/msg/CompressedImage", stamp_ns + 7_000_000, values)


def info(
    topic: str,
    frame: str = "color",
    size: tuple[int, int] = (WIDTH, HEIGHT),
    intrinsics: Sequence[float] = (30, 0, 15.5, 0, 31, 11.5, 0, 0, 1),
    **changes: Any,
) -> Said:
    """``sensor_msgs/CameraInfo``."""
    values = {
        "header": (START_NS, frame),
        "height": size[1],
        "width": size[0],
        "distortion_model": "plumb_bob",
        "d": (0, 0, 0, 0, 0),
        "k": intrinsics,
        "r": (1, 0, 0, 0, 1, 0, 0, 0, 1),
        "p": (*intrinsics[:3], 0, *intrinsics[3:6], 0, *intrinsics[6:], 0),
        "binning": (0, 0),
        "roi": (0, 0, 0, 0),
    }
    return Said(topic, "sensor_msgs/msg/CameraInfo", START_NS, values | changes)


def transforms(topic: str, *several: tuple[str, str, Sequence[float], Sequence[float]], at_ns: int = 0) -> Said:
    """/tf or /tf_static: parent, child, translation, quaternion x, y, z, w."""
    return Said(topic, "tf2_msgs/msg/TFMessage", START_NS + at_ns, (START_NS + at_ns, several))


def write(path: Path, *messages: Said, **how: Any) -> Path:
    """Write a ``.bag``, ``.mcap`` or ``.db3`` file, or a folder of rosbag2.

    ``compression`` is ``BZ2`` or ``LZ4`` of ROS 1, ``MESSAGE``, ``FILE`` or ``STORAGE`` of rosbag2; ``plugin`` is the
    storage in a folder.
    """
    if path.suffix == ".bag":
        writer = rosbag1.Writer(path)
        if "compression" in how:
            writer.set_compression(writer.CompressionFormat[how["compression"]])
        _write(writer, ROS1, messages)
        return path
    folder = path if not path.suffix else path.with_suffix("")
    plugin = how.get("plugin", "MCAP" if path.suffix == ".mcap" else "SQLITE3")
    writer = rosbag2.Writer(folder, version=9, storage_plugin=rosbag2.StoragePlugin[plugin])
    if "compression" in how:
        writer.set_compression(rosbag2.CompressionMode[how["compression"]], rosbag2.CompressionFormat.ZSTD)
    _write(writer, ROS2, messages)
    if path.suffix:
        shutil.move(folder / path.name, path)
        shutil.rmtree(folder)
    return path


def _write(writer: Any, store: Any, messages: Sequence[Said]) -> None:
    known: dict[str, Any] = {}
    serialise = store.serialize_ros1 if store is ROS1 else store.serialize_cdr
    with writer:
        for topic, kind, recorded_ns, values in sorted(messages, key=lambda said: said.recorded_ns):
            if topic not in known:
                known[topic] = writer.add_connection(topic, kind, typestore=store)
            data = values if isinstance(values, bytes) else serialise(message_of(store, kind, values), kind)
            writer.write(known[topic], recorded_ns, data)


def _header(store: Any, stamp_ns: int, frame: str) -> Any:
    stamp = store.types["builtin_interfaces/msg/Time"](*divmod(stamp_ns, 10**9))
    sequence = {"seq": 0} if store is ROS1 else {}
    return store.types["std_msgs/msg/Header"](**sequence, stamp=stamp, frame_id=frame)


def message_of(store: Any, kind: str, values: Any) -> Any:
    """A message as rosbags takes it, from the values of ``Said``."""
    types = store.types
    if kind.startswith("tf2"):
        stamp_ns, several = values
        return types[kind](
            [
                types["geometry_msgs/msg/TransformStamped"](
                    _header(store, stamp_ns, parent), child, _transform(store, shift, turn)
                )
                for parent, child, shift, turn in several
            ]
        )
    if kind == "geometry_msgs/msg/Transform":
        return _transform(store, *values)
    if not isinstance(values, dict):
        return types[kind](values)
    values = values | {"header": _header(store, *values["header"])}
    if "roi" in values:
        x, y, height, width = values.pop("roi")
        values["roi"] = types["sensor_msgs/msg/RegionOfInterest"](x, y, height, width, False)
        values["binning_x"], values["binning_y"] = values.pop("binning")
        for name in "dkrp":
            value = np.array(values.pop(name), np.float64)
            values[name.upper() if store is ROS1 else name] = value
    return types[kind](**values)


def _transform(store: Any, shift: Sequence[float], turn: Sequence[float]) -> Any:
    types = store.types
    return types["geometry_msgs/msg/Transform"](
        types["geometry_msgs/msg/Vector3"](*map(float, shift)), types["geometry_msgs/msg/Quaternion"](*map(float, turn))
    )
