from __future__ import annotations

import numpy as np
import pytest

from pipeline.datasets.formats.nyu_toolbox import points_of_depth
from pipeline.records import DepthMap

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
