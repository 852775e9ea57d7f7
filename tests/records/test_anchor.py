from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
import scenes
from anything import ANYTHING
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import Anchor, AnchorKind, DepthKind, DepthMap, Scene, Unit
from pipeline.records.errors import RecordError

GOOD: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {"size": "mug", "measure": "height", "value": 9.5, "unit": "cm", "error": 0.3},
        {"kind": AnchorKind.SIZE, "names": ("mug",), "value_m": 0.095, "relative_error": 0.3 / 9.5},
        "'mug' is 9.5 cm tall",
    ),
    (
        {"between": ["mug", "book"], "value": 40, "unit": "cm"},
        {"names": ("mug", "book"), "measure": "centre", "value_m": 0.4, "relative_error": 0.03},
        "'mug' and 'book' are 40 cm apart",
    ),
    (
        {"between": ["mug", "book"], "value": 1, "unit": "ft", "measure": "nearest"},
        {"measure": "nearest", "value_m": 0.3048},
        "'mug' and 'book' are 1 ft apart at their nearest points",
    ),
    (
        {"between_px": [[10, 20.5], [90, 20]], "value": 1, "unit": "m", "frame": 2},
        {"points_px": ((10.0, 20.5), (90.0, 20.0)), "frame": 2},
        "pixel (10, 20.5) and pixel (90, 20) are 1 m apart",
    ),
    (
        {"to_camera": "mug", "value": 1.2, "unit": "m", "measure": None},
        {"measure": "straight", "value_m": 1.2, "frame": None},
        "'mug' is 1.2 m from the camera",
    ),
    (
        {"to_camera_px": [3, 4], "value": 1200, "unit": "mm", "measure": "z", "error": 0},
        {"points_px": ((3.0, 4.0),), "measure": "z", "relative_error": 0.0},
        "pixel (3, 4) is 1200 mm from the camera along z",
    ),
    (
        {"camera_height": 1.4, "unit": "m"},
        {"kind": AnchorKind.CAMERA_HEIGHT, "names": (), "value_m": 1.4},
        "the camera is 1.4 m above the floor",
    ),
    (
        {"camera_height": 40, "unit": "cm", "above": "table"},
        {"names": ("table",), "unit": Unit.CENTIMETRE},
        "the camera is 40 cm above 'table'",
    ),
    ({"plane": "floor"}, {"kind": AnchorKind.PLANE, "names": ("floor",), "relative_error": 0.0}, "'floor' is flat"),
]


@pytest.mark.parametrize(("plain", "expected", "words"), GOOD, ids=[words for *_, words in GOOD])
def test_each_form_is_read(plain: dict[str, Any], expected: dict[str, Any], words: str) -> None:
    anchor = Anchor.from_plain(plain)
    for name, value in expected.items():
        assert getattr(anchor, name) == (pytest.approx(value) if isinstance(value, float) else value), name
    assert anchor.in_words() == words


def test_a_plane_has_no_length() -> None:
    assert math.isnan(Anchor.from_plain({"plane": "floor"}).value_m)
    assert not AnchorKind.PLANE.has_length


SIZE = {"size": "mug", "measure": "height", "value": 9.5, "unit": "cm"}
BAD: list[tuple[Any, str]] = [
    ("mug", "An anchor must be an object"),
    ({}, "An anchor names one of size, between, .* not none of them"),
    ({"value": 1, "unit": "m"}, "not none of them"),
    ({"size": "mug", "to_camera": "mug", "value": 1, "unit": "m"}, "not size and to_camera"),
    ({**SIZE, "measur": 1}, "The anchor size has no key 'measur'; it takes error, frame, measure, unit, value"),
    ({"camera_height": 1, "unit": "m", "value": 1}, "camera_height has no key 'value'; it takes above, error"),
    ({**SIZE, "unit": None}, "The anchor size needs a unit: one of m, cm, mm, ft, in"),
    ({**SIZE, "unit": "parsec"}, "The unit of an anchor must be one of m, cm, mm, ft, in, not 'parsec'"),
    ({**SIZE, "unit": "count"}, "The unit of an anchor must be one of m, cm, mm, ft, in, not 'count'"),
    ({**SIZE, "unit": "fraction"}, "The unit of an anchor must be one of m, cm, mm, ft, in, not 'fraction'"),
    ({**SIZE, "unit": ["m"]}, "The unit of an anchor must be one of m, cm, mm, ft, in, not"),
    ({**SIZE, "value": 1.1e6, "unit": "m"}, r"The value of size must be at most 1000000 m, not 1\.1e\+06"),
    ({**SIZE, "value": 1.1e8, "unit": "cm"}, "The value of size must be at most 100000000 cm"),
    ({"camera_height": 1e300, "unit": "m"}, "The value of camera_height must be at most"),
    ({**SIZE, "value": None}, "The anchor size needs a value and its unit"),
    ({**SIZE, "value": 0}, "The value of size must be positive, not 0"),
    ({**SIZE, "value": -2}, "The value of size must be positive, not -2"),
    ({**SIZE, "value": True}, "The value of size must be positive"),
    ({**SIZE, "value": "long"}, "The value of size must be a finite number"),
    ({**SIZE, "value": 10**400}, "The value of size must be a finite number"),
    ({**SIZE, "error": 9.5}, "The error of size is a standard deviation in cm from 0 to below the value 9.5"),
    ({**SIZE, "error": -1}, "The error of size is a standard deviation"),
    ({**SIZE, "measure": None}, "The anchor size needs a measure: height, width, depth"),
    ({**SIZE, "measure": "girth"}, "The measure of size must be one of height, width, depth, not 'girth'"),
    ({**SIZE, "size": ["mug", "cup"]}, "The anchor size names 2 regions, not 1"),
    ({**SIZE, "size": " "}, "A region of the anchor size must be a non-empty text"),
    ({**SIZE, "frame": -1}, "The frame of an anchor must be a whole number >= 0, not -1"),
    ({**SIZE, "frame": 0.5}, "The frame of an anchor must be a whole number"),
    ({"between": "mug", "value": 1, "unit": "m"}, "The anchor between names 1 regions, not 2"),
    ({"between": ["mug", "mug"], "value": 1, "unit": "m"}, "must name two regions"),
    ({"between_px": [[1, 2]], "value": 1, "unit": "m"}, "The anchor between_px has 1 pixels, not 2"),
    ({"between_px": [[1, 2], [1, 2]], "value": 1, "unit": "m"}, "The two pixels of between_px must differ"),
    ({"between_px": [[1, 2], [1]], "value": 1, "unit": "m"}, "A pixel of between_px must be 2 finite numbers"),
    ({"between_px": 3, "value": 1, "unit": "m"}, "A pixel of between_px must be 2 finite numbers, not 3"),
    ({"to_camera_px": 3, "value": 1, "unit": "m"}, "A pixel of to_camera_px must be 2 finite numbers"),
    ({"camera_height": "tall", "unit": "m"}, "The value of camera_height must be a finite number"),
    ({"camera_height": 1, "unit": "m", "measure": "z"}, "The measure of camera_height must be one of none, not 'z'"),
    ({"plane": "floor", "value": 1, "unit": "m"}, "The anchor plane has no value and no error"),
]


@pytest.mark.parametrize(("plain", "words"), BAD, ids=range(len(BAD)))
def test_a_wrong_form_is_one_line(plain: Any, words: str) -> None:
    with pytest.raises(RecordError, match=words) as caught:
        Anchor.from_plain(plain)
    assert "\n" not in str(caught.value)


KEYS = [*AnchorKind, "value", "unit", "error", "measure", "frame", "above"]


@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=4))
def test_whatever_is_given_it_is_an_anchor_or_a_record_error(plain: dict[str, Any]) -> None:
    try:
        anchor = Anchor.from_plain(plain)
    except RecordError:
        return
    assert anchor.in_words()


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        ({**SIZE, "frame": 1}, "names frame 1, but item analytic has 1"),
        ({"to_camera_px": [160, 4], "value": 1, "unit": "m"}, "a pixel outside its frame of 160 x 120 px"),
    ],
)
def test_a_scene_refuses_anchors_that_do_not_fit_its_frames(plain: dict[str, Any], words: str) -> None:
    with pytest.raises(RecordError, match=words):
        Scene("analytic", scenes.scene().frames, anchors=(Anchor.from_plain(plain),))


def test_values_beyond_float32_are_invalid_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        depth = DepthMap.from_values(np.array([[1.0, 1e39, -1e300]]), DepthKind.METRIC, "sensor")
    assert depth.valid.tolist() == [[True, False, False]]
