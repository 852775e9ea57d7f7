"""Claims that a model states in words that were not read, restated by itself."""

from __future__ import annotations

from dataclasses import replace

from pipeline.claims.claims_json import claims_from_json
from pipeline.claims.json_blocks import find_json
from pipeline.claims.reasoning import split_reasoning
from pipeline.claims.restated import supported_claims
from pipeline.models.vlm.base import Generation
from pipeline.records import Answer, Origin
from pipeline.records.message import Language, message


def with_restated(answer: Answer, restated: Generation, frames: int, language: Language) -> Answer:
    """The answer with the claims by which the model restates its unread sentences, as far as those support them.

    Args:
        answer: The answer.
        restated: What the model wrote.
        frames: Number of frames.
        language: Language of the answer's problems.
    """
    blocks, _ = find_json(split_reasoning(restated.text)[0])
    read = claims_from_json(blocks, frames)
    found = read[0] if read is not None else ()
    supported = supported_claims(found, answer.unread)
    known = {replace(claim, origin=Origin.RESTATED, text_span=None) for claim in answer.claims}
    new = tuple(
        each for claim in supported if (each := replace(claim, origin=Origin.RESTATED, text_span=None)) not in known
    )
    problems = answer.problems
    if new:
        problems += (message("restated_claims", count=len(new)).text(language),)
    if len(supported) < len(found):
        problems += (message("restated_dropped", count=len(found) - len(supported)).text(language),)
    return replace(
        answer,
        claims=(*answer.claims, *new),
        problems=problems,
        prompt_tokens=_plus(answer.prompt_tokens, restated.prompt_tokens),
        completion_tokens=_plus(answer.completion_tokens, restated.completion_tokens),
        seconds=answer.seconds + restated.seconds,
    )


def _plus(first: int | None, second: int | None) -> int | None:
    return second if first is None else first if second is None else first + second
