from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scenes
from export.report.report_data import HOSTILE, bare, noisy_scene, result, stored
from workbench_pages import judged, stored_of

from pipeline.export.stored_scene import StoredScene
from pipeline.records import DepthKind, DepthMap, Origin, Region
from pipeline.serve.workbench import workbench_data


def data_of(**changes: Any) -> dict[str, Any]:
    return workbench_data(result(**changes), stored(noisy_scene()), "id-1")


def test_it_is_plain_json() -> None:
    for made in (judged(4), judged(0, DepthKind.DISPARITY_AFFINE)):
        data = workbench_data(made, stored_of(made), "x", "scene-1")
        assert json.loads(json.dumps(data, allow_nan=False)) == json.loads(json.dumps(data))
        assert (data["version"], data["id"], data["scene"]) == (1, "x", "scene-1")


def test_claims_and_regions_keep_their_indices() -> None:
    data = data_of()
    assert [claim["text"] for claim in data["claims"]][1] == "screen occludes cabinet"
    assert [claim["status"] for claim in data["claims"]] == ["supported", "supported", "refuted", "undecided"]
    assert data["claims"][0]["regions"] == [3, 2] and data["claims"][0]["frames"] == [0]
    assert data["claims"][3]["regions"] == [1, 3], "without evidence, those that the claim names"
    assert data["claims"][3]["frames"] == [0]
    assert [region["name"] for region in data["regions"]] == ["cabinet", "screen", "lamp", "cup", "EXIT"]
    assert data["regions"][1]["box_px"] == [30, 50, 75, 95]
    assert data["regions"][1]["signs"] == ["supported"] and not data["regions"][4]["is_named"]
    assert data["claims"][0]["share"] == ">99.9%"


def test_a_drawing_is_a_thousand_units_wide() -> None:
    (frame,) = data_of()["frames"]
    drawing = frame["drawing"]
    assert (frame["width"], frame["height"], drawing["height"]) == (160, 120, 750)
    screen = next(shape for shape in drawing["shapes"] if shape["region"] == 1)
    assert screen["box"] == pytest.approx([30 * 6.25, 50 * 6.25, 45 * 6.25, 45 * 6.25], abs=0.06)
    cabinet = next(shape for shape in drawing["shapes"] if shape["region"] == 0)
    assert cabinet["mask"].startswith("M") and cabinet["mask"].endswith("Z")
    assert [measure["claim"] for measure in drawing["measures"]] == [1, 2]
    assert drawing["measures"][0]["contour"] and drawing["measures"][1]["lines"][0]["is_dashed"] in (True, False)
    assert {label["key"] for label in drawing["labels"][0]} == {0, 1, 2, 3}


def test_addresses_are_those_of_the_results_artefacts() -> None:
    data = workbench_data(result(), stored(noisy_scene()), "a/../b?#é")
    assert data["view"] == "/v1/results/a%2F..%2Fb%3F%23%C3%A9/view.json"
    (frame,) = data["frames"]
    assert frame["photo"].endswith("%A9/photo-0.jpg") and frame["depth"].endswith("%A9/depth-0.png")


def test_metres_are_given_for_metric_depth_alone() -> None:
    (frame,) = data_of()["frames"]
    assert frame["ends_m"] == pytest.approx([0.8, 3.0]) and frame["kind"] == "metric"
    assert not frame["has_holes"] and not frame["is_empty"]
    made = judged(0, DepthKind.DISPARITY_AFFINE)
    (relief,) = workbench_data(made, stored_of(made), "x")["frames"]
    assert relief["ends_m"] is None and "metric" not in relief["kind_text"]
    assert " m" not in json.dumps([relief["drawing"]["labels"], relief["drawing"]["measures"]])


def test_holes_and_missing_depth_are_told() -> None:
    scene = noisy_scene()
    values = scenes.depth_m().astype(np.float32)
    valid = np.ones(values.shape, bool)
    valid[:9] = False
    for mask, holes, empty in ((valid, True, False), (np.zeros_like(valid), True, True)):
        depth = DepthMap(np.where(mask, values, 0), mask, "metric", "sensor")  # type: ignore[arg-type]
        holed = replace(scene, depth=(depth,))
        (frame,) = workbench_data(bare(), StoredScene(holed), "x")["frames"]
        assert (frame["has_holes"], frame["is_empty"]) == (holes, empty)
    without = workbench_data(bare(), StoredScene(replace(scene, depth=())), "x")
    assert without["view"] is None and without["frames"][0]["depth"] is None


def test_names_of_several_frames_are_one_object() -> None:
    scene = noisy_scene(3)
    second = tuple(replace(region, frame=2) for region in scenes.regions())
    made = result(scene=scene, regions=(*scenes.regions(), *second))
    data = workbench_data(made, stored(scene), "x")
    assert [one["regions"] for one in data["objects"] if one["name"] == "cup"] == [[3, 7]]
    assert [frame["index"] for frame in data["frames"]] == [0, 1, 2] and data["more_frames"] == 0
    assert [len(frame["drawing"]["shapes"]) for frame in data["frames"]] == [4, 0, 4]


def test_more_frames_than_a_page_shows_are_counted() -> None:
    scene = noisy_scene(35)
    data = workbench_data(result(scene=scene), stored(scene), "x")
    assert len(data["frames"]) == 32 and data["more_frames"] == 3


def test_texts_stay_as_they_are() -> None:
    """Whoever draws them makes them text; a name in a drawing is on one line and short."""
    hostile = (Region(HOSTILE, (0, 0, 90, 90)), Region(HOSTILE, (5, 5, 5, 5), origin=Origin.OCR))
    data = workbench_data(bare(question=HOSTILE, regions=hostile), stored(noisy_scene()), "x")
    assert data["question"] == HOSTILE and data["regions"][0]["name"] == HOSTILE.strip()
    assert all(len(label["text"]) <= 24 for label in data["frames"][0]["drawing"]["labels"][0])
    assert data["frames"][0]["drawing"]["shapes"][-1]["point"] == pytest.approx([31.2, 31.2], abs=0.1)
