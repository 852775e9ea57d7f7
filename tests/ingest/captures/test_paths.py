from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.ingest.captures.paths import capture_names, captures_among, is_capture
from pipeline.ingest.expand import choose, count_input, expand_input, holds_many
from pipeline.records.errors import InputError


def polycam(folder: Path) -> Path:
    """A folder that looks like raw data of Polycam."""
    for part in ("images", "cameras", "depth"):
        (folder / "keyframes" / part).mkdir(parents=True)
    (folder / "keyframes" / "cameras" / "1.json").write_text("{}")
    return folder


def test_a_capture_is_itself_and_a_folder_without_images_its_captures(tmp_path):
    second, tenth = polycam(tmp_path / "scan 2"), polycam(tmp_path / "scan 10")
    (tmp_path / "notes.txt").write_text("two scans")
    assert captures_among([second]) == [second]
    assert captures_among([tmp_path]) == [second, tenth]
    assert captures_among([second, tenth]) == [second, tenth]


def test_a_folder_of_images_is_no_folder_of_captures(tmp_path):
    polycam(tmp_path / "scan")
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "photo.png")
    assert captures_among([tmp_path]) == []
    assert captures_among([tmp_path / "scan", tmp_path / "photo.png"]) == []


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.r3d", b"", True),
        ("a.bag", b"", True),
        ("a.mkv", b"", False),
        ("a.json", b"{}", False),
        ("a.png", b"", False),
    ],
)
def test_suffixes_tell_captures_but_json_and_videos_must_be_one(tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)
    assert is_capture(tmp_path / name) is expected


def test_names_are_short_and_unique(tmp_path):
    files = [tmp_path / name for name in ("a.bag", "a.mcap", "b.r3d")]
    assert list(capture_names(files)) == ["a.bag", "a.mcap", "b"]


def test_input_counts_and_names_captures(tmp_path):
    polycam(tmp_path / "one")
    polycam(tmp_path / "two")
    assert [item.id for item in expand_input(tmp_path)] == ["one", "two"]
    assert count_input(tmp_path, frames_are="items") == 2 and holds_many(choose(tmp_path), "items")
    assert [item.id for item in expand_input(tmp_path / "one")] == ["one"]
    assert count_input(tmp_path / "one", frames_are="items") == 1 and not holds_many(choose(tmp_path / "one"), "items")
    assert [item.id for item in expand_input(str(tmp_path / "*"))] == ["one", "two"]
    with pytest.raises(InputError, match="not an image"):
        expand_input([tmp_path / "one", tmp_path / "two"])
