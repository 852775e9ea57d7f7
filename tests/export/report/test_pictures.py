from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scenes
from export.report.report_data import noisy_scene
from PIL import Image

from pipeline.export.report.pictures import MOST_FRAMES, write_pictures
from pipeline.records import Camera, DepthMap, Frame, Scene


def large(width: int, height: int) -> Scene:
    camera = Camera(1000.0, 1000.0, width / 2, height / 2, width, height)
    depth = DepthMap.from_values(np.tile(np.linspace(1, 4, width), (height, 1)), "metric", "sensor")
    return Scene("large", (Frame(np.zeros((height, width, 3), np.uint8), camera),), depth=(depth,))


def test_photo_depth_and_thumbnail_are_bounded(tmp_path: Path) -> None:
    (pictures,) = write_pictures(tmp_path, large(4000, 3000), "a", is_unique=True)
    assert (pictures.width, pictures.height) == (1280, 960)
    assert Image.open(tmp_path / pictures.photo).size == (1280, 960)
    assert pictures.depth is not None and Image.open(tmp_path / pictures.depth).size == (640, 480)
    assert Image.open(tmp_path / "thumbnails" / "a.jpg").size == (192, 144)


def test_small_photos_keep_their_size_and_pixels(tmp_path: Path) -> None:
    scene = noisy_scene()
    (pictures,) = write_pictures(tmp_path, scene, "a", is_unique=True)
    photo = np.asarray(Image.open(tmp_path / pictures.photo)).astype(int)
    assert photo.shape == scene.frames[0].rgb.shape
    assert np.abs(photo - scene.frames[0].rgb).mean() < 6, "red, green and blue in their order"


def test_metric_depth_has_its_ends_in_metres(tmp_path: Path) -> None:
    (pictures,) = write_pictures(tmp_path, large(400, 300), "a", is_unique=True)
    assert pictures.ends_m == pytest.approx((1, 4), rel=0.05) and not pictures.has_holes


@pytest.mark.parametrize("kind", [scenes.SHAPE, scenes.DEPTH, scenes.DISPARITY])
def test_other_depth_has_no_metres(kind: object, tmp_path: Path) -> None:
    scene = scenes.scene(scenes.as_kind(scenes.depth_m(), kind))  # type: ignore[arg-type]
    (pictures,) = write_pictures(tmp_path, scene, "a", is_unique=True)
    assert pictures.ends_m is None and pictures.depth is not None


def test_holes_and_empty_depth_are_said(tmp_path: Path) -> None:
    values = scenes.depth_m()
    values[:20] = np.nan
    holed = scenes.scene(scenes.as_kind(values, scenes.METRIC))
    assert write_pictures(tmp_path, holed, "a", is_unique=True)[0].has_holes
    empty = scenes.scene(scenes.as_kind(np.full_like(values, np.nan), scenes.METRIC))
    (pictures,) = write_pictures(tmp_path, empty, "b", is_unique=True)
    assert pictures.is_empty and pictures.ends_m is None


def test_without_depth_there_is_only_the_photo(tmp_path: Path) -> None:
    scene = replace(noisy_scene(), depth=())
    assert write_pictures(tmp_path, scene, "a", is_unique=True)[0].depth is None
    assert len(list((tmp_path / "images").iterdir())) == 1


def test_pictures_of_a_scene_are_drawn_once(tmp_path: Path) -> None:
    first = write_pictures(tmp_path, noisy_scene(), "a", is_unique=True)
    path = tmp_path / first[0].photo
    path.write_bytes(b"kept")
    assert write_pictures(tmp_path, noisy_scene(), "a", is_unique=True) == first
    assert path.read_bytes() == b"kept"
    write_pictures(tmp_path, noisy_scene(), "a", is_unique=False)
    assert path.read_bytes() != b"kept", "a name that others may have had is drawn again"
    path.unlink()
    write_pictures(tmp_path, noisy_scene(), "a", is_unique=True)
    assert path.exists()


def test_long_sequences_are_cut(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path, scenes.scene(frames=MOST_FRAMES + 3), "a", is_unique=True)
    assert len(pictures) == MOST_FRAMES


def test_threads_may_write_at_once(tmp_path: Path) -> None:
    long = "x" * 70
    with ThreadPoolExecutor(8) as pool:
        made = list(
            pool.map(lambda k: write_pictures(tmp_path, noisy_scene(), f"{long}{k % 4}", is_unique=True), range(32))
        )
    assert len(made) == 32 and len(list((tmp_path / "images").iterdir())) == 8
    for path in (tmp_path / "images").iterdir():
        Image.open(path).load()
