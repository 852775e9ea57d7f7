from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from ingest.refusals import refused

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


class Entry(os.PathLike):
    def __fspath__(self):
        return "shot_9.JPG"

    __str__ = __fspath__


@pytest.mark.parametrize(
    ("path", "frames_are", "expected"),
    [
        ("shot_1.png", "items", {"shot_1": ["shot_1.png"]}),
        (Entry(), "items", {"shot_9": ["shot_9.JPG"]}),
        ("../drive.MP4", "items", {"drive": ["drive.MP4"]}),
        (["shot_9.JPG", Path("shot_1.png")], "items", {"shot_9": ["shot_9.JPG", "shot_1.png"]}),
        (".", "items", {"shot_1": ["shot_1.png"], "shot_9": ["shot_9.JPG"], "shot_10": ["shot_10.png"]}),
        ("../photos", "scene", {"photos": ["shot_1.png", "shot_9.JPG", "shot_10.png"]}),
        (".", "scene", {"photos": ["shot_1.png", "shot_9.JPG", "shot_10.png"]}),
    ],
)
def test_paths_become_items(folder, monkeypatch, path, frames_are, expected):
    monkeypatch.chdir(folder)
    (folder.parent / "drive.MP4").write_bytes(b"x")
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
        ("note.txt", "not named like an image, a video, a manifest or an archive"),
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


def test_what_cannot_be_read_becomes_a_bad_item_in_its_place(folder):
    for name in ("shot_2.dng", "shot_3.jxl", "shot_1.npy", "walk.mov", "shot_5"):
        (folder / name).write_bytes(b"\xff\xd8\xff\xe0" + bytes(40))
    items = list(expand_input(folder))
    names = ["shot_1.npy", "shot_1.png", "shot_2.dng", "shot_3.jxl", "shot_5", "shot_9", "shot_10", "walk.mov"]
    assert ids(items) == names
    assert [item.id for item in items if isinstance(item, BadItem)] == [names[at] for at in (0, 2, 3, 7)]
    assert all(item.reason.startswith(str(folder)) for item in items if isinstance(item, BadItem))


def test_depth_in_the_folder_of_its_images_is_not_a_picture_of_its_own(folder):
    for name in ("shot_1.npy", "shot_9.npy", "shot_10.npy"):
        np.save(folder / name, np.ones((2, 2)))
    assert [item.depth[0].name for item in expand_input(folder, depth=folder)] == [
        "shot_1.npy",
        "shot_9.npy",
        "shot_10.npy",
    ]
    depth = [folder / f"shot_{number}.npy" for number in (1, 9, 10)]
    (scene,) = expand_input(folder, frames_are="scene", depth=depth)
    assert len(scene.frames) == 3


@pytest.mark.parametrize("name", ["x.dng", "x.heif2", "x.jxl", "x.psd", "x.nef", "x.svg", "x.hdr"])
def test_a_scene_never_lacks_a_frame(folder, name):
    (folder / name).write_bytes(b"x")
    (scene,) = expand_input(folder, frames_are="scene")
    if name == "x.heif2":
        assert len(scene.frames) == 3
    else:
        assert isinstance(scene, BadItem)
        assert f"would lack a frame: {folder / name}" in scene.reason


@pytest.mark.parametrize(
    ("pattern", "frames_are", "expected"),
    [
        ("photos/*.png", "items", {"shot_1": ["shot_1.png"], "shot_10": ["shot_10.png"]}),
        ("photos/shot_[19].*", "items", {"shot_1": ["shot_1.png"], "shot_9": ["shot_9.JPG"]}),
        ("photos/shot_?.JPG", "items", {"shot_9": ["shot_9.JPG"]}),
        ("photos/*_1*", "scene", {"photos": ["shot_1.png", "shot_10.png"]}),
        (["photos/s*.png", "photos/shot_9.JPG"], "items", {"shot_1": ["shot_1.png", "shot_10.png", "shot_9.JPG"]}),
        ("*/shot_1.png", "items", {"other/shot_1.png": ["shot_1.png"], "photos/shot_1.png": ["shot_1.png"]}),
        ("*/*_1.png", "scene", {"WHOLE": ["shot_1.png", "shot_1.png"]}),
        ("phot*", "items", {"shot_1": ["shot_1.png"], "shot_9": ["shot_9.JPG"], "shot_10": ["shot_10.png"]}),
        ("photos/[x].png", "items", {"[x]": ["[x].png"]}),
        ("*.mp4", "items", {"one": ["one.mp4"], "two": ["two.mp4"]}),
    ],
)
def test_wildcards_stand_for_the_files_of_a_folder(folder, image, monkeypatch, pattern, frames_are, expected):
    monkeypatch.chdir(folder.parent)
    image("other/shot_1.png")
    if pattern == "photos/[x].png":
        image("photos/[x].png")
        image("photos/x.png")
    for name in ("one.mp4", "two.mp4"):
        Path(name).write_bytes(b"x")
    items = list(expand_input(pattern, frames_are=frames_are))
    named = {key.replace("WHOLE", folder.parent.name): frames for key, frames in expected.items()}
    assert [(item.id, [frame.name for frame in item.frames]) for item in items] == list(named.items())


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("photos/*.gif", "matches no file"),
        ("none/*.png", "matches no file"),
        (["photos/*.gif", "photos/shot_1.png"], "matches no file"),
        (["photos/*"], "no refusal"),
        ("photos/[mn]o*", "The wildcard matches no images, only more.png/, notes.txt"),
        (["photos/shot_1.png", "photos/n*"], "notes.txt is not an image; a list must"),
    ],
)
def test_a_wildcard_that_gives_no_images_is_refused(folder, monkeypatch, pattern, words):
    monkeypatch.chdir(folder.parent)
    if words == "no refusal":
        assert len(list(expand_input(pattern))) == 3
    else:
        refused(words, expand_input, pattern)


def test_ids_stay_unique_where_a_stem_is_the_name_of_another_file(folder, image):
    image("photos/a.jpg.png")
    image("photos/a.jpg")
    found = ids(expand_input(folder))
    assert sorted(found) == sorted({"a", "a.jpg.png", "shot_1", "shot_9", "shot_10"})


@pytest.mark.parametrize(
    ("inputs", "depth"),
    [
        (["a/rgb.png", "b/rgb.png"], "depth"),
        ("m.jsonl", "depth"),
        (["a/rgb.png", "b/rgb.png"], "depth/rgb.npy"),
        (["a/rgb.png", "b/rgb.png"], ["depth/rgb.npy", "depth/rgb.npy"]),
        ("clip.mp4", ["depth/rgb.npy", "depth/rgb.npy"]),
        ("own.jsonl", None),
        ("twice.jsonl", None),
        ("twice.csv", None),
    ],
)
def test_one_depth_file_for_many_frames_is_refused_wherever_it_is_given(tmp_path, image, monkeypatch, inputs, depth):
    monkeypatch.chdir(tmp_path)
    for name in ("a/rgb.png", "b/rgb.png"):
        image(name)
    (tmp_path / "depth").mkdir()
    np.save("depth/rgb.npy", np.ones((2, 2)))
    Path("clip.mp4").write_bytes(b"x")
    Path("m.jsonl").write_text('{"frames": "a/rgb.png"}\n{"frames": "b/rgb.png"}\n')
    Path("own.jsonl").write_text('{"frames": ["a/rgb.png", "b/rgb.png"], "depth": "depth/rgb.npy"}\n')
    Path("twice.jsonl").write_text(
        '{"frames": ["a/rgb.png", "b/rgb.png"], "depth": ["depth/rgb.npy", "depth/rgb.npy"]}\n'
    )
    Path("twice.csv").write_text("frames,depth\na/rgb.png;b/rgb.png,depth/rgb.npy;depth/rgb.npy\n")
    try:
        last = list(expand_input(inputs, depth=depth))[-1]
    except InputError as error:
        reason = str(error)
    else:
        assert isinstance(last, BadItem)
        reason = last.reason
    assert any(words in reason for words in ("would be the depth of both", "1 given for 2", "one depth map belongs"))
    assert "\n" not in reason


def test_depth_listed_for_one_image_and_named_like_another_is_refused(image, tmp_path):
    images = [image(f"{number}.png") for number in (1, 2)]
    for number in (1, 2, 3):
        np.save(tmp_path / f"{number}.npy", np.ones((24, 32)))
    listed = [tmp_path / "2.npy", tmp_path / "3.npy"]
    with pytest.raises(InputError, match="named like another image"):
        list(expand_input(images, depth=listed))
    assert len(list(expand_input(images, depth=[tmp_path / "1.npy", tmp_path / "3.npy"]))) == 1
