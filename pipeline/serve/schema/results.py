"""Results as the API gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pipeline.records import Result


@dataclass(frozen=True, kw_only=True)
class StoredResult(Result):
    """A result that a server keeps.

    Args:
        id: Its id.
        scene: Id of its scene, for further questions.
        links: Paths of the result, its report, and its artefacts, which are made on first request.
    """

    id: str
    scene: str
    links: dict[str, str]

    @classmethod
    def of(cls, result: Result, result_id: str, scene: str, links: Mapping[str, str]) -> StoredResult:
        """A result with its place on the server."""
        given = {part.name: getattr(result, part.name) for part in fields(Result)}
        return cls(**given, id=result_id, scene=scene, links=dict(links))


@dataclass(frozen=True)
class StoredResults:
    """The results of several questions.

    Args:
        results: One per question, in their order; None for one that failed.
        problem: Why one failed, or None.
    """

    results: tuple[StoredResult | None, ...]
    problem: dict[str, Any] | None = None
