"""Rows of the tables of a run: one per question, per verdict and per region, for spreadsheets, pandas and DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Protocol

from pipeline.export.formats import FormatSettings
from pipeline.export.jsonl import RESULTS_NAME
from pipeline.export.regions import RegionDepth, region_depths
from pipeline.export.run_items import scene_path
from pipeline.export.stored_scene import read_scene
from pipeline.export.table_columns import STAGES, TABLES, Column
from pipeline.export.timed_results import read_results
from pipeline.records import FrameSummary, Result, Status
from pipeline.records.errors import ExportError

Row = dict[str, Any]
_BETWEEN = " | "


class TableWriter(Protocol):
    """Writes one table, row by row."""

    def add(self, row: Row) -> None:
        """Add one row."""
        ...


OpenTable = Callable[[Path, Sequence[Column]], AbstractContextManager[TableWriter]]
"""Opens a table with these columns for writing; leaving the block without an error completes its file."""


def write_tables(
    path: Path, folder: Path, settings: FormatSettings, suffix: str, open_table: OpenTable, *, region_depth: bool = True
) -> int:
    """Write all tables in one pass over the results, none of which stays in memory.

    Args:
        path: The folder to write to.
        folder: The folder of ``results.jsonl``.
        settings: Which item is wanted.
        suffix: Suffix of the files.
        open_table: Opens a table for writing.
        region_depth: Whether to measure the depth of regions in the stored scenes.

    Returns:
        Number of results.

    Raises:
        ExportError: If the results cannot be read or a file cannot be written.
    """
    count = 0
    with ExitStack() as stack:
        tables = {
            name: stack.enter_context(open_table(path / f"{name}{suffix}", columns)) for name, columns in TABLES.items()
        }
        for result in read_results(folder / RESULTS_NAME):
            if settings.item not in (None, result.item_id):
                continue
            count += 1
            tables["results"].add(result_row(result))
            for row in verdict_rows(result):
                tables["verdicts"].add(row)
            depths = _depths(folder, result) if region_depth else tuple(RegionDepth() for _ in result.regions)
            for row in region_rows(result, depths):
                tables["regions"].add(row)
    return count


def result_row(result: Result) -> Row:
    """The row of a result in the table ``results``."""
    answer, first = result.answer, _first(result)
    correct = [verdict.is_correct for verdict in result.verdicts]
    return {
        **_which(result),
        "answer": None if answer is None else answer.text,
        "choice": None if answer is None else answer.choice,
        "correct_answer": result.correct_answer,
        "is_correct": result.is_correct,
        "claims": len(result.verdicts),
        "supported": result.count(Status.SUPPORTED),
        "refuted": result.count(Status.REFUTED),
        "undecided": result.count(Status.UNDECIDED),
        "correct_claims": correct.count(True),
        "wrong_claims": correct.count(False),
        "regions": len(result.regions),
        "frames": len(result.frames),
        "depth_backend": None if first is None else first.depth_backend,
        "depth_kind": _depth_kind(first),
        "scale_source": None if first is None or first.scale_source is None else str(first.scale_source),
        "model": None if answer is None else answer.model,
        "revision": None if answer is None else answer.revision,
        "seed": None if answer is None else answer.seed,
        "prompt_tokens": None if answer is None else answer.prompt_tokens,
        "cached_tokens": None if answer is None else answer.cached_tokens,
        "completion_tokens": None if answer is None else answer.completion_tokens,
        "asked_again": len(result.attempts),
        "seconds": sum(result.seconds.values()) if result.seconds else None,
        **{f"{stage}_s": result.seconds.get(stage) for stage in STAGES},
        "errors": _joined(result.errors),
        "language": str(result.language),
        "configuration": result.versions.get("configuration"),
        "version": result.versions.get("theodolite"),
        "page": result.artefacts.get("page"),
    }


def verdict_rows(result: Result) -> Iterator[Row]:
    """The rows of a result in the table ``verdicts``."""
    first = _first(result)
    for index, verdict in enumerate(result.verdicts):
        claim = verdict.claim
        yield {
            **_which(result),
            "verdict": index,
            "claim": verdict.claim_text,
            "relation": str(claim.relation),
            "subject": claim.subject,
            "object": _joined(claim.things[1:]),
            "negated": claim.negated,
            "claimed_value": claim.value,
            "claimed_unit": None if claim.unit is None else str(claim.unit),
            "status": str(verdict.status),
            "probability": verdict.probability,
            "margin": verdict.margin,
            "margin_unit": verdict.unit,
            "reason": verdict.reason,
            "reason_code": verdict.reason_code,
            "needs": verdict.needs,
            "needs_code": verdict.needs_code,
            "truth": claim.truth,
            "is_correct": verdict.is_correct,
            "frames": _joined(dict.fromkeys(evidence.frame for evidence in verdict.evidence)),
            "regions": _joined(dict.fromkeys(index for each in verdict.evidence for index in each.regions)),
            "origin": str(claim.origin),
            "model": None if result.answer is None else result.answer.model,
            "depth_backend": None if first is None else first.depth_backend,
            "depth_kind": _depth_kind(first),
        }


def region_rows(result: Result, depths: Sequence[RegionDepth]) -> Iterator[Row]:
    """The rows of a result in the table ``regions``.

    Args:
        result: The result.
        depths: Depth of each of its regions; unknown depth leaves its cells empty.
    """
    for index, (region, depth) in enumerate(zip(result.regions, depths, strict=True)):
        metres, relative = ((depth.value, depth.sigma), (None, None))
        if depth.unit is None:
            metres, relative = relative, metres
        left, top, right, bottom = region.box_px
        frame = result.frames[region.frame] if region.frame < len(result.frames) else None
        yield {
            **_which(result),
            "region": index,
            "frame": region.frame,
            "frame_name": None if frame is None else frame.name,
            "label": region.label,
            "origin": str(region.origin),
            "score": region.score,
            "left_px": left,
            "top_px": top,
            "right_px": right,
            "bottom_px": bottom,
            "mask_area_px": None if region.mask is None else int(region.mask.sum()),
            "depth_m": metres[0],
            "depth_sigma_m": metres[1],
            "depth_relative": relative[0],
            "depth_relative_sigma": relative[1],
            "depth_kind": _depth_kind(frame) if depth.kind is None else str(depth.kind),
        }


def _which(result: Result) -> Mapping[str, str | None]:
    return {"item": result.item_id, "question": result.question}


def _first(result: Result) -> FrameSummary | None:
    return result.frames[0] if result.frames else None


def _depth_kind(frame: FrameSummary | None) -> str | None:
    return None if frame is None or frame.depth_kind is None else str(frame.depth_kind)


def _depths(folder: Path, result: Result) -> tuple[RegionDepth, ...]:
    path = scene_path(folder, result)
    if path is not None and result.regions:
        try:
            stored = read_scene(path)
        except ExportError:
            stored = None
        if stored is not None and all(region.frame < len(stored.scene.frames) for region in result.regions):
            return region_depths(stored, result.regions)
    return tuple(RegionDepth() for _ in result.regions)


def _joined(values: Any) -> str | None:
    return _BETWEEN.join(map(str, values)) or None
