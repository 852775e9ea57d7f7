from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ingest.refusals import refused

from pipeline.ingest.kitti_calibration import finite_numbers, read_calibration, read_projection, velodyne_to_rectified

TEXT = (
    "P2: 7.2e+02 0 600 45 0 7.2e+02 170 0.2 0 0 1 0.003\n"
    "R0_rect: 0 -1 0 1 0 0 0 0 1\n"
    "Tr_velo_to_cam: 0 -1 0 0.5 0 0 -1 -0.08 1 0 0 -0.27\n"
    "\n"
)


def test_matrices_are_read_row_by_row(tmp_path: Path) -> None:
    (tmp_path / "000000.txt").write_text(TEXT)
    found = read_calibration(tmp_path / "000000.txt")
    assert found["P2"][0].tolist() == [720, 0, 600, 45]
    # The scanner's forward is the camera's z; R0_rect then takes x to y.
    matrix = velodyne_to_rectified(found)
    assert np.allclose(matrix @ (10, 0, 0, 1), (0.08, 0.5, 9.73, 1))


@pytest.mark.parametrize("content", ["", "P2: 1 2 3\n", TEXT.replace("R0_rect", "R_rect"), TEXT.replace("600", "x")])
def test_what_lacks_a_matrix_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "000000.txt").write_text(content)
    refused("lacks (P2|R0_rect)", read_calibration, tmp_path / "000000.txt")


def test_a_projection_of_the_raw_recordings_is_read(tmp_path: Path) -> None:
    (tmp_path / "calib_cam_to_cam.txt").write_text("calib_time: 09-Jan\nP_rect_02: 1 2 3 4 5 6 7 8 9 10 11 12\n")
    assert read_projection(tmp_path / "calib_cam_to_cam.txt", "P_rect_02")[2].tolist() == [9, 10, 11, 12]
    refused("lacks the 12 numbers of P_rect_03", read_projection, tmp_path / "calib_cam_to_cam.txt", "P_rect_03")


@pytest.mark.parametrize("fields, found", [(["1", "2e3"], [1, 2000]), (["1", "x"], None), (["nan"], None), ([], [])])
def test_numbers_are_finite_or_none(fields: list[str], found: list[float] | None) -> None:
    assert finite_numbers(fields) == found
