from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import (
    Answer,
    Attempt,
    Box3D,
    Camera,
    Claim,
    DepthMap,
    Evidence,
    Frame,
    FrameSummary,
    Region,
    Result,
    Scene,
    SpatialTag,
    Verdict,
    from_json,
    from_plain,
    json_schema,
    to_json,
    to_plain,
)
from pipeline.records.claim import decode_mask, encode_mask
from pipeline.records.errors import RecordError
from pipeline.records.relations import RELATIONS, ValueUse

CAMERA = Camera(10.0, 10.0, 2.0, 1.5, 5, 4)


def claim_of(relation: str, **rest: Any) -> Claim:
    entry = RELATIONS[relation]
    values: dict[str, Any] = {"subject": "cup"}
    if entry.objects >= 1:
        values["object"] = "盒子"
    if entry.objects == 2:
        values["other_object"] = "sign"
    if entry.value is ValueUse.REQUIRED:
        values |= {"value": 2.0, "unit": "count" if relation == "count" else "cm"}
    return Claim(relation, **(values | rest))


def result() -> Result:
    mask = np.zeros((4, 5), bool)
    mask[1:3, 2:4] = True
    regions = (
        Region("cup", (1, 1, 3, 3), mask=mask, score=0.5),
        Region(
            "盒子", (0, 0, 2, 2), box_3d=Box3D((0, 0, 1), (1, 2, 3), (0.1, 0.2, 0.3)), attributes={"name_en": "box"}
        ),
    )
    claims = tuple(claim_of(name) for name in RELATIONS)
    verdicts = tuple(
        Verdict(
            claim,
            "supported",
            "It holds.",
            probability=0.99,
            margin=0.1,
            unit="m",
            evidence=(Evidence(0, (0, 1), {"z_m": 1.0}, {"subject": (0.0, 0.0, 1.0)}, 0.99, "seen"),),
        )
        for claim in claims
    )
    answer = Answer(
        "The cup is left of the 盒子.",
        reasoning="hm",
        regions=regions,
        claims=claims,
        spatial_tags=(SpatialTag("left of", 11, 18, "left_of"), SpatialTag("near", 0, 4)),
        generation={"temperature": 0.0, "stop": ["a"], "sampling": False},
        seed=3,
        cached_tokens=5,
        timings={"prefill_s": 0.5, "peak_mb": 90.0},
    )
    undecided = Verdict(claims[0], "undecided", "It is small.", needs="a larger view", small_regions=(1,))
    attempt = Attempt(answer, (undecided,), regions, "refuted claims: cup is left of 盒子")
    frame = FrameSummary("a.png", "00", CAMERA, 0.5, "metric", "sensor", "file")
    return Result(
        "item", "where?", (frame,), answer, verdicts, regions, {"depth": 0.1}, errors=("x",), attempts=(attempt,)
    )


def test_a_result_survives_its_json_form() -> None:
    first = result()
    line = to_json(first)
    second = from_json(Result, line)
    assert second == first
    assert to_json(second) == line
    np.testing.assert_array_equal(second.regions[0].mask, first.regions[0].mask)
    assert "\n" not in line
    assert "盒子" in line


def test_the_json_form_follows_the_published_schema() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(to_json(result())), schema)
    broken = to_plain(result())
    broken["verdicts"][0]["status"] = "maybe"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)


def test_a_result_of_the_first_version_can_be_read() -> None:
    plain = to_plain(result())
    del plain["attempts"]
    for name in ("cached_tokens", "timings"):
        del plain["answer"][name]
    for verdict in plain["verdicts"]:
        del verdict["small_regions"]
    old = from_json(Result, json.dumps({**plain, "schema_version": "1.0"}))
    assert (old.attempts, old.answer.timings, old.schema_version) == ((), {}, "1.0")  # type: ignore[union-attr]
    jsonschema.validate(to_plain(old), json_schema())


@pytest.mark.parametrize(
    "values",
    [{"reason": " "}, {"answer": None}],
    ids=["no reason", "no answer"],
)
def test_an_attempt_has_an_answer_and_a_reason(values: dict[str, Any]) -> None:
    plain = to_plain(result())["attempts"][0]
    with pytest.raises(RecordError):
        from_plain(Attempt, {**plain, **values})


def test_the_schema_names_every_relation() -> None:
    assert set(json_schema()["$defs"]["RelationName"]["enum"]) == set(RELATIONS)


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=6))
def test_run_lengths_restore_the_mask(rows: list[list[bool]]) -> None:
    mask = np.array(rows)
    np.testing.assert_array_equal(decode_mask(encode_mask(mask)), mask)


@pytest.mark.parametrize(
    "value",
    [None, {}, {"size": [2, 2], "counts": [3]}, {"size": [2, 2], "counts": [5, -1]}, {"size": "ab", "counts": [4]}],
)
def test_wrong_run_lengths_are_refused(value: Any) -> None:
    with pytest.raises(RecordError):
        decode_mask(value)


@pytest.mark.parametrize("name", RELATIONS)
def test_every_relation_makes_a_claim_that_survives_json(name: str) -> None:
    claim = claim_of(name)
    assert from_json(Claim, to_json(claim)) == claim
    assert claim.subject in claim.in_words()


RGB = np.zeros((4, 5, 3), np.uint8)
VERDICT = partial(Verdict, claim_of("left_of"), reason="because")
DEPTH = partial(DepthMap, np.ones((2, 2)), np.ones((2, 2), bool))
ANCHORED = partial(DEPTH, kind="metric", scale_source="anchor")


@pytest.mark.parametrize(
    ("record", "values", "words"),
    [
        (Claim, {"relation": "lefty", "subject": "a", "object": "b"}, "relation"),
        (Claim, {"relation": "left_of", "subject": " ", "object": "b"}, "subject"),
        (Claim, {"relation": "left_of", "subject": "a"}, "object"),
        (Claim, {"relation": "size", "subject": "a", "object": "b", "value": 1, "unit": "m"}, "takes no object"),
        (Claim, {"relation": "between", "subject": "a", "object": "b"}, "other_object"),
        (Claim, {"relation": "size", "subject": "a"}, "needs a value"),
        (Claim, {"relation": "left_of", "subject": "a", "object": "b", "value": 1, "unit": "m"}, "takes no value"),
        (Claim, {"relation": "size", "subject": "a", "value": -1, "unit": "m"}, "negative"),
        (Claim, {"relation": "size", "subject": "a", "value": float("nan"), "unit": "m"}, "finite"),
        (Claim, {"relation": "size", "subject": "a", "value": 1}, "unit"),
        (Claim, {"relation": "size", "subject": "a", "value": 1, "unit": "count"}, "length"),
        (Claim, {"relation": "count", "subject": "a", "value": 1, "unit": "m"}, "number of objects"),
        (Claim, {"relation": "occludes", "subject": "a", "object": "b", "value": 40, "unit": "fraction"}, "fraction"),
        (Claim, {"relation": "size", "subject": "a", "value": 1, "unit": "m", "measure": "girth"}, "measure"),
        (Claim, {"relation": "left_of", "subject": "a", "object": "b", "frames": (-1,)}, "frame of a claim"),
        (Region, {"label": "", "box_px": (0, 0, 1, 1)}, "label"),
        (Region, {"label": "a", "box_px": (0, 0, 1)}, "4 finite numbers"),
        (Region, {"label": "a", "box_px": (2, 0, 1, 1)}, "left, top, right, bottom"),
        (Region, {"label": "a", "box_px": (0, 0, 1, float("inf"))}, "finite"),
        (Region, {"label": "a", "box_px": (0, 0, 1, 1), "frame": -1}, "frame"),
        (Region, {"label": "a", "box_px": (0, 0, 1, 1), "score": 2}, "score"),
        (Region, {"label": "a", "box_px": (0, 0, 1, 1), "mask": np.zeros(3)}, "two dimensions"),
        (VERDICT, {"status": "undecided"}, "what would decide it"),
        (VERDICT, {"status": "supported", "probability": 1, "needs": "light"}, "what would decide it"),
        (VERDICT, {"status": "supported"}, "probability"),
        (VERDICT, {"status": "refuted", "probability": 1.5}, "between 0 and 1"),
        (VERDICT, {"status": "refuted", "probability": 0.0, "margin": 1.0}, "unit"),
        (VERDICT, {"status": "sure", "probability": 1.0}, "status"),
        (VERDICT, {"status": "supported", "probability": 0.99, "small_regions": (0,)}, "larger"),
        (Frame, {"rgb": RGB[:3], "camera": CAMERA}, "camera is for"),
        (Frame, {"rgb": RGB.astype(float), "camera": CAMERA}, "uint8"),
        (Frame, {"rgb": RGB, "camera": CAMERA, "pose": np.diag([2.0, 1, 1, 1])}, "rotation"),
        (Scene, {"id": "a", "frames": ()}, "no frames"),
        (
            Scene,
            {"id": "a", "frames": (Frame(RGB, CAMERA),), "regions": (Region("x", (0, 0, 1, 1), frame=1),)},
            "names frame 1",
        ),
        (DEPTH, {"kind": "metric"}, "scale source"),
        (DEPTH, {"kind": "disparity_affine", "scale_source": "sensor"}, "scale source"),
        *((ANCHORED, {"scale_error": error}, "scale's error") for error in (-0.1, math.nan, math.inf)),
        (DEPTH, {"kind": "disparity_affine", "scale_error": 0.1}, "scale's error of disparity_affine depth"),
    ],
)
def test_impossible_records_are_refused(record: Callable[..., Any], values: dict[str, Any], words: str) -> None:
    with pytest.raises(RecordError, match=words):
        record(**values)


@pytest.mark.parametrize(
    ("kind", "source", "valid"),
    [
        ("metric", "sensor", [True, False, False, False]),
        ("scale_invariant", "none", [True, False, False, False]),
        ("depth_affine", "none", [True, True, True, False]),
        ("disparity_affine", "none", [True, True, True, False]),
    ],
)
def test_pixels_without_meaning_are_invalid(kind: str, source: str, valid: list[bool]) -> None:
    depth = DepthMap.from_values(np.array([[1.0, 0.0, -1.0, np.nan]]), kind, source)
    assert depth.valid.tolist() == [valid]


@pytest.mark.parametrize("value", ["", "[]", "{", "null", '{"relation": 3}', '{"relation": "left_of", "subject": "a"}'])
def test_text_that_is_not_a_claim_gives_one_line(value: str) -> None:
    with pytest.raises(RecordError) as caught:
        from_json(Claim, value)
    assert "\n" not in str(caught.value)


def test_from_plain_refuses_values_without_a_json_form() -> None:
    with pytest.raises(RecordError):
        from_plain(Claim, {"relation": object()})


@pytest.mark.parametrize("truth", [np.True_, np.False_, True, False, np.bool_(1), np.array([True])[0], None])
def test_ground_truth_of_numpy_survives_json(truth: Any) -> None:
    claim = Claim("left_of", "cup", "box", truth=truth, negated=np.bool_(bool(truth)))
    assert claim.truth is (None if truth is None else bool(truth))
    assert from_json(Claim, to_json(claim)) == claim


@pytest.mark.parametrize("truth", [1, 0.0, "true", np.float64(1), np.array([True]), np.array([True, False]), []])
@pytest.mark.parametrize("flag", ["truth", "negated"])
def test_other_values_are_no_ground_truth(flag: str, truth: Any) -> None:
    with pytest.raises(RecordError, match=f"The {flag} of a claim must be true or false"):
        Claim("left_of", "cup", "box", **{flag: truth})


def test_numbers_of_numpy_survive_json() -> None:
    claim = Claim("size", "cup", value=np.float32(0.5), unit="m", tolerance=np.float32(0.25), frames=(np.int64(0),))
    assert from_json(Claim, to_json(claim)) == claim
