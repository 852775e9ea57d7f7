from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from anything import ANYTHING
from hypothesis import given
from hypothesis import strategies as st
from ingest.refusals import refused

from pipeline.ingest.item import ITEM_KEYS, Item
from pipeline.records import Anchor, Claim, DepthKind, Origin, ScaleSource
from pipeline.records.errors import InputError

CAMERA = {"fx": 500, "fy": 500, "cx": 320, "cy": 240}
CLAIM = {"relation": "behind", "subject": "cup", "object": "plate"}
ANCHOR = {"size": "mug", "measure": "height", "value": 9.5, "unit": "cm"}
IDENTITY = np.eye(4).tolist()


def make(**values):
    return Item.from_plain({"id": "a", "frames": ["x.jpg", "y.jpg"], **values}, Path("/data"), "line-1")


def test_paths_are_relative_to_the_given_folder():
    item = make(depth=["d/x.npy", "/other/y.npy"], claims="claims.json", regions={"label": "cup", "mask": "m.png"})
    assert item.frames == (Path("/data/x.jpg"), Path("/data/y.jpg"))
    assert item.depth == (Path("/data/d/x.npy"), Path("/other/y.npy"))
    assert item.claims == Path("/data/claims.json")
    assert item.regions[0]["mask"] == Path("/data/m.png")


def test_single_values_stand_for_lists_of_one():
    item = Item("a", "x.jpg", "Where?", CAMERA, "d.npy", depth_invalid=65535)
    assert item.frames == (Path("x.jpg"),)
    assert item.questions == ("Where?",)
    assert item.depth == (Path("d.npy"),)
    assert item.depth_invalid == (65535.0,)
    assert item.camera_of(0) == CAMERA


def test_cameras_may_be_given_per_frame():
    item = make(camera=[CAMERA, None])
    assert (item.camera_of(0), item.camera_of(1)) == (CAMERA, None)


def test_null_is_as_good_as_absent():
    assert make(**dict.fromkeys(sorted(ITEM_KEYS - {"id", "frames"}))) == make()


def test_the_place_stands_for_a_missing_id_and_numbers_are_names():
    assert Item.from_plain({"frames": "x.jpg"}, Path(), "line-7").id == "line-7"
    assert make(id=7).id == "7"


@pytest.mark.parametrize(
    ("given_values", "kind", "source"),
    [
        ({}, DepthKind.METRIC, ScaleSource.SENSOR),
        ({"scale_source": "model"}, DepthKind.METRIC, ScaleSource.MODEL),
        ({"depth_kind": "disparity_affine"}, DepthKind.DISPARITY_AFFINE, ScaleSource.NONE),
        ({"depth_kind": "scale_invariant", "scale_source": "none"}, DepthKind.SCALE_INVARIANT, ScaleSource.NONE),
    ],
)
def test_the_scale_source_follows_from_the_kind(given_values, kind, source):
    item = make(**given_values)
    assert (item.depth_kind, item.scale_source) == (kind, source)


def test_claims_are_those_of_the_user():
    assert make(claims=[CLAIM]).claims == (Claim("behind", "cup", "plate", origin=Origin.GIVEN),)


def test_anchors_are_read_one_or_several():
    expected = Anchor.from_plain(ANCHOR)
    assert make(anchors=[ANCHOR]).anchors == make(anchors=ANCHOR).anchors == make(anchors=[expected]).anchors
    assert make(anchors=[ANCHOR]).anchors == (expected,)


def test_anchors_may_be_json_as_typed_or_split_at_its_commas():
    written = json.dumps([ANCHOR, ANCHOR])
    expected = (Anchor.from_plain(ANCHOR),) * 2
    assert make(anchors=written).anchors == expected
    assert make(anchors=written[1:-1].split(", ")).anchors == expected


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"frames": None}, "'a', frames: give at least one image"),
        ({"frames": []}, "'a', frames: give at least one image"),
        ({"frames": [7]}, "'a': a path must be a nonempty text"),
        ({"frames": ["a.mp4", "b.mp4"]}, "'a', frames: a video or a capture must be the only one"),
        ({"frames": ["a.mp4"], "timestamps_s": [0]}, "'a', timestamps_s: a video or a capture has its own"),
        ({"frmaes": "x.jpg"}, "'a' has an unknown key 'frmaes'; known keys: anchors, camera.*did you mean 'frames'"),
        ({"id": "two\nlines"}, "id of an item must be one line"),
        ({"id": ["a"]}, "id of an item must be one line"),
        ({"question": " "}, "'a', questions: A question must be a non-empty text"),
        ({"question": "a", "questions": ["b"]}, "'a': give question or questions"),
        ({"camera": {"fx": 1}}, "'a', camera: The camera lacks fy, cx, cy"),
        ({"camera": [CAMERA]}, "'a', camera: 1 given for 2 frames"),
        ({"camera": {**CAMERA, "fx": 0}}, "'a', camera: Camera focal lengths must be positive"),
        ({"camera": {**CAMERA, "fx": 10**400}}, "'a', camera: Camera fx must be a finite number"),
        ({"camera": {**CAMERA, "width": "abc", "height": 4}}, "'a', camera: Camera width must be a finite number"),
        ({"camera": {**CAMERA, "width": [1], "height": 4}}, "'a', camera: Camera width"),
        *(
            ({"camera": {**CAMERA, "width": width, "height": 4}}, "'a', camera: Camera width")
            for width in (10**300, 10**400)
        ),
        ({"camera": []}, "'a', camera: the list is empty"),
        ({"frames": "x.mp4", "camera": []}, "'a', camera: the list is empty"),
        ({"timestamps_s": [0, 10**400]}, "'a', timestamps_s: They must be 2 finite numbers"),
        ({"depth": ["d.npy"]}, "'a', depth: 1 given for 2 frames; give one per frame"),
        ({"depth": ["d.npy", "d.npy"]}, "'a', depth: d.npy is given for frames 0 and 1, but one depth map belongs to"),
        ({"frames": "v.mp4", "depth": ["c.npy", "d.npy", "c.npy"]}, "c.npy is given for frames 0 and 2"),
        ({"depth_kind": "metres"}, "'a', depth_kind: It must be one of metric, "),
        ({"scale_source": "none"}, "'a', scale_source: depth of kind metric cannot have none"),
        ({"depth_backend": " "}, "'a', depth_backend: "),
        ({"depth_kind": "scale_invariant", "scale_source": "sensor"}, "'a', scale_source: depth of kind scale_inv"),
        ({"depth_scale": 0}, "'a', depth_scale: it must be positive"),
        ({"depth_scale": "mm"}, "'a', depth_scale: It must be 1 finite numbers"),
        ({"depth_invalid": ["x"]}, "'a', depth_invalid: They must be 1 finite numbers"),
        ({"poses": [IDENTITY]}, "'a', poses: 1 given for 2 frames"),
        ({"poses": [IDENTITY, [1, 2]]}, "'a', poses: pose 2: it must be a 4 x 4 matrix"),
        ({"poses": 3}, "'a', poses: poses must be a list"),
        ({"timestamps_s": [0, "one"]}, "'a', timestamps_s: They must be 2 finite numbers"),
        ({"claims": [CLAIM, {**CLAIM, "relation": "behnd"}]}, "claim 2: it has an unknown relation 'behnd'.*'behind'"),
        ({"claims": [{**CLAIM, "subjct": "x"}]}, "'a', claims: claim 1: it has an unknown key 'subjct'.*'subject'"),
        ({"claims": CLAIM}, "'a', claims: claims must be a list"),
        ({"regions": [{"label": "cup"}]}, "'a': region 1: it needs box_px"),
        ({"regions": ["cup"]}, "'a': region 1: it must be an object"),
        ({"anchors": [ANCHOR, {**ANCHOR, "unit": "yd"}]}, "'a', anchors: anchor 2: The unit of an anchor must be one"),
        ({"anchors": {"measure": "height"}}, "'a', anchors: anchor 1: An anchor names one of size"),
        ({"anchors": "anchors.json"}, "'a', anchors: they must be a list such as .*, not 'anchors.json'"),
        ({"anchors": [7]}, "'a', anchors: anchor 1: An anchor must be an object"),
    ],
)
def test_a_wrong_value_is_named_with_its_item_and_key(values, words):
    refused(words, make, **values)


@given(st.dictionaries(st.sampled_from(sorted(ITEM_KEYS)), ANYTHING, max_size=5))
def test_whatever_a_line_holds_it_is_an_item_or_an_input_error(values):
    try:
        item = Item.from_plain({"frames": ["x.jpg"], **values}, Path("/data"), "line-1")
    except InputError:
        return
    assert item.frames


@pytest.mark.parametrize("values", [{"frames": "a" * 300}, {"frames": "a.png", "anchors": ""}])
def test_odd_lines_are_items_or_input_errors(tmp_path, values):
    with contextlib.suppress(InputError):
        Item.from_plain(values, tmp_path, "line 1")


def test_a_question_that_is_given_twice_is_asked_once() -> None:
    from pipeline.ingest.item import questions_of

    assert questions_of(["Where?", "Which?", "Where?"]) == ("Where?", "Which?")
