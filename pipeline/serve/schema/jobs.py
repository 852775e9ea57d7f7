"""Jobs and their events."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from pipeline.serve.records import WORK_NAMES, Job, JobState
from pipeline.serve.schema.base import Answer, Problem

WorkName = Literal["ask", "verify", "depth", "rejudge"]


class JobView(Answer):
    """A piece of work, and how far it is."""

    id: str = Field(description="Its id.", examples=["Jw8GqH0XbUuC9m1xB0oYq3"])
    work: WorkName = Field(description="What it does.")
    scene: str = Field(description="Id of its scene.", examples=["n8GqH0XbUuC9m1xB0oYq3A"])
    state: JobState = Field(description="How far it is; interrupted is one that the server's end cut off.")
    position: int | None = Field(None, description="Place in the queue, from 1; null once it runs.")
    stage: str | None = Field(None, description="The stage that runs.", examples=["depth"])
    created_s: float = Field(description="When it came [s since 1970].", examples=[1796060000.0])
    finished_s: float | None = Field(None, description="When it ended [s since 1970].")
    results: list[str | None] = Field(
        [], description="Ids of its results, one per question; null for one that failed or is not answered yet."
    )
    problem: Problem | None = Field(None, description="Why it failed.")
    links: dict[str, str] = Field(description="Paths of the job, its events and its results.")

    @classmethod
    def of(cls, job: Job) -> JobView:
        """What clients see of a job."""
        own = f"/v1/jobs/{job.id}"
        results = {f"results.{number}": f"/v1/results/{name}" for number, name in enumerate(job.results) if name}
        return cls(
            id=job.id,
            work=WORK_NAMES[type(job.work)],  # type: ignore[arg-type]
            scene=job.work.scene,
            state=job.state,
            position=job.position,
            stage=job.stage,
            created_s=job.created_s,
            finished_s=job.finished_s,
            results=list(job.results),
            problem=None if job.problem is None else Problem.model_validate(dict(job.problem)),
            links={"self": own, "events": f"{own}/events", **results},
        )


class EventView(Answer):
    """What the data of a server-sent event holds, by the kind of event; the other keys are absent."""

    position: int | None = Field(None, description="Event position: the place in the queue, from 1.")
    stage: str | None = Field(None, description="Event stage: the stage that began.")
    question: int | None = Field(None, description="Events text and result: index of the question.")
    attempt: int | None = Field(None, description="Event text: 0, or 1 where the question is asked again.")
    text: str | None = Field(None, description="Event text: the whole text of the answer so far.")
    result: str | None = Field(None, description="Event result: id of the result.")
    state: JobState | None = Field(None, description="Event state: how far the job is.")
    problem: dict[str, Any] | None = Field(None, description="Event state: why the job failed.")
