from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from files_of_sets import save_image
from true_depth_files import only, reason

from pipeline.datasets.depth_base import DepthSample
from pipeline.datasets.nyu_raw import NyuRaw, points_of_depth
from pipeline.records import DepthMap
from pipeline.records.errors import ConfigError, InputError

SIZE = (64, 48)
NOTHING = 2047
# The toolbox's own numbers and order (camera_params.m), which turn and shift a point to behind the camera.
ROTATION = np.linalg.inv(
    -np.reshape(
        [9.9997798940829263e-01, 5.0518419386157446e-03, 4.3011152014118693e-03, -5.0359919480810989e-03,
         9.9998051861143999e-01, -3.6879781309514218e-03, -4.3196624923060242e-03, 3.6662365748484798e-03,
         9.9998394948385538e-01],
        (3, 3),
    )
)  # fmt: skip
SHIFT_M = (2.5031875059141302e-02, -2.9342312935846411e-04, 6.6238747008330102e-04)


def raw(z_m: float) -> int:
    """What the first Kinect writes for a depth."""
    return round(1092.5 - 351.3 / z_m)


def save(scene: Path, color_s: float, depth_s: float, numbers: np.ndarray | None = None) -> Path:
    """An image, and depth taken at another moment; a wall at 2 m unless other numbers are given."""
    save_image(scene / f"r-{color_s:.6f}-31.ppm", size=SIZE)
    numbers = np.full(SIZE[::-1], raw(2.0)) if numbers is None else numbers
    file = scene / f"d-{depth_s:.6f}-32.pgm"
    file.write_bytes(f"P5 {numbers.shape[1]} {numbers.shape[0]} 65535\n".encode() + numbers.astype("<u2").tobytes())
    return file


def test_numbers_of_the_kinect_are_metres(tmp_path: Path) -> None:
    save(tmp_path / "cellar", 10.0, 10.01)
    sample = only(NyuRaw(tmp_path))
    assert sample.name == "cellar 10.010000-32" and sample.group == "cellar"
    assert sample.truth.valid.mean() > 0.5 and sample.frame.given_depth is None
    # The two cameras are turned against each other by a quarter of a degree: 8 mm at the edge of a wall at 2 m.
    assert np.allclose(sample.truth.values[sample.truth.valid], 351.3 / (1092.5 - raw(2.0)), atol=0.01)
    assert sample.frame.camera.fx == pytest.approx(51.8857901)


@pytest.mark.parametrize("row, column", [(238, 313), (100, 100), (400, 550)])
def test_points_fall_on_the_pixels_that_the_toolbox_gives(row: int, column: int) -> None:
    values = np.zeros((480, 640), np.float32)
    values[row, column] = 1.5
    (point,) = points_of_depth(DepthMap.from_values(values, "metric", "sensor"))
    # The infrared camera's lens, undone by iteration.
    distorted = (column - 313.04475870804731) / 582.62448167737955, (row - 238.44389626620386) / 582.69103270988637
    x, y = distorted
    k1, k2, p1, p2, k3 = -0.099897236553084, 0.39065324602765, 0.0019290592870229, -0.0019422022475975, -0.510317250534
    for _ in range(50):
        r2 = x * x + y * y
        radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
        x, y = (
            (distorted[0] - 2 * p1 * x * y - p2 * (r2 + 2 * x * x)) / radial,
            (distorted[1] - p1 * (r2 + 2 * y * y) - 2 * p2 * x * y) / radial,
        )
    behind = ROTATION @ (1.5 * x, 1.5 * y, 1.5) + SHIFT_M
    assert behind[2] < 0 < point[2]
    assert point[:2] / point[2] * 518.86 == pytest.approx(behind[:2] / behind[2] * 518.86, abs=0.05)
    assert point[2] == pytest.approx(1.5, abs=0.01)


def test_streams_are_joined_by_time_and_scenes_are_groups(tmp_path: Path) -> None:
    scene = tmp_path / "offices" / "office_0001a"
    for color_s, depth_s in ((20.00, 20.004), (20.04, 20.043), (20.08, 30.0)):
        save(scene, color_s, depth_s)
    save(tmp_path / "offices" / "office_0002", 5.0, 5.0)
    data = NyuRaw(tmp_path)
    assert data.names() == [
        "offices/office_0001a 20.004000-32",
        "offices/office_0001a 20.043000-32",
        "offices/office_0002 5.000000-32",
    ]
    samples = [data.read(index) for index in range(3)]
    assert [sample.group for sample in samples if isinstance(sample, DepthSample)] == [
        "offices/office_0001a",
        "offices/office_0001a",
        "offices/office_0002",
    ]
    assert len(NyuRaw(tmp_path, step=2)) == 2 and len(NyuRaw(tmp_path, limit=1)) == 1


def test_what_was_not_measured_or_lies_too_far_is_not_known(tmp_path: Path) -> None:
    numbers = np.full(SIZE[::-1], NOTHING)
    numbers[:, :32] = raw(3.0)
    file = save(tmp_path, 1.0, 1.0, numbers)
    known = only(NyuRaw(tmp_path)).truth.valid
    assert known[20, 10] and not known[:, 36:].any()
    assert "no pixel" in reason(NyuRaw(tmp_path, farthest_m=2.5))
    file.write_bytes(file.read_bytes()[:500])
    assert "is cut off" in reason(NyuRaw(tmp_path))


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ({"path": "nowhere"}, InputError, "There is no folder nowhere"),
        ({}, InputError, "of the same moment"),
        ({"most_apart_s": 0}, ConfigError, "most_apart_s"),
        ({"farthest_m": "far"}, ConfigError, "farthest_m"),
        ({"step": 0}, ConfigError, "step"),
    ],
)
def test_what_cannot_be_used_is_said(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    save(tmp_path, 1.0, 2.0)
    with pytest.raises(error, match=words):
        NyuRaw(**{"path": tmp_path, **arguments})


def test_a_file_without_a_time_is_named(tmp_path: Path) -> None:
    save(tmp_path, 1.0, 1.0).rename(tmp_path / "d-first.pgm")
    with pytest.raises(InputError, match=r"d-first\.pgm is not named d-TIME-TICKS\.pgm"):
        NyuRaw(tmp_path)


@pytest.mark.shared
def test_steps_of_registered_depth_lie_on_edges_of_the_image(shared_dir: Path, tmp_path: Path) -> None:
    for ours, theirs in (("r-1.000000-1.ppm", "rgb.ppm"), ("d-1.000000-1.pgm", "depth.pgm")):
        (tmp_path / ours).symlink_to((shared_dir / "rgbd" / "nyu_raw" / theirs).resolve())
    sample = only(NyuRaw(tmp_path))
    grey = sample.frame.rgb.mean(axis=2)
    edges = np.abs(np.diff(grey, axis=1))
    near, far = sample.truth.values[:, :-1], sample.truth.values[:, 1:]
    known = sample.truth.valid[:, :-1] & sample.truth.valid[:, 1:]
    steps = known & (np.abs(far - near) > 0.06 * near)
    assert steps.sum() > 300
    assert edges[steps].mean() > 2.5 * edges[known].mean()
