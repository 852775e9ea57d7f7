from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import exported
import numpy as np
import pytest
from PIL import Image

from pipeline.export.fiftyone import write
from pipeline.export.formats import FormatSettings
from pipeline.export.stored_scene import StoredScene
from pipeline.records import Region


def samples(folder: Path) -> list[dict[str, Any]]:
    """What ``from_dir`` reads: samples with absolute paths, checked against the documented fields."""
    assert write(folder / "fiftyone", folder, FormatSettings()) == folder / "fiftyone"
    data_set = folder / "fiftyone"
    about = json.loads((data_set / "metadata.json").read_text())
    # A version would make the importer expect documents of its database.
    assert about["media_type"] == "image" and "version" not in about
    read: list[dict[str, Any]] = json.loads((data_set / "samples.json").read_text())["samples"]
    for sample in read:
        sample["filepath"] = data_set / sample["filepath"]
        assert sample["filepath"].is_file() and not Path(sample["filepath"]).is_symlink()
        with Image.open(sample["filepath"]) as photo:
            assert photo.size == (sample["metadata"]["width"], sample["metadata"]["height"])
        assert sample["regions"]["_cls"] == "Detections" and sample["claims"]["_cls"] == "Classifications"
        for detection in sample["regions"]["detections"]:
            assert detection["_cls"] == "Detection"
            left, top, width, height = detection["bounding_box"]
            assert 0 <= left < left + width <= 1 and 0 <= top < top + height <= 1
            if "mask_path" in detection:
                # The importer makes paths absolute for the fields that are folders of fields/.
                assert detection["mask_path"].startswith("fields/regions.detections/")
                detection["mask_path"] = data_set / detection["mask_path"]
    return read


def run(folder: Path, scene: StoredScene, *questions: str | None, of: tuple[Region, ...] | None = None) -> Path:
    return exported.run_folder(folder, *((scene, exported.result(scene, question, of)) for question in questions))


def test_boxes_masks_depths_and_verdicts_are_those_of_the_result(tmp_path: Path) -> None:
    (sample,) = samples(run(tmp_path, exported.stored(), "Where?"))
    assert (sample["item"], sample["frame"], sample["tags"]) == ("item", 0, ["supported", "undecided"])
    assert (sample["supported"], sample["refuted"], sample["undecided"]) == (1, 0, 1)
    screen, cup = sample["regions"]["detections"]
    assert [screen["label"], cup["label"]] == ["screen", "cup"]
    np.testing.assert_allclose(screen["bounding_box"], [20 / 120, 15 / 90, 40 / 120, 40 / 90])
    np.testing.assert_allclose(cup["bounding_box"], [75 / 120, 50 / 90, 20 / 120, 30 / 90])
    with Image.open(screen["mask_path"]) as image:
        assert image.mode == "L"
        stored = np.asarray(image) > 0
    whole = np.zeros((90, 120), dtype=bool)
    left, top, width, height = np.multiply(screen["bounding_box"], (120, 90, 120, 90)).round().astype(int)
    assert stored.shape == (height, width)
    whole[top : top + height, left : left + width] = stored
    np.testing.assert_array_equal(whole, exported.mask(exported.SCREEN_BOX))
    u, v = exported.KNOWN_PX
    assert whole[v, u]
    assert screen["confidence"] == 0.9 and cup["confidence"] is None
    assert screen["depth_m"] == pytest.approx(1.2, abs=1e-4) and cup["depth_m"] == pytest.approx(0.9, abs=1e-4)
    first, second = sample["claims"]["classifications"]
    assert (first["label"], first["status"], first["is_correct"]) == ("screen is 0.8 m from cup", "supported", True)
    assert (second["status"], second["truth"], second["is_correct"]) == ("undecided", False, None)


def test_the_box_of_a_mask_is_that_of_its_pixels(tmp_path: Path) -> None:
    loose = replace(exported.regions()[0], box_px=(10.5, 10.5, 70.5, 70.5))
    (sample,) = samples(run(tmp_path, exported.stored(), "Where?", of=(loose,)))
    (screen,) = sample["regions"]["detections"]
    np.testing.assert_allclose(screen["bounding_box"], [20 / 120, 15 / 90, 40 / 120, 40 / 90])


def test_frames_are_samples_and_questions_share_them(tmp_path: Path) -> None:
    first, second = samples(run(tmp_path, exported.stored(poses=(None, None)), "Where?", "How far?"))
    assert (first["frame"], second["frame"]) == (0, 1)
    assert [entry["question"] for entry in first["claims"]["classifications"]] == ["Where?"] * 2 + ["How far?"] * 2
    assert len(first["regions"]["detections"]) == 2 and second["regions"]["detections"] == []
    assert second["tags"] == []


@pytest.mark.parametrize("kind", ["disparity_affine", "scale_invariant", None])
def test_depth_without_metres_gives_none(tmp_path: Path, kind: str | None) -> None:
    (sample,) = samples(run(tmp_path, exported.stored(kind), None))
    for detection in sample["regions"]["detections"]:
        assert "depth_m" not in detection and detection.get("depth_kind") == kind


@pytest.mark.parametrize("item", ["../../up", "桌子\u202e", 'a"b<c>'])
def test_hostile_items_stay_in_the_folder(tmp_path: Path, item: str) -> None:
    (sample,) = samples(run(tmp_path / "run", exported.stored(item=item), "Where?", of=()))
    assert sample["item"] == item and sample["regions"]["detections"] == []
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_points_and_regions_outside_the_frame_are_left_out(tmp_path: Path) -> None:
    regions = (
        Region("dot", (3, 3, 3, 3)),
        Region("out", (500, 0, 600, 9)),
        Region("EXIT", (1, 1, 9, 9), origin="ocr"),
    )
    (sample,) = samples(run(tmp_path, exported.stored(), "Where?", of=regions))
    (text,) = sample["regions"]["detections"]
    assert (text["label"], text["text"]) == ("text", "EXIT")
