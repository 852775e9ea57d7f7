"""Files and folders of recordings of ROS, opened by ``rosbags``.

ROS 1 bags 2.0 (http://wiki.ros.org/Bags/Format/2.0), folders of rosbag2 with ``metadata.yaml``, and single ``.mcap``
(https://mcap.dev/spec) and ``.db3`` files. What a small compressed file may unfold to is bounded.
"""

from __future__ import annotations

import bz2
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.ingest.captures.base import within
from pipeline.ingest.files import decoding, existing_file
from pipeline.records.errors import DependencyError, InputError

# Chunks hold a few messages; the largest image of a camera has a third of it.
_LARGEST = 1 << 30
_LONGEST_METADATA = 1 << 24


@dataclass(frozen=True)
class Topic:
    """What one topic of a recording holds.

    Args:
        name: Its name.
        kind: Type of its messages, as ROS 2 writes it.
        count: Number of messages.
    """

    name: str
    kind: str
    count: int


class Bag:
    """An open recording.

    Args:
        reader: A reader of ``rosbags``.
        is_ros1: Whether its messages are serialised as in ROS 1.
    """

    def __init__(self, reader: Any, is_ros1: bool) -> None:
        self.is_ros1 = is_ros1
        self._reader = reader
        self._is_zstd = False
        if not is_ros1 and reader.compression_mode == "message":
            # Messages are unpacked here, where their size is bounded.
            reader.storage.metadata = reader.storage.metadata._replace(compression_mode=None)
            self._is_zstd = True

    @property
    def topics(self) -> list[Topic]:
        """All topics by name."""
        counts: dict[tuple[str, str], int] = {}
        for one in self._reader.connections:
            counts[one.topic, one.msgtype] = counts.get((one.topic, one.msgtype), 0) + one.msgcount
        return [Topic(name, kind, count) for (name, kind), count in sorted(counts.items())]

    def messages(
        self, topics: Collection[Topic], start_ns: int | None = None, end_ns: int | None = None
    ) -> Iterator[tuple[str, int, bytes]]:
        """The messages of topics in the order of recording.

        Args:
            topics: The topics.
            start_ns: Earliest time of recording [ns]; None is the first message.
            end_ns: Time before which recording must lie [ns]; None is after the last message.

        Returns:
            Names of topics, times of recording [ns] and serialised messages.
        """
        wanted = {(topic.name, topic.kind) for topic in topics}
        connections = [one for one in self._reader.connections if (one.topic, one.msgtype) in wanted]
        if not connections:
            return
        for connection, time_ns, data in self._reader.messages(connections, start_ns, end_ns):
            yield connection.topic, time_ns, _unpacked_zstd(data) if self._is_zstd else data


@contextmanager
def opened_bag(path: Path) -> Iterator[Bag]:
    """Open a recording; errors within the block become InputErrors of one line.

    Raises:
        InputError: If it is damaged or not a recording of ROS.
        DependencyError: If ``rosbags`` is not installed.
    """
    try:
        from rosbags import rosbag1, rosbag2
    except ImportError:
        raise DependencyError(
            f"Reading {path.name} needs the package rosbags; install it with pip install 'theodolite[ros]'."
        ) from None
    is_ros1 = path.suffix.lower() == ".bag" and not path.is_dir()
    what = "a recording of ROS"
    files = _checked_files(path) if path.is_dir() else [existing_file(path, what)]
    for file in files:
        if file.suffix.lower() == ".db3":
            _check_database(file)
    with decoding(path, what):
        _bound_chunks_of_mcap()
        reader = rosbag1.Reader(path) if is_ros1 else rosbag2.Reader(path)
        with reader:
            if is_ros1:
                _bound_chunks(reader)
            yield Bag(reader, is_ros1)


def is_rosbag2(folder: Path) -> bool:
    """Whether a folder is one of rosbag2, by the first key of its metadata."""
    file = folder / "metadata.yaml"
    try:
        if not file.is_file():
            return False
        with file.open("rb") as stream:
            return b"rosbag2_bagfile_information" in stream.read(4096)
    except OSError:
        return False


def _checked_files(folder: Path) -> list[Path]:
    """The files of a folder of rosbag2.

    Raises:
        InputError: If its metadata is no such or names files elsewhere, or if files are compressed as a whole.
    """
    import yaml

    file = existing_file(within(folder, "metadata.yaml", str(folder)), "metadata of rosbag2")
    if file.stat().st_size > _LONGEST_METADATA:
        raise InputError(f"{file} has more than {_LONGEST_METADATA} bytes; copy it again.")
    with decoding(file, "metadata of rosbag2"):
        text = file.read_text(encoding="utf-8")
        if "<<" in text:
            # Merged mappings may grow without bound.
            raise ValueError("it merges mappings")
        information = yaml.safe_load(text)["rosbag2_bagfile_information"]
        names = [Path(name).name for name in information["relative_file_paths"]]
        is_file_mode = str(information.get("compression_mode") or "").lower() == "file"
    if is_file_mode:
        raise InputError(f"{folder} is compressed as whole files; rewrite it with ros2 bag convert, uncompressed.")
    return [existing_file(within(folder, name, str(file)), "a recording of ROS 2") for name in names]


def _check_database(file: Path) -> None:
    """Refuse a database that may compute values without end instead of storing them.

    Raises:
        InputError: If it is damaged or has anything but plain tables, or if its path cannot be opened.
    """
    # The path becomes part of a URI.
    if any(sign in str(file) for sign in "?#%"):
        raise InputError(f"{file} has ?, # or % in its path, which cannot be opened; rename it.")
    with (
        decoding(file, "a recording of ROS 2"),
        closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as known,
    ):
        others = "SELECT name FROM sqlite_master WHERE type NOT IN ('table', 'index') OR sql LIKE 'create virtual%'"
        computed = (
            "SELECT columns.name FROM sqlite_master, pragma_table_xinfo(sqlite_master.name) AS columns "
            "WHERE sqlite_master.type = 'table' AND columns.hidden > 0"
        )
        for query in (others, computed):
            if (row := known.execute(query).fetchone()) is not None:
                raise InputError(f"{file} computes {row[0]!r:.60} instead of storing it; record it again.")


def _bound_chunks(reader: Any) -> None:
    """Let no chunk of a ROS 1 bag unfold without bound."""
    from rosbags.rosbag1.reader import decompressors

    bounded = {id(decompressors["bz2"]): _unpacked_bz2, id(decompressors["lz4"]): _unpacked_lz4}
    for position, chunk in reader.chunks.items():
        unpack = bounded.get(id(chunk.decompressor))
        if unpack is not None:
            reader.chunks[position] = chunk._replace(decompressor=unpack)


def _bound_chunks_of_mcap() -> None:
    """Let no chunk of an MCAP file unfold beyond the size that it declares."""
    from rosbags.rosbag2 import storage_mcap

    storage_mcap.DECOMPRESSORS["lz4"] = _unpacked_lz4
    storage_mcap.DECOMPRESSORS["zstd"] = _unpacked_zstd


def _unpacked_bz2(data: bytes) -> bytes:
    return _whole(bz2.BZ2Decompressor(), data, _LARGEST)


def _unpacked_lz4(data: bytes, size: int = _LARGEST) -> bytes:
    from lz4.frame import LZ4FrameDecompressor

    return _whole(LZ4FrameDecompressor(), data, size)


def _unpacked_zstd(data: bytes, size: int = _LARGEST) -> bytes:
    from rosbags.rosbag2.reader import zstd

    return _whole(zstd.ZstdDecompressor(), data, size)


def _whole(decompressor: Any, data: bytes, size: int) -> bytes:
    limit = min(size, _LARGEST)
    unpacked: bytes = decompressor.decompress(data, max_length=limit + 1)
    if len(unpacked) > limit or not decompressor.eof:
        raise ValueError(f"a compressed part holds more than {limit} bytes or is cut off")
    return unpacked
