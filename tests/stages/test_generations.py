from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from stages.doubles import ScriptedModel

from pipeline.models.vlm.base import Generation, Request, TextPart
from pipeline.records.errors import DepthError, GenerationError, TheodoliteError
from pipeline.stages.cache import StageCache
from pipeline.stages.generations import Outcome, generate_all


def request(text: str, item: str = "item") -> Request:
    return Request((TextPart(text),), item, text)


def echo(asked: Request) -> str:
    if asked.question == "silent":
        raise GenerationError("The model said nothing.")
    if asked.question == "crash":
        raise ZeroDivisionError("division by zero")
    return f"About {asked.question}"


def said(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.text if isinstance(outcome, Generation) else str(outcome) for outcome in outcomes]


def asked_of(model: ScriptedModel) -> list[str]:
    return [asked.question for asked in model.requests]


@pytest.mark.parametrize("identity", [None, "scripted 1"])
def test_requests_go_together_and_come_back_in_order(identity: str | None) -> None:
    model = ScriptedModel(echo, identity)
    outcomes = generate_all(model, StageCache(), [request(text) for text in "abc"])
    assert (said(outcomes), model.batches) == (["About a", "About b", "About c"], [3])


def test_what_is_kept_is_not_asked_for(tmp_path: Path) -> None:
    cache = StageCache(tmp_path)
    generate_all(ScriptedModel(echo, "scripted 1"), cache, [request("b")])
    model = ScriptedModel(echo, "scripted 1")
    assert said(generate_all(model, cache, [request(text) for text in "abc"])) == ["About a", "About b", "About c"]
    assert asked_of(model) == ["a", "c"]
    other = ScriptedModel(echo, "scripted 2")
    generate_all(other, cache, [request("a")])
    assert asked_of(other) == ["a"], "another model is another answer"


def test_equal_requests_are_generated_once_where_the_output_depends_on_nothing_else() -> None:
    model = ScriptedModel(echo, "scripted 1")
    outcomes = generate_all(model, StageCache(), [request("a", "one"), request("b"), request("a", "two")])
    assert said(outcomes) == ["About a", "About b", "About a"]
    assert asked_of(model) == ["a", "b"]
    drawing = ScriptedModel(echo)
    generate_all(drawing, StageCache(), [request("a"), request("a")])
    assert asked_of(drawing) == ["a", "a"]


def test_an_error_stays_with_its_request_and_is_not_kept(tmp_path: Path) -> None:
    model = ScriptedModel(echo, "scripted 1")
    early = DepthError("No depth.")
    requests: list[Request | TheodoliteError] = [request("a"), early, request("silent"), request("b")]
    for _ in range(2):
        outcomes = generate_all(model, StageCache(tmp_path), requests)
        assert said(outcomes) == ["About a", "No depth.", "The model said nothing.", "About b"]
        assert outcomes[1] is early
    assert asked_of(model) == ["a", "silent", "b", "silent"]


def test_a_crash_costs_only_the_request_that_it_is_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = ScriptedModel(echo, "scripted 1")
    outcomes = generate_all(model, StageCache(tmp_path), [request("a"), request("crash"), request("b")])
    assert "3 requests at once failed (ZeroDivisionError); asking one by one." in caplog.text
    assert said(outcomes) == ["About a", "Unexpected ZeroDivisionError: division by zero", "About b"]
    assert isinstance(outcomes[1], GenerationError) and isinstance(outcomes[1].__cause__, ZeroDivisionError)


def test_a_model_that_is_asked_nothing_is_not_even_looked_for() -> None:
    class Absent(ScriptedModel):
        @property
        def identity(self) -> str:  # type: ignore[override]
            pytest.fail("nobody should ask")

        @identity.setter
        def identity(self, value: object) -> None:
            pass

    assert generate_all(Absent(echo), StageCache(), []) == []
    assert said(generate_all(Absent(echo), StageCache(), [DepthError("No depth.")])) == ["No depth."]


class Follows:
    """Keeps the texts that it is told."""

    def __init__(self, is_stopped: bool = False) -> None:
        self.texts: list[str] = []
        self.is_stopped = is_stopped

    def on_text(self, text: str) -> None:
        self.texts.append(text)


@pytest.mark.parametrize("identity", [None, "scripted 1"])
def test_every_listener_hears_the_whole_answer_even_if_it_is_kept(identity: str | None, tmp_path: Path) -> None:
    for _ in range(2):
        heard = [Follows(), Follows(), Follows()]
        followed = [replace(request(text), listener=one) for text, one in zip("aab", heard, strict=True)]
        generate_all(ScriptedModel(echo, identity), StageCache(tmp_path), followed)
        assert [one.texts[-1] for one in heard] == ["About a", "About a", "About b"]


@pytest.mark.parametrize(
    "are_stopped, ends",
    [
        ([True, True], True),
        ([True, False], False),
        ([False, True], False),
        ([True, None], False),
        ([None, True], False),
    ],
)
def test_an_answer_for_several_is_stopped_only_if_nobody_waits(are_stopped: list[bool | None], ends: bool) -> None:
    model = ScriptedModel(echo, "scripted 1")
    listeners = [None if stopped is None else Follows(stopped) for stopped in are_stopped]
    generate_all(model, StageCache(), [replace(request("a"), listener=one) for one in listeners])
    (asked,) = model.requests
    assert asked.listener is not None
    assert asked.listener.is_stopped is ends
