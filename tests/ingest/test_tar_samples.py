from __future__ import annotations

import tarfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from ingest.tars import QUESTION, array, depth_png, image, special, write_tar

from pipeline.ingest.expand import count_input, expand_input
from pipeline.ingest.item import BadItem, Item, TarItem
from pipeline.ingest.tar_samples import expanded, tar_items
from pipeline.records.errors import InputError

BOX = {"label": "cup", "box_px": [1, 1, 20, 20]}
CLAIM = {"relation": "left_of", "subject": "cup", "object": "cup"}


def items(path: Any, **defaults: Any) -> list[Item | BadItem]:
    return list(expand_input(path, defaults=defaults))


def one(tmp_path: Path, members: dict[str, Any], **defaults: Any) -> Item | BadItem:
    (item,) = items(write_tar(tmp_path / "shard-000.tar", members), **defaults)
    return item


def test_consecutive_members_of_a_key_are_one_item(tmp_path: Path) -> None:
    camera = {"fx": 40, "fy": 40, "cx": 20, "cy": 15}
    tar = write_tar(
        tmp_path / "shard.tar",
        {
            "a.jpg": image(),
            "a.json": {**QUESTION, "claims": [CLAIM], "regions": [BOX], "camera": camera},
            "__meta__/x.json": b"{",
            "dir.v1/b.txt": b"Is it left?",
            "dir.v1/b.webp": image(suffix="webp"),
            "c.PNG": image(suffix="png"),
            "README": b"no sample",
            ".hidden": b"no sample",
        },
    )
    first, second, third = items(tar)
    assert isinstance(first, TarItem) and isinstance(second, TarItem) and isinstance(third, TarItem)
    assert [first.id, second.id, third.id] == ["a", "dir.v1/b", "c"]
    assert first.questions == ("Where is the cup?",) and second.questions == ("Is it left?",)
    assert first.frames == (tar / "a.jpg",) and first.camera == camera and len(first.regions) == 1
    assert second.frames == (tar / "dir.v1/b.webp",) and third.frames == (tar / "c.PNG",)
    assert count_input(tar, frames_are="items") is None


def test_depth_and_further_frames_have_names_that_say_so(tmp_path: Path) -> None:
    item = one(
        tmp_path,
        {
            **{"a.10.jpg": image(), "a.9.jpg": image(), "a.9.depth.npy": array(), "a.10.depth.npy": array()},
            "a.json": {"timestamps_s": [0.5, 1.5]},
        },
    )
    assert isinstance(item, Item)
    assert [path.name for path in item.frames] == ["a.9.jpg", "a.10.jpg"]
    assert [path.name for path in item.depth] == ["a.9.depth.npy", "a.10.depth.npy"]
    for name, data in (("depth.png", depth_png()), ("npy", array()), ("depth.tiff", b"x"), ("exr", b"x")):
        item = one(tmp_path, {"a.jpg": image(), f"a.{name}": data})
        assert isinstance(item, Item) and [path.name for path in item.depth] == [f"a.{name}"]


def test_defaults_fill_what_a_sample_does_not_say(tmp_path: Path) -> None:
    item = one(tmp_path, {"a.jpg": image(), "a.json": {"depth_scale": 0.5}}, question="Default?", depth_scale=0.001)
    assert isinstance(item, Item) and item.questions == ("Default?",) and item.depth_scale == 0.5


def test_json_of_other_tools_is_not_read_and_a_mistyped_key_is_an_error(tmp_path: Path) -> None:
    other = {"url": "https://example.com/a.jpg", "caption": "A cup", "width": 3, "exif": "{}"}
    assert isinstance(one(tmp_path, {"a.jpg": image(), "a.json": other}), Item)
    wrong = one(tmp_path, {"a.jpg": image(), "a.json": {**QUESTION, "depth_scle": 1}})
    assert (
        isinstance(wrong, BadItem) and "'depth_scle'" in wrong.reason and "did you mean 'depth_scale'" in wrong.reason
    )


@pytest.mark.parametrize(
    "members, said",
    [
        ({"a.json": QUESTION}, "no image"),
        ({"a.jpg": image(), "a.png": image(suffix="png")}, "of one frame"),
        ({"a.jpg": image(), "a.npy": array(), "a.depth.npy": array()}, "of one frame"),
        ({"a.0.jpg": image(), "a.depth.npy": array()}, "not of the same frames"),
        ({"a.0.jpg": image(), "a.1.jpg": image(), "a.0.depth.npy": array()}, "not of the same frames"),
        ({"a.jpg": b""}, "is empty"),
        ({"a.jpg": image(), "a.JPG": image()}, "two members"),
        ({"a.jpg": image(), "a.json": b"{"}, "json cannot be read"),
        ({"a.jpg": image(), "a.json": b"[" * 100_000}, "json cannot be read"),
        ({"a.jpg": image(), "a.json": [1]}, "must be an object"),
        ({"a.jpg": image(), "a.txt": b"\xff\xfe\x00"}, "not encoded as UTF-8"),
        ({"a.jpg": image(), "a.txt": b"x" * 70_000}, "has 70000 bytes, more than 65536"),
        ({"a.jpg": image(), "a.txt": b"x", "a.json": QUESTION}, "give it once"),
        ({"a.jpg": image(), "a.json": {"frames": "/etc/passwd"}}, "json has frames"),
        ({"a.jpg": image(), "a.json": {"depth": ["../d.png"], "question": "x"}}, "json has depth"),
        ({"a.jpg": image(), "a.json": {"claims": "/etc/passwd"}}, "names a file as claims"),
        ({"a.jpg": image(), "a.json": {"lidar_to_camera": "calib.txt"}}, "names a file as lidar_to_camera"),
        ({"a.jpg": image(), "a.json": {"lidar_to_camera": ["calib.txt"]}}, "names a file as lidar_to_camera"),
        ({"a.jpg": image(), "a.json": {"regions": [{"label": "a", "mask": "/etc/x.png"}]}}, "names a file as a mask"),
        ({"a.jpg": image(), "a.json": {"regions": {"label": "a", "mask": "x.png"}}}, "names a file as a mask"),
        ({"a.jpg": image(), "a.json": {"camera": {"fx": -1}}}, "camera"),
        ({"l": special("a.jpg", tarfile.SYMTYPE), "a.txt": b"Where?"}, "a.jpg: it is a link"),
        ({"a.txt": b"Where?", "l": special("a.jpg", tarfile.LNKTYPE, "a.txt")}, "a.jpg: it is a link"),
        ({"/tmp/a.jpg": image()}, "leads out of the archive"),
        ({"../a.jpg": image()}, "leads out of the archive"),
        ({**{f"a.{number}.jpg": b"x" for number in range(300)}}, "more than 256 members"),
    ],
)
def test_a_bad_sample_is_told_and_the_next_one_is_read(tmp_path: Path, members: dict[str, Any], said: str) -> None:
    tar = write_tar(tmp_path / "shard-000.tar", {**members, "next.jpg": image()})
    bad, good = items(tar)
    assert isinstance(bad, BadItem) and said in bad.reason and "\n" not in bad.reason and bad.reason.endswith(".")
    assert isinstance(good, Item) and good.id == "next"


def test_members_too_large_to_decode_are_told_without_reading_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.ingest.tar_samples._MOST_IMAGE_BYTES", 100)
    item = one(tmp_path, {"a.jpg": image()})
    assert isinstance(item, BadItem) and "more than 100" in item.reason


def test_a_key_that_comes_back_is_told_so_that_no_result_stands_for_two(tmp_path: Path) -> None:
    first, second, third = items(
        write_tar(tmp_path / "a.tar", {"a.jpg": image(), "b.jpg": image(), "a.json": QUESTION})
    )
    assert isinstance(first, Item) and isinstance(second, Item)
    assert isinstance(third, BadItem) and "sort the archive by name" in third.reason


def test_ids_given_in_json_are_unique_over_all_archives(tmp_path: Path) -> None:
    tars = [
        write_tar(tmp_path / f"{n}.tar", {"x.jpg": image(), "x.json": {"id": "same", **QUESTION}}) for n in range(2)
    ]
    first, second = items(tars)
    assert first.id == "same" and isinstance(second, BadItem) and "another has" in second.reason


@pytest.mark.parametrize("typed", ["list", "shards-*.tar", "shards-{008..010}.tar", "shards-0{08,09,10}.tar"])
def test_several_archives_are_one_input_in_order(tmp_path: Path, typed: str) -> None:
    tars = [write_tar(tmp_path / f"shards-{n:03}.tar", {"0.jpg": image(), "1.jpg": image()}) for n in (8, 9, 10)]
    path: Any = [str(tar) for tar in tars] if typed == "list" else str(tmp_path / typed)
    expected = [f"shards-{n:03}/{key}" for n in (8, 9, 10) for key in (0, 1)]
    assert [item.id for item in items(path)] == expected


def test_archives_of_one_name_are_told_apart_by_their_folder(tmp_path: Path) -> None:
    tars = [write_tar(tmp_path / folder / "s.tar", {"0.jpg": image()}) for folder in ("a", "b")]
    assert [item.id for item in items(tars)] == ["a/s/0", "b/s/0"]


@pytest.mark.parametrize("cut", [10, 512 + 10, 1500, 1536 + 10, 2600])
def test_an_archive_that_breaks_off_is_told_and_the_next_one_is_read(tmp_path: Path, cut: int) -> None:
    good = write_tar(tmp_path / "b.tar", {"0.jpg": image()})
    bad = write_tar(tmp_path / "a.tar", {"0.jpg": image(), "0.json": QUESTION, "1.jpg": image()})
    bad.write_bytes(bad.read_bytes()[:cut])
    found = items([bad, good])
    assert isinstance(found[-2], BadItem) and ("cut off" in found[-2].reason or "truncated" in found[-2].reason)
    assert isinstance(found[-1], Item) and found[-1].id == "b/0"


def test_a_sample_before_a_damaged_header_is_not_taken_for_whole(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "a.tar", {"0.jpg": image(), "0.json": QUESTION})
    data = bytearray(tar.read_bytes())
    data[data.index(b"0.json")] ^= 1
    tar.write_bytes(bytes(data))
    (item,) = items(tar)
    assert isinstance(item, BadItem) and item.id == "a/0" and "are lost" in item.reason


def test_a_compressed_or_missing_archive_is_refused_at_once(tmp_path: Path) -> None:
    for name in ("a.tar.gz", "a.tgz", "a.tar.zst"):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(InputError, match="unpack it to a plain"):
            items(tmp_path / name)
    with pytest.raises(InputError, match="does not exist"):
        items(str(tmp_path / "a-{0..1}.tar"))
    write_tar(tmp_path / "a.tar", {"0.jpg": image()})
    (tmp_path / "b.jpg").write_bytes(image())
    with pytest.raises(InputError, match="archives only"):
        items([tmp_path / "a.tar", tmp_path / "b.jpg"])
    with pytest.raises(InputError, match="many items"):
        list(expand_input(tmp_path / "a.tar", depth=[tmp_path / "b.jpg"]))


def test_members_that_are_not_read_are_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    members = {f"{n}.{suffix}": image() for n in range(3) for suffix in ("jpg", "cls", "seg.png")}
    items(write_tar(tmp_path / "a.tar", members))
    assert sorted(record.getMessage() for record in caplog.records) == [
        "Members .cls of samples are not read.",
        "Members .seg.png of samples are not read.",
    ]


@pytest.mark.parametrize(
    "pattern, names",
    [
        ("a-{3..1}.tar", []),
        ("a-{9..11}.tar", ["a-9.tar", "a-10.tar", "a-11.tar"]),
        ("{a,b}-{0..1}.tar", ["a-0.tar", "a-1.tar", "b-0.tar", "b-1.tar"]),
        ("a{x}.tar", ["a{x}.tar"]),
        ("{000..001}.tar", ["000.tar", "001.tar"]),
    ],
)
def test_braces_count_and_list(pattern: str, names: list[str]) -> None:
    assert expanded(pattern) == names


@pytest.mark.parametrize("pattern", ["{0..999999999}.tar", "{0..999}{0..999}.tar", "{" + "a," * 200_000 + "}.tar"])
def test_braces_that_stand_for_too_many_are_refused(pattern: str) -> None:
    with pytest.raises(InputError, match="more than 100000"):
        expanded(pattern)


def test_items_are_a_stream_and_data_is_not_read(tmp_path: Path) -> None:
    big = bytes(2_000_000)
    tar = write_tar(tmp_path / "a.tar", {f"{number}.jpg": big for number in range(20)})
    tracemalloc.start()
    assert sum(isinstance(item, Item) for item in tar_items([tar], {})) == 20
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
