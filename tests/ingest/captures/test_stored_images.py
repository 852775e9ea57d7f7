from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ingest.refusals import refused
from PIL import Image

from pipeline.geometry.lens import Lens
from pipeline.ingest.captures.stored_images import stored_size, upright_frame
from pipeline.records import Camera, DepthMap

CAMERA = Camera(50, 52, 20.5, 8.5, 64, 48)
LENS = Lens("brown_conrady", (-0.1, 0.02, 0.01, 0.03))
DEPTH = DepthMap.from_values(np.arange(1, 13, dtype=np.float32).reshape(3, 4), "metric", "sensor")


def save(file: Path, orientation: int) -> np.ndarray:
    """Save a photo of random pixels with an EXIF orientation; return them as they are stored."""
    rgb = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    image = Image.fromarray(rgb)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(file, exif=exif)
    return rgb


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (8, 1), (3, 2), (6, 3)])
def test_everything_is_turned_by_the_orientation_of_the_photo(tmp_path: Path, orientation: int, turns: int) -> None:
    stored = save(tmp_path / "a.png", orientation)
    assert stored_size(tmp_path / "a.png") == (64, 48)
    found = upright_frame(tmp_path / "a.png", CAMERA, LENS, DEPTH, np.eye(4))
    assert (found.rgb == np.rot90(stored, turns)).all()
    assert found.camera == CAMERA.rotated(turns) and found.lens == LENS.rotated(turns)
    assert (found.depth.values == np.rot90(DEPTH.values, turns)).all()
    # The same point of the world, by the pixel that shows it before and after the turn.
    u, v, z = 30, 12, 2.0
    here = np.array([(u - CAMERA.cx) / CAMERA.fx * z, (v - CAMERA.cy) / CAMERA.fy * z, z])
    row, column = np.argwhere((found.rgb == stored[v, u]).all(axis=2))[0]
    camera = found.camera
    there = np.array([(column - camera.cx) / camera.fx * z, (row - camera.cy) / camera.fy * z, z])
    assert found.pose[:3, :3] @ there == pytest.approx(here)


def test_a_camera_of_the_upright_photo_is_not_turned(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 6)
    upright = Camera(50, 52, 20.5, 30.5, 48, 64)
    assert upright_frame(tmp_path / "a.png", upright).camera == upright


@pytest.mark.parametrize("orientation", [2, 4, 5, 7])
def test_a_mirrored_photo_is_refused(tmp_path: Path, orientation: int) -> None:
    save(tmp_path / "a.png", orientation)
    refused("mirrored by its EXIF orientation", upright_frame, tmp_path / "a.png", CAMERA)


def test_another_aspect_ratio_is_refused(image: Callable[..., Path]) -> None:
    photo = image(size=(64, 48))
    refused("camera of .* is for 64 x 64 px", upright_frame, photo, Camera(50, 50, 31.5, 31.5, 64, 64))
    wrong = DepthMap.from_values(np.ones((4, 4)), "metric", "sensor")
    refused("depth of .* is for 4 x 4 px", upright_frame, photo, CAMERA, None, wrong)
    assert upright_frame(photo, Camera(100, 104, 41.5, 17.5, 128, 96)).camera.width == 128
