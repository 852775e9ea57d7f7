from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ingest.lens_scene import BARREL, CAMERA, FISHEYE, OBJECTS, SIZE, box_of, rendered
from ingest.refusals import refused
from PIL import Image

from pipeline import Pipeline
from pipeline.geometry.lens import Lens
from pipeline.ingest.build import IngestSettings, build_scene
from pipeline.ingest.cameras import check_camera
from pipeline.ingest.given_images import frame_from
from pipeline.ingest.item import Item
from pipeline.ingest.lenses import UndoneLens, given_lens, pinhole, undone_lens
from pipeline.ingest.source import FileSource
from pipeline.records import Anchor, Camera, Claim, DepthMap, Region, Result, Scene
from pipeline.records.claim import encode_mask
from pipeline.records.errors import InputError, RecordError

LENSES = [BARREL, FISHEYE]
STRAIGHT = rendered(None)


@pytest.fixture(scope="module")
def judging() -> Pipeline:
    return Pipeline.from_config(["depth=file", "cache_dir=null"])


def files(folder: Path, lens: Mapping[str, Any] | None) -> dict[str, Any]:
    """An item of the rendered scene: image, depth, camera, and the boxes of both objects."""
    rgb, depth, masks = rendered(lens)
    Image.fromarray(rgb).save(folder / "rgb.png")
    np.save(folder / "depth.npy", depth)
    return {
        "frames": folder / "rgb.png",
        "depth": folder / "depth.npy",
        "camera": {**CAMERA, **(lens or {})},
        "regions": [{"label": label, "box_px": box_of(mask)} for label, mask in masks.items()],
    }


def check_boxes(scene: Scene, scale: float = 1.0) -> None:
    """Each moved box holds its object, and its bent outline makes it at most 4 % larger."""
    for region in scene.regions:
        true = np.array(box_of(STRAIGHT[2][region.label])) * scale
        found = np.array(region.box_px)
        grown = (true - found) * (1, 1, -1, -1)
        assert (grown >= -1 * scale).all() and (grown <= 0.04 * max(true[2:] - true[:2])).all(), region


@pytest.mark.parametrize("lens", LENSES)
def test_image_depth_and_boxes_are_those_without_the_lens(tmp_path: Path, lens: Mapping[str, Any]) -> None:
    scene = build_scene(Item("a", **files(tmp_path, lens)))
    (frame,) = scene.frames
    rgb, depth, masks = STRAIGHT
    inner = slice(5, -5), slice(5, -5)
    differs = np.abs(frame.rgb.astype(int) - rgb).max(axis=2)[inner] > 40
    assert differs.mean() < 0.01, "only edges may differ"
    assert frame.camera == Camera(**CAMERA, width=SIZE[0], height=SIZE[1])
    assert (np.abs(frame.given_depth.values - depth)[inner] > 0.01).mean() < 0.01
    check_boxes(scene)
    assert [note.code for note in scene.notes] == ["lens_undone", "lens_undone_for_regions"]
    assert masks["box"].any()


def test_everything_is_shrunk_after_the_lens_is_undone(tmp_path: Path) -> None:
    values = files(tmp_path, BARREL)
    check_boxes(build_scene(Item("a", **values), IngestSettings(max_side_px=320)), scale=0.5)


def test_masks_move_pixel_by_pixel(tmp_path: Path) -> None:
    values = files(tmp_path, BARREL)
    masks = rendered(BARREL)[2]
    values["regions"] = [{"label": label, "mask": encode_mask(mask)} for label, mask in masks.items()]
    for region in build_scene(Item("a", **values)).regions:
        assert np.abs(np.array(region.box_px) - box_of(STRAIGHT[2][region.label])).max() <= 1.0
        assert (region.mask != STRAIGHT[2][region.label]).mean() < 0.005


def shown_at(lens: Mapping[str, Any], u: float, v: float) -> tuple[float, float]:
    """Where the lens shows a pixel of the image without it."""
    camera = CAMERA
    ray = np.array([[(u - camera["cx"]) / camera["fx"], (v - camera["cy"]) / camera["fy"]]])
    ((x, y),) = given_lens(lens).distorted(ray)
    return x * camera["fx"] + camera["cx"], y * camera["fy"] + camera["cy"]


@pytest.mark.parametrize("lens", LENSES)
def test_points_move_with_their_pixels(tmp_path: Path, lens: Mapping[str, Any]) -> None:
    values = files(tmp_path, lens)
    seen = [shown_at(lens, 60, 50), shown_at(lens, 500, 400)]
    values["anchors"] = [{"between_px": seen, "value": 1, "unit": "m"}]
    values["regions"] = [{"label": "dot", "box_px": [*(np.array(seen[0]) + 0.5), *(np.array(seen[0]) + 0.5)]}]
    scene = build_scene(Item("a", **values))
    assert scene.anchors[0].points_px == (pytest.approx((60, 50), abs=1e-4), pytest.approx((500, 400), abs=1e-4))
    assert scene.regions[0].box_px == pytest.approx((60.5, 50.5, 60.5, 50.5), abs=1e-4)


def sizes(result: Result) -> dict[str, float]:
    """Measured widths and heights [m], by the words of the verdicts."""
    found = {}
    for verdict in result.verdicts:
        number, unit = str(verdict.reason).split(" measures ")[1].split()[:2]
        found[verdict.claim_text] = float(number) * {"cm": 0.01, "m": 1.0}[unit]
    return found


@pytest.mark.parametrize("lens", LENSES)
def test_sizes_and_verdicts_are_those_without_the_lens(judging: Pipeline, lens: Mapping[str, Any]) -> None:
    claims = [
        Claim("size", label, value=factor * true, unit="m", measure=side)
        for label, (left, top, right, bottom, _) in OBJECTS.items()
        for side, true in (("width", right - left), ("height", bottom - top))
        for factor in (1.0, 1.5)
    ]
    results = []
    for seen in (None, lens):
        rgb, depth, masks = rendered(seen)
        regions = [Region(label, tuple(map(float, box_of(mask)))) for label, mask in masks.items()]
        results.append(judging.judge(rgb, claims, regions, camera={**CAMERA, **(seen or {})}, depth=depth))
    plain, bent = map(sizes, results)
    assert len(plain) == 8 and plain.keys() == bent.keys()
    for claim, size_m in plain.items():
        assert bent[claim] == pytest.approx(size_m, rel=0.01)
    statuses = [[str(verdict.status) for verdict in result.verdicts] for result in results]
    assert statuses[0] == statuses[1] == ["supported", "refuted"] * 4
    assert any("Lens distortion was undone" in note for note in results[1].errors) and not results[0].errors


def test_a_lens_that_is_left_out_is_missed(judging: Pipeline) -> None:
    rgb, depth, masks = rendered(FISHEYE)
    regions = [Region(label, tuple(map(float, box_of(mask)))) for label, mask in masks.items()]
    claim = Claim("size", "panel", value=0.55, unit="m", measure="height")
    right, wrong = (
        sizes(judging.judge(rgb, [claim], regions, camera=camera, depth=depth))
        for camera in ({**CAMERA, **FISHEYE}, CAMERA)
    )
    assert abs(next(iter(wrong.values())) / next(iter(right.values())) - 1) > 0.02


def test_a_frame_in_python_is_straightened_with_its_depth() -> None:
    rgb, depth, _ = rendered(BARREL)
    given = DepthMap.from_values(depth, "metric", "sensor")
    made = frame_from(rgb, camera={**CAMERA, **BARREL}, depth=given)
    again = frame_from(frame_from(rgb, depth=given), camera={**CAMERA, **BARREL})
    assert (made.rgb == again.rgb).all() and (made.given_depth.values == again.given_depth.values).all()
    assert (np.abs(made.given_depth.values - STRAIGHT[1]) > 0.01).mean() < 0.02


def test_anchors_in_python_move_too(judging: Pipeline) -> None:
    rgb, depth, _ = rendered(BARREL)
    anchor = Anchor.from_plain({"to_camera_px": shown_at(BARREL, 100, 100), "value": 1, "unit": "m"})
    camera = {**CAMERA, **BARREL}
    scene = judging._scene(rgb, {"camera": camera, "anchors": [anchor], "depth": depth}, {})
    assert scene.anchors[0].points_px[0] == pytest.approx((100, 100), abs=1e-4)
    assert [note.code for note in scene.notes] == ["lens_undone", "lens_undone_for_regions"]


def test_the_lens_is_read_from_manifests_and_settings(tmp_path: Path) -> None:
    values = files(tmp_path, BARREL)
    line = {**values, "frames": "rgb.png", "depth": "depth.npy"}
    (tmp_path / "items.jsonl").write_text(json.dumps(line))
    source = FileSource(tmp_path / "items.jsonl")
    (item,) = source.items()
    check_boxes(source.scene(item))
    other = FileSource(tmp_path / "rgb.png", camera=values["camera"])
    (item,) = other.items()
    assert [note.code for note in other.scene(item).notes] == ["lens_undone"]


def test_a_lens_that_moves_nothing_changes_nothing(tmp_path: Path) -> None:
    values = files(tmp_path, None)
    values["camera"] = {**CAMERA, "k1": 1e-6}
    scene = build_scene(Item("a", **values))
    assert scene.notes == () and (scene.frames[0].rgb == STRAIGHT[0]).all()


@pytest.mark.parametrize(
    ("spec", "lens"),
    [
        ({"k1": 1, "p2": 2, "k6": 3}, Lens("brown_conrady", (1, 0, 0, 2, 0, 0, 0, 3))),
        ({"model": "brown_conrady", "k3": 1}, Lens("brown_conrady", (0, 0, 0, 0, 1))),
        ({"model": "fisheye", "k4": 1}, Lens("fisheye", (0, 0, 0, 1))),
        ({"model": "fisheye"}, Lens("fisheye", ())),
        ({}, None),
        ({"k1": 0, "k2": 0.0}, None),
    ],
)
def test_keys_become_coefficients_in_the_order_of_opencv(spec: Mapping[str, Any], lens: Lens | None) -> None:
    assert given_lens({**CAMERA, **spec}) == lens
    assert pinhole({**CAMERA, **spec}) == CAMERA
    check_camera({**CAMERA, **spec})


def test_a_camera_of_python_has_no_lens() -> None:
    camera = Camera(**CAMERA, width=SIZE[0], height=SIZE[1])
    assert given_lens(camera) is None and given_lens(None) is None and pinhole(camera) is camera


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"model": "fisheye", "p1": 0.1}, "A camera of model fisheye has no p1; it has k1, k2, k3, k4"),
        ({"model": "fisheye", "k5": 0}, "has no k5"),
        ({"model": "pinhole"}, "must be one of brown_conrady, fisheye"),
        ({"k1": "0.1"}, "must be numbers"),
        ({"k1": True}, "must be numbers"),
        ({"k1": math.nan}, "finite number"),
        ({"k1": [1]}, "finite number"),
        ({"k7": 1}, "unknown key 'k7'"),
    ],
)
def test_a_wrong_lens_is_refused(spec: Mapping[str, Any], words: str) -> None:
    with pytest.raises((InputError, RecordError), match=words):
        check_camera({**CAMERA, **spec})


def test_a_lens_that_leaves_little_of_the_image_is_refused() -> None:
    camera = Camera(**CAMERA, width=SIZE[0], height=SIZE[1])
    refused("leaves .* of the image; check the model", undone_lens, {**CAMERA, "k1": -9.0}, camera)


@pytest.mark.parametrize("frame_of", ["box_px", "mask"])
def test_a_region_that_the_straight_image_does_not_show_is_refused(tmp_path: Path, frame_of: str) -> None:
    values = files(tmp_path, FISHEYE)
    mask = np.zeros(SIZE[::-1], bool)
    mask[0, :3] = True
    where = [0, 0, 3, 1] if frame_of == "box_px" else encode_mask(mask)
    values["regions"] = [{"label": "corner", frame_of: where}]
    refused("nothing of it is left in the image", build_scene, Item("a", **values))


def test_a_point_that_the_straight_image_does_not_show_is_refused(tmp_path: Path) -> None:
    values = files(tmp_path, FISHEYE)
    values["anchors"] = [{"to_camera_px": [0, 0], "value": 1, "unit": "m"}]
    refused("'a', anchors: a point of .* is not in the image", build_scene, Item("a", **values))


def test_a_box_that_reaches_behind_the_camera_keeps_what_is_shown() -> None:
    # An equidistant fisheye of 200 degrees across: the outer columns show rays behind the camera.
    camera = Camera(90.0, 90.0, 159.5, 119.5, 320, 240)
    lens = UndoneLens(camera, Lens("fisheye", ()))
    whole = lens.region(Region("all", (0.0, 0.0, 320.0, 240.0)))
    assert whole.box_px == (0, 0, 320, 240)
    half = lens.region(Region("left", (0.0, 0.0, 160.0, 240.0)))
    assert half.box_px == pytest.approx((0, 0, 160, 240), abs=1)
