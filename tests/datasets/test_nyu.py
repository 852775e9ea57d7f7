from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from files_of_sets import image, save_image
from scipy.io import savemat
from true_depth_files import HEIGHT, SIZE, WIDTH, check_truth, depth_m, only, ordered, reason, refusing, samples

from pipeline.datasets.base import DepthSample
from pipeline.datasets.nyu import NyuDepth
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


def test_an_image_is_upright_with_its_depth_and_the_camera_of_the_toolbox(tmp_path: Path) -> None:
    save(tmp_path, test=(2,))
    sample = only(NyuDepth(tmp_path))
    assert sample.name == "0002" and sample.group == "kitchen_0001"
    assert (sample.frame.rgb == image(1, SIZE)).all()
    expected = depth_m()
    expected[0, 0] = 0
    check_truth(sample, expected)
    camera = sample.frame.camera
    assert (camera.fx, camera.cx) == pytest.approx((518.857901 / 40, (325.582449 + 0.5) / 40 - 0.5))
    assert camera.source == "given"
    filled = only(NyuDepth(tmp_path, depth="filled")).truth
    assert filled.valid.all() and filled.values[3, 5] == pytest.approx(4.55)


def test_objects_are_regions_of_one_label_and_instance(tmp_path: Path) -> None:
    sample = only(NyuDepth(save(tmp_path, test=(2,)), least_object_px=10))
    boxes = {region.label: region.box_px for region in sample.regions}
    assert boxes == {"book 1": (3, 2, 9, 8), "book 2": (10, 2, 14, 8), "wall": (0, 9, 16, 12)}
    masks = {region.label: region.mask for region in sample.regions}
    wall = masks["wall"]
    assert wall is not None and wall[9:].all() and not wall[:9].any()
    assert only(NyuDepth(tmp_path, objects=False)).regions == ()


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
    assert NyuDepth(tmp_path, **arguments).names() == names


def test_scenes_are_groups_and_images_without_depth_are_skipped(tmp_path: Path) -> None:
    data = NyuDepth(save(tmp_path), split="all")
    assert "knows the depth of no pixel" in reason(data)
    assert [sample.group for sample in samples(NyuDepth(tmp_path))] == ["kitchen_0001", "office_0003"]


def test_several_threads_read_the_same_as_one(tmp_path: Path) -> None:
    data = NyuDepth(save(tmp_path))
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
        (lambda file: file.unlink(), "There is neither a file"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, damage: Callable[[Path], Any], words: str) -> None:
    damage(save(tmp_path))
    with pytest.raises(InputError, match=words) as caught:
        NyuDepth(tmp_path)
    assert "\n" not in str(caught.value)


test_what_cannot_be_used_is_said = refusing(
    NyuDepth,
    [
        ({"split": "eigen"}, ConfigError, "test, train, all"),
        ({"depth": "both"}, ConfigError, "raw, filled"),
        ({"least_object_px": 0}, ConfigError, "least_object_px"),
    ],
    save,
)


RAW_SIZE = (64, 48)
NOTHING = 2047


def raw(z_m: float) -> int:
    """What the first Kinect writes for a depth."""
    return round(1092.5 - 351.3 / z_m)


def save_raw(scene: Path, color_s: float, depth_s: float, numbers: np.ndarray | None = None) -> Path:
    """An image, and depth taken at another moment; a wall at 2 m unless other numbers are given."""
    save_image(scene / f"r-{color_s:.6f}-31.ppm", size=RAW_SIZE)
    numbers = np.full(RAW_SIZE[::-1], raw(2.0)) if numbers is None else numbers
    file = scene / f"d-{depth_s:.6f}-32.pgm"
    file.write_bytes(f"P5 {numbers.shape[1]} {numbers.shape[0]} 65535\n".encode() + numbers.astype("<u2").tobytes())
    return file


def test_numbers_of_the_kinect_are_metres(tmp_path: Path) -> None:
    save_raw(tmp_path / "cellar", 10.0, 10.01)
    sample = only(NyuDepth(tmp_path))
    assert sample.name == "cellar 10.010000-32" and sample.group == "cellar"
    assert sample.truth.valid.mean() > 0.5 and sample.frame.given_depth is None
    # The two cameras are turned against each other by a quarter of a degree: 8 mm at the edge of a wall at 2 m.
    assert np.allclose(sample.truth.values[sample.truth.valid], 351.3 / (1092.5 - raw(2.0)), atol=0.01)
    assert sample.frame.camera.fx == pytest.approx(51.8857901)


OFFICES = ("offices/office_0001a 20.004000-32", "offices/office_0001a 20.043000-32", "offices/office_0002 5.000000-32")
test_streams_are_joined_by_time_and_scenes_are_groups = ordered(
    NyuDepth,
    lambda root, scene, color_s, depth_s: save_raw(root / "offices" / scene, color_s, depth_s),
    [
        *(("office_0001a", *times_s) for times_s in ((20.00, 20.004), (20.04, 20.043), (20.08, 30.0))),
        ("office_0002", 5.0, 5.0),
    ],
    {name: name.split()[0] for name in OFFICES},
    [({"step": 2}, [OFFICES[0], OFFICES[2]])],
)


def test_what_was_not_measured_or_lies_too_far_is_not_known(tmp_path: Path) -> None:
    numbers = np.full(RAW_SIZE[::-1], NOTHING)
    numbers[:, :32] = raw(3.0)
    file = save_raw(tmp_path, 1.0, 1.0, numbers)
    known = only(NyuDepth(tmp_path)).truth.valid
    assert known[20, 10] and not known[:, 36:].any()
    assert "no pixel" in reason(NyuDepth(tmp_path, farthest_m=2.5))
    file.write_bytes(file.read_bytes()[:500])
    assert "is cut off" in reason(NyuDepth(tmp_path))


test_raw_recordings_that_cannot_be_used_are_said = refusing(
    NyuDepth,
    [
        ({}, InputError, "neither a file .* nor a raw recording, .* of the same moment"),
        ({"most_apart_s": 0}, ConfigError, "most_apart_s"),
        ({"farthest_m": "far"}, ConfigError, "farthest_m"),
        ({"step": 0}, ConfigError, "step"),
    ],
    lambda root: save_raw(root, 1.0, 2.0),
)


def test_a_file_without_a_time_is_named(tmp_path: Path) -> None:
    save_raw(tmp_path, 1.0, 1.0).rename(tmp_path / "d-first.pgm")
    with pytest.raises(InputError, match=r"d-first\.pgm is not named d-TIME-TICKS\.pgm"):
        NyuDepth(tmp_path)


@pytest.mark.shared
def test_steps_of_registered_depth_lie_on_edges_of_the_image(shared_dir: Path, tmp_path: Path) -> None:
    for ours, theirs in (("r-1.000000-1.ppm", "rgb.ppm"), ("d-1.000000-1.pgm", "depth.pgm")):
        (tmp_path / ours).symlink_to((shared_dir / "rgbd" / "nyu_raw" / theirs).resolve())
    sample = only(NyuDepth(tmp_path))
    grey = sample.frame.rgb.mean(axis=2)
    edges = np.abs(np.diff(grey, axis=1))
    near, far = sample.truth.values[:, :-1], sample.truth.values[:, 1:]
    known = sample.truth.valid[:, :-1] & sample.truth.valid[:, 1:]
    steps = known & (np.abs(far - near) > 0.06 * near)
    assert steps.sum() > 300
    assert edges[steps].mean() > 2.5 * edges[known].mean()
