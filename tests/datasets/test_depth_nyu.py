from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from files_of_sets import image
from scipy.io import savemat
from true_depth_files import HEIGHT, SIZE, WIDTH, depth_m, only, reason

from pipeline.datasets.depth_base import DepthSample
from pipeline.datasets.nyu import NyuLabelled
from pipeline.records.errors import ConfigError, InputError

SCENES = ("kitchen_0001", "kitchen_0001", "office_0003")
NAMES = ("book", "wall")


def save(folder: Path, test: tuple[int, ...] = (2, 3), **changes: Any) -> Path:
    """Three images as MATLAB stores them: dimensions turned around, texts as references. The first knows no depth."""
    folder.mkdir(parents=True, exist_ok=True)
    depth = depth_m()
    raw = np.stack((np.zeros_like(depth), depth, depth + 1)).astype(np.float32)
    raw[:, 0, 0] = 0
    labels, instances = np.zeros((2, 3, HEIGHT, WIDTH), np.uint16)
    labels[1, 2:8, 3:9], instances[1, 2:8, 3:9] = 1, 1
    labels[1, 2:8, 10:14], instances[1, 2:8, 10:14] = 1, 2
    labels[1, 9:], instances[1, 9:] = 2, 1
    # Too small, and one without a number among the instances.
    labels[1, 0, :2], instances[1, 0, :2] = 2, 2
    labels[1, 0, 4:12] = 2
    arrays = {
        "images": np.stack([image(seed, SIZE).T for seed in range(3)]),
        "rawDepths": raw.transpose(0, 2, 1),
        "depths": (raw + 0.5).transpose(0, 2, 1),
        "labels": labels.transpose(0, 2, 1),
        "instances": instances.astype(np.uint8).transpose(0, 2, 1),
        **changes,
    }
    file = folder / "nyu_depth_v2_labeled.mat"
    with h5py.File(file, "w", userblock_size=512) as stored:
        for key, array in arrays.items():
            if array is not None:
                stored[key] = array
        for key, texts in (("scenes", SCENES), ("names", NAMES)):
            references = [
                stored.create_dataset(f"#refs#/{key}{at}", data=np.array([[ord(letter)] for letter in text], "u2")).ref
                for at, text in enumerate(texts)
            ]
            stored.create_dataset(key, data=np.array([references], dtype=h5py.ref_dtype))
    savemat(folder / "splits.mat", {"testNdxs": np.array(test)[:, None], "trainNdxs": np.array([[1]])})
    return file


def test_depth_and_colours_are_turned_upright(tmp_path: Path) -> None:
    data = NyuLabelled(save(tmp_path, test=(2,)))
    sample = only(data)
    assert sample.name == "0002" and sample.group == "kitchen_0001"
    assert (sample.frame.rgb == image(1, SIZE)).all()
    assert sample.truth.values[3, 5] == pytest.approx(4.05)
    assert not sample.truth.valid[0, 0] and sample.truth.valid.sum() == HEIGHT * WIDTH - 1
    assert np.allclose(sample.truth.values[sample.truth.valid], depth_m()[sample.truth.valid])
    assert sample.frame.given_depth is None


def test_filled_depth_has_no_gaps(tmp_path: Path) -> None:
    sample = only(NyuLabelled(save(tmp_path, test=(2,)), depth="filled"))
    assert sample.truth.valid.all() and sample.truth.values[3, 5] == pytest.approx(4.55)


def test_the_camera_is_that_of_the_toolbox_for_the_size(tmp_path: Path) -> None:
    camera = only(NyuLabelled(save(tmp_path, test=(2,)))).frame.camera
    assert (camera.fx, camera.cx) == pytest.approx((518.857901 / 40, (325.582449 + 0.5) / 40 - 0.5))
    assert camera.source == "given"


def test_objects_are_regions_of_one_label_and_instance(tmp_path: Path) -> None:
    sample = only(NyuLabelled(save(tmp_path, test=(2,)), least_object_px=10))
    boxes = {region.label: region.box_px for region in sample.regions}
    assert boxes == {"book 1": (3, 2, 9, 8), "book 2": (10, 2, 14, 8), "wall": (0, 9, 16, 12)}
    masks = {region.label: region.mask for region in sample.regions}
    wall = masks["wall"]
    assert wall is not None and wall[9:].all() and not wall[:9].any()
    assert only(NyuLabelled(tmp_path, objects=False)).regions == ()


@pytest.mark.parametrize(
    "arguments, names",
    [
        ({}, ["0002", "0003"]),
        ({"split": "train"}, ["0001"]),
        ({"split": "all"}, ["0001", "0002", "0003"]),
        ({"split": "all", "limit": 2}, ["0001", "0002"]),
    ],
)
def test_splits_count_from_one(tmp_path: Path, arguments: dict[str, Any], names: list[str]) -> None:
    save(tmp_path, test=(3, 2))
    assert NyuLabelled(tmp_path, **arguments).names() == names


def test_scenes_are_groups_and_images_without_depth_are_skipped(tmp_path: Path) -> None:
    data = NyuLabelled(save(tmp_path), split="all")
    assert "knows the depth of no pixel" in reason(data)
    samples = [data.read(index) for index in (1, 2)]
    assert [sample.group for sample in samples if isinstance(sample, DepthSample)] == ["kitchen_0001", "office_0003"]


def test_several_threads_read_the_same_as_one(tmp_path: Path) -> None:
    data = NyuLabelled(save(tmp_path))
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(data.read, [0, 1] * 8))
    alone = [data.read(0), data.read(1)] * 8
    for sample, other in zip(read, alone, strict=True):
        assert isinstance(sample, DepthSample) and isinstance(other, DepthSample)
        assert sample.truth.digest == other.truth.digest and sample.frame.digest == other.frame.digest


@pytest.mark.parametrize(
    "damage, words",
    [
        (lambda file: file.write_bytes(file.read_bytes()[:3000]), "cannot be read as a file of NYU Depth v2"),
        (lambda file: file.write_bytes(b"MATLAB 5.0 MAT-file"), "cannot be read as a file of NYU Depth v2"),
        (lambda file: file.with_name("splits.mat").unlink(), "set split=all"),
        (lambda file: file.with_name("splits.mat").write_bytes(b"none"), "cannot be read as a MATLAB 5 file"),
        (lambda file: savemat(file.with_name("splits.mat"), {"other": 1}), "from 1 to 3 as testNdxs"),
        (lambda file: savemat(file.with_name("splits.mat"), {"testNdxs": [0, 1]}), "from 1 to 3 as testNdxs"),
        (lambda file: save(file.parent, rawDepths=None), "lacks rawDepths"),
        (lambda file: save(file.parent, labels=np.zeros((3, 4, 4), "u2")), "of other sizes"),
        (lambda file: file.unlink(), "There is no file"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, damage: Callable[[Path], Any], words: str) -> None:
    damage(save(tmp_path))
    with pytest.raises(InputError, match=words) as caught:
        NyuLabelled(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ({"path": "nowhere"}, InputError, "There is no file nowhere"),
        ({"split": "eigen"}, ConfigError, "test, train, all"),
        ({"depth": "both"}, ConfigError, "raw, filled"),
        ({"least_object_px": 0}, ConfigError, "least_object_px"),
        ({"limit": 0}, ConfigError, "limit"),
    ],
)
def test_what_cannot_be_used_is_said(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    save(tmp_path)
    with pytest.raises(error, match=words):
        NyuLabelled(**{"path": tmp_path, **arguments})
