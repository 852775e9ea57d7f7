from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
from files_of_sets import save_image
from true_depth_files import SIZE, reason

from pipeline.datasets.base import DepthDataset, DepthSample, Skipped
from pipeline.datasets.diode import Diode
from pipeline.datasets.eth3d import Eth3d, read_raw_depth
from pipeline.datasets.hypersim import Hypersim, read_distance, read_split
from pipeline.datasets.ibims import Ibims
from pipeline.datasets.kitti import Kitti
from pipeline.datasets.listed import metric_truth
from pipeline.datasets.middlebury import Middlebury
from pipeline.datasets.nyu import NyuDepth
from pipeline.datasets.pairs import Pairs
from pipeline.datasets.redwood import Redwood
from pipeline.datasets.rendered import Rendered
from pipeline.datasets.rgbd import Rgbd
from pipeline.datasets.scannet import ScanNet
from pipeline.datasets.scannetpp import ScanNetPP
from pipeline.datasets.sintel import Sintel, read_cam, read_dpt
from pipeline.datasets.sunrgbd import SunRgbd
from pipeline.datasets.tum import TumRgbd
from pipeline.records import Camera, Frame
from pipeline.records.errors import ConfigError, InputError, RecordError

TAG = np.float32(202021.25).tobytes()


class Named(DepthDataset[str]):
    """Entries whose name is given, the error of those that cannot be read with it."""

    name = "named"

    def __init__(self, *names: str, error: BaseException | None = None, limit: int | None = None) -> None:
        super().__init__(limit=limit)
        self.given, self.error = names, error

    def entries(self) -> tuple[str, ...]:
        return self.given

    def entry_name(self, entry: str) -> str:
        return entry

    def sample(self, entry: str) -> DepthSample:
        if self.error is not None:
            raise self.error
        frame = Frame(np.zeros((2, 2, 3), np.uint8), Camera.from_fov(2, 2, 60), name=entry)
        return DepthSample(entry, frame, metric_truth(np.ones((2, 2)), np.ones((2, 2), bool), Path(entry)))


@pytest.mark.parametrize(
    "names, unique",
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "b", "a"], ["a", "a (2)", "b", "a (3)"]),
        (["a", "a", "a (2)"], ["a", "a (3)", "a (2)"]),
        (["a (2)", "a (2)", "a", "a"], ["a (2)", "a (2) (2)", "a", "a (3)"]),
        ([" a", "a", "a ", " b "], [" a", "a", "a ", " b "]),
    ],
)
def test_names_are_unique_and_those_of_the_samples(names: list[str], unique: list[str]) -> None:
    data = Named(*names)
    samples = [data.read(index) for index in range(len(data))]
    assert data.names() == [sample.name for sample in samples] == unique
    assert [sample.group for sample in samples if isinstance(sample, DepthSample)] == unique
    assert Named(*names, limit=2).names() == unique[:2]
    skipping = Named(*names, error=ValueError("no"))
    assert [skipping.read(index).name for index in range(len(names))] == unique


def test_a_blank_name_is_refused() -> None:
    assert isinstance(Named(" ").read(0), Skipped)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RecursionError(), OverflowError(), RuntimeError("no"), SyntaxError("no"), cv2.error("no")],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_reader_raises_one_entry_is_skipped(error: Exception) -> None:
    assert "no" not in reason(Named("a", error=error)).split()


@pytest.mark.parametrize("error", [ConfigError("no"), KeyboardInterrupt()])
def test_what_concerns_all_entries_ends_the_run(error: BaseException) -> None:
    with pytest.raises(type(error)):
        Named("a", error=error).read(0)


def test_scannet_images_that_differ_by_their_suffix_are_told_apart(tmp_path: Path) -> None:
    for suffix in ("jpg", "png"):
        save_image(tmp_path / "s" / "color" / f"1.{suffix}", size=SIZE)
    (tmp_path / "s" / "depth").mkdir()
    data = ScanNet(tmp_path)
    assert data.names() == ["s 1", "s 1 (2)"] and len({data.read(index).name for index in range(2)}) == 2


def test_tum_images_of_one_time_are_told_apart(tmp_path: Path) -> None:
    for name in ("rgb", "depth"):
        (tmp_path / f"{name}.txt").write_text(f"1.0 {name}/1.png\n1.0 {name}/2.png\n")
    assert len(set(TumRgbd(tmp_path).names())) == 2


def _split(frame: str, more: str = "") -> str:
    return (
        "scene_name,camera_name,frame_id,included_in_public_release,split_partition_name,other\n"
        f"s,c,{frame},True,test,{more}\ns,c,3,True,test,\n"
    )


def test_a_damaged_list_of_splits_is_told(tmp_path: Path) -> None:
    file = tmp_path / "split.csv"
    for frame in ("9" * 5000, "\u00b2", "1.5", ""):
        file.write_text(_split(frame), encoding="utf-8")
        assert read_split(file, "test") == {"s/c/0003"}
    file.write_text(_split("1", "x" * 200_000))
    with pytest.raises(InputError, match="cannot be read as a list of splits"):
        read_split(file, "test")


@pytest.mark.parametrize(
    "header, size",
    [
        (TAG + np.array([50_000, 50_000], "<i4").tobytes(), 12 + 4 * 50_000 * 50_000),
        (TAG + np.array([16, 12], "<i4").tobytes(), 100 * 10**9),
        (TAG + np.array([-1, -1], "<i4").tobytes(), 16),
        (TAG + b"\1", 5),
        (b"none" + np.array([16, 12], "<i4").tobytes(), 5 * 10**9),
    ],
)
@pytest.mark.parametrize("reader", [read_dpt, read_cam, partial(read_raw_depth, width=16, height=12)])
def test_a_sparse_file_is_refused_before_it_is_read(
    tmp_path: Path, header: bytes, size: int, reader: Callable[[Path], Any]
) -> None:
    file = tmp_path / "a.dpt"
    file.write_bytes(header)
    os.truncate(file, size)
    with pytest.raises(InputError, match=r"copy it again|begin|take the original"):
        reader(file)


@pytest.mark.parametrize("arguments", [{"shape": (50_000, 50_000)}, {"shape": (4, 4), "maxshape": (None, None)}])
def test_hdf5_of_more_than_fits_is_refused(tmp_path: Path, arguments: dict[str, Any]) -> None:
    chunks = (16_000, 16_000) if "maxshape" in arguments else None
    with h5py.File(tmp_path / "a.hdf5", "w") as stored:
        stored.create_dataset("dataset", dtype="f2", chunks=chunks, **arguments)
    assert (tmp_path / "a.hdf5").stat().st_size < 10_000
    with pytest.raises(InputError, match="claims to hold"):
        read_distance(tmp_path / "a.hdf5")


@pytest.mark.parametrize(
    "count, side, letters, words",
    [(1, 50_000, 3, "claims to hold"), (10**9, 4, 3, "100000 images"), (1, 4, 10**10, "1000 letters")],
)
def test_nyu_of_more_than_fits_is_refused(tmp_path: Path, count: int, side: int, letters: int, words: str) -> None:
    file = tmp_path / "nyu_depth_v2_labeled.mat"
    with h5py.File(file, "w") as stored:
        stored.create_dataset("images", (count, 3, side, side), "u1")
        for key in ("rawDepths", "depths", "labels", "instances"):
            stored.create_dataset(key, (count, side, side), "u1")
        text = stored.create_dataset("text", (letters,), "u2")
        for key in ("scenes", "names"):
            stored.create_dataset(key, data=np.array([[text.ref]], dtype=h5py.ref_dtype))
    with pytest.raises(InputError, match=words):
        NyuDepth(tmp_path, split="all")


FOLDERS = (
    Diode, Eth3d, Hypersim, Ibims, Kitti, Middlebury, NyuDepth, Pairs, Redwood, Rgbd, ScanNet,
    ScanNetPP, Sintel, SunRgbd, TumRgbd,
)  # fmt: skip
# Annotations say the rest, and the translator of their messages is tested with them.
TYPES: list[tuple[type[DepthDataset[Any]], str, list[Any]]] = [
    (Pairs, "images", [None, 5, ""]),
    (Pairs, "depths", [None, ["a/*"]]),
    (Pairs, "predictions", [5]),
    (Pairs, "depth_invalid", ["abc", {"a": "b"}, 10**400]),
    (Pairs, "prediction_invalid", ["abc"]),
    (Pairs, "prediction_kind", [5, []]),
    (Pairs, "camera", [5, "abc", []]),
    (Redwood, "camera", [5]),
    (Rendered, "count", [None, 1.5]),
    (Rendered, "limit", [0, "abc", True]),
    (Rgbd, "descriptions", [5, {"a": 5}]),
    (TumRgbd, "camera", [5]),
    *((each, "path", [None, 5, [], ""]) for each in FOLDERS),
    *((each, "limit", [0, 1.5, True]) for each in FOLDERS),
]


@pytest.mark.parametrize("dataset, key, values", TYPES, ids=lambda each: getattr(each, "name", None))
def test_an_argument_of_another_type_is_named_by_its_key(
    tmp_path: Path, dataset: type[DepthDataset[Any]], key: str, values: list[Any]
) -> None:
    path = {} if dataset is Rendered else {"path": tmp_path}
    for value in values:
        with pytest.raises(ConfigError, match=rf"^(dataset\.)?{key} must be .*, not ") as caught:
            dataset(**{**path, key: value})
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", ["abc", None, [], 10**400, float("nan"), -1])
@pytest.mark.parametrize("dataset", [Pairs, Redwood, TumRgbd])
def test_a_camera_without_numbers_is_refused(tmp_path: Path, dataset: Callable[..., Any], number: Any) -> None:
    with pytest.raises((ConfigError, RecordError), match=r"[cC]amera|fx"):
        dataset(tmp_path, camera={"fx": number, "fy": 1, "cx": 1, "cy": 1})


@pytest.mark.parametrize("dataset", [Pairs, Redwood, TumRgbd])
def test_a_camera_with_a_lens_is_refused(tmp_path: Path, dataset: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match=r"dataset\.camera has k1, but data sets are read without lens distortion"):
        dataset(tmp_path, camera={"fx": 5, "fy": 5, "cx": 1, "cy": 1, "k1": 0.1})
