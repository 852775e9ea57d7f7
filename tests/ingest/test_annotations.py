from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from ingest.refusals import refused
from PIL import Image

from pipeline.ingest.annotations import clipped_note, make_region, parse_region, read_claims
from pipeline.ingest.build import build_scene
from pipeline.ingest.item import Item
from pipeline.records import Origin
from pipeline.records.claim import encode_mask
from pipeline.records.errors import InputError, RecordError

CLAIM = {"relation": "behind", "subject": "cup", "object": "plate"}
BOX = {"label": "cup", "box_px": [1, 2, 3, 4]}
SIZES = [(40, 20), (20, 40)]


def region(**values):
    return make_region(parse_region({"label": "cup", **values}, Path()), SIZES)


def test_thousandths_become_pixels_of_the_frame():
    assert region(bbox_2d=[0, 500, 250, 1000]).box_px == (0, 10, 10, 20)
    assert region(bbox_2d=[0, 500, 250, 1000], frame=1).box_px == (0, 20, 5, 40)


def test_a_given_region_keeps_its_fields_and_is_the_users():
    made = region(box_px=[1, 2, 3, 4], score=0.5, box_3d={"center_m": [0, 0, 1], "size_m": [1, 1, 1]}, origin="model")
    assert (made.box_px, made.score, made.box_3d.center_m, made.origin) == ((1, 2, 3, 4), 0.5, (0, 0, 1), Origin.GIVEN)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "LA", "rle"])
def test_a_mask_gives_the_box_that_was_left_out(tmp_path, mode):
    mask = np.zeros((20, 40), dtype=bool)
    mask[5:8, 10:30] = True
    if mode == "rle":
        made = region(mask=encode_mask(mask))
    else:
        Image.fromarray(mask.astype(np.uint8) * 255).convert(mode).save(tmp_path / "m.png")
        made = make_region(parse_region({"label": "cup", "mask": "m.png"}, tmp_path), SIZES)
    assert made.box_px == (10, 5, 30, 8)
    assert (made.mask == mask).all()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "needs box_px"),
        ({"box_px": [0, 0, 1, 1], "bbox_2d": [0, 0, 1, 1]}, "not both"),
        ({"bbox": [0, 0, 1, 1]}, "unknown key 'bbox'"),
        ({"bbox_2d": [0, 0, 1200, 1]}, "between 0 and 1000.*box_px"),
        ({"bbox_2d": [0, 0, 1]}, "must be 4 finite numbers"),
        ({"box_px": [0, 0, 1]}, "at box_px"),
        ({"box_px": [30, 0, 10, 5]}, "left, top, right, bottom"),
        ({"box_px": [50, 0, 60, 5]}, "outside the frame of 40 x 20 px"),
        ({"box_px": [0, 0, 1, 1], "frame": 2}, "frame 2 does not exist; frames are numbered from 0 to 1"),
        ({"box_px": [0, 0, 1, 1], "frame": "first"}, "frame 'first' does not exist"),
        ({"label": " ", "box_px": [0, 0, 1, 1]}, "label"),
        ({"mask": {"size": [5, 5], "counts": [25]}}, "mask has 5 x 5 px, but the upright frame has 40 x 20"),
        ({"mask": {"size": [20, 40], "counts": [800]}}, "mask is empty"),
        ({"mask": {"size": [20, 40], "counts": [3]}}, "add up"),
        ({"mask": {"counts": "abc"}}, "run lengths"),
        ({"mask": 5}, "run lengths"),
        ({"mask": "missing.png"}, "does not exist"),
    ],
)
def test_a_wrong_region_is_refused(values, words):
    with pytest.raises((InputError, RecordError), match=words):
        region(**values)


def write(folder, content):
    path = folder / "claims.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_a_list_is_claims_for_every_item(tmp_path):
    found = read_claims(write(tmp_path, [CLAIM])).of("any")
    assert [claim.relation for claim in found.claims] == ["behind"]
    assert found.claims[0].origin is Origin.GIVEN


def test_regions_and_claims_may_be_for_all_or_for_one_item(tmp_path):
    content = {
        "regions": [BOX],
        "claims": [CLAIM],
        "items": {"b": {"claims": [{**CLAIM, "relation": "above"}], "regions": [{"label": "x", "mask": "m.png"}]}},
    }
    found = read_claims(write(tmp_path, content))
    assert [claim.relation for claim in found.of("a").claims] == ["behind"]
    assert [claim.relation for claim in found.of("b").claims] == ["behind", "above"]
    assert [part["label"] for part in found.of("b").regions] == ["cup", "x"]
    assert found.of("b").regions[1]["mask"] == tmp_path / "m.png"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not a JSON file"),
        ("7", "expected a list of claims"),
        ({"claim": []}, "unknown key 'claim'.*did you mean 'claims'"),
        ({"claims": [CLAIM, {**CLAIM, "object": None}]}, "claim 2: .*object"),
        ({"claims": {"a": 1}}, "claims must be a list"),
        ({"regions": [{"label": "cup"}]}, "region 1: it needs box_px"),
        ({"items": {"a": {"claims": ["x"]}}}, "item 'a': claim 1: it must be an object"),
        ({"items": [1]}, "items must map ids"),
    ],
)
def test_a_wrong_file_of_claims_is_refused_by_place(tmp_path, content, words):
    assert "claims.json" in refused(words, read_claims, write(tmp_path, content))


@pytest.mark.parametrize(
    ("box", "clipped"),
    [
        ([-5, 2, 60, 8], (0, 2, 40, 8)),
        ([-1e308, -1e308, 1e308, 1e308], (0, 0, 40, 20)),
        ([0, 0, 0, 0], (0, 0, 0, 0)),
        ([39, 19, 41, 21], (39, 19, 40, 20)),
    ],
)
def test_a_box_is_clipped_to_its_frame(box, clipped):
    assert region(box_px=box).box_px == clipped


@pytest.mark.parametrize(
    "box",
    [[40, 0, 50, 5], [0, 20, 5, 30], [-5, 0, 0, 5], [0, -5, 5, 0], [40, 20, 40, 20], [-1, 0, -1, 5], [1, 1, 1.2, 5]],
)
def test_a_box_that_shows_no_pixel_is_refused(box):
    refused("outside the frame of 40 x 20 px or between its pixels", region, box_px=box)


def test_a_mask_of_another_size_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr("pipeline.ingest.annotations.decode_mask", lambda value: pytest.fail("decoded"))
    mask = {"size": [500000, 400000], "counts": [500000 * 400000]}
    refused("mask has 400000 x 500000 px, but the upright frame has 40 x 20 px", region, mask=mask)


def test_claims_are_not_read_from_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "claims.json")
    refused("a pipe or a device, but a claims file", read_claims, tmp_path / "claims.json")


@pytest.mark.parametrize(
    "box, is_told",
    [
        ([1, 2, 30, 10], False),
        ([-5, 2, 30, 10], False),
        ([20, 2, 636, 10], True),
        ([20, -60, 30, 10], True),
        ([5, 5, 5, 5], False),
    ],
)
def test_a_box_that_lies_largely_outside_its_frame_is_told(box, is_told):
    plain = parse_region({"label": "cup", "box_px": box}, Path())
    note = clipped_note(plain, make_region(plain, SIZES))
    assert (note is not None) is is_told
    if note is not None:
        assert "'cup'" in note.text() and str(float(box[2])) in note.text() and "cup" in note.text("zh")


def test_the_note_about_a_clipped_box_reaches_the_scene(tmp_path):
    Image.fromarray(np.zeros((20, 40, 3), np.uint8)).save(tmp_path / "a.png")
    item = Item("a", (tmp_path / "a.png",), regions=({"label": "cup", "box_px": [20, 2, 636, 10]},))
    assert [note.code for note in build_scene(item).notes] == ["given_box_clipped"]
