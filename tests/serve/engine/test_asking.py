"""Questions that the model answers together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import scenes
from serve.engine.fakes import eventually
from stages.doubles import ScriptedModel
from stages.runs import make_stages

from pipeline.models.vlm.base import Request
from pipeline.records import Answer, Scene
from pipeline.records.message import Language
from pipeline.serve.engine.asking import Asking, Question
from pipeline.serve.engine.plans import Options
from pipeline.stages.group import Asked, Stages
from pipeline.stages.query import QueryStage
from pipeline.stages.timing import StageError
from pipeline.stages.verify import Verified, VerifyStage


@dataclass
class Stop:
    """A follower that can be stopped."""

    is_stopped: bool = False

    def on_stage(self, name: str) -> None:
        """Ignore it."""

    def on_text(self, text: str) -> None:
        """Ignore it."""


class Bench:
    """Asking, with what came of it."""

    def __init__(self, stages: Stages, batch_size: int = 8, wait_s: float = 0.0, **rest: Any) -> None:
        self.stages = stages
        self.outcomes: dict[str, BaseException | None] = {}
        self.asking = Asking(batch_size, wait_s, **rest)

    def question(self, text: str, client: str = "anna", options: Options = Options(), **rest: Any) -> Question:  # noqa: B008
        asked = Asked("item", rest.pop("scene", scenes.scene()), text, follower=rest.pop("follower", Stop()), **rest)

        def settled(failure: BaseException | None) -> None:
            self.outcomes[text] = failure

        return Question(client, options, self.stages, asked, settled)

    def add(self, *questions: Question) -> None:
        self.asking.add(questions)

    def wait(self, count: int) -> None:
        eventually(lambda: len(self.outcomes) == count)


def bench(script: Callable[[Request], str] = lambda request: "Yes.", **rest: Any) -> tuple[Bench, ScriptedModel]:
    model = ScriptedModel(script)
    return Bench(make_stages(model, query=QueryStage(model, "none")), **rest), model


def test_what_comes_within_the_wait_is_answered_together() -> None:
    sizes: list[int] = []
    made, model = bench(wait_s=0.3, on_group=sizes.append)
    for number in range(3):
        made.add(made.question(f"{number}?", f"client {number}"))
        time.sleep(0.02)
    made.wait(3)
    assert (model.batches, sizes) == ([3], [3]) and set(made.outcomes.values()) == {None}


def test_a_full_group_does_not_wait() -> None:
    made, model = bench(batch_size=2, wait_s=5.0)
    start = time.monotonic()
    made.add(*(made.question(f"{number}?") for number in range(4)))
    made.wait(4)
    assert time.monotonic() - start < 4 and model.batches == [2, 2]


def test_clients_take_turns_in_a_group() -> None:
    made, model = bench(batch_size=2, wait_s=0.1)
    made.add(*(made.question(f"a{number}?") for number in range(3)), made.question("b?", "ben"))
    made.wait(4)
    assert [request.question for request in model.requests] == ["a0?", "b?", "a1?", "a2?"]


def test_the_longest_waiting_options_come_first_and_no_others_with_them() -> None:
    made, model = bench(wait_s=0.1)
    other = Options(hints="image")
    made.add(made.question("1?"), made.question("2?", options=other), made.question("3?", "ben"))
    made.wait(3)
    assert model.batches == [2, 1]
    assert [request.question for request in model.requests] == ["1?", "3?", "2?"]


def test_a_group_holds_few_frames_but_counts_those_of_one_scene_once() -> None:
    made, model = bench(wait_s=0.1)
    many = scenes.scene(frames=20)
    others = (many, replace(many), scenes.scene(frames=20))
    made.add(*(made.question(f"{number}?", scene=scene) for number, scene in enumerate(others, start=1)))
    made.wait(3)
    assert model.batches == [2, 1]
    huge, small = made.question("4?", scene=scenes.scene(frames=40)), made.question("5?")
    made.add(huge, small)
    made.wait(5)
    assert model.batches[2:] == [1, 1]


def test_questions_that_stopped_while_they_waited_are_not_asked() -> None:
    made, model = bench(wait_s=0.2)
    stop = Stop()
    made.add(made.question("1?"), made.question("2?", follower=stop))
    stop.is_stopped = True
    made.wait(1)
    assert [request.question for request in model.requests] == ["1?"]


def test_the_model_answers_the_next_group_while_the_answers_of_one_are_judged() -> None:
    judging, may_judge = threading.Event(), threading.Event()

    class Slow(VerifyStage):
        def __call__(self, scene: Scene, answer: Answer | None, language: Language = "en") -> Verified:
            judging.set()
            assert may_judge.wait(20)
            return super().__call__(scene, answer, language)

    model = ScriptedModel(lambda request: "Yes.")
    made = Bench(make_stages(model, query=QueryStage(model, "none"), verify=Slow()))
    made.add(made.question("1?"))
    assert judging.wait(20)
    made.add(made.question("2?"))
    eventually(lambda: model.batches == [1, 1])
    assert made.outcomes == {}
    may_judge.set()
    made.wait(2)


@pytest.mark.parametrize("error", [MemoryError("full"), SystemExit("odd"), ZeroDivisionError("odd")])
def test_whatever_is_raised_is_reported_and_the_next_group_is_answered(error: BaseException) -> None:
    class Failing(ScriptedModel):
        def generate_all(self, requests: Any) -> Any:
            if "bad?" in [request.question for request in requests]:
                raise error
            return super().generate_all(requests)

        def generate(self, request: Request) -> Any:
            if request.question == "bad?":
                raise error
            return super().generate(request)

    model = Failing(lambda request: "Yes.")
    made = Bench(make_stages(model, query=QueryStage(model, "none")))
    made.add(made.question("bad?"))
    made.wait(1)
    assert made.outcomes["bad?"] is not None
    made.add(made.question("good?"))
    made.wait(2)
    assert made.outcomes["good?"] is None


def test_a_prompt_that_cannot_be_built_fails_only_a_question_that_is_asked_again() -> None:
    class Unreadable(QueryStage):
        def prompt(self, scene: Any, question: str, grounding: Any = None) -> Any:
            if question == "bad?":
                raise ValueError("odd")
            return super().prompt(scene, question, grounding)

    model = ScriptedModel(lambda request: "Yes.")
    made = Bench(make_stages(model, query=Unreadable(model, "none", recheck=1)), wait_s=0.1)
    made.add(made.question("bad?", answer=Answer("No.")), made.question("good?", answer=Answer("No.")))
    made.wait(2)
    assert made.outcomes["good?"] is None and isinstance(made.outcomes["bad?"], StageError)


def test_what_is_done_first_is_done_once_before_the_first_question() -> None:
    done: list[str] = []

    def first() -> None:
        time.sleep(0.1)
        done.append("loaded")

    made, _ = bench(lambda request: done.append(request.question) or "Yes.", first=first)  # type: ignore[func-returns-value]
    made.add(made.question("1?"))
    made.wait(1)
    made.add(made.question("2?"))
    made.wait(2)
    assert done == ["loaded", "1?", "2?"]


def test_after_closing_nothing_is_asked() -> None:
    made, model = bench()
    made.asking.close(5)
    made.add(made.question("1?"))
    time.sleep(0.05)
    assert model.requests == [] and not any(thread.is_alive() for thread in made.asking._threads)
