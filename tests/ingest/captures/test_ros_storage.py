from __future__ import annotations

import builtins
import os
import sqlite3
import struct
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from ingest.captures.ros_recordings import Said, image, write

from pipeline.ingest.captures import ros_storage
from pipeline.ingest.captures.ros_storage import Topic, is_rosbag2, opened_bag
from pipeline.records.errors import DependencyError, InputError

RGB = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
FORMATS = [
    ("a.bag", {}),
    ("a.bag", {"compression": "LZ4"}),
    ("a.bag", {"compression": "BZ2"}),
    ("a.mcap", {}),
    ("a.mcap", {"compression": "STORAGE"}),
    ("a.db3", {}),
    ("folder", {}),
    ("folder", {"plugin": "MCAP"}),
    ("folder", {"compression": "MESSAGE"}),
]


def images(count: int = 3) -> list[Said]:
    return [image("/eye", RGB + index, "rgb8", index=index) for index in range(count)]


@pytest.mark.parametrize(("name", "how"), FORMATS)
def test_every_storage_gives_its_topics_and_messages(tmp_path: Path, name: str, how: dict[str, Any]) -> None:
    said = images()
    with opened_bag(write(tmp_path / name, *said, **how)) as bag:
        assert bag.is_ros1 == name.endswith(".bag")
        assert bag.topics == [Topic("/eye", "sensor_msgs/msg/Image", 3)]
        times_ns = [one.recorded_ns for one in said]
        assert [(topic, time_ns) for topic, time_ns, _ in bag.messages(bag.topics)] == [
            ("/eye", one) for one in times_ns
        ]
        assert [time_ns for _, time_ns, _ in bag.messages(bag.topics, times_ns[1], times_ns[2])] == [times_ns[1]]
        ((_, _, data),) = bag.messages(bag.topics, times_ns[2], times_ns[2] + 1)
        assert data.endswith((RGB + 2).tobytes())
        assert list(bag.messages([])) == []


@pytest.mark.parametrize("name", ["a.bag", "a.mcap", "a.db3"])
def test_damaged_files_end_in_one_sentence(tmp_path: Path, name: str) -> None:
    whole = write(tmp_path / name, *images(20)).read_bytes()
    damaged = [whole[: len(whole) * share // 12] for share in range(12)]
    rng = np.random.default_rng(5)
    for _ in range(30):
        noisy = np.frombuffer(whole, np.uint8).copy()
        noisy[rng.integers(0, len(whole), 40)] = rng.integers(0, 256, 40)
        damaged.append(noisy.tobytes())
    for number, data in enumerate(damaged):
        file = tmp_path / f"{number}{Path(name).suffix}"
        file.write_bytes(data)
        try:
            with opened_bag(file) as bag:
                list(bag.messages(bag.topics))
        except InputError as error:
            assert str(error).count("\n") == 0 and file.name in str(error)
        else:
            assert number >= 11, "a file without its end is told"


@pytest.mark.parametrize("name", ["a.bag", "a.mcap", "a.db3"])
@pytest.mark.parametrize("content", [b"", b"\0" * 99, b"#ROSBAG V1.2\n", b"SQLite format 3\0", b"\x89MCAP0\r\n"])
def test_files_that_only_have_the_name_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name), opened_bag(tmp_path / name):
        pass


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db3")) as other:
        other.execute("CREATE TABLE songs(name TEXT)")
    with pytest.raises(InputError, match="missing tables"), opened_bag(tmp_path / "a.db3"):
        pass


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id FROM n"


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE messages ADD COLUMN more BLOB GENERATED ALWAYS AS (zeroblob(900000000)) VIRTUAL",
        f"DROP TABLE message_definitions; CREATE VIEW message_definitions AS {ENDLESS}",
        "CREATE VIRTUAL TABLE more USING fts5(text)",
        "CREATE TRIGGER more AFTER INSERT ON topics BEGIN SELECT 1; END",
    ],
)
def test_a_database_that_computes_its_content_is_refused(tmp_path: Path, change: str) -> None:
    path = write(tmp_path / "a.db3", *images(1))
    with closing(sqlite3.connect(path)) as database:
        database.executescript(change)
    with pytest.raises(InputError, match="instead of storing it"), opened_bag(path):
        pass


def mcap_bomb(compression: bytes, packed: bytes, declared: int) -> bytes:
    """An MCAP file of one chunk, https://mcap.dev/spec."""

    def record(code: int, content: bytes) -> bytes:
        return struct.pack("<BQ", code, len(content)) + content

    def text(content: bytes) -> bytes:
        return struct.pack("<I", len(content)) + content

    magic = b"\x89MCAP0\r\n"
    chunk = struct.pack("<QQQI", 0, 1, declared, 0) + text(compression) + struct.pack("<Q", len(packed)) + packed
    footer = record(2, struct.pack("<QQI", 0, 0, 0))
    return magic + record(1, text(b"ros2") + text(b"x")) + record(6, chunk) + footer + magic


@pytest.mark.parametrize("declared", [100, 10_000_000, 2**62])
@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_a_chunk_that_unfolds_to_more_than_it_declares_takes_no_memory(
    tmp_path: Path, compression: str, declared: int
) -> None:
    from lz4 import frame
    from rosbags.rosbag2.reader import zstd

    packed = {"lz4": frame.compress, "zstd": zstd.compress}[compression](bytes(100_000_000))
    if declared == 2**62:
        packed = packed[:-9]
    (tmp_path / "a.mcap").write_bytes(mcap_bomb(compression.encode(), packed, declared))
    tracemalloc.start()
    with pytest.raises(InputError), opened_bag(tmp_path / "a.mcap"):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50_000_000 or declared == 2**62


def test_chunks_and_messages_stop_at_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ros_storage, "_LARGEST", 10)
    for name, how in FORMATS:
        path = write(tmp_path / f"{len(list(tmp_path.iterdir()))}{name}", *images(1), **how)
        if not how or "plugin" in how:
            continue
        with pytest.raises(InputError, match="more than 10 bytes"), opened_bag(path) as bag:
            list(bag.messages(bag.topics))


def changed(folder: Path, **values: Any) -> None:
    file = folder / "metadata.yaml"
    content = yaml.safe_load(file.read_text())
    content["rosbag2_bagfile_information"] |= values
    file.write_text(yaml.safe_dump(content))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"relative_file_paths": ["other.db3"]}, "does not exist"),
        ({"relative_file_paths": [".."]}, "outside of"),
        ({"relative_file_paths": ["link.db3"]}, "outside of"),
        ({"relative_file_paths": 7}, "metadata"),
        ({"compression_mode": "FILE", "compression_format": "zstd"}, "compressed as whole files"),
        ({"storage_identifier": "tape"}, "tape"),
        ({"version": 99}, "99"),
        ({"topics_with_message_count": [{}]}, "missing"),
    ],
)
def test_metadata_that_leads_elsewhere_is_refused(tmp_path: Path, values: dict[str, Any], words: str) -> None:
    folder = write(tmp_path / "folder", *images(1))
    (tmp_path / "secret.db3").write_bytes(b"x")
    (folder / "link.db3").symlink_to(tmp_path / "secret.db3")
    changed(folder, **values)
    with pytest.raises(InputError, match=words), opened_bag(folder):
        pass


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[",
        "rosbag2_bagfile_information: 7",
        "a: &a {b: 1}\nrosbag2_bagfile_information: {<<: [*a, *a]}",
        "!!python/object/apply:os.getcwd []",
    ],
)
def test_metadata_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "metadata.yaml").write_text(content)
    with pytest.raises(InputError, match=r"metadata\.yaml"), opened_bag(tmp_path):
        pass


def test_a_folder_is_known_by_its_metadata(tmp_path: Path) -> None:
    assert is_rosbag2(write(tmp_path / "folder", *images(1)))
    (tmp_path / "metadata.yaml").write_text("title: mine")
    assert not is_rosbag2(tmp_path)
    assert not is_rosbag2(tmp_path / "none")
    (tmp_path / "metadata.yaml").unlink()
    os.mkfifo(tmp_path / "metadata.yaml")
    assert not is_rosbag2(tmp_path), "a pipe is never opened"


@pytest.mark.parametrize("sign", "?#%")
def test_a_name_that_sqlite_cannot_open_is_told(tmp_path: Path, sign: str) -> None:
    write(tmp_path / "a.db3", *images(1)).rename(tmp_path / f"run{sign}3.db3")
    with pytest.raises(InputError, match="rename it"), opened_bag(tmp_path / f"run{sign}3.db3"):
        pass
    write(tmp_path / "a.mcap", *images(1)).rename(tmp_path / f"run{sign}3.mcap")
    with opened_bag(tmp_path / f"run{sign}3.mcap") as bag:
        assert len(bag.topics) == 1


def test_without_rosbags_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name.startswith("rosbags"):
            raise ImportError(name)
        return original(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DependencyError, match=r"theodolite\[ros\]"), opened_bag(tmp_path / "a.bag"):
        pass
