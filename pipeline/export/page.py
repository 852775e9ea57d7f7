"""All results of a run on one self-contained HTML page."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from pipeline.claims.markup import without_code
from pipeline.export.files import write_text
from pipeline.export.html import rendered_page
from pipeline.export.jsonl import RESULTS_NAME
from pipeline.export.line_file import read_records
from pipeline.export.run_summary import Summary
from pipeline.models.hub import ships
from pipeline.records import Origin, Result
from pipeline.records.message import message

PAGE_NAME = "report.html"
SMALL_MODELS = (
    "The theodolite-...-nano models are small models that ship with Theodolite. They are trained on rendered scenes, "
    "not for photos."
)
# Each result has an image of about 100 kB; many more would slow down a browser.
MOST_RESULTS = 200
_MOST_VERDICTS = 24
WIDEST_PX = 1088
"""Largest width that the page shows at full size."""


def write_page(path: Path) -> Path | None:
    """Write the page of the results in its folder.

    Args:
        path: Where to write; ``results.jsonl`` and its images are in the same folder.

    Returns:
        The path; None if there is no result.

    Raises:
        ExportError: If the results cannot be read or the page cannot be written.
    """
    summary = Summary(path.parent)
    models: dict[str, None] = {}
    shown: list[dict[str, Any]] = []
    versions: dict[str, str] = {}
    for result in read_records(Result, path.parent / RESULTS_NAME):
        summary.add(result)
        if result.answer is not None:
            models[result.answer.model] = None
        versions = result.versions
        if len(shown) < MOST_RESULTS:
            shown.append(_row(result, path.parent))
    if not summary.results:
        path.unlink(missing_ok=True)
        return None
    page = rendered_page(
        "run_report.html",
        {"configuration": {"models": "; ".join(models)}, "versions": versions, "seconds": dict(summary.seconds)},
        results=shown,
        counts=summary,
        hidden=summary.results - len(shown),
        small_models=SMALL_MODELS if any(ships(name) for name in models) else "",
    )
    write_text(path, page)
    return path


def _row(result: Result, folder: Path) -> dict[str, Any]:
    """The values of a result that the page shows."""
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
        "verdicts": result.verdicts[:_MOST_VERDICTS],
        "more": max(0, len(result.verdicts) - _MOST_VERDICTS),
        "text_lines": tuple(dict.fromkeys(region.label for region in result.regions if region.origin is Origin.OCR)),
        "notes": result.errors,
        "said": said,
        "footer": _footer(result),
    }


def _footer(result: Result) -> str:
    backends = dict.fromkeys(frame.depth_backend for frame in result.frames if frame.depth_backend)
    parts = [] if result.answer is None else [message("answer_by", name=result.answer.model)]
    parts += [message("depth_by", name=name) for name in backends]
    return "; ".join(part.text(result.language) for part in parts)


def _embedded(folder: Path, name: str) -> str | None:
    """An image of the folder as a data URI; None if it does not exist or lies outside the folder."""
    try:
        path = (folder / name).resolve()
        if not (path.is_relative_to(folder.resolve()) and path.is_file()):
            return None
        return f"data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}"
    except (OSError, ValueError):  # Not a valid file name.
        return None
