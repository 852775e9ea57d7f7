"""Tables of verdicts and regions, one row each, for spreadsheets, pandas and DuckDB.

Names of columns end in their unit. Columns that hold several values separate them by `` | ``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.export.formats import FormatSettings
from pipeline.export.jsonl import RESULTS_NAME
from pipeline.export.line_file import read_records
from pipeline.export.regions import RegionDepth, region_depths
from pipeline.export.run_items import scene_path
from pipeline.export.stored_scene import read_scene
from pipeline.records import Result
from pipeline.records.errors import ExportError

Kind = Literal["text", "whole", "number", "truth"]
Row = dict[str, Any]
_BETWEEN = " | "


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        name: Its name, with the unit at its end.
        kind: What its cells hold; any may be empty.
        about: What it means.
    """

    name: str
    kind: Kind
    about: str


_WHICH = (
    Column("item", "text", "id of the item"),
    Column("question", "text", "the question; empty where only given claims were judged"),
)
VERDICT_COLUMNS = (
    *_WHICH,
    Column("verdict", "whole", "index of the verdict in the result, from 0"),
    Column("claim", "text", "the claim in words"),
    Column("relation", "text", "name of the relation"),
    Column("subject", "text", "name of the subject"),
    Column("object", "text", "name of the object; that of `between` has two"),
    Column("negated", "truth", "whether the claim denies the relation"),
    Column("claimed_value", "number", "number of the claim, in claimed_unit"),
    Column("claimed_unit", "text", "unit of that number"),
    Column("status", "text", "supported, refuted or undecided"),
    Column("probability", "number", "probability that the claim holds"),
    Column("margin", "number", "how clearly it holds (positive) or fails, in margin_unit"),
    Column("margin_unit", "text", "unit of the margin"),
    Column("reason", "text", "why"),
    Column("reason_code", "text", "the same for programs"),
    Column("needs", "text", "what would decide an undecided claim"),
    Column("truth", "truth", "ground truth of the claim, where it is known"),
    Column("is_correct", "truth", "whether a decided verdict agrees with it"),
    Column("frames", "text", "indices of the frames that were looked at, from 0"),
    Column("regions", "text", "indices of the regions that were compared, subject first"),
    Column("origin", "text", "who made the claim"),
    Column("model", "text", "model that answered"),
    Column("depth_backend", "text", "backend of the depth"),
    Column("depth_kind", "text", "kind of the depth"),
)
REGION_COLUMNS = (
    *_WHICH,
    Column("region", "whole", "index of the region in the result, from 0"),
    Column("frame", "whole", "index of its frame, from 0"),
    Column("frame_name", "text", "name of the frame"),
    Column("label", "text", "what it is called"),
    Column("origin", "text", "who gave it"),
    Column("score", "number", "confidence, where it was given"),
    Column("left_px", "number", "left edge of the box; the image's top-left corner is (0, 0)"),
    Column("top_px", "number", "top edge"),
    Column("right_px", "number", "right edge"),
    Column("bottom_px", "number", "bottom edge"),
    Column("mask_area_px", "whole", "pixels of the mask; empty without one"),
    Column("depth_m", "number", "median z of the object; empty unless the depth is metric"),
    Column("depth_sigma_m", "number", "its standard deviation"),
    Column("depth_relative", "number", "the same in the unit of depth that is not metric"),
    Column("depth_relative_sigma", "number", "its standard deviation, in that unit"),
    Column("depth_kind", "text", "kind of the depth: disparity_affine grows towards the camera"),
)


def verdict_rows(folder: Path, item: str | None = None) -> Iterator[Row]:
    """One row per verdict of the results of a folder.

    Raises:
        ExportError: If the results cannot be read.
    """
    for result in _results(folder, item):
        first = result.frames[0] if result.frames else None
        for index, verdict in enumerate(result.verdicts):
            claim = verdict.claim
            yield {
                "item": result.item_id,
                "question": result.question,
                "verdict": index,
                "claim": verdict.claim_text,
                "relation": str(claim.relation),
                "subject": claim.subject,
                "object": _BETWEEN.join(claim.things[1:]) or None,
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
                "truth": claim.truth,
                "is_correct": verdict.is_correct,
                "frames": _joined(dict.fromkeys(evidence.frame for evidence in verdict.evidence)),
                "regions": _joined(dict.fromkeys(index for each in verdict.evidence for index in each.regions)),
                "origin": str(claim.origin),
                "model": None if result.answer is None else result.answer.model,
                "depth_backend": None if first is None else first.depth_backend,
                "depth_kind": None if first is None or first.depth_kind is None else str(first.depth_kind),
            }


def region_rows(folder: Path, item: str | None = None) -> Iterator[Row]:
    """One row per region of the results of a folder; without stored scenes, the depth is empty.

    Raises:
        ExportError: If the results cannot be read.
    """
    for result in _results(folder, item):
        depths = _depths(folder, result)
        for index, (region, depth) in enumerate(zip(result.regions, depths, strict=True)):
            metres, relative = ((depth.value, depth.sigma), (None, None))
            if depth.unit is None:
                metres, relative = relative, metres
            left, top, right, bottom = region.box_px
            named = region.frame < len(result.frames)
            yield {
                "item": result.item_id,
                "question": result.question,
                "region": index,
                "frame": region.frame,
                "frame_name": result.frames[region.frame].name if named else None,
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
                "depth_kind": None if depth.kind is None else str(depth.kind),
            }


def _results(folder: Path, item: str | None) -> Iterator[Result]:
    for result in read_records(Result, folder / RESULTS_NAME):
        if item in (None, result.item_id):
            yield result


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


def write_tables(
    path: Path,
    folder: Path,
    settings: FormatSettings,
    suffix: str,
    write_table: Callable[[Path, Sequence[Column], Iterable[Row]], int],
) -> Path | None:
    """Write the tables of verdicts and regions.

    Args:
        path: The folder to write to.
        folder: The folder of ``results.jsonl``.
        settings: Which item is wanted.
        suffix: Suffix of the files.
        write_table: Writes a table and returns its number of rows.

    Returns:
        The folder, or None if there is neither a verdict nor a region.

    Raises:
        ExportError: If the results cannot be read or a file cannot be written.
    """
    counts = [
        write_table(path / f"verdicts{suffix}", VERDICT_COLUMNS, verdict_rows(folder, settings.item)),
        write_table(path / f"regions{suffix}", REGION_COLUMNS, region_rows(folder, settings.item)),
    ]
    return path if any(counts) else None
