from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import cv2
import exported
import numpy as np
import pytest

from pipeline.export.formats import FormatSettings
from pipeline.export.label_studio import outlines, write
from pipeline.export.stored_scene import StoredScene
from pipeline.records import Region, Result

CONTROLS = {"rectanglelabels": "RectangleLabels", "polygonlabels": "PolygonLabels", "keypointlabels": "KeyPointLabels"}


def tasks(folder: Path, *parts: tuple[StoredScene, Result]) -> list[dict[str, Any]]:
    """The tasks, each checked against the labelling interface, as Label Studio does on import."""
    exported.run_folder(folder, *parts)
    assert write(folder / "label_studio", folder, FormatSettings()) == folder / "label_studio"
    view = ElementTree.parse(folder / "label_studio" / "config.xml").getroot()
    controls = {node.get("name"): node for node in view if node.get("toName")}
    assert {node.get("toName") for node in controls.values()} == {view.find("Image").get("name")}  # type: ignore[union-attr]
    relations = {node.get("value") for node in view.iter("Relation")}
    read: list[dict[str, Any]] = json.loads((folder / "label_studio" / "tasks.json").read_text())
    for task in read:
        address = urlsplit(task["data"]["image"])
        assert address.path == "/data/local-files/"
        photo = cv2.imread(str(folder / parse_qs(address.query)["d"][0]))
        (prediction,) = task["predictions"]
        ids = [entry["id"] for entry in prediction["result"] if entry["type"] != "relation"]
        assert len(ids) == len(set(ids))
        for entry in prediction["result"]:
            if entry["type"] == "relation":
                assert {entry["from_id"], entry["to_id"]} <= set(ids) and entry["direction"] == "right"
                assert set(entry["labels"]) <= relations
                continue
            control = controls[entry["from_name"]]
            assert control.tag == CONTROLS[entry["type"]] and entry["to_name"] == "image"
            assert set(entry["value"][entry["type"]]) <= {label.get("value") for label in control}
            assert (entry["original_height"], entry["original_width"]) == photo.shape[:2]
            assert entry.get("parentID") in (None, *ids)
    return read


def task(folder: Path, scene: StoredScene, regions: tuple[Region, ...] | None = None) -> dict[str, Any]:
    (only,) = tasks(folder, (scene, exported.result(scene, of=regions)))
    return only


def results(one: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = one["predictions"][0]["result"]
    return found


def test_boxes_masks_and_claims_are_those_of_the_result(tmp_path: Path) -> None:
    one = task(tmp_path, exported.stored())
    assert one["data"]["question"] == "Where is the cup?" and one["data"]["answer"] == "In front of the screen."
    prediction = one["predictions"][0]
    assert prediction["model_version"].startswith("test-model, theodolite ")
    assert prediction["score"] == 0.5, "of the least sure verdict"
    screen, outline, cup, relation = results(one)
    value = cup["value"]
    edges = [value["x"], value["y"], value["x"] + value["width"], value["y"] + value["height"]]
    np.testing.assert_allclose(np.multiply(edges, (1.2, 0.9, 1.2, 0.9)), (75, 50, 95, 80))
    assert screen["value"]["rectanglelabels"] == ["screen"] and screen["score"] == 0.9
    assert screen["meta"]["text"] == ["depth 1.2 ± 0.013 m"]
    assert outline["parentID"] == screen["id"]
    drawn = np.zeros((900, 1200), np.uint8)
    corners = np.array(outline["value"]["points"]) * (1.2, 0.9)
    cv2.fillPoly(drawn, [np.round(corners * 10 - 0.5).astype(np.int32)], 1)
    wanted = exported.mask(exported.SCREEN_BOX).repeat(10, axis=0).repeat(10, axis=1)
    differs = drawn.astype(bool) ^ wanted
    # All that differs lies within a pixel of the edge.
    edge = cv2.morphologyEx(wanted.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((21, 21), np.uint8)) > 0
    assert not (differs & ~edge).any()
    assert (relation["from_id"], relation["to_id"]) == (screen["id"], cup["id"])
    assert relation["labels"] == ["distance_between (supported)"]


def test_questions_and_frames_have_a_task_each(tmp_path: Path) -> None:
    scene = exported.stored(poses=(None, None))
    read = tasks(tmp_path, *((scene, exported.result(scene, question)) for question in ("Where?", None)))
    assert [(each["data"]["question"], each["data"]["frame"]) for each in read] == [
        ("Where?", 0),
        ("Where?", 1),
        ("", 0),
        ("", 1),
    ]
    assert [len(results(each)) for each in read] == [4, 0, 4, 0]


def test_a_point_is_a_key_point_and_an_outsider_is_left_out(tmp_path: Path) -> None:
    regions = (Region("dot", (30, 45, 30, 45)), Region("out", (500, 500, 600, 600)), Region("far", (-9, 4, -9, 4)))
    (point,) = results(task(tmp_path, exported.stored(), regions))
    assert point["type"] == "keypointlabels"
    assert (point["value"]["x"], point["value"]["y"]) == (25, 50)


@pytest.mark.parametrize("kind", ["disparity_affine", None])
def test_depth_without_metres_is_not_told(tmp_path: Path, kind: str | None) -> None:
    assert not any("meta" in entry for entry in results(task(tmp_path, exported.stored(kind))))


@pytest.mark.parametrize("label", ['<Label value="x"/>', "a\x00b\nc", "]]>&", "\u202e桌子", "'\""])
def test_labels_are_texts_whatever_they_say(tmp_path: Path, label: str) -> None:
    regions = tuple(replace(region, label=label) for region in exported.regions())
    assert len(results(task(tmp_path, exported.stored(item=f"../{label}"), regions))) == 4


def test_a_run_without_regions_still_has_an_interface(tmp_path: Path) -> None:
    assert results(task(tmp_path, exported.stored(), ())) == []


def test_outlines_follow_every_part_and_leave_out_nothing_but_holes() -> None:
    mask = np.zeros((40, 50), dtype=bool)
    mask[2:20, 3:30], mask[8:12, 8:12], mask[30:33, 40:43], mask[0, 45] = True, False, True, True
    parts = outlines(mask)
    assert len(parts) == 2, "a single pixel has no outline"
    small, large = sorted(parts, key=lambda part: float(np.ptp(part)))
    np.testing.assert_allclose((large.min(axis=0), large.max(axis=0)), ((3, 2), (30, 20)), atol=0.5)
    np.testing.assert_allclose((small.min(axis=0), small.max(axis=0)), ((40, 30), (43, 33)), atol=0.5)
