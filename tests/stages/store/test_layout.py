from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.store.layout import (
    MARKER,
    STALE_S,
    Name,
    has_output,
    identity_of,
    is_cache,
    is_stale,
    make_folder,
    name_of,
    on_disk,
    remove,
    remove_empty_folders,
    walk,
    walk_old,
)

NAME = name_of("depth", ("model", "pixels"))
PARTS = st.lists(st.text(st.characters(), max_size=8), min_size=1, max_size=4).map(tuple)


def put(root: Path, name: Name = NAME, content: bytes = b"x") -> Path:
    path = root / name.path
    make_folder(root, str(path.parent))
    path.write_bytes(content)
    return path


@given(PARTS, PARTS, st.sampled_from(["depth", "ocr"]), st.sampled_from(["depth", "ocr"]))
def test_equal_keys_and_only_those_have_one_name(
    one: tuple[str, ...], other: tuple[str, ...], stage: str, other_stage: str
) -> None:
    assert (name_of(stage, one) == name_of(other_stage, other)) == ((stage, one) == (other_stage, other))
    assert name_of(stage, one).is_possible


@pytest.mark.parametrize("parts", [("a\0b", "c"), ("a", "b\0c"), ("a\0b\0c",), ("a", "b", "c"), ("a", "b", "c", "")])
def test_the_border_between_parts_counts(parts: tuple[str, ...]) -> None:
    assert name_of("ocr", parts) != name_of("ocr", ("a\0b", "c", ""))


def test_a_key_may_be_huge_and_hold_what_no_file_name_can() -> None:
    name = name_of("vlm", ("../" * 1_000_000, "\ud800/\n" * 100_000))
    assert len(name.path) == 3 + 1 + 16 + 1 + 1 + 1 + 63
    assert set(name.path) <= set("vlm/0123456789abcdef")


@pytest.mark.parametrize("stage", ["", "..", "a/b", "Depth", "vlm2", "_", "a" * 40])
def test_a_stage_must_be_able_to_name_a_folder(stage: str) -> None:
    with pytest.raises(ValueError, match="lower-case"):
        name_of(stage, ("model",))


def test_outputs_of_one_identity_share_a_folder() -> None:
    assert name_of("ocr", ("m", "a")).identity == name_of("ocr", ("m", "b")).identity == identity_of("m")


@pytest.mark.parametrize(
    "name",
    [
        Name("..", NAME.identity, NAME.digest),
        Name("depth", "../../../../../etc", NAME.digest),
        Name("depth", NAME.identity, "../" * 22),
        Name("depth", NAME.identity, NAME.digest[:-1]),
        Name("Depth", NAME.identity, NAME.digest),
        Name("depth/..", NAME.identity, NAME.digest),
    ],
)
def test_no_name_leads_out_of_the_folder(name: Name, tmp_path: Path) -> None:
    assert not name.is_possible
    assert not remove(tmp_path, name)


@pytest.mark.parametrize("size, blocks", [(0, 0), (1, 1), (4096, 1), (4097, 2)])
def test_files_take_whole_blocks(size: int, blocks: int) -> None:
    assert on_disk(size) == blocks * 4096


def test_the_walk_finds_outputs_and_temporary_files_and_nothing_else(tmp_path: Path) -> None:
    root, outside = tmp_path / "v2", tmp_path / "outside"
    path = put(root, content=b"x" * 5000)
    (path.parent / f".{NAME.digest[:16]}.12ab.tmp").write_bytes(b"half")
    for foreign in ("notes.txt", ".hidden", NAME.digest, NAME.digest[1:-1] + "G"):
        (path.parent / foreign).write_text("mine")
    (root / "depth" / "README").write_text("mine")
    (root / "Photos").mkdir()
    (path.parent / ("a" * 63)).mkdir()
    elsewhere = put(outside, name_of("depth", ("other", "x")))
    os.symlink(elsewhere, path.parent / ("b" * 63))
    os.symlink(outside / "depth", root / "ocr")
    found = list(walk(root))
    assert sorted((each.name, each.size_bytes) for each in found if each.name) == [(NAME, 8192)]
    assert [os.path.basename(each.path) for each in found if each.name is None] == [f".{NAME.digest[:16]}.12ab.tmp"]


def test_a_folder_of_the_format_that_is_a_link_is_no_cache(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", tmp_path / "v2")
    assert list(walk(tmp_path / "v2")) == []
    assert not is_cache(tmp_path / "v2")
    assert not remove(tmp_path / "v2", NAME)
    assert is_cache(tmp_path / "elsewhere")


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_nothing_is_removed_through_a_link(tmp_path: Path, depth: int) -> None:
    root, outside = tmp_path / "v2", tmp_path / "outside"
    inside = "/".join(NAME.path.split("/")[depth:])
    (outside / inside).parent.mkdir(parents=True, exist_ok=True)
    (outside / inside).write_text("mine")
    link = root / "/".join(NAME.path.split("/")[:depth])
    link.parent.mkdir(parents=True)
    os.symlink(outside, link)
    assert (root / NAME.path).read_text() == "mine"
    assert not remove(root, NAME)
    assert (outside / inside).read_text() == "mine"


def test_an_output_is_removed_and_one_that_is_gone_counts_as_removed(tmp_path: Path) -> None:
    path = put(tmp_path)
    assert remove(tmp_path, NAME) and not path.exists()
    assert remove(tmp_path, NAME)
    assert remove(tmp_path / "nowhere", NAME)


@pytest.mark.parametrize("content", [b"", b"Signature: 8a477f597d28d172789f06886806bc55\n# Created by pip.\n", b"mine"])
def test_only_its_own_mark_makes_a_cache(tmp_path: Path, content: bytes) -> None:
    assert not is_cache(tmp_path)
    (tmp_path / MARKER).write_bytes(content)
    assert not is_cache(tmp_path)
    make_folder(tmp_path, str(tmp_path / "depth"))
    assert (tmp_path / MARKER).read_bytes() == content, "a file of others stays"


def test_backup_programs_know_the_mark(tmp_path: Path) -> None:
    put(tmp_path)
    assert (tmp_path / MARKER).read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55\n")


def test_files_of_version_1_are_found_and_others_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "depth" / ("a" * 16)
    folder.mkdir(parents=True)
    for name in ("b" * 64 + ".npz", "c" * 64 + ".json", "d" * 64 + ".txt", "e" * 63 + ".json", "notes.json"):
        (folder / name).write_text("x")
    (tmp_path / "outside").mkdir()
    os.symlink(tmp_path / "depth", tmp_path / "ocr")
    assert sorted(os.path.basename(each.path)[0] for each in walk_old(tmp_path)) == ["b", "c"]


@pytest.mark.parametrize("age_s, stale", [(0, False), (STALE_S - 60, False), (STALE_S + 60, True), (-STALE_S, False)])
def test_only_old_temporary_files_are_stale(tmp_path: Path, age_s: float, stale: bool) -> None:
    path = put(tmp_path)
    temporary = path.parent / f".{'0' * 16}.1.tmp"
    temporary.write_text("")
    for each in (path, temporary):
        os.utime(each, (time.time() - age_s,) * 2)
    assert {found.path for found in walk(tmp_path) if is_stale(found)} == ({str(temporary)} if stale else set())


def test_empty_folders_go_and_others_stay(tmp_path: Path) -> None:
    path, other = put(tmp_path), put(tmp_path, name_of("ocr", ("m", "x")))
    assert has_output(tmp_path, "depth", NAME.identity)
    path.unlink()
    assert not has_output(tmp_path, "depth", NAME.identity)
    remove_empty_folders(tmp_path)
    assert not (tmp_path / "depth").exists() and other.exists()
