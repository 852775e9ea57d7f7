from __future__ import annotations

from typing import Any

import pytest
from claims.in_brief import in_brief

from pipeline.claims.claims_json import claims_from_json
from pipeline.claims.json_blocks import JsonBlock
from pipeline.records import Claim, Comparison, Origin
from pipeline.records.relations import RELATIONS


def read(entry: Any, frames: int = 2) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    result = claims_from_json([JsonBlock({"claims": [entry]}, 0, 1)], frames)
    assert result is not None
    return result


@pytest.mark.parametrize("name", sorted(RELATIONS))
def test_every_relation_is_found_by_its_name_and_phrases(name: str) -> None:
    entry = RELATIONS[name]
    objects = dict(zip(("object", "other_object"), ("mug", "bowl")[: entry.objects], strict=False))
    unit = "count" if name == "count" else "m"
    number = {"value": 3, "unit": unit} if entry.value == "required" else {}
    for words in (name, name.upper().replace("_", "-"), entry.english[0], f"is {entry.english[0].title()}"):
        (claim,), problems = read({"relation": words, "subject": "box", **objects, **number})
        assert claim.relation == name and not problems


@pytest.mark.parametrize(
    ("relation", "name", "negated"),
    [
        ("left", "left_of", False),
        ("in front of", "in_front_of", False),
        ("在…左边", "left_of", False),
        ("在左边", "left_of", False),
        ("not behind", "behind", True),
        ("is_not_behind", "behind", True),
        ("nearer", "closer", False),
        ("closer to camera than", "closer", False),
        ("遮挡", "occludes", False),
    ],
)
def test_relations_are_found_in_words(relation: str, name: str, negated: bool) -> None:
    (claim,), _ = read({"relation": relation, "subject": "box", "object": "mug"})
    assert (claim.relation, claim.negated, claim.origin) == (name, negated, Origin.MODEL)


@pytest.mark.parametrize(
    ("fields", "value", "unit", "comparison"),
    [
        ({"value": 1.5, "unit": "meters"}, 1.5, "m", "about"),
        ({"value": "30", "unit": "centimetres"}, 30, "cm", "about"),
        ({"value": 30, "unit": "厘米"}, 30, "cm", "about"),
        ({"value": 3, "unit": "feet"}, 3, "ft", "about"),
        ({"value": 3, "unit": '"'}, 3, "in", "about"),
        ({"value": "about 30 cm"}, 30, "cm", "about"),
        ({"value": "≈0.5 m"}, 0.5, "m", "about"),
        ({"value": "at least 2 m"}, 2, "m", "at_least"),
        ({"value": "不超过2米"}, 2, "m", "at_most"),
        ({"value": 2, "unit": "m", "comparison": "at_most"}, 2, "m", "at_most"),
        ({"value": 2, "unit": "dm"}, 0.2, "m", "about"),
    ],
)
def test_numbers_and_units_are_read(fields: dict[str, Any], value: float, unit: str, comparison: str) -> None:
    (claim,), problems = read({"relation": "distance_between", "subject": "box", "object": "mug", **fields})
    assert (claim.value, claim.unit) == (pytest.approx(value), unit)
    assert claim.comparison is Comparison(comparison) and not problems


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"relation": "next to", "subject": "a", "object": "b"}, "'next to' is not a relation"),
        ({"relation": None, "subject": "a"}, "is not a relation"),
        ({"relation": "left_of", "subject": "a"}, "object of left_of"),
        ({"relation": "left_of", "object": "a"}, "subject of left_of"),
        ({"relation": "between", "subject": "a", "object": "b"}, "other_object of between"),
        ({"relation": "size", "subject": "a"}, "needs a value"),
        ({"relation": "size", "subject": "a", "value": 3}, "needs a unit"),
        ({"relation": "size", "subject": "a", "value": 3, "unit": "apples"}, "is not a unit"),
        ({"relation": "size", "subject": "a", "value": "tall"}, "is not a number"),
        ({"relation": "size", "subject": "a", "value": -3, "unit": "m"}, "must not be negative"),
        ({"relation": "left_of", "subject": "a", "object": "b", "picture": 3}, "were not all given"),
        ({"relation": "left_of", "subject": "a", "object": "b", "pictures": [0]}, "were not all given"),
        ("a left of b", "A claim is an object"),
    ],
)
def test_an_unreadable_entry_is_reported(entry: Any, problem: str) -> None:
    claims, problems = read(entry)
    assert claims == () and len(problems) == 1 and problem in problems[0].text()


@pytest.mark.parametrize(
    ("fields", "frames"),
    [({"pictures": [1, 2]}, (0, 1)), ({"picture": "Picture 2"}, (1,)), ({"frames": [0]}, (0,)), ({"pictures": []}, ())],
)
def test_images_become_frames(fields: dict[str, Any], frames: tuple[int, ...]) -> None:
    (claim,), _ = read({"relation": "left_of", "subject": "a", "object": "b", **fields})
    assert claim.frames == frames


@pytest.mark.parametrize(
    ("entry", "claim"),
    [
        ({"relation": "distance", "subject": "a", "object": "camera", "value": "2 m"}, "a distance to camera 2 m"),
        ({"relation": "distance", "subject": "the camera", "object": "a", "value": "2 m"}, "a distance to camera 2 m"),
        ({"relation": "between", "subject": {"label": "a"}, "objects": ["b", "c"]}, "a between b and c"),
    ],
)
def test_names_may_be_the_camera_labels_or_lists(entry: dict[str, Any], claim: str) -> None:
    assert [in_brief(found) for found in read(entry)[0]] == [claim]


def test_only_values_with_a_list_of_claims_are_read() -> None:
    assert claims_from_json([JsonBlock([{"bbox_2d": [1, 2, 3, 4], "label": "a"}], 0, 1)]) is None
    assert claims_from_json([JsonBlock({"objects": [], "claims": []}, 0, 1)]) == ((), ())
    result = claims_from_json([JsonBlock([{"relation": "left_of", "subject": "a", "object": "b"}], 0, 1)])
    assert result is not None and in_brief(result[0][0]) == "a left of b"
