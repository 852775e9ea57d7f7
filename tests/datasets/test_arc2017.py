from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from files_of_sets import save_image

from pipeline.datasets.annotated.ground_truth import AnnotatedImage, truth_of
from pipeline.datasets.arc2017 import Arc2017, image_of_data
from pipeline.ingest.arc2017 import HIDDEN, SHIFT_PX, VISIBLE
from pipeline.records import Camera, Claim, DepthMap
from pipeline.records.errors import InputError

SIZE = (160, 120)
CAMERA = Camera(100, 100, 79.5, 59.5, *SIZE)


def photo() -> dict[str, Any]:
    """A book that hides a part of a box, and a cup beside them; the depth is that of the photo's pixels."""
    masks = np.zeros((3, *SIZE[::-1]), np.int32)
    masks[0, 40:90, 30:80] = VISIBLE
    masks[1, 50:100, 80:120] = VISIBLE
    masks[1, 50:90, 60:80] = HIDDEN
    masks[2, 10:30, 130:150] = VISIBLE
    depth = np.full(SIZE[::-1], 1.2)
    for mask, z_m in zip(masks, (0.5, 0.7, 0.9), strict=True):
        depth[mask == VISIBLE] = z_m
    boxes = np.array([(40, 30, 90, 80), (50, 60, 100, 120), (10, 130, 30, 150)], np.float32)
    names = ["_background_", "book", "box", "tea_cup"]
    labels = np.array([1, 2, 3], np.int32)
    return {"masks": masks, "depth": depth, "bboxes": boxes, "labels": labels, "class_names": names}


def save(folder: Path) -> None:
    data = photo()
    # The files hold the depth where the sensor saw it.
    raw = np.full(SIZE[::-1], np.nan, np.float32)
    right, down = SHIFT_PX
    raw[:-down, :-right] = data.pop("depth")[down:, right:]
    save_image(folder / "rgb.png", size=SIZE)
    (folder / "class_names.txt").write_text("\n".join(data.pop("class_names")))
    np.savez(folder / "frame.npz", depth=raw, **data)
    camera = {"fx": 100, "fy": 100, "cx": 79.5, "cy": 59.5}
    (folder / "frame.json").write_text(json.dumps({"camera": camera}))


def image() -> AnnotatedImage:
    data = photo()
    return image_of_data(data, DepthMap.from_values(data["depth"], "metric", "sensor"), CAMERA)


@pytest.mark.parametrize(
    "relation, subject, other, holds",
    [
        ("occludes", "book", "box", True),
        ("occluded_by", "box", "book", True),
        ("occludes", "box", "book", False),
        # Nobody would ask about objects so far apart.
        ("occludes", "tea cup", "book", None),
        ("closer", "book", "box", True),
        ("farther", "box", "tea cup", False),
        ("left_of", "book", "tea cup", True),
    ],
)
def test_hidden_pixels_tell_who_hides_whom(relation: str, subject: str, other: str, holds: bool | None) -> None:
    assert truth_of(Claim(relation, subject, other), image()).holds is holds  # type: ignore[arg-type]


def test_depth_is_read_where_the_photo_shows_it() -> None:
    objects = image().objects
    assert [item.z_m for item in objects] == pytest.approx([0.5, 0.7, 0.9])
    assert [item.is_whole for item in objects] == [True, False, True]


@pytest.mark.parametrize("masks", [True, False])
def test_a_folder_of_the_format_is_read(tmp_path: Path, masks: bool) -> None:
    save(tmp_path)
    (case,) = Arc2017(tmp_path, masks=masks)
    assert [region.label for region in case.scene.regions] == ["book", "box", "tea cup"]
    assert [region.mask is not None for region in case.scene.regions] == [masks] * 3
    assert case.scene.regions[0].box_px == (30, 40, 80, 90)
    depth = case.scene.frames[0].given_depth
    assert depth is not None and depth.values[60, 60] == pytest.approx(0.5) and not depth.valid[:12].any()
    assert sum(bool(claim.truth) for claim in case.scene.claims) * 2 == len(case.scene.claims) > 20
    known = image()
    assert all(claim.truth is (truth_of(claim, known).holds is not claim.negated) for claim in case.scene.claims)


def test_a_damaged_photo_is_skipped(tmp_path: Path) -> None:
    for name in ("damaged", "fine"):
        (tmp_path / name).mkdir()
        save(tmp_path / name)
    (tmp_path / "damaged" / "frame.npz").write_bytes(b"PK nothing")
    data = Arc2017(tmp_path)
    assert [case.scene.id for case in data] == ["arc2017-fine"]
    assert len(data) == 2 and list(data.reasons) == ["damaged"]


@pytest.mark.parametrize("name, words", [("nowhere", "There is no folder"), ("", r"frame\.npz")])
def test_a_folder_without_files_is_refused(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Arc2017(tmp_path / name)


def test_the_shipped_photo_has_true_and_false_occlusions() -> None:
    (case,) = Arc2017()
    occlusions = {
        (claim.subject, claim.object)[:: 1 if claim.relation == "occludes" else -1]: claim.truth is not claim.negated
        for claim in case.scene.claims
        if claim.relation in ("occludes", "occluded_by")
    }
    assert set(occlusions.values()) == {True, False}
    # What the claims of input=arc2017 say of the same photo.
    known = {("mouse traps", "hanes socks"), ("mouse traps", "ice cube tray"), ("hanes socks", "ice cube tray")}
    for pair, holds in occlusions.items():
        if pair in known or pair[::-1] in known:
            assert holds is (pair in known)
