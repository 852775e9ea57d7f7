from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from ingest.refusals import refused

from pipeline.ingest.expand import expand_input
from pipeline.ingest.item import BadItem


@pytest.fixture
def folder(tmp_path, image):
    for name in ("shot_10.png", "shot_9.JPG", "shot_1.png", "._shot_2.png"):
        image(f"photos/{name}")
    (tmp_path / "photos" / "notes.txt").write_text("x")
    (tmp_path / "photos" / "more.png").mkdir()
    return tmp_path / "photos"


def ids(items):
    return [item.id for item in items]


class Entry(os.PathLike):
    def __fspath__(self):
        return "shot_9.JPG"

    __str__ = __fspath__


@pytest.mark.parametrize(
    ("path", "frames_are", "expected"),
    [
        ("shot_1.png", "items", {"shot_1": ["shot_1.png"]}),
        (Entry(), "items", {"shot_9": ["shot_9.JPG"]}),
        ("drive.MP4", "items", {"drive": ["drive.MP4"]}),
        (["shot_9.JPG", Path("shot_1.png")], "items", {"shot_9": ["shot_9.JPG", "shot_1.png"]}),
        (".", "items", {"shot_1": ["shot_1.png"], "shot_9": ["shot_9.JPG"], "shot_10": ["shot_10.png"]}),
        ("../photos", "scene", {"photos": ["shot_1.png", "shot_9.JPG", "shot_10.png"]}),
        (".", "scene", {"photos": ["shot_1.png", "shot_9.JPG", "shot_10.png"]}),
    ],
)
def test_paths_become_items(folder, monkeypatch, path, frames_are, expected):
    monkeypatch.chdir(folder)
    (folder / "drive.MP4").write_bytes(b"x")
    items = expand_input(path, frames_are=frames_are)
    assert [(item.id, [frame.name for frame in item.frames]) for item in items] == list(expected.items())


def test_ids_of_a_folder_are_unique_and_printable(folder, image):
    image("photos/shot_1.bmp")
    (folder / os.fsdecode(b"a\xff\n.png")).write_bytes(b"x")
    assert ids(expand_input(folder)) == [r"a\udcff\n", "shot_1.bmp", "shot_1.png", "shot_9", "shot_10"]


def test_a_manifest_is_expanded_with_the_defaults(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text('{"id": "a", "frames": "x.jpg", "question": "own"}\n{"id": "b", "frames": "x.jpg"}\nbad\n')
    first, second, bad = expand_input(path, defaults={"question": "default", "depth_kind": "metric"})
    assert (first.questions, second.questions) == (("own",), ("default",))
    assert isinstance(bad, BadItem)


def test_depth_files_go_to_the_frames_of_a_single_item(folder, tmp_path):
    depth = [tmp_path / f"{number}.npy" for number in range(3)]
    for path in depth:
        np.save(path, np.ones((2, 2)))
    (item,) = expand_input(folder, frames_are="scene", depth=depth)
    assert list(item.depth) == depth
    refused("1 given for 3 frames", expand_input, folder, frames_are="scene", depth=depth[0])
    refused("give their depth as a folder", expand_input, folder, depth=depth[0])


def test_a_folder_of_depth_is_matched_by_name(folder, tmp_path):
    (tmp_path / "depth").mkdir()
    for name in ("shot_1.npy", "shot_9.npy", "shot_9.npz", "other.npy"):
        (tmp_path / "depth" / name).write_bytes(b"x")
    matched, twice, none = expand_input(folder, depth=tmp_path / "depth")
    assert matched.depth == (tmp_path / "depth" / "shot_1.npy",)
    assert "2 files named shot_9.*" in twice.reason
    assert "0 files named shot_10.*" in none.reason


def test_a_folder_of_depth_serves_the_lines_of_a_manifest_that_name_none(tmp_path):
    (tmp_path / "depth").mkdir()
    (tmp_path / "depth" / "x.npy").write_bytes(b"x")
    path = tmp_path / "m.jsonl"
    path.write_text('{"id": "a", "frames": "x.jpg", "depth": "own.npy"}\n{"id": "b", "frames": "x.jpg"}\n')
    own, matched = expand_input(path, depth=tmp_path / "depth")
    assert own.depth == (tmp_path / "own.npy",)
    assert matched.depth == (tmp_path / "depth" / "x.npy",)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("kitchne.png", r"kitchne\.png does not exist; did you mean 'kitchen\.png'"),
        ("zzzzz.png", r"zzzzz\.png does not exist\.$"),
        ("note.txt", "not named like an image, a video or a manifest"),
        ("empty", "contains no images"),
        (["kitchen.png", "note.txt"], "is not an image; a list must contain"),
        (["kitchen.png", "empty"], "is not an image; a list must contain"),
        ([], "must be a path or a list of paths"),
        ("", "must be a path"),
    ],
)
def test_an_input_that_cannot_be_expanded_is_refused_at_once(tmp_path, image, monkeypatch, path, words):
    monkeypatch.chdir(tmp_path)
    image("kitchen.png")
    (tmp_path / "note.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    error = refused(words, expand_input, path)
    assert str(tmp_path) in error or not (isinstance(path, str) and path)
