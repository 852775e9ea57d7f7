"""Questions of all jobs, which the model answers together."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pipeline.records.errors import TheodoliteError
from pipeline.serve.engine.fair_queue import FairQueue
from pipeline.serve.engine.plans import Options
from pipeline.stages.group import MOST_FRAMES, Asked, Follower, Stages, settle
from pipeline.stages.timing import StageError

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Question:
    """One question that waits for the model.

    Args:
        client: Whose it is.
        options: Options of the stages; only questions with equal ones are answered together.
        stages: The stages.
        asked: The question; one with an answer already is asked again, if a claim of that is refuted.
        settled: Called with its failure, or None; it returns at once.
    """

    client: str
    options: Options
    stages: Stages
    asked: Asked
    settled: Callable[[BaseException | None], None]
    since: float = field(default_factory=time.monotonic)

    @property
    def is_stopped(self) -> bool:
        """Whether nobody waits for its answer."""
        return self.asked.follower is not None and self.asked.follower.is_stopped


class Asking:
    """Answers questions in groups.

    Questions that come within ``wait_s`` of each other, or while the model is busy, are answered together, whatever
    scenes they are about. Clients take turns. While the answers of one group are judged, the model answers the next.

    Args:
        batch_size: Most questions of a group.
        wait_s: Time that the first question of a group waits for others [s].
        first: What is done before the first question, such as loading the model.
        on_group: Called with the number of questions of each group.
    """

    def __init__(
        self,
        batch_size: int,
        wait_s: float,
        first: Callable[[], None] = lambda: None,
        on_group: Callable[[int], None] = lambda questions: None,
    ) -> None:
        self._batch_size, self._wait_s, self._on_group = batch_size, wait_s, on_group
        self._first: Callable[[], None] | None = first
        self._waiting: FairQueue[Question] = FairQueue()
        self._changed = threading.Condition()
        self._is_closed = False
        # Held from the choice of a group until the model has answered it.
        self._turn = threading.Lock()
        self._threads = [threading.Thread(target=self._run, name=f"model {k}", daemon=True) for k in range(2)]
        for thread in self._threads:
            thread.start()

    def add(self, questions: Sequence[Question]) -> None:
        """Let questions wait for the model."""
        with self._changed:
            for question in questions:
                self._waiting.push(question.client, question)
            self._changed.notify_all()

    def close(self, seconds: float) -> None:
        """Ask nothing more, and wait for the group that is being answered for so long [s]."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def _run(self) -> None:
        while True:
            turn = _Turn(self._turn)
            if self._first is not None:
                first, self._first = self._first, None
                first()
            if not (group := self._next()):
                turn.end()
                return
            for question in group:
                question.asked.follower = _TurnFollower(question.asked.follower, turn)
            try:
                self._on_group(len(group))
            except Exception:
                logger.exception("A group of questions could not be counted.")
            answer(group)
            turn.end()

    def _next(self) -> list[Question]:
        """The next group, as soon as there is one; empty at the end."""
        with self._changed:
            while not self._is_closed:
                for question in [each for each in self._waiting if each.is_stopped]:
                    self._waiting.remove(question.client, question)
                group = self._group()
                if not group:
                    self._changed.wait()
                    continue
                rest = min(question.since for question in group) + self._wait_s - time.monotonic()
                if rest <= 0 or len(group) >= self._batch_size:
                    for question in group:
                        self._waiting.take(question.client, question)
                    return group
                self._changed.wait(rest)
        return []

    def _group(self) -> list[Question]:
        """What would be answered now: with the question that waits longest, those that can be answered with it."""
        if not len(self._waiting):
            return []
        options = min(self._waiting, key=lambda question: question.since).options
        group: list[Question] = []
        scenes: dict[int, int] = {}
        for question in self._waiting:
            if question.options != options or len(group) >= self._batch_size:
                continue
            scene = question.asked.known_scene
            frames = 0 if id(scene.frames) in scenes else len(scene.frames)
            if group and sum(scenes.values()) + frames > MOST_FRAMES:
                continue
            scenes.setdefault(id(scene.frames), frames)
            group.append(question)
        return group


class _Turn:
    """The right to choose a group and let the model answer it, from its making to its end.

    Args:
        lock: What the turns share.
    """

    def __init__(self, lock: threading.Lock) -> None:
        lock.acquire()
        self._lock: threading.Lock | None = lock

    def end(self) -> None:
        """Let the next group have its turn; ending twice does nothing."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()


class _TurnFollower:
    """Follows a question as another follower does, and ends the turn of its group once the answers are judged.

    Args:
        follower: The other one.
        turn: The turn.
    """

    def __init__(self, follower: Follower | None, turn: _Turn) -> None:
        self._follower, self._turn = follower, turn

    @property
    def is_stopped(self) -> bool:
        """See ``Listener``."""
        return self._follower is not None and self._follower.is_stopped

    def on_stage(self, name: str) -> None:
        """See ``Follower``."""
        if name == "verify":
            self._turn.end()
        if self._follower is not None:
            self._follower.on_stage(name)

    def on_text(self, text: str) -> None:
        """See ``Listener``."""
        if self._follower is not None:
            self._follower.on_text(text)


def answer(group: Sequence[Question]) -> None:
    """Answer questions with equal options together; whatever goes wrong is reported as their failure."""
    stages = group[0].stages
    try:
        stages.check(asks=True)
        _take_up(group, stages)
        settle([question.asked for question in group], stages)
    except BaseException as error:
        for question in group:
            question.settled(question.asked.failure or error)
        return
    for question in group:
        question.settled(question.asked.failure)


def _take_up(group: Sequence[Question], stages: Stages) -> None:
    """Give questions that have an answer the prompt of that answer, with which they can be asked again."""
    again = [
        question.asked for question in group if question.asked.answer is not None and question.asked.prompt is None
    ]
    if not again or stages.query is None:
        return
    prompts = stages.query.prompts(
        [(asked.known_scene, asked.question or "") for asked in again], [asked.follower for asked in again]
    )
    for asked, prompt in zip(again, prompts, strict=True):
        if isinstance(prompt, TheodoliteError):
            asked.failure = StageError("query", prompt)
        else:
            asked.prompt = prompt
