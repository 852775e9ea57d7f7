"""From items to scenes with depth and text, and the questions about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.ingest.item import BadItem, Item
from pipeline.records import Result, Scene
from pipeline.records.errors import InputError
from pipeline.stages.compose import Source, asked_about, check_work, with_text
from pipeline.stages.group import MOST_FRAMES, Asked, Stages
from pipeline.stages.timing import StageError, timed


@dataclass(frozen=True)
class Unfinished:
    """An item with the questions that have no result yet.

    Args:
        item: The item.
        questions: The questions; one None if only its own claims are judged.
        earlier: For each, an earlier result whose answer is judged again instead of asking; or None.
    """

    item: Item | BadItem
    questions: Sequence[str | None] = (None,)
    earlier: Sequence[Result | None] = (None,)


def read(unfinished: Unfinished, source: Source, stages: Stages) -> list[Asked]:
    """Read an item; its questions with its scene, or one failure.

    Raises:
        StageError: If it fails for a reason that concerns every item.
    """
    item = unfinished.item
    if isinstance(item, BadItem):
        return [Asked(item.id, failure=StageError("ingest", InputError(item.reason)))]
    seconds: dict[str, float] = {}
    try:
        with timed("ingest", seconds, [item.id]):
            scene = source.scene(item)
            check_work(scene, asks=stages.query is not None)
    except StageError as error:
        if error.is_fatal:
            raise
        return [Asked(item.id, failure=error)]
    group = asked_about(scene, unfinished.questions, seconds)
    for asked, result in zip(group, unfinished.earlier, strict=True):
        if result is not None:
            asked.answer, asked.attempts, asked.earlier_errors = result.answer, result.attempts, result.errors
    return group


def prepared(items: Iterable[list[Asked]], stages: Stages, batch_size: int) -> Iterator[list[Asked]]:
    """The questions of each item with depth and text, or one failure; depth of several items is estimated together.

    Args:
        items: The questions of successive items, from ``read``.
        stages: The stages.
        batch_size: Items are prepared together up to so many questions, or the frames of a group.

    Yields:
        The questions of each item, in order.

    Raises:
        StageError: If a stage fails for a reason that concerns every item.
    """
    waiting: list[list[Asked]] = []
    for item in items:
        waiting.append(item)
        scenes = [questions[0].scene for questions in waiting]
        frames = sum(len(scene.frames) for scene in scenes if scene is not None)
        if sum(map(len, waiting)) >= batch_size or frames >= MOST_FRAMES:
            yield from _prepare(waiting, stages)
            waiting = []
    yield from _prepare(waiting, stages)


def _prepare(items: list[list[Asked]], stages: Stages) -> Iterator[list[Asked]]:
    readable = [questions for questions in items if questions[0].failure is None]
    for questions in readable:
        stages.check(asks=_needs_model(questions))
    scenes = dict(zip(map(id, readable), _with_depth(readable, stages), strict=True))
    for questions in items:
        if questions[0].failure is None:
            questions = _with_text(questions, scenes[id(questions)], stages)
        yield questions


def _needs_model(questions: Sequence[Asked]) -> bool:
    return any(asked.question is not None and asked.answer is None for asked in questions)


def _with_depth(items: Sequence[list[Asked]], stages: Stages) -> list[Scene | StageError]:
    """The scenes with depth, estimated together; where that fails, one by one."""
    if not items:
        return []
    scenes = [questions[0].known_scene for questions in items]
    seconds: dict[str, float] = {}
    try:
        with timed("depth", seconds, [scene.id for scene in scenes]):
            done = stages.depth.all(scenes)
    except StageError as error:
        if error.is_fatal:
            raise
        if len(items) == 1:
            return [error]
        return [outcome for questions in items for outcome in _with_depth([questions], stages)]
    frames = sum(len(scene.frames) for scene in scenes)
    for questions, scene in zip(items, scenes, strict=True):
        questions[0].shared_s["depth"] = seconds["depth"] * len(scene.frames) / max(frames, 1)
    return [*done]


def _with_text(questions: list[Asked], scene: Scene | StageError, stages: Stages) -> list[Asked]:
    try:
        if isinstance(scene, StageError):
            raise scene
        asks = questions[0].question is not None
        scene = with_text(scene, stages, questions[0].shared_s, asks=asks)
    except StageError as error:
        if error.is_fatal:
            raise
        return [Asked(questions[0].item_id, failure=error)]
    for asked in questions:
        asked.scene = scene
    return questions
