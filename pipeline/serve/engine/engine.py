"""Runs the jobs of all users: prepares their scenes, lets the model answer, judges, and stores what comes of it."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol

from pipeline.api import Pipeline
from pipeline.batch.verifying import judging
from pipeline.batch.workers import WorkerPool
from pipeline.export.stored_scene import StoredScene
from pipeline.records import Result, Scene
from pipeline.records.errors import TheodoliteError
from pipeline.serve.engine.asking import Asking, Question
from pipeline.serve.engine.lane import Lane
from pipeline.serve.engine.outcomes import item_of, problem_of_job, result_of_plan, words_of
from pipeline.serve.engine.plans import Plan, Stored
from pipeline.serve.engine.prepared import Prepared, PreparedScenes, content_key
from pipeline.serve.engine.readiness import Readiness
from pipeline.serve.engine.threads import Threads
from pipeline.serve.engine.ticket import Jobs, QuestionFollower, Ticket
from pipeline.serve.engine.variants import Variants
from pipeline.serve.problems import BusyError, problem
from pipeline.serve.records import WORK_NAMES, Job, JobState, SceneInput, Upload, Work
from pipeline.serve.settings import ServeSettings
from pipeline.stages.export import depth_errors
from pipeline.stages.group import Asked, Stages, settle

logger = logging.getLogger(__name__)

_TICK_S = 0.2
# Events of jobs that ended can be followed again for so long, by clients that lost their connection.
_REPLAY_S, _MOST_ENDED = 900.0, 2000
_SWEEP_S = 600.0
_READING_THREADS, _WORKING_THREADS = 2, 2
_STOPPED = problem(HTTPStatus.SERVICE_UNAVAILABLE, "The server stopped before the job was done; send it again.")
# Jobs that need no model and run at a time.
_JUDGING_PLACES = 4


Reader = Callable[[SceneInput, Mapping[str, Upload]], Scene]
"""Reads what a scene is read from, given its uploads by their ids."""


class Results(Jobs, Stored, Protocol):
    """Where jobs and results are stored; see ``Store``."""

    def upload(self, id: str) -> Upload:
        """An upload."""
        ...

    def add_job(self, job: Job) -> None:
        """Store a job."""
        ...

    def add_result(self, result: Result, stored: StoredScene, scene: str, job: str) -> str:
        """Store a result, and give its id."""
        ...

    def sweep(self, now_s: float | None = None) -> int:
        """Delete what is too old."""
        ...


@dataclass(frozen=True, eq=False)
class _Course:
    """A question on its way from its scene to its result; the stages know the client's name of neither."""

    name: str
    ticket: Ticket
    plan: Plan
    stages: Stages
    number: int
    asked: Asked
    follower: QuestionFollower


class Engine:
    """Runs jobs; safe to use from several threads.

    Args:
        pipeline: The stages.
        settings: See ``ServeSettings``.
        store: Where jobs and results are stored.
        read: Reads the files of a scene; where there are workers, it is pickled.
        on_batch: Called with the number of questions that the model answers together.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        settings: ServeSettings,
        store: Results,
        read: Reader,
        on_batch: Callable[[int], None] = lambda questions: None,
    ) -> None:
        self._settings, self._store, self._read = settings, store, read
        self._budget = pipeline.stages.export.budget
        query = pipeline.stages.query
        batch_size = pipeline.stages.batch_size
        self.readiness = Readiness(pipeline.stages)
        workers = settings.workers
        self._pool = WorkerPool(workers, judging(pipeline.stages.verify), settings.limits.job_s) if workers else None
        self._variants = Variants(pipeline, self._pool)
        self._lock = threading.Lock()
        # While one group is answered, the scenes of the next are prepared.
        self._lanes = {True: Lane(2 * batch_size), False: Lane(_JUDGING_PLACES)}
        self._tickets: dict[str, Ticket] = {}
        self._plans: dict[Ticket, Plan] = {}
        self._clients: Counter[str] = Counter()
        self._is_closing = False
        self._all_ended = threading.Condition(self._lock)
        self._reading = Threads(max(_READING_THREADS, workers), "reading")
        self._working = Threads(max(_WORKING_THREADS, workers), "working")
        self._modelling = Threads(1, "depth")
        self._scenes = PreparedScenes(settings.scenes, self._reading, self._modelling)
        self._asking: Asking | None = None
        if query is not None:
            self._asking = Asking(batch_size, settings.batch_wait_ms / 1e3, self.readiness.load_model, on_batch)
        self._modelling.submit(self.readiness.load_depth)
        self._stopped = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._keeper.start()

    def submit(self, work: Work, plan: Plan, client: str) -> Job:
        """Let a piece of work wait for its turn.

        Args:
            work: The work.
            plan: Its plan.
            client: Whose it is.

        Raises:
            BusyError: If the queue is full, or the client has too much in it.
        """
        limits = self._settings.limits
        job = Job(
            secrets.token_urlsafe(16),
            work,
            client,
            JobState.WAITING,
            time.time(),
            results=(None,) * len(plan.questions),
        )
        with self._lock:
            lane = self._lanes[plan.asks]
            if self._is_closing:
                raise BusyError("The server is stopping; try again when it runs again.", 30)
            if self._clients[client] >= limits.client_jobs:
                raise BusyError(
                    f"You have {limits.client_jobs} jobs that wait or run; try again when one of them is done.",
                    lane.retry_s(),
                )
            if sum(each.waiting for each in self._lanes.values()) >= limits.queue:
                raise BusyError("The queue is full; try again later.", lane.retry_s())
            # The other half stays for others, who could not ask at all otherwise.
            if sum(each.waiting_of(client) for each in self._lanes.values()) >= max(1, limits.queue // 2):
                raise BusyError("Your jobs fill half of the queue; try again when one of them runs.", lane.retry_s())
            self._clients[client] += 1
        try:
            self._store.add_job(job)
        except BaseException:
            with self._lock:
                self._forget_client(client)
            raise
        ticket = Ticket(job, self._store, self._ended)
        with self._lock:
            self._tickets[job.id] = ticket
            if not (is_late := self._is_closing):
                self._plans[ticket] = plan
                lane.push(ticket)
        if is_late:
            ticket.end(JobState.INTERRUPTED, _STOPPED)
        else:
            self._admit()
        return ticket.job

    def ticket(self, job_id: str) -> Ticket | None:
        """A job that waits, runs or ended lately; None if there is none with this id."""
        return self._tickets.get(job_id)

    def cancel(self, job_id: str) -> None:
        """End a job, wherever it is; one that runs stops at its next token or stage."""
        if (ticket := self.ticket(job_id)) is not None:
            ticket.end(JobState.CANCELLED)

    def counts(self) -> dict[str, int]:
        """How many jobs wait and run."""
        with self._lock:
            lanes = self._lanes.values()
            return {
                "waiting": sum(lane.waiting for lane in lanes),
                "running": sum(len(tuple(lane.running)) for lane in lanes),
            }

    def stop(self, seconds: float) -> None:
        """Finish what runs, for so long [s]; what is left then, and what waits, is interrupted."""
        with self._lock:
            if self._is_closing:
                return
            self._is_closing = True
            # Models that are still being loaded are not waited for.
            rest_s = 1.0 if self._running() else 0.1
            waiting = [ticket for lane in self._lanes.values() for ticket in lane.drain()]
        for ticket in waiting:
            ticket.end(JobState.INTERRUPTED, _STOPPED)
        with self._all_ended:
            self._all_ended.wait_for(lambda: not self._running(), seconds)
            left = self._running()
        for ticket in left:
            ticket.end(JobState.INTERRUPTED, _STOPPED)
        self._stopped.set()
        if self._asking is not None:
            self._asking.close(rest_s)
        for threads in (self._reading, self._modelling, self._working):
            threads.close(rest_s)
        if self._pool is not None:
            self._pool.close(rest_s)

    def _running(self) -> list[Ticket]:
        return [ticket for lane in self._lanes.values() for ticket in lane.running]

    def _admit(self) -> None:
        """Start the jobs for which there are places."""
        with self._lock:
            started = [] if self._is_closing else [t for lane in self._lanes.values() for t in lane.start()]
            begun = [(ticket, self._plans.pop(ticket)) for ticket in started]
        for ticket, plan in begun:
            ticket.start()
            self._working.submit(self._guarded, ticket, self._begin, plan)

    def _guarded(self, ticket: Ticket, step: Callable[..., None], *arguments: object) -> None:
        """Do a step of a job; whatever it raises fails the job, and nothing else."""
        if ticket.is_stopped:
            return
        try:
            step(ticket, *arguments)
        except BaseException as error:
            found = self._problem(ticket, error)
            for question in range(len(ticket.job.results)):
                ticket.fail(question, found)

    def _begin(self, ticket: Ticket, plan: Plan) -> None:
        stages = self._variants.stages(plan.options, asks=plan.asks)
        # Depth does not depend on anchors, so scenes that differ in them share it.
        given = replace(plan.given, anchors=())
        uploads = {each: self._store.upload(each) for each in (*given.images, *given.depth)}
        read = (
            partial(self._read, given, uploads)
            if self._pool is None
            else partial(self._pool.call, _read_there, self._read, given, uploads)
        )
        future = self._scenes.prepare(content_key(given, uploads), read, stages, ticket)
        future.add_done_callback(
            lambda done: self._working.submit(self._guarded, ticket, self._prepared, plan, stages, done)
        )

    def _prepared(self, ticket: Ticket, plan: Plan, stages: Stages, future: Future[Prepared]) -> None:
        prepared = future.result()
        followers = [QuestionFollower(ticket, number) for number in range(len(plan.questions))]
        group = plan.questions_about(prepared.scene, stages, dict(prepared.seconds), followers)
        # All share one scene, which the log may name.
        scene = replace(group[0].known_scene, id=item_of(ticket.job.id))
        for asked in group:
            asked.item_id, asked.scene = scene.id, scene
        courses = [
            _Course(prepared.scene.id, ticket, plan, stages, number, asked, followers[number])
            for number, asked in enumerate(group)
        ]
        if self._asking is not None and plan.asks:
            client = ticket.job.client
            self._asking.add(
                [Question(client, plan.options, stages, one.asked, partial(self._settled, one)) for one in courses]
            )
            return
        settle(group, stages)
        for course in courses:
            self._finish(course, course.asked.failure)

    def _settled(self, course: _Course, failure: BaseException | None) -> None:
        # The model goes on while the result is stored.
        self._working.submit(self._finish, course, failure)

    def _finish(self, course: _Course, failure: BaseException | None) -> None:
        ticket, number, asked = course.ticket, course.number, course.asked
        if ticket.is_stopped:
            return
        course.follower.flush()
        try:
            if failure is not None:
                raise failure
            result = result_of_plan(course.plan, asked, course.stages)
            errors = tuple(error.replace(asked.item_id, course.name) for error in result.errors)
            result = replace(result, item_id=course.name, errors=errors)
            scene = replace(asked.known_scene, id=course.name)
            stored = StoredScene(scene, depth_errors(scene, self._budget))
            found = self._store.add_result(result, stored, ticket.job.work.scene, ticket.job.id)
        except BaseException as error:
            ticket.fail(number, self._problem(ticket, error, course.name))
        else:
            ticket.add_result(number, found)

    def _problem(self, ticket: Ticket, error: BaseException, name: str | None = None) -> dict[str, Any]:
        """Problem details of an error; ``name`` is the client's for the scene."""
        job = ticket.job
        try:
            given = self._store.scene(job.work.scene)
            names = [self._store.upload(each).name for each in (*given.images, *given.depth)]
        except TheodoliteError:
            names = []
        found = problem_of_job(job.id, error, words_of(job.work, names))
        return found if name is None else {**found, "detail": found["detail"].replace(item_of(job.id), name)}

    def _ended(self, ticket: Ticket) -> None:
        job = ticket.job
        with self._lock:
            self._plans.pop(ticket, None)
            for lane in self._lanes.values():
                lane.leave(ticket)
            self._forget_client(job.client)
            self._all_ended.notify_all()
        logger.info(
            "Job %s, %s: %s after %.2f s.",
            job.id[:6],
            WORK_NAMES[type(job.work)],
            job.state,
            time.time() - job.created_s,
        )
        self._admit()

    def _forget_client(self, client: str) -> None:
        self._clients[client] -= 1
        if self._clients[client] <= 0:
            del self._clients[client]

    def _keep(self) -> None:
        """End jobs that run too long, forget old ones, and let the store delete what is too old."""
        swept_at = time.monotonic()
        while not self._stopped.wait(_TICK_S):
            now = time.monotonic()
            with self._lock:
                running = self._running()
                ended = [ticket for ticket in self._tickets.values() if ticket.ended_at is not None]
                # They stand in the order in which they came.
                excess = len(ended) - _MOST_ENDED
                for index, ticket in enumerate(ended):
                    if index < excess or now - (ticket.ended_at or now) > _REPLAY_S:
                        del self._tickets[ticket.job.id]
            most_s = self._settings.limits.job_s
            for ticket in running:
                if ticket.started_at is not None and now - ticket.started_at > most_s:
                    late = (
                        f"The job took longer than {most_s:g} s and was stopped; ask fewer questions at once, or send "
                        "fewer pixels."
                    )
                    ticket.end(JobState.FAILED, problem(HTTPStatus.GATEWAY_TIMEOUT, late))
            if now - swept_at > _SWEEP_S:
                swept_at = now
                try:
                    self._store.sweep()
                except Exception as error:
                    logger.error("The store could not be swept: %s.", type(error).__name__)


def _read_there(_made: object, read: Reader, given: SceneInput, uploads: Mapping[str, Upload]) -> Scene:
    return read(given, uploads)
