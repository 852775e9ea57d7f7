from __future__ import annotations

import os
from pathlib import Path

import pytest
from ingest.refusals import refused
from PIL import Image

from pipeline.ingest.files import IMAGE_SUFFIXES
from pipeline.ingest.folder import is_wildcard, looks_like_image, matches, sort_entries, what_to_do


def write(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("pil_format", ["JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP", "PPM"])
@pytest.mark.parametrize("name", ["noending", "IMG_0001.JPG_large", "photo.bak"])
def test_an_image_without_a_known_suffix_is_told_by_its_first_bytes(tmp_path, name, pil_format):
    Image.new("RGB", (5, 4)).save(tmp_path / name, format=pil_format)
    assert looks_like_image(tmp_path / name)
    assert sort_entries([tmp_path / name]).images == [tmp_path / name]


@pytest.mark.parametrize(
    "content",
    [
        b"BMW is a maker of cars, and this a note about it",
        b"P5 is a name of a format\n"[1:],
        b"RIFF\0\0\0\0WAVEfmt ",
        b"GIF8",
        b"\x89PNG",
        b"\0\0\0\x20ftypisom\0\0\0\0",
        b"%PDF-1.7",
        b"",
    ],
)
def test_other_files_without_a_known_suffix_are_no_images(tmp_path, content):
    assert not looks_like_image(write(tmp_path / "file", content))


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1", b"avif"])
def test_heif_without_a_suffix_is_an_image_where_it_is_read(tmp_path, brand):
    path = write(tmp_path / "file", b"\0\0\0\x18ftyp" + brand + bytes(12))
    assert looks_like_image(path) is ((".avif" if brand == b"avif" else ".heic") in IMAGE_SUFFIXES)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.dng", "is a raw photo"),
        ("a.CR2", "is a raw photo"),
        ("a.nef", "is a raw photo"),
        ("a.arw", "is a raw photo"),
        ("a.jxl", "is a .jxl file, which is not read; convert it"),
        ("a.svg", "convert it"),
        ("a.psd", "convert it"),
        ("a.jp2", "convert it"),
        ("a.hdr", "holds radiance"),
        ("a.exr", "give depth as input.depth"),
        ("a.npy", "give depth as input.depth"),
        ("a.pfm", "give depth as input.depth"),
        ("a.mov", "is a video among images"),
    ],
)
def test_a_picture_that_is_not_read_keeps_its_place_with_what_to_do(tmp_path, name, words):
    # A TIFF in all but name, as raw photos are.
    unread = write(tmp_path / name, b"II*\0" + bytes(60))
    before, after = write(tmp_path / "0.png"), write(tmp_path / "b.png")
    entries = sort_entries([after, unread, before])
    assert [path for path, _ in entries.pictures] == [before, unread, after]
    assert entries.images == [before, after]
    (reason,) = entries.reasons
    assert words in reason
    assert reason.startswith(str(unread))
    assert words in what_to_do(unread)


@pytest.mark.parametrize(
    "name", ["notes.txt", "photo.json", "photo.xmp", "Thumbs.db", "manifest.jsonl", "cloud.ply", "photo.AAE", "x.pdf"]
)
def test_other_files_are_others(tmp_path, name):
    entries = sort_entries([write(tmp_path / name), write(tmp_path / "a.png")])
    assert (entries.images, entries.others) == ([tmp_path / "a.png"], (tmp_path / name,))
    assert what_to_do(tmp_path / name) is None


def test_hidden_files_are_left_out_and_folders_are_others(tmp_path):
    (tmp_path / "sub.png").mkdir()
    paths = [write(tmp_path / ".hidden.dng"), write(tmp_path / "._a.png"), tmp_path / "sub.png"]
    entries = sort_entries(paths)
    assert (entries.pictures, entries.others) == ((), (tmp_path / "sub.png",))


def test_a_pipe_is_not_opened_and_a_broken_link_is_not_lost(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link.png").symlink_to(tmp_path / "nothing.png")
    entries = sort_entries([tmp_path / "pipe", tmp_path / "link.png"])
    assert (entries.images, entries.others) == ([tmp_path / "link.png"], (tmp_path / "pipe",))


def test_videos_and_depth_in_the_folder_of_a_scene_are_no_frames(tmp_path):
    paths = [write(tmp_path / name) for name in ("a.png", "b.mp4", "c.npy", "d.dng")]
    scene = sort_entries(paths, scene=True)
    assert (scene.images, len(scene.reasons), [path.name for path in scene.others]) == (
        paths[:1],
        1,
        ["b.mp4", "c.npy"],
    )
    assert sort_entries(paths, chosen=True).images == paths[:2]
    assert sort_entries(paths, is_depth=lambda path: path.suffix == ".npy").reasons == [
        f"{paths[1]} is a video among images; give it as an input of its own.",
        f"{paths[3]} is a raw photo, which is not read; export it as JPEG, PNG or TIFF.",
    ]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("photos/*.jpg", ["p2.jpg", "p10.jpg"]),
        ("photos/p?.*", ["p2.jpg", "p2.png"]),
        ("photos/p[13]*", ["p10.jpg"]),
        ("*/p2.png", ["p2.png"]),
        ("**/*.png", ["p2.png", "deep.png"]),
        ("photos/**/d*.png", ["deep.png"]),
    ],
)
def test_a_wildcard_matches_in_natural_order(tmp_path, monkeypatch, pattern, expected):
    monkeypatch.chdir(tmp_path)
    for name in ("p10.jpg", "p2.jpg", "p2.png", ".hidden.jpg", "sub/deep.png"):
        write(tmp_path / "photos" / name)
    assert is_wildcard(pattern)
    found = matches(pattern)
    assert [path.name for path in found] == expected
    assert all(path.is_absolute() for path in found)


def test_a_wildcard_without_a_match_is_refused_and_a_name_with_its_characters_is_none(tmp_path):
    refused(r"z\*\.jpg matches no file", matches, tmp_path / "z*.jpg")
    for name in ("a[1].jpg", "what?.jpg", "*.jpg"):
        assert not is_wildcard(write(tmp_path / name))
    assert not is_wildcard("plain.jpg")
    assert is_wildcard("b[1].jpg")
