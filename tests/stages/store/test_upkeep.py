from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.records.errors import ConfigError
from pipeline.stages.store.index import Index
from pipeline.stages.store.layout import INDEX, name_of, walk
from pipeline.stages.store.store import Store
from pipeline.stages.store.upkeep import Amount, clear, contents, prune, verify

DAY_S = 86_400.0


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache of three outputs, with a temporary file, files of version 1, and files and links of the user."""
    folder = tmp_path / "cache"
    store = Store(folder)
    for number, (stage, age_days) in enumerate((("depth", 9), ("ocr", 5), ("ocr", 1))):
        name = name_of(stage, ("model", str(number)))
        store.put(name, [bytes(5000)])
        os.utime(folder / "v2" / name.path, (time.time() - age_days * DAY_S,) * 2)
    shard = (folder / "v2" / name.path).parent
    (shard / f".{'0' * 16}.1.tmp").write_text("half")
    (shard / "mine.txt").write_text("mine")
    (folder / "mine.txt").write_text("mine")
    (folder / "vlm" / ("a" * 16)).mkdir(parents=True)
    (folder / "vlm" / ("a" * 16) / ("b" * 64 + ".json")).write_text("{}")
    (folder / "vlm" / ("a" * 16) / "mine.json").write_text("{}")
    outside = tmp_path / "outside"
    (outside / ("c" * 16) / "d").mkdir(parents=True)
    (outside / ("c" * 16) / "d" / ("e" * 63)).write_text("mine")
    (outside / ("c" * 16) / ("e" * 64 + ".json")).write_text("mine")
    os.symlink(outside, folder / "v2" / "segment")
    os.symlink(outside, folder / "segment")
    os.symlink(outside / ("c" * 16) / "d" / ("e" * 63), shard / ("f" * 63))
    store.close()
    (folder / "v2" / INDEX).unlink()
    return folder


def foreign(folder: Path) -> list[str]:
    files = [path for path in folder.parent.rglob("*") if path.is_file() and not path.is_symlink()]
    return sorted(path.name for path in files if path.name.startswith(("mine", "e" * 63)))


FOREIGN = ["e" * 63, "e" * 64 + ".json", "mine.json", "mine.txt", "mine.txt"]


def outputs(folder: Path) -> list[str]:
    return [stage for stage, held in contents(folder).stages.items() for _ in range(held.amount.files)]


def test_the_contents_are_what_the_cache_wrote(cache: Path) -> None:
    held = contents(cache)
    assert {stage: each.amount for stage, each in held.stages.items()} == {
        "depth": Amount(1, 8192),
        "ocr": Amount(2, 16384),
    }
    ages = [(time.time() - at) / DAY_S for at in (held.stages["ocr"].first_use_s, held.stages["ocr"].last_use_s)]
    assert ages == pytest.approx([5, 1], abs=0.01)
    assert held.outputs == Amount(3, 24576)
    assert (held.temporary, held.old) == (Amount(1, 4096), Amount(1, 4096))
    assert held.index == cache / "v2" / INDEX


def test_clearing_leaves_the_files_of_others(cache: Path) -> None:
    assert foreign(cache) == FOREIGN
    assert clear(cache) == Amount(5, 24576 + 8192)
    assert foreign(cache) == FOREIGN
    held = contents(cache)
    assert (held.stages, held.temporary.files, held.old.files) == ({}, 0, 0)
    assert clear(cache) == Amount()
    assert (cache / "v2" / "segment").is_symlink()
    Store(cache).put(name_of("ocr", ("a", "b")), [b"x"])
    assert outputs(cache) == ["ocr"], "it is still a cache"


def test_pruning_by_size_removes_the_oldest_uses_first(cache: Path) -> None:
    assert prune(cache, most_bytes=10_000) == Amount(3, 4096 + 16384)
    assert outputs(cache) == ["ocr"]
    assert foreign(cache) == FOREIGN
    index = Index(cache / "v2" / INDEX)
    assert index.total_bytes() == 8192
    index.close()


@pytest.mark.parametrize("days, left", [(10, 3), (6, 2), (3, 1), (0, 0)])
def test_pruning_by_age_removes_what_was_not_used_for_longer(cache: Path, days: float, left: int) -> None:
    assert prune(cache, unused_s=days * DAY_S).files == 3 - left + 1
    assert len(outputs(cache)) == left
    assert contents(cache).temporary.files == 1, "it may be in use"


def test_pruning_counts_the_uses_that_the_index_knows(cache: Path) -> None:
    store = Store(cache)
    assert store.get(name_of("depth", ("model", "0"))) is not None
    store.close()
    prune(cache, most_bytes=10_000)
    assert outputs(cache) == ["depth"]


def test_bad_files_are_found_and_removed(cache: Path) -> None:
    assert verify(cache).sound == Amount(3, 24576)
    good, *bad = sorted(Path(found.path) for found in walk(cache / "v2") if found.name)
    content = bytearray(bad[0].read_bytes())
    content[70] ^= 1
    bad[0].write_bytes(content)
    bad[1].write_bytes(good.read_bytes())
    verified = verify(cache)
    assert verified.sound.files == 1
    assert sorted(verified.bad) == [(str(bad[0]), "its checksum is wrong"), (str(bad[1]), "it belongs to another key")]
    assert verified.unreadable == []
    assert verify(cache).bad == [] and good.exists()
    assert foreign(cache) == FOREIGN


def test_verifying_is_no_use(cache: Path) -> None:
    before = contents(cache).stages
    verify(cache)
    assert contents(cache).stages == before


@pytest.mark.parametrize("work", [contents, prune, verify, clear])
def test_a_folder_that_is_no_cache_is_refused(tmp_path: Path, work: Callable[[Path], object]) -> None:
    (tmp_path / "v2" / "depth" / ("a" * 16) / "b").mkdir(parents=True)
    mine = tmp_path / "v2" / "depth" / ("a" * 16) / "b" / ("c" * 63)
    mine.write_text("mine")
    (tmp_path / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n")
    with pytest.raises(ConfigError, match="no cache"):
        work(tmp_path)
    with pytest.raises(ConfigError, match="no folder"):
        work(mine)
    os.symlink(tmp_path / "nowhere", tmp_path / "dangling")
    with pytest.raises(ConfigError, match="no folder"):
        work(tmp_path / "dangling")
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("work", [contents, lambda folder: prune(folder, 0, 0), verify, clear])
def test_a_cache_that_does_not_exist_yet_is_empty_and_is_not_made(
    tmp_path: Path, work: Callable[[Path], object]
) -> None:
    work(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
