"""The stages in their order: from an item to its results."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from pipeline.ingest.item import BadItem, Item
from pipeline.records import Result, Scene
from pipeline.records.errors import InputError
from pipeline.stages.group import Asked, Stages, exported, result_of, settle
from pipeline.stages.timing import StageError, timed

logger = logging.getLogger(__name__)


class Source(Protocol):
    """A source of items."""

    def items(self) -> Iterator[Item | BadItem]:
        """The items, one by one."""
        ...

    def count(self) -> int | None:
        """The number of items; None if that requires reading them all."""
        ...

    def scene(self, item: Item) -> Scene:
        """Read an item's files."""
        ...


def process(scene: Scene, stages: Stages, folder: Path | None, seconds: dict[str, float]) -> Iterator[Result]:
    """Run all stages on one scene; its questions are asked together.

    Args:
        scene: The scene from ingest.
        stages: The stages.
        folder: Where artefacts go; None writes none.
        seconds: Time spent on the scene so far, by stage [s].

    Yields:
        One result per question, or one without a question if only claims are judged.

    Raises:
        StageError: If a stage fails; it names the stage.
    """
    for result, _ in process_with_scenes(scene, stages, folder, seconds):
        yield result


def process_with_scenes(
    scene: Scene, stages: Stages, folder: Path | None, seconds: dict[str, float]
) -> Iterator[tuple[Result, Scene]]:
    """The results of ``process``, each with the scene, its depth and its scale on which it was judged.

    Raises:
        StageError: If a stage fails; it names the stage.
    """
    seconds = dict(seconds)
    questions = questions_of(scene, stages)
    scene = with_depth_and_text(scene, stages, seconds, asks=questions != (None,))
    group = asked_about(scene, questions, seconds)
    settle(group, stages)
    for asked in group:
        result = asked.failure or result_of(asked, stages)
        outcome = exported(asked, result, stages, folder)
        if isinstance(outcome, StageError):
            raise outcome
        yield outcome, asked.known_scene


def with_depth_and_text(
    scene: Scene, stages: Stages, seconds: dict[str, float], *, asks: bool, is_answered: bool = False
) -> Scene:
    """The scene with depth, text and the scale of its anchors, before questions are asked.

    Args:
        scene: The scene from ingest.
        stages: The stages.
        seconds: Receives the time of each stage [s].
        asks: Whether questions follow. Their prompts state depth in metres, so anchors of known regions apply first;
            anchors of objects that the model locates apply when its answer is judged.
        is_answered: Whether all answers are there already, so that no model is needed.

    Raises:
        StageError: If a stage fails; it names the stage.
    """
    stages.check(asks=asks and not is_answered)
    with timed("depth", seconds, [scene.id]):
        scene = stages.depth(scene)
    return with_text(scene, stages, seconds, asks=asks)


def with_text(scene: Scene, stages: Stages, seconds: dict[str, float], *, asks: bool) -> Scene:
    """A scene that has its depth, with text and the scale of its anchors; see ``with_depth_and_text``."""
    with timed("ocr", seconds, [scene.id]):
        scene = stages.ocr(scene)
    if asks and scene.anchors:
        with timed("depth", seconds, [scene.id]):
            scene = stages.verify.anchored(scene, (*scene.regions, *scene.text_regions))
    return scene


def check_work(scene: Scene, *, asks: bool) -> None:
    """Check that a scene has a question or a claim.

    Args:
        scene: The scene.
        asks: Whether a model is asked.

    Raises:
        InputError: If it has neither.
    """
    if not asks and not scene.claims:
        raise InputError(
            "There is nothing to do: no model is asked and no claims are given; give claims=claims.json, "
            "or choose a model with vlm=qwen3vl and give question=..."
        )
    if asks and not scene.questions and not scene.claims:
        raise InputError('There is no question: give question="..." or a "question" in the manifest.')


def questions_of(item: Item | Scene, stages: Stages) -> Sequence[str | None]:
    """The questions, or one None if only claims are judged."""
    return (item.questions if stages.query is not None else ()) or (None,)


def asked_about(scene: Scene, questions: Sequence[str | None], seconds: dict[str, float]) -> list[Asked]:
    """The questions of a scene on which so much time was spent, by stage [s]."""
    last = len(questions) - 1
    return [
        Asked(scene.id, scene, question, seconds, ends_item=number == last) for number, question in enumerate(questions)
    ]
