"""Requests in, generations out; a cached generation is not asked for again."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pipeline.models.vlm.base import Generation, Request, VisionLanguageModel
from pipeline.records.errors import FATAL, TheodoliteError
from pipeline.stages.cache import StageCache, load_or_compute
from pipeline.stages.outcomes import attempt

logger = logging.getLogger(__name__)

Outcome = Generation | TheodoliteError


def generate_all(
    model: VisionLanguageModel, cache: StageCache, requests: Sequence[Request | TheodoliteError]
) -> list[Outcome]:
    """Answer requests together; equal ones once if the model has an identity.

    Args:
        model: The model.
        cache: Cache of generations.
        requests: The requests; an error in place of one stays there.

    Returns:
        One outcome per request, in the same order.

    Raises:
        TheodoliteError: An error that concerns all requests.
    """
    wanted = [request for request in requests if isinstance(request, Request)]
    outcomes = iter(_loaded_or_asked(model, cache, wanted) if wanted else ())
    return [next(outcomes) if isinstance(request, Request) else request for request in requests]


def _loaded_or_asked(model: VisionLanguageModel, cache: StageCache, requests: list[Request]) -> list[Outcome]:
    identity = model.identity
    if identity is None:
        return _asked(model, requests)

    def load(key: tuple[str, str]) -> Outcome | None:
        return cache.load(Generation, "vlm", key)

    def save(key: tuple[str, str], outcome: Outcome) -> None:
        if isinstance(outcome, Generation):
            cache.save("vlm", key, outcome)

    keys = [(identity, request.digest) for request in requests]
    return load_or_compute(keys, requests, load, lambda missing: _asked(model, missing), save)


def _asked(model: VisionLanguageModel, requests: list[Request]) -> list[Outcome]:
    try:
        return model.generate_all(requests)
    except FATAL:
        raise
    except Exception as error:
        # Asked one by one, only the requests at fault fail.
        if len(requests) > 1:
            logger.warning("%d requests at once failed (%r); asking one by one.", len(requests), error)
        return [attempt(model.generate, request) for request in requests]
