"""Results and problems of questions."""

from __future__ import annotations

import logging
import traceback
from dataclasses import replace
from typing import Any

from pipeline.records import Result
from pipeline.records.errors import TheodoliteError
from pipeline.serve.engine.plans import Plan
from pipeline.serve.problems import UnfitError, problem_of
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


def problem_of_job(job_id: str, error: BaseException) -> dict[str, Any]:
    """Problem details of an error, whose cause is logged if it is the server's fault.

    Args:
        job_id: The job.
        error: What a stage or the server raised.
    """
    status, details, _ = problem_of(error)
    cause = getattr(error, "cause", error)
    if status < 500:
        return details
    # Unexpected errors may repeat what a client wrote, so only the place is logged.
    where = "".join(traceback.format_tb(cause.__traceback__)[-3:]).rstrip()
    said = f": {cause}" if isinstance(cause, TheodoliteError) and cause.__cause__ is None else ""
    logger.error("Job %s failed with %s%s\n%s", job_id[:6], type(cause).__name__, said, where)
    return details
