"""From a request of the page to its answers: what the chat shows meanwhile, as plain values."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from pipeline.records import Anchor, Origin, Result
from pipeline.records.errors import TheodoliteError
from pipeline.records.message import Language
from pipeline.serve.intake.bodies import apart
from pipeline.serve.page.requests import Request, Settings, request_of
from pipeline.serve.page.texts import say
from pipeline.serve.page.turns import answer_html, seconds_of, title_of
from pipeline.serve.problems import place_of, problem_of
from pipeline.serve.records import Ask, Event, Job, JobState, Rejudge, SceneInput, Work
from pipeline.serve.settings import Limits

logger = logging.getLogger(__name__)

# Between two updates of a streamed text [s]; a browser shows no more.
_LEAST_GAP_S = 0.05
_LONGEST_TEXT, _MOST_REGIONS = 8000, 200


class KnowsResults(Protocol):
    """The store, as far as the page reads it."""

    def result(self, id: str, /) -> Result:
        """A result."""
        ...

    def stored_scene(self, id: str, /) -> Any:
        """The scene on which a result was judged."""
        ...

    def scene(self, id: str, /) -> SceneInput:
        """What a scene is read from."""
        ...

    def result_info(self, id: str, /) -> Any:
        """Its scene, job, time and question."""
        ...


class Service(Protocol):
    """The service, as far as the page calls it."""

    @property
    def store(self) -> KnowsResults:
        """Where results are."""
        ...

    def add_scene(self, given: SceneInput, client: str) -> str:
        """Id of a scene."""
        ...

    def submit(self, work: Work, client: str) -> Job:
        """A job that waits."""
        ...

    def job(self, id: str) -> Job:
        """A job."""
        ...

    def cancel(self, id: str) -> Any:
        """Stop a job."""
        ...

    def events(self, id: str, after: int = 0) -> AsyncIterator[Event]:
        """The events of a job."""
        ...


@dataclass
class _Turn:
    """A question, and its answer so far."""

    title: str
    text: str = ""
    result: str | None = None
    html: str = ""
    hint: str = ""
    regions: list[dict[str, Any]] = field(default_factory=list)
    seconds: float | None = None

    def plain(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value not in (None, "", [])}


@dataclass
class _Run:
    """All that the page shows of one job; each update holds the whole of it, so that none can be missed."""

    run: str
    kind: str
    turns: list[_Turn] = field(default_factory=list)
    job: str | None = None
    scene: str | None = None
    state: str = str(JobState.WAITING)
    stage: str | None = None
    position: int | None = None
    problem: dict[str, Any] | None = None

    def plain(self) -> dict[str, Any]:
        named = {name: value for name, value in vars(self).items() if value is not None}
        return {**named, "turns": [turn.plain() for turn in self.turns]}


async def conversation(
    service: Service, plain: Any, settings: Settings, client: str, limits: Limits
) -> AsyncGenerator[dict[str, Any], None]:
    """Submit what the page asks, and tell how far it is, until it is done, stopped or failed.

    A caller that leaves, because the browser's tab was closed, cancels the job.

    Args:
        service: The service.
        plain: The request's JSON.
        settings: What the inputs on the left say.
        client: Whose it is, for limits.
        limits: Those of the server.

    Yields:
        ``{"run", "kind", "job", "scene", "state", "stage", "position", "problem", "turns"}``; a turn has ``title``,
        and once they are known ``text``, ``result``, ``html``, ``hint``, ``regions`` and ``seconds``.
    """
    shown = _Run(_named(plain, "run"), _named(plain, "kind"))
    is_settled = False
    try:
        request = await apart(request_of, plain, settings, limits)
        shown.scene = await asyncio.to_thread(_scene_id, service, request, client)
        work = await apart(request.work, shown.scene)
        shown.turns = [_Turn(title) for title in _titles(service, work)]
        began_s = time.monotonic()
        job = await asyncio.to_thread(service.submit, work, client)
        shown.job, shown.position = job.id, job.position
        yield shown.plain()
        async with aclosing(_batches(service.events(job.id))) as batches:
            async for batch in batches:
                for event in batch:
                    _note(shown, event)
                    if event.kind == "result":
                        await asyncio.to_thread(_finish, service, shown, event, request, time.monotonic() - began_s)
                yield shown.plain()
        await asyncio.to_thread(_catch_up, service, shown, request, time.monotonic() - began_s)
        is_settled = True
        yield shown.plain()
    except TheodoliteError as error:
        is_settled = shown.job is None
        shown.problem, shown.state = problem_of(error)[1], str(JobState.FAILED)
        yield shown.plain()
    except Exception as error:
        logger.error("The page failed to answer: %s", place_of(error))
        shown.problem, shown.state = problem_of(RuntimeError())[1], str(JobState.FAILED)
        yield shown.plain()
    finally:
        if shown.job is not None and not is_settled:
            _cancelled(service, shown.job)


def _scene_id(service: Service, request: Request, client: str) -> str:
    """The scene that a request is about; one with other known lengths is another scene."""
    if not isinstance(request.scene, str):
        return service.add_scene(request.scene, client)
    if request.kind != "rejudge":
        return request.scene
    return service.add_scene(replace(service.store.scene(request.scene), anchors=request.anchors), client)


async def _batches(events: AsyncIterator[Event]) -> AsyncGenerator[list[Event], None]:
    """Events in lists: pieces of text wait for each other for a moment, everything else goes on at once."""
    queue: deque[Event] = deque()
    news, urgent = asyncio.Event(), asyncio.Event()

    async def read() -> None:
        try:
            async for event in events:
                queue.append(event)
                news.set()
                if event.kind != "text":
                    urgent.set()
        finally:
            news.set()
            urgent.set()

    reading = asyncio.create_task(read())
    try:
        while not reading.done() or queue:
            await news.wait()
            news.clear()
            urgent.clear()
            batch = [*queue]
            queue.clear()
            if batch:
                yield batch
            with suppress(TimeoutError):
                await asyncio.wait_for(urgent.wait(), _LEAST_GAP_S)
        await reading
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def _cancelled(service: Service, job: str) -> None:
    try:
        service.cancel(job)
    except TheodoliteError:
        logger.debug("Job %s was over before it could be cancelled.", job)


def _named(plain: Any, name: str) -> str:
    return str(plain.get(name, ""))[:40] if isinstance(plain, Mapping) else ""


def _titles(service: Service, work: Work) -> list[str]:
    if isinstance(work, Ask):
        return list(work.questions)
    if isinstance(work, Rejudge):
        return [title_of(service.store.result(work.result))]
    return [""]


def _note(shown: _Run, event: Event) -> None:
    """What an event changes."""
    data = event.data
    if event.kind == "position":
        shown.position = data["position"]
    elif event.kind == "stage":
        shown.stage, shown.position, shown.state = data["stage"], None, str(JobState.RUNNING)
    elif event.kind == "text" and 0 <= data.get("question", 0) < len(shown.turns):
        # The coordinates that follow as JSON are no words.
        words = str(data["text"]).split("```")[0].strip().rstrip("`").rstrip()
        shown.turns[data.get("question", 0)].text = words[:_LONGEST_TEXT]
        shown.position = None
    elif event.kind == "state":
        shown.state = str(data["state"])
        if JobState(shown.state).is_final:
            shown.position = shown.stage = None
            shown.problem = dict(data["problem"]) if data.get("problem") else None


def _finish(service: Service, shown: _Run, event: Event, request: Request, seconds: float) -> None:
    """Fill in the answer of a question."""
    question, result_id = event.data.get("question", 0), event.data.get("result")
    if result_id is None or not 0 <= question < len(shown.turns):
        return
    result = service.store.result(result_id)
    before: Result | None = None
    anchors: tuple[Anchor, ...] = ()
    if shown.kind == "rejudge":
        before = service.store.result(str(request.before or request.result))
        anchors = request.anchors
    turn = shown.turns[question]
    turn.title = turn.title or title_of(result)
    turn.result, turn.text = result_id, ""
    turn.html = answer_html(result, result_id, before=before, anchors=anchors)
    turn.hint, turn.regions, turn.seconds = seconds_of(result), regions_of(result), round(seconds, 3)


def _catch_up(service: Service, shown: _Run, request: Request, seconds: float) -> None:
    """The job's own account, where the stream of events ended without it."""
    assert shown.job is not None
    if JobState(shown.state).is_final and all(turn.result for turn in shown.turns):
        return
    job = service.job(shown.job)
    shown.state = str(job.state)
    shown.problem = dict(job.problem) if job.problem else shown.problem
    for number, result_id in enumerate(job.results):
        if result_id is not None and number < len(shown.turns) and shown.turns[number].result is None:
            event = Event(0, "result", {"question": number, "result": result_id})
            _finish(service, shown, event, request, seconds)


def regions_of(result: Result) -> list[dict[str, Any]]:
    """The regions of a result that claims and boxes of the page may name."""
    found = (region for region in result.regions if region.origin is not Origin.OCR)
    return [
        {"label": region.label, "box_px": list(region.box_px), "frame": region.frame}
        for region, _ in zip(found, range(_MOST_REGIONS), strict=False)
    ]


def opened(service: Service, result_id: Any, language: Language) -> dict[str, Any]:
    """A stored result, in the form of ``conversation``.

    Args:
        service: The service.
        result_id: Its id.
        language: Language of the page.
    """
    shown = _Run("", "opened")
    try:
        info = service.store.result_info(str(result_id))
        result = service.store.result(str(result_id))
        turn = _Turn(title_of(result), result=str(result_id), html=answer_html(result, str(result_id)))
        turn.regions, turn.hint = regions_of(result), seconds_of(result)
        turn.seconds = round(sum(result.seconds.values()), 3)
        shown = replace(shown, scene=info.scene, state=str(JobState.DONE), turns=[turn])
    except TheodoliteError as error:
        _, problem, _ = problem_of(error)
        shown.state = str(JobState.FAILED)
        shown.problem = {**problem, "detail": say(language, "gone")} if problem["status"] in (404, 410) else problem
    return shown.plain()
