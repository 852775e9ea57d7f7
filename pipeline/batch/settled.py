"""Results of settled questions."""

from __future__ import annotations

from dataclasses import replace

from pipeline.records import Result
from pipeline.stages.compose import Source
from pipeline.stages.group import Asked, Stages, result_of
from pipeline.stages.known_truth import KnowsTruth, with_truth
from pipeline.stages.timing import StageError


def finished_result(asked: Asked, stages: Stages, source: Source, configuration: str | None) -> Result | StageError:
    """The result of a settled question with the ground truth that the source knows, or its failure.

    Args:
        asked: The question.
        stages: The stages.
        source: The source of its item.
        configuration: Digest of the configuration; None names none.
    """
    if asked.failure is not None:
        return asked.failure
    result = result_of(asked, stages)
    if configuration is not None:
        result = replace(result, versions={**result.versions, "configuration": configuration})
    return with_truth(result, source) if isinstance(source, KnowsTruth) else result
