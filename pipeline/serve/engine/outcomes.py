"""Results and problems of questions."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from pipeline.records import Result
from pipeline.records.errors import TheodoliteError
from pipeline.serve.engine.plans import Plan
from pipeline.serve.problems import UnfitError, place_of, problem_of
from pipeline.serve.records import Ask, Judge, MaskedRegion, Work
from pipeline.stages.group import Asked, Stages, exported, result_of
from pipeline.stages.timing import StageError

logger = logging.getLogger(__name__)


def result_of_plan(plan: Plan, asked: Asked, stages: Stages) -> Result:
    """The result of a settled question.

    Args:
        plan: What was to be done.
        asked: The question, which did not fail.
        stages: The stages.

    Raises:
        TheodoliteError: If a question that was to be asked again was not.
    """
    if plan.earlier is not None and plan.asks and not asked.attempts:
        if asked.recheck_error is not None:
            raise asked.recheck_error
        raise UnfitError("Judged again, no claim of that answer is refuted, so there is no evidence to ask again with.")
    result = exported(asked, result_of(asked, stages), stages, None)
    if isinstance(result, StageError):
        raise result
    return replace(result, attempts=(*plan.earlier_attempts, *result.attempts))


def item_of(job_id: str) -> str:
    """What the stages call the scene of a job, so that no log holds the client's name for it."""
    return f"job-{job_id[:6]}"


def words_of(work: Work, names: Iterable[str]) -> tuple[str, ...]:
    """What a client wrote, the longest first: questions, sentences, labels, and names of files.

    Args:
        work: The work.
        names: Names of the files.
    """
    words = {part for name in names for part in (name, PurePath(name).stem)}
    if isinstance(work, Ask):
        words.update(work.questions)
    if isinstance(work, Judge):
        words.update(claim for claim in work.claims if isinstance(claim, str))
    if isinstance(work, Ask | Judge):
        regions = (region.region if isinstance(region, MaskedRegion) else region for region in work.regions)
        words.update(region.label for region in regions)
    return tuple(sorted((word for word in words if word.strip()), key=len, reverse=True))


def problem_of_job(job_id: str, error: BaseException, words: Sequence[str] = ()) -> dict[str, Any]:
    """Problem details of an error, whose cause is logged if it is the server's fault.

    Args:
        job_id: The job.
        error: What a stage or the server raised.
        words: What the client wrote, which the log leaves out.
    """
    status, details, _ = problem_of(error)
    cause = getattr(error, "cause", error)
    if status < 500:
        return details
    # Unexpected errors may repeat what a client wrote, so only the place is logged.
    said = str(cause) if isinstance(cause, TheodoliteError) and cause.__cause__ is None else ""
    for word in words:
        said = said.replace(word, "…")
    stage = f" in the stage {error.stage}" if isinstance(error, StageError) else ""
    logger.error("Job %s failed%s%s%s", job_id[:6], stage, f": {said} " if said else " with ", place_of(cause))
    return details
