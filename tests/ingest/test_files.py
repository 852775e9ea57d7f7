from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.ingest.files import (
    check_keys,
    decoding,
    existing_file,
    existing_path,
    is_image,
    natural_key,
    one_line,
    printable,
    with_absolute_paths,
)
from pipeline.records.errors import DependencyError, InputError


def test_numbers_in_names_are_sorted_by_value():
    names = ["frame_10.png", "frame_9.png", "Frame_1.png", "a.png", "10.png", "9.png", "帧2.png"]
    ordered = sorted((Path(name) for name in names), key=natural_key)
    assert [path.name for path in ordered] == [
        "9.png",
        "10.png",
        "a.png",
        "Frame_1.png",
        "frame_9.png",
        "frame_10.png",
        "帧2.png",
    ]


@pytest.mark.parametrize("name", ["a.jpg", "IMG_0001.HEIC", "a.heif", "a.hif", "a.avif", "a.MPO", "a.tif"])
def test_photos_of_phones_are_images(name):
    assert is_image(Path(name))
    assert not is_image(Path(name + ".txt"))


def test_an_error_is_brought_to_one_line():
    assert one_line(ValueError("first\n  second.")) == "first second"
    assert one_line(KeyError()) == "KeyError"


def test_an_unknown_key_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match=r"It has an unknown key 'dpeth'; known keys: depth, id; did you mean 'depth'"):
        check_keys(["id", "dpeth"], {"id", "depth"}, "It")


def test_whatever_a_decoder_raises_becomes_an_input_error():
    with (
        pytest.raises(InputError, match=r"a\.png cannot be read as an image \(bad chunk\)"),
        decoding(Path("a.png"), "an image"),
    ):
        raise SyntaxError("bad\nchunk")


def test_a_missing_package_is_not_taken_for_a_damaged_file():
    with pytest.raises(DependencyError, match="missing"), decoding(Path("a.exr"), "a depth file"):
        raise ImportError("No module named 'OpenEXR'")


def test_a_missing_file_is_answered_with_a_name_that_is_like_it(tmp_path):
    for name in ("color.png", "claims.json", "photo.jpg"):
        (tmp_path / name).write_bytes(b"x")
    for name, known in (("colour.png", "color.png"), ("photo.png", "photo.jpg"), ("claim.json", "claims.json")):
        with pytest.raises(InputError, match=f"did you mean '{known}'"):
            existing_path(tmp_path / name)
    for name in ("nofile.png", "x.json", "depth.jpg"):
        with pytest.raises(InputError, match=r"does not exist\.$"):
            existing_path(tmp_path / name)


def test_paths_are_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    assert existing_file("a.txt", "a file") == tmp_path / "a.txt"


def test_a_pipe_or_a_device_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", "/dev/zero"):
        with pytest.raises(InputError, match="is a pipe or a device, but an image is needed"):
            existing_file(path, "an image")


def test_a_name_becomes_one_line_of_valid_text():
    assert printable("café 1.jpg") == "café 1.jpg"
    escaped = printable(os.fsdecode(b"caf\xe9\n\x1b.jpg"))
    assert escaped == r"caf\udce9\n\x1b.jpg"
    assert escaped.encode().decode() == escaped


def test_only_paths_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert with_absolute_paths(["calib.txt", [[1, 0], "[1, 0]"], None]) == [
        tmp_path / "calib.txt",
        [[1, 0], "[1, 0]"],
        None,
    ]
    assert with_absolute_paths(tmp_path / "calib.txt") == tmp_path / "calib.txt"
