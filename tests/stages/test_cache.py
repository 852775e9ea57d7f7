from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.models.vlm.base import Generation
from pipeline.records import DepthMap, Sampling
from pipeline.stages.cache import StageCache, load_or_compute

PARTS = ("model 1", "digest")


def depth_map() -> DepthMap:
    values = np.random.default_rng(0).uniform(1, 5, (6, 8)).astype(np.float32)
    return DepthMap(values, values > 1.5, "metric", "model", "midas", focal_px=321.5)  # type: ignore[arg-type]


def kept(folder: Path | None) -> Generation | None:
    return StageCache(folder).load(Generation, "vlm", PARTS)


def test_equal_keys_are_computed_once_and_together_and_what_is_kept_is_not_computed() -> None:
    outputs_kept, computed = {"b": 2}, []

    def compute(missing: list[str]) -> list[int]:
        computed.append(missing)
        return [len(text) for text in missing]

    def outputs() -> list[int]:
        return load_or_compute(
            list("abca"), ["1", "22", "333", "1"], outputs_kept.get, compute, outputs_kept.__setitem__
        )

    assert outputs() == outputs() == [1, 2, 3, 1]
    assert computed == [["1", "333"]]
    assert outputs_kept == {"a": 1, "b": 2, "c": 3}


def test_an_output_that_is_missing_is_an_error_and_not_a_shift() -> None:
    with pytest.raises(ValueError):
        load_or_compute(["a", "b"], [1, 2], lambda key: None, lambda missing: missing[1:], lambda key, output: None)


def test_a_record_is_kept(tmp_path: Path) -> None:
    cache, made = StageCache(tmp_path), Generation("左边", "m", settings={"top_k": 20}, timings={"prefill_s": 0.5})
    assert kept(tmp_path) is None
    cache.save("vlm", PARTS, made)
    assert kept(tmp_path) == made


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
    cache.save("vlm", PARTS, Generation("first", "m"))
    assert cache.load(Generation, stage, parts) is None


def test_a_depth_map_comes_back_as_it_was(tmp_path: Path) -> None:
    cache, depth = StageCache(tmp_path), depth_map()
    assert cache.load_depth(PARTS) is None
    cache.save_depth(PARTS, depth)
    found = cache.load_depth(PARTS)
    assert found is not None
    np.testing.assert_array_equal(found.values, depth.values)
    np.testing.assert_array_equal(found.valid, depth.valid)
    assert (found.digest, found.focal_px) == (depth.digest, 321.5)
    cache.save_depth(PARTS, replace(depth, focal_px=None))
    found = cache.load_depth(PARTS)
    assert found is not None and found.focal_px is None


@pytest.mark.parametrize("disagreement", [None, 0.0, 0.0371])
@pytest.mark.parametrize(
    "sampling", [Sampling(), Sampling(2.5, 1.75), Sampling(3.25, 12.5, is_scattered=True), Sampling(is_scattered=True)]
)
def test_what_a_measurement_covers_and_how_far_predictions_disagree_come_back_exactly(
    tmp_path: Path, sampling: Sampling, disagreement: float | None
) -> None:
    cache, depth = StageCache(tmp_path), replace(depth_map(), sampling=sampling, disagreement=disagreement)
    cache.save_depth(PARTS, depth)
    found = cache.load_depth(PARTS)
    assert found is not None
    assert (found.sampling, found.disagreement, found.digest) == (sampling, disagreement, depth.digest)
    assert type(found.sampling.is_scattered) is bool


def archive(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


MAP = np.ones((2, 2))
# All other arrays of a stored depth map.
STORED = {
    "names": np.array(["metric", "sensor", "x"]),
    "focal_px": 0.0,
    "disagreement": 0.1,
    "sampling": np.array([1.0, 1.0, 0.0]),
}


def test_a_map_of_these_arrays_is_read(tmp_path: Path) -> None:
    cache = StageCache(tmp_path)
    cache.save_depth(PARTS, depth_map())
    (file,) = tmp_path.rglob("*.npz")
    file.write_bytes(archive(**STORED, values=MAP, valid=MAP > 0))
    found = cache.load_depth(PARTS)
    assert found is not None and found.disagreement == 0.1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: content[:-30],
        lambda content: b"\xff\xfe\x00",
        lambda content: b'{"text": 3}',
        lambda content: archive(values=np.ones((2, 2))),
        lambda content: archive(**STORED, values=np.ones(2), valid=np.ones(2)),
        lambda content: archive(**STORED | {"sampling": np.array([0.5, 1, 0])}, values=MAP, valid=MAP > 0),
        lambda content: content[:200] + bytes(40) + content[240:],
    ],
    ids=["empty", "cut off", "no text", "another record", "array missing", "no map", "no sampling", "damaged bytes"],
)
def test_what_cannot_be_read_counts_as_missing(
    tmp_path: Path, spoil: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    cache = StageCache(tmp_path)
    cache.save_depth(PARTS, depth_map())
    cache.save("vlm", PARTS, Generation("first" * 50, "m"))
    for file in tmp_path.rglob("*.*"):
        file.write_bytes(spoil(file.read_bytes()))
    assert (kept(tmp_path), cache.load_depth(PARTS)) == (None, None)
    assert caplog.text.count("cannot be read and is computed again") == 2


def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    StageCache(None).save("vlm", PARTS, Generation("first", "m"))
    StageCache(None).save_depth(PARTS, depth_map())
    assert (kept(None), StageCache(None).load_depth(PARTS)) == (None, None)


def test_a_folder_that_cannot_be_written_costs_only_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    StageCache(tmp_path / "file").save("vlm", PARTS, Generation("first", "m"))
    assert "cache_dir" in caplog.text


def test_two_processes_share_the_folder(tmp_path: Path, repository: Path) -> None:
    program = """
import sys
from pipeline.stages.cache import StageCache
from pipeline.models.vlm.base import Generation
cache = StageCache(sys.argv[1])
for n in range(200):
    text = str(n % 25) * 2000
    cache.save("vlm", ("m", str(n % 25)), Generation(text, "m"))
    assert cache.load(Generation, "vlm", ("m", str(n % 25))).text == text
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
