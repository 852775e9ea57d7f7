from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from pipeline.records.relations import RelationName
from pipeline.serve.problems import UnfitError
from pipeline.serve.schema.base import read
from pipeline.serve.schema.chat import ChatBody
from pipeline.serve.schema.work import AskBody, VerifyBody
from pipeline.serve.settings import Limits

ASK: dict[str, Any] = {"images": ["x"], "question": "Is it?"}
TURN: dict[str, Any] = {"role": "user"}


def refused(model: type[BaseModel], plain: dict[str, Any]) -> UnfitError:
    with pytest.raises(UnfitError) as caught:
        read(model, plain, Limits())
    return caught.value


@pytest.mark.parametrize(
    "model, plain, place, detail",
    [
        (AskBody, {**ASK, "question": " "}, "question", "The field question is empty."),
        (AskBody, {**ASK, "colour": 1}, "colour", "There is no field colour."),
        (AskBody, {**ASK, "regions": [{}]}, "regions.0.label", "The field regions.0.label is missing."),
        (AskBody, {**ASK, "images": 3}, "images", "The field images must be a list."),
        (AskBody, {**ASK, "images": [3]}, "images.0", "The field images.0 must be a text or a JSON object."),
        (AskBody, {**ASK, "images": [{"Foo": 1}]}, "images.0.Foo", "There is no field images.0.Foo."),
        (AskBody, {**ASK, "fov_deg": "x"}, "fov_deg", "The field fov_deg must be a number."),
        (AskBody, {**ASK, "fov_deg": 4}, "fov_deg", "The field fov_deg must be greater than or equal to 5."),
        (
            AskBody,
            {**ASK, "options": {"vlm": "x"}},
            "options.vlm",
            "There is no field options.vlm; choose 'depth', 'ocr' or 'segment'.",
        ),
        (AskBody, {"images": ["x"]}, "", "Give question, or questions for several."),
        (
            AskBody,
            {**ASK, "regions": [{"label": "mug"}]},
            "regions.0",
            "Give box_px, a mask, or both (at regions.0).",
        ),
        (
            VerifyBody,
            {"images": ["x"], "claims": [3]},
            "claims.0",
            "The field claims.0 must be a JSON object or a text.",
        ),
        (VerifyBody, {"images": ["x"], "claims": [""]}, "claims.0", "The field claims.0 is empty."),
        (
            VerifyBody,
            {"images": ["x"], "claims": [{"relation": "on"}]},
            "claims.0.subject",
            "The field claims.0.subject is missing.",
        ),
        (
            ChatBody,
            {"messages": [{**TURN, "content": [{"type": "text", "text": 3}]}]},
            "messages.0.content.0.text",
            "The field messages.0.content.0.text must be a text.",
        ),
        (
            ChatBody,
            {"messages": [{**TURN, "content": 3}]},
            "messages.0.content",
            "The field messages.0.content must be a list or a text.",
        ),
    ],
)
def test_a_single_fault_is_one_sentence_with_its_place(
    model: type[BaseModel], plain: dict[str, Any], place: str, detail: str
) -> None:
    error = refused(model, plain)
    assert (error.detail, error.members["errors"]) == (detail, [{"at": place, "detail": detail}])


def test_a_long_list_of_choices_ends_after_a_whole_one_and_says_where_all_are() -> None:
    detail = refused(VerifyBody, {"images": ["x"], "claims": [{"relation": "leftof", "subject": "a"}]}).detail
    start, end = "The field claims.0.relation must be one of ", ", …; see /v1/relations."
    assert detail.startswith(start) and detail.endswith(end)
    named = detail.removeprefix(start).removesuffix(end).split(", ")
    assert len(named) > 10 and {each.strip("'") for each in named} <= set(RelationName)


def test_several_faults_are_listed() -> None:
    error = refused(AskBody, {**ASK, "camera": {"fx": 0}})
    assert error.detail == "The field camera.fx must be greater than 0. There are more faults; see errors."
    assert [each["at"] for each in error.members["errors"]] == ["camera.fx", "camera.fy", "camera.cx", "camera.cy"]


def test_long_names_of_clients_are_cut() -> None:
    assert refused(AskBody, {**ASK, "x" * 5000: 1}).detail == f"There is no field {'x' * 100}…."
