"""Requests in, generations out; a cached generation is not asked for again."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from pipeline.models.vlm.base import Generation, Request, VisionLanguageModel
from pipeline.models.vlm.listening import Listener, shared
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
    answered = _loaded_or_asked(model, cache, wanted) if wanted else []
    for request, outcome in zip(wanted, answered, strict=True):
        if request.listener is not None and isinstance(outcome, Generation):
            request.listener.on_text(outcome.text)
    outcomes = iter(answered)
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
    requests = _with_shared_listeners(keys, requests)
    return load_or_compute(keys, requests, load, lambda missing: _asked(model, missing), save)


def _with_shared_listeners(keys: Sequence[tuple[str, str]], requests: list[Request]) -> list[Request]:
    """The requests; equal ones, of which the model answers the first, with one listener for all."""
    if all(request.listener is None for request in requests):
        return requests
    listeners: dict[tuple[str, str], list[Listener | None]] = defaultdict(list)
    for key, request in zip(keys, requests, strict=True):
        listeners[key].append(request.listener)
    return [replace(request, listener=shared(listeners[key])) for key, request in zip(keys, requests, strict=True)]


def _asked(model: VisionLanguageModel, requests: list[Request]) -> list[Outcome]:
    try:
        return model.generate_all(requests)
    except FATAL:
        raise
    except Exception as error:
        # Asked one by one, only the requests at fault fail.
        if len(requests) > 1:
            logger.warning("%d requests at once failed (%s); asking one by one.", len(requests), type(error).__name__)
        return [attempt(model.generate, request) for request in requests]
