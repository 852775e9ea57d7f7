from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.models.vlm.base import Generation
from pipeline.records import DepthMap, Sampling, to_json
from pipeline.stages.cache import StageCache, load_or_compute
from pipeline.stages.store.layout import name_of
from pipeline.stages.store.store import Store

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


@pytest.mark.parametrize("kind", ["metric", "disparity_affine"])
def test_everything_that_belongs_to_a_depth_map_comes_back(tmp_path: Path, kind: str) -> None:
    source, scale_error = ("anchor", 0.07) if kind == "metric" else ("none", None)
    depth = depth_map()
    depth = DepthMap(
        depth.values, depth.valid, kind, source, "mïdas",  # type: ignore[arg-type]
        confidence=depth.values / 9, scale_error=scale_error, misfit=1.5,
    )  # fmt: skip
    StageCache(tmp_path).save_depth(PARTS, depth)
    found = StageCache(tmp_path).load_depth(PARTS)
    assert found is not None and found.confidence is not None
    np.testing.assert_array_equal(found.confidence, depth.values / 9)
    assert (found.scale_error, found.misfit, found.backend) == (scale_error, 1.5, "mïdas")
    assert (found.kind, found.scale_source) == (depth.kind, depth.scale_source)


def files_in(folder: Path) -> list[Path]:
    """The files of stored outputs."""
    return [path for path in folder.glob("v2/*/*/*/*") if path.is_file()]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: content[:30],
        lambda content: content[:-30],
        lambda content: b"\xff\xfe\x00",
        lambda content: b'{"text": 3}' * 9,
        lambda content: content + b" ",
        lambda content: content[:80] + bytes(4) + content[84:],
        lambda content: content[::-1],
    ],
    ids=["empty", "header cut", "cut off", "no text", "no header", "longer", "damaged bytes", "reversed"],
)
def test_what_cannot_be_read_counts_as_missing_and_goes(
    tmp_path: Path, spoil: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    cache = StageCache(tmp_path)
    cache.save_depth(PARTS, depth_map())
    cache.save("vlm", PARTS, Generation("first" * 50, "m"))
    for file in files_in(tmp_path):
        file.write_bytes(spoil(file.read_bytes()))
    assert (kept(tmp_path), cache.load_depth(PARTS)) == (None, None)
    assert caplog.text.count("cannot be read and is computed again") == 2
    assert files_in(tmp_path) == []
    cache.save_depth(PARTS, depth_map())
    assert cache.load_depth(PARTS) is not None


@pytest.mark.parametrize("stored", ['{"text": 3}', "[]", "no JSON", '{"model": "m"}'])
def test_a_sound_file_with_another_content_counts_as_missing_too(
    tmp_path: Path, stored: str, caplog: pytest.LogCaptureFixture
) -> None:
    for stage in ("vlm", "depth"):
        Store(tmp_path).put(name_of(stage, PARTS), [stored.encode()])
    assert (kept(tmp_path), StageCache(tmp_path).load_depth(PARTS)) == (None, None)
    assert caplog.text.count("cannot be read and is computed again") == 2
    assert files_in(tmp_path) == []


def test_files_of_version_1_are_neither_read_nor_touched(tmp_path: Path) -> None:
    def digest(*parts: str) -> str:
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    old = tmp_path / "vlm" / digest(PARTS[0])[:16] / f"{digest(*PARTS[1:])}.json"
    old.parent.mkdir(parents=True)
    old.write_text(to_json(Generation("old", "m")))
    cache = StageCache(tmp_path)
    assert kept(tmp_path) is None
    assert not cache.holds("vlm", PARTS[0])
    cache.save("vlm", PARTS, Generation("new", "m"))
    assert kept(tmp_path) == Generation("new", "m")
    assert old.exists()


def test_only_an_identity_with_outputs_is_held(tmp_path: Path) -> None:
    cache = StageCache(tmp_path)
    assert not cache.holds("vlm", PARTS[0])
    cache.save("vlm", PARTS, Generation("first", "m"))
    assert cache.holds("vlm", PARTS[0])
    assert not cache.holds("vlm", "model 2") and not cache.holds("ocr", PARTS[0])
    assert not StageCache(None).holds("vlm", PARTS[0])


def test_the_bound_is_kept(tmp_path: Path) -> None:
    cache = StageCache(tmp_path, 100 * 4096)
    for number in range(300):
        cache.save("vlm", ("m", str(number)), Generation("text", "m"))
    cache.close()
    assert 90 <= len(files_in(tmp_path)) <= 105
    assert cache.load(Generation, "vlm", ("m", "299")) is not None
    assert cache.load(Generation, "vlm", ("m", "0")) is None


def test_a_cache_that_is_sent_to_another_process_opens_the_same_folder(tmp_path: Path) -> None:
    cache = StageCache(tmp_path, 10**6)
    cache.save("vlm", PARTS, Generation("first", "m"))
    sent = pickle.loads(pickle.dumps(cache))
    assert (sent.folder, sent.most_bytes) == (tmp_path, 10**6)
    assert sent.load(Generation, "vlm", PARTS) == Generation("first", "m")


def test_without_a_folder_no_database_is_loaded(repository: Path) -> None:
    program = (
        "import sys; from pipeline.stages.cache import StageCache; cache = StageCache();"
        "cache.save('vlm', ('m',), 1); cache.load(int, 'vlm', ('m',)); cache.load_depth(('m',)); cache.holds('a', 'b');"
        "cache.close(); sys.exit('sqlite3' in sys.modules or 'pipeline.stages.store' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=repository, check=True)


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
    assert len(files_in(tmp_path)) == 25, "no temporary file stays"
    found = [StageCache(tmp_path).load(Generation, "vlm", ("m", str(number))) for number in range(25)]
    assert all(each is not None and each.model == "m" for each in found)
