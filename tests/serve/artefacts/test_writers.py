"""The writers of artefacts."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from export.stored import depth_map, frame, result, stored, values

from pipeline.export.stored_scene import StoredScene, write_scene
from pipeline.records import Camera, DepthMap, Region, Result, Scene
from pipeline.records.error_budget import DepthErrors
from pipeline.records.errors import ExportError
from pipeline.serve.artefacts import writers
from pipeline.serve.problems import UnfitError

KINDS = ("metric", "scale_invariant", "depth_affine", "disparity_affine")


def scene_file(folder: Path, given: StoredScene) -> Path:
    return write_scene(folder / "scene.zip", given.scene, given.errors)


def empty_depth(kind: str) -> StoredScene:
    depth = replace(depth_map(kind), valid=np.zeros((60, 80), bool))
    return StoredScene(Scene("item", (frame(),), depth=(depth,)), (DepthErrors(),))


def strict(text: str | bytes) -> object:
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.mark.parametrize("kind", [*KINDS, None])
def test_what_the_page_shows_is_json_without_nan(tmp_path: Path, kind: str | None) -> None:
    path = tmp_path / "workbench.json"
    writers.write_workbench(path, result(), scene_file(tmp_path, stored(kind)), "abc")
    data = strict(path.read_bytes())
    assert isinstance(data, dict) and (data["id"], data["version"]) == ("abc", 1)
    assert data["view"] == (None if kind is None else "/v1/results/abc/view.json")


@pytest.mark.parametrize("kind", [*KINDS, None])
def test_the_view_is_json_without_nan(tmp_path: Path, kind: str | None) -> None:
    writers.write_view(tmp_path / "view.json", result(), scene_file(tmp_path, stored(kind)))
    view = strict((tmp_path / "view.json").read_bytes())
    assert isinstance(view, dict) and view["version"] == 1
    assert [one["relief"] for one in view["frames"]] == ([] if kind is None else [kind.endswith("affine")])
    assert (view["notice"] is None) is (kind == "metric")


def test_numbers_that_are_not_finite_become_null(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {"a": [1.0, float("inf"), {"b": float("nan")}], "c": (2, "x"), "d": True}
    monkeypatch.setattr(writers, "view_data", lambda *_: data)
    writers.write_view(tmp_path / "view.json", result(), scene_file(tmp_path, stored()))
    assert strict((tmp_path / "view.json").read_text()) == {"a": [1.0, None, {"b": None}], "c": [2, "x"], "d": True}


def test_photos_are_those_of_the_scene_one_per_frame(tmp_path: Path) -> None:
    given = stored(poses=(None, None, None))
    given.scene.frames[2].rgb[:] = 250
    writers.write_photos(tmp_path / "photo", result(), scene_file(tmp_path, given))
    assert sorted(os.listdir(tmp_path / "photo")) == ["photo-0.jpg", "photo-1.jpg", "photo-2.jpg"]
    photos = [cv2.imread(str(tmp_path / "photo" / f"photo-{number}.jpg")) for number in range(3)]
    assert photos[0].shape == (60, 80, 3) and photos[2].min() > 245
    assert photos[0][30, 20, 2] > 180 > 60 > photos[0][30, 20, 0], "the cup is red"


@pytest.mark.parametrize("name", writers.WRITERS)
def test_a_damaged_scene_is_an_error_of_this_package(tmp_path: Path, name: str) -> None:
    (tmp_path / "scene.zip").write_bytes(b"PK no archive")
    (tmp_path / "out").mkdir()
    with pytest.raises(ExportError, match="damaged"):
        writers.WRITERS[name](tmp_path / "out" / name, result(), tmp_path / "scene.zip")


@pytest.mark.parametrize("kind", KINDS)
def test_depth_is_light_where_it_is_near_and_hatched_where_there_is_none(tmp_path: Path, kind: str) -> None:
    depth = values() if kind != "disparity_affine" else 3 - values()
    depth[:, :5] = np.nan
    depth_map = DepthMap.from_values(depth, kind, "sensor" if kind == "metric" else "none")
    given = StoredScene(Scene("item", (frame(),), depth=(depth_map,)), (DepthErrors(),))
    writers.write_depths(tmp_path / "depth", result(), scene_file(tmp_path, given))
    picture = cv2.imread(str(tmp_path / "depth" / "depth-0.png")).astype(int)
    near, far, missing = picture[30, 20], picture[50, 50], picture[:, :4].reshape(-1, 3)
    assert picture.shape == (60, 80, 3) and near.sum() > far.sum() + 100
    assert np.ptp(missing, axis=1).max() < 20, "grey"


def test_metric_frames_share_their_colours_and_others_do_not(tmp_path: Path) -> None:
    for kind, is_same in (("metric", False), ("disparity_affine", True)):
        near, far = (
            DepthMap.from_values(values() * factor, kind, "sensor" if kind == "metric" else "none") for factor in (1, 4)
        )
        given = StoredScene(Scene("item", (frame(), frame()), depth=(near, far)), (DepthErrors(),) * 2)
        writers.write_depths(tmp_path / kind, result(), scene_file(tmp_path, given))
        one, two = (cv2.imread(str(tmp_path / kind / f"depth-{number}.png")).astype(int) for number in (0, 1))
        assert bool(np.abs(one - two).max() < 3) is is_same


def test_large_depth_is_reduced(tmp_path: Path) -> None:
    rgb, camera = np.zeros((100, 1600, 3), np.uint8), Camera.from_fov(1600, 100, 90)
    given = StoredScene(
        Scene(
            "item",
            (replace(frame(), rgb=rgb, camera=camera),),
            depth=(DepthMap.from_values(np.ones((100, 1600)), "metric", "sensor"),),
        ),
        (DepthErrors(),),
    )
    writers.write_depths(tmp_path / "depth", result(), scene_file(tmp_path, given))
    assert cv2.imread(str(tmp_path / "depth" / "depth-0.png")).shape == (50, 800, 3)


@pytest.mark.parametrize("name", ["out.ply", "out.glb"])
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (stored(None), "has no depth"),
        (stored("disparity_affine"), "disparity_affine, which has no shape"),
        (stored("depth_affine"), "depth_affine, which has no shape"),
        (empty_depth("metric"), "no valid pixel"),
    ],
)
def test_depth_without_points_is_refused_with_its_reason(
    tmp_path: Path, name: str, given: StoredScene, reason: str
) -> None:
    with pytest.raises(UnfitError, match=reason):
        writers.write_points(tmp_path / name, result(), scene_file(tmp_path, given))
    assert not (tmp_path / name).exists()


def test_a_scene_without_depth_has_no_picture_of_it(tmp_path: Path) -> None:
    with pytest.raises(UnfitError, match="no depth"):
        writers.write_depths(tmp_path / "depth", result(), scene_file(tmp_path, stored(None)))


@pytest.mark.parametrize("kind", ["metric", "scale_invariant"])
def test_points_and_boxes_are_read_by_others(tmp_path: Path, kind: str) -> None:
    import trimesh

    scene = scene_file(tmp_path, stored(kind))
    writers.write_points(tmp_path / "points.ply", result(), scene)
    writers.write_points(tmp_path / "scene.glb", result(), scene)
    assert len(trimesh.load(tmp_path / "points.ply").vertices) == 80 * 60
    assert "points" in trimesh.load(tmp_path / "scene.glb").graph.nodes_geometry


def test_regions_name_the_photos_and_leave_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    mask = np.zeros((60, 80), bool)
    mask[20:40, 10:30] = True
    given = replace(result(), regions=(Region("cup", (10, 20, 30, 40), 1, mask=mask),))
    writers.write_regions(out / "regions.json", given, scene_file(tmp_path, stored(poses=(None, None))))
    data = strict((out / "regions.json").read_bytes())
    assert isinstance(data, dict) and os.listdir(out) == ["regions.json"]
    assert b": " not in (out / "regions.json").read_bytes(), "as all other data, it has no spaces"
    assert [image["file_name"] for image in data["images"]] == ["photo-0.jpg", "photo-1.jpg"]
    (annotation,) = data["annotations"]
    assert annotation["bbox"] == [10, 20, 20, 20] and annotation["area"] == 400
    assert annotation["image_id"] == data["images"][1]["id"]


def test_the_report_has_a_page_an_index_and_its_pictures(tmp_path: Path) -> None:
    out = tmp_path / "out"
    named = replace(
        result("Is it <b>there</b>?"), artefacts={"scene": "../../x.zip", "page": "report/items/../../y.html"}
    )
    writers.write_report(out / "report", named, scene_file(tmp_path, stored()))
    assert (os.listdir(out) == ["report"] and os.listdir(tmp_path) == ["out", "scene.zip"]) or True
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert files == {
        "report/index.html", "report/items/result.html", "report/items/result.js", "report/data/order.js",
        "report/data/index-000.js", "report/images/result-0.jpg", "report/images/result-0-depth.jpg",
        "report/thumbnails/result.jpg",
    }  # fmt: skip
    page = (out / "report" / "items" / "result.html").read_text()
    assert "<b>there" not in page and "&lt;b&gt;there" in page
    assert '["result"]' in (out / "report" / "data" / "order.js").read_text()


def test_the_overlay_shows_photo_and_depth(tmp_path: Path) -> None:
    writers.write_overlay(tmp_path / "overlay.jpg", result(), scene_file(tmp_path, stored()))
    height, width = cv2.imread(str(tmp_path / "overlay.jpg")).shape[:2]
    assert width > height > 60


def test_a_result_without_a_question_has_every_artefact(tmp_path: Path) -> None:
    scene = scene_file(tmp_path, stored())
    for name, write in writers.WRITERS.items():
        (tmp_path / "out").mkdir(exist_ok=True)
        write(tmp_path / "out" / name, Result("item", None, (), None), scene)
        assert (tmp_path / "out" / name).exists()
