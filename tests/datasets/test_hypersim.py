from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from files_of_sets import save_image
from true_depth_files import HEIGHT, SIZE, WIDTH, only, ordered, refusing, skipping

from pipeline.datasets.hypersim import Hypersim
from pipeline.geometry.backprojection import back_project
from pipeline.records.errors import ConfigError, InputError

SPLITS = """scene_name,camera_name,frame_id,included_in_public_release,exclude_reason,split_partition_name
ai_001_001,cam_00,0,True,,test
ai_001_001,cam_00,1,False,faults,test
ai_001_002,cam_01,0,True,,train
ai_009_009,cam_00,7,True,,test
"""


def write_distance(file: Path, values: np.ndarray, key: str = "dataset") -> None:
    with h5py.File(file, "w") as content:
        content[key] = values


def save(root: Path, scene: str = "ai_001_001", camera: str = "cam_00", frame: int = 0) -> Path:
    """A wall 3 m in front of the camera: its distance grows towards the corners. One pixel shows nothing."""
    images = root / scene / "images"
    save_image(images / f"scene_{camera}_final_preview" / f"frame.{frame:04d}.tonemap.jpg", size=SIZE)
    file = images / f"scene_{camera}_geometry_hdf5" / f"frame.{frame:04d}.depth_meters.hdf5"
    file.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    focal = 886.81 / 1024 * WIDTH
    points = np.stack(((columns - 7.5) / focal * 3, (rows - 5.5) / focal * 3, np.full(SIZE[::-1], 3.0)))
    distance = np.linalg.norm(points, axis=0).astype(np.float16)
    distance[0, 0] = np.nan
    write_distance(file, distance)
    return file


def test_distance_becomes_depth(tmp_path: Path) -> None:
    save(tmp_path)
    sample = only(Hypersim(tmp_path))
    valid = sample.truth.valid
    assert not valid[0, 0] and valid.sum() == valid.size - 1
    # float16 carries three digits.
    assert np.allclose(sample.truth.values[valid], 3, rtol=1e-3)
    points = back_project(sample.truth.values, sample.frame.camera, valid)
    assert np.allclose(points[:, 2], 3, rtol=1e-3), "the wall is flat"
    assert sample.frame.camera.fx == pytest.approx(886.81 / 64)


test_scenes_are_groups_and_names_hold_camera_and_frame = ordered(
    Hypersim,
    save,
    [("ai_001_002", "cam_01"), ("ai_001_001", "cam_00", 1), ("ai_001_001",)],
    {
        "ai_001_001/cam_00/0000": "ai_001_001",
        "ai_001_001/cam_00/0001": "ai_001_001",
        "ai_001_002/cam_01/0000": "ai_001_002",
    },
)


def test_a_split_takes_the_public_frames_of_its_list(tmp_path: Path) -> None:
    for scene, camera, frame in (("ai_001_002", "cam_01", 0), ("ai_001_001", "cam_00", 1), ("ai_001_001", "cam_00", 0)):
        save(tmp_path, scene, camera, frame)
    file = tmp_path / "splits.csv"
    file.write_text(SPLITS)
    assert Hypersim(tmp_path, split="test", split_file=file).names() == ["ai_001_001/cam_00/0000"]
    assert Hypersim(tmp_path, split="train", split_file=file).names() == ["ai_001_002/cam_01/0000"]
    with pytest.raises(InputError, match=r"names no frame .* in the split val"):
        Hypersim(tmp_path, split="val", split_file=file)
    file.write_text("scene_name,camera_name\n")
    with pytest.raises(InputError, match="lacks the columns frame_id, included"):
        Hypersim(tmp_path, split="test", split_file=file)


test_a_damaged_frame_is_skipped = skipping(
    Hypersim,
    save,
    [
        (lambda file: file.write_bytes(file.read_bytes()[:100]), "cannot be read as an HDF5 file"),
        (lambda file: write_distance(file, np.ones(SIZE[::-1]), key="other"), "cannot be read as an HDF5 file"),
        (lambda file: write_distance(file, np.ones((2, *SIZE))), "no distance per pixel"),
        (lambda file: write_distance(file, np.ones((2, 2))), "copy both again"),
        (lambda file: write_distance(file, np.full(SIZE[::-1], np.nan)), "no pixel"),
        (lambda file: next(file.parents[1].glob("*_final_preview/*")).unlink(), "does not exist"),
    ],
)


test_what_cannot_be_used_is_said = refusing(
    Hypersim,
    [
        ({}, InputError, "holds no SCENE/images"),
        ({"split": "test"}, ConfigError, "go together"),
        ({"split": "all", "split_file": "a.csv"}, ConfigError, "train, val, test"),
    ],
)
