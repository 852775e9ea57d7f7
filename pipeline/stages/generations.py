"""Requests in, generations out: what is known already is not asked for again."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pipeline.models.vlm.base import Generation, Request, VisionLanguageModel
from pipeline.records.errors import FATAL, TheodoliteError
from pipeline.stages.cache import StageCache
from pipeline.stages.outcomes import attempt

logger = logging.getLogger(__name__)

Outcome = Generation | TheodoliteError


def generate_all(
    model: VisionLanguageModel, cache: StageCache, requests: Sequence[Request | TheodoliteError]
) -> list[Outcome]:
    """Answer requests together; equal ones once, where the model says what its output depends on.

    Args:
        model: The model.
        cache: Where generations are kept.
        requests: The requests; an error in the place of one stays there.

    Returns:
        One outcome per request, in the same order.

    Raises:
        TheodoliteError: An error that concerns all requests alike.
    """
    wanted = [request for request in requests if isinstance(request, Request)]
    outcomes = iter(_known_or_asked(model, cache, wanted) if wanted else ())
    return [next(outcomes) if isinstance(request, Request) else request for request in requests]


def _known_or_asked(model: VisionLanguageModel, cache: StageCache, requests: list[Request]) -> list[Outcome]:
    identity = model.identity
    if identity is None:
        return _asked(model, requests)
    digests = [request.digest for request in requests]
    by_digest = dict(zip(digests, requests, strict=True))
    outcomes: dict[str, Outcome] = {}
    for digest in by_digest:
        known = cache.load(Generation, "vlm", (identity, digest))
        if known is not None:
            outcomes[digest] = known
    missing = {digest: request for digest, request in by_digest.items() if digest not in outcomes}
    for digest, outcome in zip(missing, _asked(model, list(missing.values())), strict=True):
        outcomes[digest] = outcome
        if isinstance(outcome, Generation):
            cache.save("vlm", (identity, digest), outcome)
    return [outcomes[digest] for digest in digests]


def _asked(model: VisionLanguageModel, requests: list[Request]) -> list[Outcome]:
    if not requests:
        return []
    try:
        return model.generate_all(requests)
    except FATAL:
        raise
    except Exception as error:
        # One after the other, what went wrong stays with the request that it is about.
        if len(requests) > 1:
            logger.warning("%d requests at once failed (%r); asking one by one.", len(requests), error)
        return [attempt(model.generate, request) for request in requests]
