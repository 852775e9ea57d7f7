"""All results of a run on one HTML page that needs nothing else: no network, no script, no other file."""

from __future__ import annotations

import base64
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.claims.markup import without_code
from pipeline.export.files import write_text
from pipeline.export.html import rendered_page
from pipeline.export.jsonl import RESULTS_NAME
from pipeline.models.hub import ships
from pipeline.records import Origin, Result, Verdict, from_json
from pipeline.records.errors import ExportError, RecordError
from pipeline.records.message import message

logger = logging.getLogger(__name__)

PAGE_NAME = "report.html"
SMALL_MODELS = (
    "The models named theodolite-...-nano are small ones that ship with Theodolite, trained on rendered scenes; they "
    "are not for photos."
)
# What a browser shows without getting slow, of which each has an image of about 100 kB.
MOST_RESULTS = 200
_MOST_VERDICTS = 24
WIDEST_PX = 1088
"""Widest image that the page shows at its full size."""


def write_page(path: Path) -> Path | None:
    """Write the page of the results that lie beside it.

    Args:
        path: Where to write; ``results.jsonl`` and the images that it names are in the same folder.

    Returns:
        The path; None where there is no result.

    Raises:
        ExportError: If it cannot be written.
    """
    counts: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    models: dict[str, None] = {}
    shown: list[dict[str, Any]] = []
    versions: dict[str, str] = {}
    for result in _results(path.parent / RESULTS_NAME):
        counts.update(_counts(result))
        seconds.update(result.seconds)
        if result.answer is not None:
            models[result.answer.model] = None
        versions = result.versions
        if len(shown) < MOST_RESULTS:
            shown.append(_row(result, path.parent))
    if not counts["results"]:
        path.unlink(missing_ok=True)
        return None
    page = rendered_page(
        "run_report.html",
        {"configuration": {"models": "; ".join(models)}, "versions": versions, "seconds": dict(seconds)},
        results=shown,
        counts=counts,
        hidden=counts["results"] - len(shown),
        small_models=SMALL_MODELS if any(ships(name) for name in models) else "",
    )
    write_text(path, page)
    return path


def _results(path: Path) -> Iterator[Result]:
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield from_json(Result, line)
                except RecordError as error:
                    logger.warning("Line %d of %s is not on the page: %s", number, path, error)
    except OSError as error:
        raise ExportError(f"Cannot read {path}: {error.strerror or error}.") from error


def _counts(result: Result) -> Counter[str]:
    counts = Counter(verdict.status for verdict in result.verdicts)
    judged = [right for verdict in result.verdicts if (right := verdict.is_correct) is not None]
    return Counter(counts) + Counter(
        results=1,
        claims=len(result.verdicts),
        decided=len(judged),
        rightly=sum(judged),
        known=int(result.is_correct is not None),
        right=int(result.is_correct or False),
    )


def _row(result: Result, folder: Path) -> dict[str, Any]:
    """What the page shows of a result."""
    answer = result.answer
    said = [] if answer is None else [("page_said", answer.text)]
    if answer is not None and answer.grounding:
        said.insert(0, ("page_located", answer.grounding))
    return {
        "language": result.language,
        "say": lambda code, **values: message(code, **values).text(result.language),
        "item_id": result.item_id,
        "question": result.question,
        "answer": None if answer is None else without_code(answer.text),
        "is_correct": result.is_correct,
        "correct_answer": result.correct_answer,
        "image": _embedded(folder, result.artefacts["image"]) if "image" in result.artefacts else None,
        "verdicts": [_verdict(verdict) for verdict in result.verdicts[:_MOST_VERDICTS]],
        "more": max(0, len(result.verdicts) - _MOST_VERDICTS),
        "text_lines": tuple(dict.fromkeys(region.label for region in result.regions if region.origin is Origin.OCR)),
        "notes": result.errors,
        "said": said,
        "footer": _footer(result),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "status": str(verdict.status),
        "claim": verdict.claim_text,
        "probability": verdict.probability,
        "reason": verdict.reason,
        "needs": verdict.needs,
        "is_correct": verdict.is_correct,
    }


def _footer(result: Result) -> str:
    backends = dict.fromkeys(frame.depth_backend for frame in result.frames if frame.depth_backend)
    parts = [] if result.answer is None else [message("answer_by", name=result.answer.model)]
    parts += [message("depth_by", name=name) for name in backends]
    return "; ".join(part.text(result.language) for part in parts)


def _embedded(folder: Path, name: str) -> str | None:
    """An image of the folder as a data URI; None where it is not there any more, or not in the folder."""
    try:
        path = (folder / name).resolve()
        if not (path.is_relative_to(folder.resolve()) and path.is_file()):
            return None
        return f"data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}"
    except (OSError, ValueError):  # A name that no file can have.
        return None
