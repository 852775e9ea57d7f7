from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.models.vlm.base import Generation
from pipeline.records import DepthMap
from pipeline.stages.cache import StageCache

PARTS = ("model 1", "digest")


def depth_map() -> DepthMap:
    values = np.random.default_rng(0).uniform(1, 5, (6, 8)).astype(np.float32)
    return DepthMap(values, values > 1.5, "metric", "model", "midas", focal_px=321.5)  # type: ignore[arg-type]


def only_file(folder: Path) -> Path:
    (file,) = (path for path in folder.rglob("*") if path.is_file())
    return file


def never() -> Generation:
    pytest.fail("the stored record should have been taken")


def test_a_record_is_computed_once(tmp_path: Path) -> None:
    cache, made = StageCache(tmp_path), Generation("左边", "m", settings={"top_k": 20}, prompt_tokens=3, truncated=True)
    assert cache.record(Generation, "vlm", PARTS, lambda: made) == made
    assert StageCache(tmp_path).record(Generation, "vlm", PARTS, never) == made


def test_a_record_may_be_stored_by_itself(tmp_path: Path) -> None:
    cache, made = StageCache(tmp_path), Generation("左边", "m", cached_tokens=2, timings={"prefill_s": 0.5})
    assert cache.load(Generation, "vlm", PARTS) is None
    cache.save("vlm", PARTS, made)
    assert cache.load(Generation, "vlm", PARTS) == made
    assert cache.record(Generation, "vlm", PARTS, never) == made
    assert cache.load(Generation, "vlm", ("model 2", "digest")) is None
    StageCache(None).save("vlm", PARTS, made)
    assert StageCache(None).load(Generation, "vlm", PARTS) is None


@pytest.mark.parametrize(
    "stage, parts",
    [
        ("ocr", PARTS),
        ("vlm", ("model 2", "digest")),
        ("vlm", ("model 1", "other digest")),
        ("vlm", ("model 1d", "igest")),
        ("vlm", ("model 1", "digest", "")),
    ],
    ids=["stage", "identity", "content", "border between parts", "further part"],
)
def test_another_stage_identity_or_content_is_another_record(
    tmp_path: Path, stage: str, parts: tuple[str, ...]
) -> None:
    cache = StageCache(tmp_path)
    cache.record(Generation, "vlm", PARTS, lambda: Generation("first", "m"))
    assert cache.record(Generation, stage, parts, lambda: Generation("second", "m")).text == "second"
    assert cache.record(Generation, "vlm", PARTS, never).text == "first"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:-5]),
        lambda file: file.write_bytes(b"\xff\xfe\x00"),
        lambda file: file.write_text('{"text": 3}'),
    ],
    ids=["empty", "cut off", "no text", "another record"],
)
def test_a_record_that_cannot_be_read_is_computed_again(
    tmp_path: Path, spoil: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    cache = StageCache(tmp_path)
    cache.record(Generation, "vlm", PARTS, lambda: Generation("first", "m"))
    spoil(only_file(tmp_path))
    with caplog.at_level(logging.WARNING):
        assert cache.record(Generation, "vlm", PARTS, lambda: Generation("second", "m")).text == "second"
    assert "made anew" in caplog.text
    assert cache.record(Generation, "vlm", PARTS, never).text == "second"


def test_a_depth_map_comes_back_as_it_was(tmp_path: Path) -> None:
    cache, depth = StageCache(tmp_path), depth_map()
    assert cache.load_depth(PARTS) is None
    cache.save_depth(PARTS, depth)
    found = cache.load_depth(PARTS)
    assert found is not None
    np.testing.assert_array_equal(found.values, depth.values)
    np.testing.assert_array_equal(found.valid, depth.valid)
    assert (found.digest, found.focal_px) == (depth.digest, 321.5)
    assert cache.load_depth(("model 2", "digest")) is None


def test_a_depth_map_without_a_focal_length_stays_without(tmp_path: Path) -> None:
    cache = StageCache(tmp_path)
    cache.save_depth(PARTS, DepthMap.from_values(np.ones((2, 3)), "disparity_affine"))
    found = cache.load_depth(PARTS)
    assert found is not None
    assert found.focal_px is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:-30]),
        lambda file: file.write_bytes(b"text"),
        lambda file: np.savez(file, values=np.ones((2, 2))),
        lambda file: np.savez(file, values=np.ones(2), valid=np.ones(2), names=np.array(list("abc")), focal_px=0.0),
        lambda file: file.write_bytes(file.read_bytes()[:200] + bytes(40) + file.read_bytes()[240:]),
    ],
    ids=["empty", "cut off", "no archive", "array missing", "no depth map", "damaged bytes"],
)
def test_a_depth_map_that_cannot_be_read_counts_as_missing(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    cache = StageCache(tmp_path)
    cache.save_depth(PARTS, depth_map())
    spoil(only_file(tmp_path))
    assert cache.load_depth(PARTS) is None
    cache.save_depth(PARTS, depth_map())
    assert cache.load_depth(PARTS) is not None


def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    cache = StageCache(None)
    cache.save_depth(PARTS, depth_map())
    assert cache.load_depth(PARTS) is None
    for text in ("first", "second"):
        assert cache.record(Generation, "vlm", PARTS, lambda text=text: Generation(text, "m")).text == text
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_costs_a_warning_and_no_result(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    cache = StageCache(tmp_path / "file")
    assert cache.record(Generation, "vlm", PARTS, lambda: Generation("first", "m")).text == "first"
    assert "cache_dir" in caplog.text


def test_two_processes_share_the_folder(tmp_path: Path, repository: Path) -> None:
    program = """
import sys
from pipeline.stages.cache import StageCache
from pipeline.models.vlm.base import Generation
cache = StageCache(sys.argv[1])
texts = [cache.record(Generation, "vlm", ("m", str(n % 25)), lambda: Generation(str(n % 25) * 2000, "m")).text
         for n in range(200)]
assert texts == [str(n % 25) * 2000 for n in range(200)]
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    processes = [subprocess.Popen(command, cwd=repository, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in processes:
        _, written = process.communicate()
        assert process.returncode == 0, written
        assert written == ""
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 25, "no temporary file stays"
    assert all(json.loads(file.read_text())["model"] == "m" for file in files)
