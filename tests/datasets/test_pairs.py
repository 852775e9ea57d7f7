from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from files_of_sets import save_image
from PIL import Image
from true_depth_files import (
    HEIGHT,
    SIZE,
    WIDTH,
    check_truth,
    depth_m,
    only,
    reason,
    refusing,
    samples,
    skipping,
    write_pfm,
    write_png,
)

from pipeline.datasets.pairs import Pairs
from pipeline.records.errors import ConfigError, InputError

MILLIMETRES: dict[str, Any] = {"depth_scale": 0.001}


def save(root: Path, name: str = "1", image: str = "images/{}.png", depth: str = "depths/{}.png") -> Path:
    save_image(root / image.format(name), size=SIZE)
    values_m = depth_m()
    values_m[0, 0] = 0
    return write_png(root / depth.format(name), values_m)


def save_values(root: Path, suffix: str) -> dict[str, Any]:
    """A pair whose depth is of that format, and how to read it."""
    file = save(root).with_suffix(suffix)
    if suffix == ".png":
        return MILLIMETRES
    file.with_suffix(".png").unlink()
    metres = depth_m().astype(np.float32)
    metres[0, 0] = -1
    if suffix == ".npz":
        np.savez(file, depth_of_it=metres, other=metres * 2)
        return {"depths": "depths/*.npz", "depth_key": "depth_of_it"}
    if suffix == ".npy":
        np.save(file, metres)
    else:
        write_pfm(file, metres)
    return {"depths": f"depths/*{suffix}", "depth_invalid": -1}


@pytest.mark.parametrize("suffix", [".png", ".npy", ".npz", ".pfm"])
def test_every_depth_format_gives_metres(tmp_path: Path, suffix: str) -> None:
    sample = only(Pairs(tmp_path, **save_values(tmp_path, suffix)))
    expected = depth_m()
    expected[0, 0] = 0
    check_truth(sample, expected, atol=1e-6)
    assert (sample.name, sample.group) == ("1", "1")


@pytest.mark.parametrize(
    "images, depths, files, names, groups",
    [
        ("rgb/*.png", "z/*_depth.png", [("rgb/ a .png", "z/ a _depth.png")], [" a "], ["rgb"]),
        (
            "*/rgb/*.png",
            "*/z/*.png",
            [("garden/rgb/10.png", "garden/z/10.png"), ("garden/rgb/9.png", "garden/z/9.png")],
            ["garden/9", "garden/10"],
            ["garden/rgb"] * 2,
        ),
        (
            "rgb/**/*.png",
            "z/**/*.png",
            [("rgb/1.png", "z/1.png"), ("rgb/a/b/1.png", "z/a/b/1.png")],
            ["1", "a/b/1"],
            ["rgb", "rgb/a/b"],
        ),
        ("*_rgb.png", "*_z.png", [("x_rgb.png", "x_z.png")], ["x"], ["."]),
        ("rgb_?.png", "z_?.png", [("rgb_1.png", "z_1.png")], ["1"], ["."]),
    ],
)
def test_what_the_wildcards_stand_for_is_the_name(
    tmp_path: Path, images: str, depths: str, files: list[tuple[str, str]], names: list[str], groups: list[str]
) -> None:
    for image, depth in files:
        save(tmp_path, "", image, depth)
    data = Pairs(tmp_path, images=images, depths=depths, group_by_folder=True, **MILLIMETRES)
    assert data.names() == names and data.unreadable == {}
    assert [sample.group for sample in samples(data)] == groups


def test_files_without_a_partner_are_named_and_the_others_read(tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        save(tmp_path, name)
    (tmp_path / "depths" / "2.png").unlink()
    (tmp_path / "images" / "3.png").unlink()
    data = Pairs(tmp_path, **MILLIMETRES)
    assert only(data).name == "1"
    assert sorted(data.unreadable) == ["2", "3"]
    assert "images/2.png has no partner depths/*.png" in data.unreadable["2"]
    assert "depths/3.png has no partner images/*.png" in data.unreadable["3"]
    with pytest.raises(InputError, match=r"holds no pair .*1\.png has no partner depths/\*\.npy"):
        Pairs(tmp_path, depths="depths/*.npy")


@pytest.mark.parametrize(
    "kind, source, scale_source",
    [
        ("disparity_affine", "model", "none"),
        ("scale_invariant", "model", "none"),
        ("metric", "model", "model"),
        ("metric", "sensor", "sensor"),
    ],
)
def test_predictions_go_in_beside_the_image(tmp_path: Path, kind: str, source: str, scale_source: str) -> None:
    save(tmp_path)
    (tmp_path / "out").mkdir()
    np.save(tmp_path / "out" / "1.npy", np.full((HEIGHT // 2, WIDTH // 2), 7, np.float32))
    data = Pairs(
        tmp_path,
        predictions="out/*.npy",
        prediction_kind=kind,
        prediction_source=source,
        prediction_scale=2,
        **MILLIMETRES,
    )
    given = only(data).frame.given_depth
    assert given is not None and (given.kind, given.scale_source) == (kind, scale_source)
    assert given.values == pytest.approx(14) and given.shape == SIZE[::-1]
    (tmp_path / "out" / "1.npy").rename(tmp_path / "out" / "2.npy")
    with pytest.raises(InputError, match=r"has no partner out/\*\.npy"):
        Pairs(tmp_path, predictions="out/*.npy", prediction_kind=kind, **MILLIMETRES)


@pytest.mark.parametrize(
    "name, values, arguments, words",
    [
        ("1.png", np.full((HEIGHT, WIDTH), 7, np.uint16), {}, "; give prediction_scale in metres"),
        ("1.npy", np.ones((HEIGHT, WIDTH), np.float32), {"prediction_invalid": 1}, "and prediction_invalid."),
    ],
)
def test_what_is_wrong_with_predictions_names_their_own_keys(
    tmp_path: Path, name: str, values: np.ndarray, arguments: dict[str, Any], words: str
) -> None:
    save(tmp_path)
    file = tmp_path / "depth_scale" / name
    file.parent.mkdir()
    if file.suffix == ".png":
        cv2.imwrite(str(file), values)
    else:
        np.save(file, values)
    data = Pairs(
        tmp_path, predictions=f"depth_scale/*{file.suffix}", prediction_kind="metric", **MILLIMETRES, **arguments
    )
    said = reason(data)
    assert words in said and str(file) in said, "the path keeps its own words"


def test_smaller_depth_is_enlarged_by_the_nearest_pixel(tmp_path: Path) -> None:
    file = save(tmp_path)
    write_png(file, np.arange(1000, 1000 + HEIGHT * WIDTH // 4).reshape(HEIGHT // 2, WIDTH // 2), 1)
    values = only(Pairs(tmp_path, **MILLIMETRES)).truth.values
    assert (values == np.kron(values[::2, ::2], np.ones((2, 2)))).all() and values[2, 4] == pytest.approx(1.010)


def test_a_turned_photo_is_upright_as_its_depth(tmp_path: Path) -> None:
    file = save(tmp_path, image="images/{}.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((WIDTH, HEIGHT, 3), np.uint8)).save(tmp_path / "images" / "1.jpg", exif=exif)
    sample = only(Pairs(tmp_path, images="images/*.jpg", **MILLIMETRES))
    assert sample.frame.rgb.shape == (HEIGHT, WIDTH, 3)
    write_png(file, np.ones((WIDTH, HEIGHT)))
    assert "turn the depth file in the same way" in reason(Pairs(tmp_path, images="images/*.jpg", **MILLIMETRES))


@pytest.mark.parametrize(
    "arguments, fx, cx, source",
    [
        ({}, WIDTH / 2 / np.tan(np.pi / 6), 7.5, "assumed"),
        ({"fov_deg": 90.0}, 8.0, 7.5, "given"),
        ({"camera": {"fx": 20, "fy": 21, "cx": 7, "cy": 5}}, 20.0, 7.0, "given"),
        ({"camera": {"fx": 40, "fy": 42, "cx": 14.5, "cy": 10.5, "width": 32, "height": 24}}, 20.0, 7.0, "given"),
    ],
)
def test_one_camera_serves_all_images(
    tmp_path: Path, arguments: dict[str, Any], fx: float, cx: float, source: str
) -> None:
    save(tmp_path)
    camera = only(Pairs(tmp_path, **MILLIMETRES, **arguments)).frame.camera
    assert (camera.fx, camera.cx, camera.source) == (pytest.approx(fx), cx, source)


test_a_damaged_pair_is_skipped = skipping(
    lambda root: Pairs(root, **MILLIMETRES),
    save,
    [
        (lambda file: file.write_bytes(b"no image"), "1.png"),
        (lambda file: write_png(file, np.zeros((HEIGHT, WIDTH))), "no pixel"),
        (lambda file: shutil.copy(file.parents[1] / "images" / "1.png", file), "not one number per pixel"),
    ],
)


def test_whole_numbers_need_a_scale(tmp_path: Path) -> None:
    save(tmp_path)
    assert "give depth_scale in metres" in reason(Pairs(tmp_path))


test_what_cannot_be_used_is_said = refusing(
    Pairs,
    [
        ({"images": "rgb/*.png"}, InputError, "1.png has no partner rgb"),
        ({"images": "none/*.png", "depths": "none/*.npy"}, InputError, "no file matches"),
        ({"images": "images/1.png"}, ConfigError, "with a wildcard"),
        ({"images": "../*.png"}, ConfigError, "below dataset.path"),
        ({"depths": "/depths/*.png"}, ConfigError, "below dataset.path"),
        ({"images": "images/[12]*.png"}, ConfigError, "no wildcards but"),
        ({"images": "images**/*.png"}, ConfigError, "no wildcards but"),
        ({"camera": {"fx": 1}}, InputError, "lacks fy, cx, cy"),
        ({"camera": {"fx": 1, "fy": 1, "cx": 0, "cy": 0}, "fov_deg": 60}, ConfigError, "exclude each other"),
        ({"fov_deg": 180}, ConfigError, "fov_deg must be a number above 0 and below 180"),
        ({"prediction_kind": "inverse"}, ConfigError, "prediction_kind"),
        ({"predictions": "images/*.png"}, ConfigError, "Say what the predictions are: set dataset.prediction_kind"),
        ({"prediction_source": "anchor"}, ConfigError, "model, sensor"),
        ({"depth_invalid": ["far"]}, ConfigError, "a list whose entries are each a number"),
    ],
    save,
)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    save_image(tmp_path / "a" / "1.png")
    save_image(tmp_path / "a1.png")
    with pytest.raises(InputError, match="both match"):
        Pairs(tmp_path, images="**/*?.png")
