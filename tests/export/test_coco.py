from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import exported
import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from pipeline.export.coco import write
from pipeline.export.formats import FormatSettings
from pipeline.records import Region


def loaded(folder: Path, settings: FormatSettings | None = None) -> Any:
    assert write(folder / "coco", folder, settings or FormatSettings()) == folder / "coco"
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(folder / "coco" / "annotations.json"))


def test_boxes_masks_and_depths_are_those_of_the_regions(tmp_path: Path) -> None:
    scene = exported.stored()
    data = loaded(exported.run_folder(tmp_path, (scene, exported.result(scene))))
    (image,) = data.loadImgs(data.getImgIds())
    assert (image["width"], image["height"], image["item"]) == (120, 90, "item")
    photo = Image.open(tmp_path / "coco" / image["file_name"])
    assert photo.size == (120, 90)
    assert np.abs(np.asarray(photo).astype(int) - exported.rgb()).max() < 12
    names = {entry["id"]: entry["name"] for entry in data.loadCats(data.getCatIds())}
    found = {names[entry["category_id"]]: entry for entry in data.loadAnns(data.getAnnIds(imgIds=[image["id"]]))}
    screen, cup = found["screen"], found["cup"]
    np.testing.assert_array_equal(data.annToMask(screen).astype(bool), exported.mask(exported.SCREEN_BOX))
    assert isinstance(screen["segmentation"]["counts"], str)
    assert screen["area"] == exported.mask(exported.SCREEN_BOX).sum() == 40 * 40 - 9
    assert screen["bbox"] == [20, 15, 40, 40] and cup["bbox"] == [75, 50, 20, 30]
    assert screen["score"] == 0.9 and "score" not in cup
    assert cup["segmentation"] == [] and cup["area"] == 600 and cup["iscrowd"] == 0
    for entry, z in ((screen, 1.2), (cup, 0.9)):
        attributes = entry["attributes"]
        assert attributes["depth_m"] == pytest.approx(z, abs=1e-4)
        assert attributes["depth_sigma_m"] == pytest.approx(z * np.hypot(0.002, 0.005), rel=1e-3)
        assert (attributes["origin"], attributes["depth_kind"]) == ("model", "metric")
    (left, top), (u, v) = screen["bbox"][:2], exported.KNOWN_PX
    assert data.annToMask(screen)[v, u] == 1 and left <= u and top <= v


def test_regions_of_several_questions_are_written_once_and_frames_are_images(tmp_path: Path) -> None:
    scene = exported.stored(poses=(None, None))
    both = (*exported.regions(), Region("cup", (1, 2, 31, 42), 1))
    results = [exported.result(scene, question, both) for question in ("Where?", "How far?")]
    other = exported.stored(item="other")
    folder = exported.run_folder(tmp_path, *((scene, each) for each in results), (other, exported.result(other)))
    data = loaded(folder)
    assert [entry["frame"] for entry in data.loadImgs(data.getImgIds())] == [0, 1, 0]
    assert len(data.getAnnIds()) == 3 + 2
    assert [entry["name"] for entry in data.loadCats(data.getCatIds())] == ["screen", "cup"]
    (second,) = data.loadAnns(data.getAnnIds(imgIds=[2]))
    assert second["bbox"] == [1, 2, 30, 40]
    assert second["attributes"]["questions"] == ["Where?", "How far?"]
    assert len(list((tmp_path / "coco" / "images").iterdir())) == 3


def test_one_item_alone_is_written_where_wanted(tmp_path: Path) -> None:
    parts = [(scene, exported.result(scene)) for scene in (exported.stored(item="a"), exported.stored(item="b"))]
    data = loaded(exported.run_folder(tmp_path, *parts), FormatSettings(item="b"))
    assert [entry["item"] for entry in data.loadImgs(data.getImgIds())] == ["b"]


@pytest.mark.parametrize("kind, unit", [("disparity_affine", True), ("depth_affine", True), (None, False)])
def test_depth_without_metres_gives_none(tmp_path: Path, kind: str | None, unit: bool) -> None:
    scene = exported.stored(kind)
    data = loaded(exported.run_folder(tmp_path, (scene, exported.result(scene))))
    for entry in data.loadAnns(data.getAnnIds()):
        assert "depth_m" not in entry["attributes"]
        assert ("depth_relative" in entry["attributes"]) is unit


def test_regions_are_clipped_to_the_frame_and_points_and_outsiders_left_out(tmp_path: Path) -> None:
    scene = exported.stored()
    regions = (
        Region("wide", (-10, 80, 200, 300)),
        Region("dot", (30, 30, 30, 30)),
        Region("out", (500, 500, 600, 600)),
        Region("EXIT = 3", (1, 1, 9, 9), origin="ocr"),
    )
    data = loaded(exported.run_folder(tmp_path, (scene, exported.result(scene, of=regions))))
    names = [entry["name"] for entry in data.loadCats(data.getCatIds())]
    first, second = data.loadAnns(data.getAnnIds())
    assert names == ["wide", "text"] and second["attributes"]["text"] == "EXIT = 3"
    assert first["bbox"] == [0, 80, 120, 10]


def test_a_run_without_regions_has_images_and_one_without_scenes_has_nothing(tmp_path: Path) -> None:
    scene = exported.stored()
    data = loaded(exported.run_folder(tmp_path / "a", (scene, exported.result(scene, of=()))))
    assert len(data.getImgIds()) == 1 and data.getAnnIds() == []
    folder = exported.run_folder(tmp_path / "b", (scene, exported.result(scene)))
    (folder / "scenes" / "scene-0.zip").unlink()
    assert write(folder / "coco", folder, FormatSettings()) is None
    assert not (folder / "coco").exists()


@pytest.mark.parametrize("item", ["../../up", "/root/x", "a\x00b", "桌子", "con", "x" * 300])
def test_hostile_ids_and_labels_stay_texts_in_the_folder(tmp_path: Path, item: str) -> None:
    scene = exported.stored(item=item)
    regions = tuple(replace(region, label=f'{item}<"\\') for region in exported.regions())
    folder = exported.run_folder(tmp_path / "run", (scene, exported.result(scene, of=regions)))
    data = loaded(folder)
    (image,) = data.loadImgs(data.getImgIds())
    assert image["item"] == item
    photo = (folder / "coco" / image["file_name"]).resolve()
    assert photo.is_file() and photo.is_relative_to((folder / "coco" / "images").resolve())
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert json.loads((folder / "coco" / "annotations.json").read_text())["categories"][0]["name"] == f'{item}<"\\'
