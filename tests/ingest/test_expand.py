from __future__ import annotations

import os

import numpy as np
import pytest

from pipeline.ingest.expand import expand_input
from pipeline.ingest.item import BadItem
from pipeline.records.errors import InputError


@pytest.fixture
def folder(tmp_path, image):
    for name in ("shot_10.png", "shot_9.JPG", "shot_1.png", "._shot_2.png"):
        image(f"photos/{name}")
    (tmp_path / "photos" / "notes.txt").write_text("x")
    (tmp_path / "photos" / "more.png").mkdir()
    return tmp_path / "photos"


def ids(items):
    return [item.id for item in items]


def test_a_image_is_an_item(image):
    (item,) = expand_input(image("kitchen.png"), defaults={"questions": ["What?"]})
    assert (item.id, item.frames[0].name, item.questions) == ("kitchen", "kitchen.png", ("What?",))


def test_a_list_of_images_is_one_scene_in_the_given_order(image):
    paths = [str(image("b.png")), image("a.png")]
    (item,) = expand_input(paths)
    assert [frame.name for frame in item.frames] == ["b.png", "a.png"]


def test_the_images_of_a_folder_are_items_in_natural_order(folder):
    assert ids(expand_input(folder)) == ["shot_1", "shot_9", "shot_10"]


def test_images_of_the_same_stem_keep_their_suffix_in_the_id(folder, image):
    image("photos/shot_1.bmp")
    assert ids(expand_input(folder)) == ["shot_1.bmp", "shot_1.png", "shot_9", "shot_10"]


def test_the_images_of_a_folder_may_be_the_frames_of_one_scene(folder):
    (item,) = expand_input(folder, frames_are="scene")
    assert item.id == "photos"
    assert [frame.name for frame in item.frames] == ["shot_1.png", "shot_9.JPG", "shot_10.png"]


def test_a_file_name_that_is_no_text_still_gives_an_id(tmp_path, image):
    image("photos/plain.png")
    (tmp_path / "photos" / os.fsdecode(b"a\xff\n.png")).write_bytes(b"x")
    assert sorted(ids(expand_input(tmp_path / "photos"))) == [r"a\udcff\n", "plain"]


def test_the_working_folder_has_a_name(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert ids(expand_input(".", frames_are="scene")) == ["photos"]


def test_a_video_is_an_item(tmp_path):
    (tmp_path / "drive.MP4").write_bytes(b"x")
    (item,) = expand_input(tmp_path / "drive.MP4")
    assert item.is_video


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
    with pytest.raises(InputError, match="1 given for 3 frames"):
        expand_input(folder, frames_are="scene", depth=depth[0])
    with pytest.raises(InputError, match="give their depth as a folder"):
        expand_input(folder, depth=depth[0])


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
        (None, None),
    ],
)
def test_an_input_that_cannot_be_expanded_is_refused_at_once(tmp_path, image, monkeypatch, path, words):
    monkeypatch.chdir(tmp_path)
    image("kitchen.png")
    (tmp_path / "note.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    if words is None:
        with pytest.raises(TypeError):
            expand_input(path)
        return
    with pytest.raises(InputError, match=words) as caught:
        expand_input(path)
    if isinstance(path, str) and path:
        assert str(tmp_path) in str(caught.value)


def test_a_path_object_of_any_kind_is_taken(image):
    class Entry(os.PathLike):
        def __fspath__(self):
            return str(image("kitchen.png"))

        __str__ = __fspath__

    assert ids(expand_input(Entry())) == ["kitchen"]
