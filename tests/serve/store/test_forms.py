"""The JSON form of jobs and results in the store."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from export.stored import result
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import Anchor, Camera, Claim, Evidence, Region, Result, from_json
from pipeline.records.errors import ExportError, RecordError
from pipeline.serve.records import (
    Ask,
    Job,
    JobState,
    Judge,
    MaskedRegion,
    MeasureDepth,
    Rejudge,
    RunLengths,
    SceneInput,
)
from pipeline.serve.store.forms import job_of, job_text, record_text, result_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WORKS = (
    Ask("s", ("Where is it?", "杯子在哪里?"), (Region("cup", (0.1, 1 / 3, 2, 3), 1),), "table", "zh", "r"),
    Ask("s", ("Where?",), (MaskedRegion(Region("cup", (1, 0, 2, 2)), RunLengths((6, 8), (6, 2, 40))),)),
    Judge("s", (Claim("behind", "cup", "wall"), "The cup is small."), (Region("cup", (0, 0, 1, 1)),), "en"),
    Rejudge("s", "r"),
    MeasureDepth("s"),
)


@pytest.mark.parametrize("work", WORKS)
def test_every_kind_of_work_is_read_as_it_was(work: object) -> None:
    job = Job("j", work, "c", JobState.RUNNING, 1.5, position=None, stage="depth")  # type: ignore[arg-type]
    read = job_of(job_text(job))
    assert read == job and type(read.work) is type(work) and type(read.state) is JobState


@given(
    st.sampled_from(JobState),
    st.floats(allow_nan=False, allow_infinity=False),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.none() | TEXTS, max_size=3).map(tuple),
    st.none() | st.dictionaries(TEXTS, st.none() | TEXTS | st.integers(0, 999) | st.lists(TEXTS), max_size=3),
    TEXTS,
)
def test_every_field_of_a_job_is_read_as_it_was(
    state: JobState, created_s: float, finished_s: float | None, results: tuple, problem: dict | None, text: str
) -> None:
    job = Job(text, WORKS[2], text, state, created_s, finished_s, results, problem, len(text), text)
    assert job_of(job_text(job)) == job


def test_masks_of_regions_come_back() -> None:
    mask = np.eye(5, 7, dtype=bool)
    region = Region("cup", (0, 0, 7, 5), mask=mask)
    read = job_of(job_text(Job("j", Ask("s", ("?",), (region,)), "c", JobState.WAITING, 0.0))).work
    assert isinstance(read, Ask) and read.regions[0].mask is not None
    assert np.array_equal(read.regions[0].mask, mask)


def test_scene_inputs_come_back_and_numbers_that_are_not_finite_are_refused() -> None:
    given_input = SceneInput(
        ("a", "b"),
        ("c",),
        "disparity_affine",
        1 / 3,
        {"fx": 1.5},
        61.0,
        (Anchor("plane", ("floor",)),),
        {"ocr": "none"},  # type: ignore[arg-type]
    )
    assert from_json(SceneInput, record_text(given_input)) == given_input
    with pytest.raises(RecordError, match=r"camera\.fx"):
        record_text(replace(given_input, camera={"fx": math.nan}))


def test_a_job_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(RecordError, match="JSON form"):
        job_text(Job("j", WORKS[3], "c", JobState.FAILED, math.inf))
    with pytest.raises(RecordError, match="JSON form"):
        job_text(Job("j", WORKS[3], "c", JobState.FAILED, 0.0, problem={"a": object()}))


def test_named_numbers_that_are_not_finite_are_left_out_and_the_others_stay() -> None:
    whole = result()
    evidence = Evidence(0, (0,), {"depth_m": 1.5, "lost_m": math.nan}, {"seen": (0, 0, 1), "far": (0, 0, math.inf)})
    broken = replace(whole, verdicts=(replace(whole.verdicts[0], evidence=(evidence,)),), seconds={"depth": math.nan})
    text = result_text(broken)
    read = from_json(Result, text)
    assert read.verdicts[0].evidence[0].numbers == {"depth_m": 1.5}
    assert read.verdicts[0].evidence[0].points == {"seen": (0, 0, 1)}
    assert read.seconds == {} and read.regions == whole.regions
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_a_finite_result_stays_as_it_is() -> None:
    assert from_json(Result, result_text(result())) == result()


def test_a_result_without_a_json_form_is_refused() -> None:
    with pytest.raises(ExportError, match="JSON form"):
        result_text(replace(result(), item_id="\ud800"))
    summary = replace(result(), frames=({"camera": Camera},))  # type: ignore[arg-type]
    with pytest.raises(ExportError, match="JSON form"):
        result_text(summary)
