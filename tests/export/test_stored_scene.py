from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scenes
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipeline.export.stored_scene import StoredScene, read_scene, write_scene
from pipeline.geometry.backprojection import back_project
from pipeline.records import Camera, DepthKind, DepthMap, Frame, Sampling, Scene
from pipeline.records.camera import CameraSource
from pipeline.records.error_budget import DepthErrors, ErrorBudget
from pipeline.records.errors import ExportError

KINDS = list(DepthKind)


def stored(scene: Scene, folder: Path, **settings: object) -> StoredScene:
    return read_scene(write_scene(folder / "scenes" / "a.zip", scene, **settings))  # type: ignore[arg-type]


def textured(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_scene_comes_back_with_the_meaning_of_its_depth(kind: DepthKind, tmp_path: Path) -> None:
    depth = replace(scenes.as_kind(scenes.depth_m(), kind), misfit=1.5, disagreement=0.02, focal_px=140.0)
    if kind is DepthKind.METRIC:
        depth = replace(depth, scale_error=0.07)
    scene = scenes.scene(depth)
    found = stored(scene, tmp_path, errors=[DepthErrors(0.1, scale=0.2)])
    (back,) = found.scene.depth
    for name in ("kind", "scale_source", "backend", "scale_error", "misfit", "disagreement", "focal_px", "sampling"):
        assert getattr(back, name) == getattr(depth, name), name
    np.testing.assert_array_equal(back.valid, depth.valid)
    span = float(np.ptp(depth.values[depth.valid]))
    np.testing.assert_allclose(back.values[back.valid], depth.values[depth.valid], atol=span / 65534 + 1e-6)
    assert found.errors == (DepthErrors(0.1, scale=0.2),)
    assert found.scene.frames[0].camera == scene.frames[0].camera and found.scene.id == scene.id


def test_points_of_a_hundred_metres_stay_within_a_millimetre(tmp_path: Path) -> None:
    values = np.random.default_rng(1).uniform(0.3, 100.0, (60, 80))
    camera = Camera(70.0, 90.0, 20.0, 41.0, 80, 60)
    depth = DepthMap.from_values(values, "metric", "sensor")
    (back,) = stored(Scene("a", (Frame(textured(80, 60), camera),), depth=(depth,)), tmp_path).scene.depth
    everywhere = np.ones((60, 80), dtype=bool)
    before, after = (back_project(one.values, camera, everywhere) for one in (depth, back))
    assert np.abs(before[:, 2] - after[:, 2]).max() < 1e-3


def test_a_large_frame_is_reduced_and_its_points_stay_within_a_pixel(tmp_path: Path) -> None:
    width, height = 500, 300
    camera = Camera(400.0, 420.0, 240.0, 160.0, width, height)
    values = np.full((height, width), 2.0, np.float32)
    values[:, 250:] = 3.0
    depth = DepthMap.from_values(values, "metric", "sensor")
    frame = Frame(np.full((height, width, 3), 90, np.uint8), camera)
    found = stored(Scene("a", (frame,), depth=(depth,)), tmp_path, widest_px=130)
    (back,) = found.scene.depth
    assert found.scene.frames[0].rgb.shape == (height, width, 3)
    assert back.sampling == Sampling(4.0, 4.0) and back.shape == (height, width)
    edges = np.flatnonzero(np.diff(back.values[150]) > 0.5)
    assert abs(edges[0] + 0.5 - 249.5) <= 2


@pytest.mark.parametrize("lossless, worst", [(True, 0), (False, 40)])
def test_photos_are_stored_with_or_without_loss(lossless: bool, worst: int, tmp_path: Path) -> None:
    rgb = np.kron(textured(8, 6), np.ones((16, 16, 1), dtype=np.uint8))
    scene = Scene("a", (Frame(rgb, Camera.from_fov(128, 96, 60.0)),))
    found = stored(scene, tmp_path, lossless=lossless).scene
    difference = np.abs(found.frames[0].rgb.astype(int) - rgb)
    assert np.percentile(difference, 90) <= worst and found.depth == ()


def test_frames_keep_their_poses_names_times_and_confidence(tmp_path: Path) -> None:
    pose = np.eye(4)
    pose[:3, :3] = ((0, -1, 0), (1, 0, 0), (0, 0, 1))
    pose[:3, 3] = (1.0, 2.0, -3.0)
    confidence = np.linspace(0, 1, scenes.WIDTH * scenes.HEIGHT, dtype=np.float32).reshape(scenes.HEIGHT, -1)
    frames = (
        Frame(scenes.RGB, scenes.CAMERA, 0.5, pose, name="桌 1"),
        Frame(scenes.RGB, replace(scenes.CAMERA, source=CameraSource.EXIF), name="b"),
    )
    depths = tuple(
        replace(scenes.as_kind(scenes.depth_m(), DepthKind.METRIC), confidence=one) for one in (confidence, None)
    )
    found = stored(Scene("a", frames, depth=depths), tmp_path).scene
    first, second = found.frames
    assert (first.name, first.timestamp_s, second.timestamp_s, second.pose) == ("桌 1", 0.5, None, None)
    assert first.pose is not None
    np.testing.assert_array_equal(first.pose, pose)
    assert found.depth[0].confidence is not None and found.depth[1].confidence is None
    np.testing.assert_allclose(found.depth[0].confidence, confidence, atol=1 / 255)


@given(
    arrays.arrays(np.float32, (5, 7), elements=st.floats(-(2.0**100), 2.0**100, width=32) | st.just(np.nan)),
    arrays.arrays(np.bool_, (5, 7)),
    st.sampled_from([kind for kind in KINDS if kind is not DepthKind.METRIC]),
)
def test_any_depth_comes_back_with_the_same_valid_pixels(
    tmp_path_factory: pytest.TempPathFactory, values: np.ndarray, valid: np.ndarray, kind: DepthKind
) -> None:
    depth = DepthMap(values, valid, kind)
    scene = Scene("a", (Frame(textured(7, 5), Camera.from_fov(7, 5, 60.0)),), depth=(depth,))
    (back,) = stored(scene, tmp_path_factory.mktemp("any")).scene.depth
    if kind.has_shape:
        # Values that a level rounds to zero are no depth.
        assert not (back.valid & ~depth.valid).any()
    else:
        np.testing.assert_array_equal(back.valid, depth.valid)


def changed(path: Path, name: str, data: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        files = {entry: archive.read(entry) for entry in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for entry, old in files.items():
            archive.writestr(entry, data if entry == name else old)


def bomb() -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.new("L", (20_000, 20_000)).save(file, "png")
    return file.getvalue()


@pytest.mark.parametrize(
    "name, data",
    [
        ("scene.json", b""),
        ("scene.json", b"[]"),
        ("scene.json", b'{"version": 99}'),
        ("scene.json", b'{"version": 1, "id": "a", "frames": [], "errors": []}'),
        ("scene.json", b"[" * 100_000),
        ("photo-0.jpg", b"no image"),
        ("depth-0.png", b""),
        ("depth-0.png", bomb()),
    ],
)
def test_a_damaged_scene_is_refused_in_a_sentence(name: str, data: bytes, tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.zip", scenes.scene())
    changed(path, name, data)
    with pytest.raises(ExportError, match=r"a\.zip"):
        read_scene(path)


@pytest.mark.parametrize(
    "key, value",
    [("camera", {"fx": 1}), ("photo", "../x"), ("pose", [[1]]), ("depth", {"kind": "?"})],
)
def test_an_entry_of_another_kind_is_refused(key: str, value: object, tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.zip", scenes.scene())
    with zipfile.ZipFile(path) as archive:
        head = json.loads(archive.read("scene.json"))
    head["frames"][0][key] = value
    changed(path, "scene.json", json.dumps(head).encode())
    with pytest.raises(ExportError, match="damaged"):
        read_scene(path)


def test_a_missing_scene_and_a_file_that_is_no_archive_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot be read"):
        read_scene(tmp_path / "none.zip")
    (tmp_path / "text.zip").write_text("x")
    with pytest.raises(ExportError, match="damaged"):
        read_scene(tmp_path / "text.zip")


def test_the_errors_of_points_are_those_of_the_budget() -> None:
    budget = ErrorBudget()
    metric = scenes.as_kind(scenes.depth_m(), DepthKind.METRIC)
    errors = budget.depth_errors(metric, CameraSource.EXIF)
    noise = budget.noise.of(metric)
    assert (errors.relative, errors.pixel_per_m, errors.place_share) == (
        noise.relative,
        noise.pixel_per_m,
        noise.place_share,
    )
    assert errors.focal == budget.focal["exif"] and errors.scale == budget.scale_error(metric) > 0
    affine = budget.depth_errors(scenes.as_kind(scenes.depth_m(), DepthKind.DISPARITY_AFFINE), CameraSource.GIVEN)
    assert affine.scale == 0
    doubled = budget.depth_errors(replace(metric, misfit=2.0), CameraSource.EXIF)
    assert doubled.relative == pytest.approx(2 * errors.relative)


@pytest.mark.parametrize("kind", KINDS)
def test_an_outlier_takes_nothing_from_the_other_depths(kind: DepthKind, tmp_path: Path) -> None:
    depth = scenes.as_kind(scenes.depth_m(), kind)
    values = depth.values.copy()
    values[0, 0] = 1e5
    depth = replace(depth, values=values)
    (back,) = stored(scenes.scene(depth), tmp_path).scene.depth
    np.testing.assert_allclose(back.values[depth.valid], values[depth.valid], rtol=1e-5)
    np.testing.assert_array_equal(back.valid, depth.valid)


@pytest.mark.parametrize(
    "key, value",
    [
        *(("factor", value) for value in (0, -1, True, 2, 1.0, 1e30, "1", None)),
        *(("least", value) for value in (None, float("nan"), 10**400, "1")),
        *(("backend", value) for value in ([],)),
        *((key, value) for key in ("focal_px", "disagreement", "scale_error") for value in ({}, "x", float("inf"))),
    ],
)
def test_depth_that_does_not_fit_its_description_is_refused(key: str, value: object, tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.zip", scenes.scene())
    with zipfile.ZipFile(path) as archive:
        head = json.loads(archive.read("scene.json"))
    head["frames"][0]["depth"][key] = value
    changed(path, "scene.json", json.dumps(head).encode())
    if key == "backend":
        assert isinstance(read_scene(path).scene.depth[0].backend, str)
        return
    with pytest.raises(ExportError, match="damaged"):
        read_scene(path)


def test_small_files_that_claim_huge_frames_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.zip", scenes.scene())
    with zipfile.ZipFile(path) as archive:
        head = json.loads(archive.read("scene.json"))
    head["frames"][0]["camera"] |= {"width": 16384, "height": 4096}
    head["frames"] *= 12
    changed(path, "scene.json", json.dumps(head).encode())
    with pytest.raises(ExportError, match="larger than any scene"):
        read_scene(path)
