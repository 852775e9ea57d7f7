from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.stages.store.layout import name_of
from pipeline.stages.store.store import Store


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default cache of the folder in which commands are typed: ten days, one day and no day old."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    folder = tmp_path / "outputs" / "cache"
    store = Store(folder)
    for stage, size, days in (("depth", 600_000, 10), ("ocr", 300, 1), ("vlm", 300, 0)):
        name = name_of(stage, ("model", "x"))
        store.put(name, [bytes(size)])
        os.utime(folder / "v2" / name.path, (time.time() - 86_400 * days,) * 2)
    store.close()
    (folder / "v2" / "index.sqlite").unlink()
    return folder


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(["cache", *arguments]) == code
    output, errors = capsys.readouterr()
    assert errors == ""
    return output


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder / "v2").parts[0] for path in folder.glob("v2/*/*/*/*"))


def test_info_shows_size_and_share_of_each_stage(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "info")
    assert "Cache outputs/cache: 3 files, 610 kB of at most 20 GB (cache_gb)" in text
    rows = {
        line.split()[0]: line.split()[1:5] for line in text.splitlines() if line.startswith(("depth", "ocr", "vlm"))
    }
    assert rows == {
        "depth": ["1", "602", "kB", "99%"],
        "ocr": ["1", "4.1", "kB", "1%"],
        "vlm": ["1", "4.1", "kB", "1%"],
    }
    assert "Hits are not counted" in text and "index.sqlite" in text
    assert "without a bound" in said(capsys, "info", "cache_gb=null")
    assert not list(cache.parent.parent.glob("outputs/20*")), "no folder of a run is made"


def test_info_shows_what_nothing_reads(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = cache / "depth" / ("a" * 16) / ("b" * 64 + ".npz")
    old.parent.mkdir(parents=True)
    old.write_bytes(bytes(5000))
    assert "Of an earlier version, which nothing reads: 1 file, 8.19 kB" in said(capsys, "info")
    assert "Removed 1 file, 8.19 kB" in said(capsys, "prune")
    assert not old.exists() and len(files(cache)) == 3


@pytest.mark.parametrize(
    "settings, left",
    [
        ([], ["depth", "ocr", "vlm"]),
        (["cache_gb=0.0001"], ["ocr", "vlm"]),
        (["cache_gb=0.000005"], ["vlm"]),
        (["older_than_days=0.5"], ["vlm"]),
        (["older_than_days=5"], ["ocr", "vlm"]),
        (["older_than_days=5", "cache_gb=0.000005"], ["vlm"]),
        (["older_than_days=0"], []),
    ],
)
def test_prune_leaves_what_it_should(
    cache: Path, capsys: pytest.CaptureFixture[str], settings: list[str], left: list[str]
) -> None:
    text = said(capsys, "prune", *settings)
    assert files(cache) == left
    assert f"Removed {3 - len(left)} file" in text


def test_the_bound_of_runs_counts_only_if_no_age_is_given(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache.parents[1] / "own" / "local").mkdir(parents=True)
    monkeypatch.setenv("THEODOLITE_CONF", str(cache.parents[1] / "own"))
    (cache.parents[1] / "own" / "local" / "default.yaml").write_text("# @package _global_\ncache_gb: 0.000005\n")
    said(capsys, "prune", "older_than_days=30")
    assert len(files(cache)) == 3
    said(capsys, "prune")
    assert files(cache) == ["vlm"]


def test_verify_removes_bad_files_and_says_so(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "verify") == "3 files, 610 kB in outputs/cache are as they were written\n"
    (bad,) = cache.glob("v2/ocr/*/*/*")
    bad.write_bytes(bad.read_bytes()[:-1])
    text = said(capsys, "verify", code=1)
    assert "2 files, 606 kB" in text and "Removed outputs/cache/v2/ocr/" in text and "it is incomplete" in text
    assert said(capsys, "verify").startswith("2 files")


def test_clear_empties_the_cache_that_is_named(cache: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "Removed 0 files" in said(capsys, "clear", f"cache_dir={tmp_path / 'other, (one)'}")
    assert len(files(cache)) == 3
    assert said(capsys, "clear") == "Removed 3 files, 610 kB from outputs/cache\n"
    assert files(cache) == []


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "one of info, prune, verify, clear"),
        (["empty"], "There is no action 'empty'"),
        (["info", "depth=midas"], "'depth=midas' is no setting of cache"),
        (["info", "cache_dir"], "'cache_dir' is no setting"),
        (["info", "cache_dir=null"], "cache_dir is null"),
        (["info", "cache_gb=much"], "cache_gb must be a number above 0"),
        (["prune", "cache_gb=-1"], "cache_gb must be a number above 0"),
        (["prune", "cache_gb=null"], "prune needs a bound"),
        (["clear", "older_than_days=3"], "a key of prune only"),
        (["prune", "older_than_days=old"], "older_than_days must be a number of at least 0"),
        (["prune", "older_than_days=-1"], "older_than_days must be a number of at least 0"),
        (["prune", "older_than_days=nan"], "older_than_days must be a number of at least 0"),
        (["clear", "cache_dir=."], "no cache"),
        (["verify", "cache_dir=mine.txt"], "no folder"),
    ],
)
def test_mistakes_are_told_in_one_line(
    mistake: Callable[..., str], tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert words in mistake("cache", *arguments)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_help_names_the_actions_and_keys(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "--help")
    for word in ("info", "prune", "verify", "clear", "cache_dir=", "cache_gb=", "older_than_days="):
        assert f"\n  {word}" in text
