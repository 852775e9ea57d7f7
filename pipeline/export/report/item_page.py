"""The page of one result: photo, depth and 3D view, tied to the claims, with everything that led to the verdicts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.claims.markup import shorten
from pipeline.export.files import write_text
from pipeline.export.html import rendered
from pipeline.export.report.answer_text import answer_claims, blocks_of, headline
from pipeline.export.report.assets import REPORT, ensure_report_assets
from pipeline.export.report.conflicts import conflicts_of
from pipeline.export.report.figure_text import Say, number_text
from pipeline.export.report.photo_svg import WIDTH, Drawing, Shape, drawing_of, shapes_of
from pipeline.export.report.pictures import MOST_FRAMES, FramePictures, write_pictures
from pipeline.export.report.scripts import script_value
from pipeline.export.report.verdict_view import verdict_view
from pipeline.export.stored_scene import StoredScene
from pipeline.export.viewer.data import view_data
from pipeline.records import Attempt, FrameSummary, Origin, Result, Status
from pipeline.records.depth import DepthKind, ScaleSource
from pipeline.records.message import message

INDEX = "../index.html"
"""The index, relative to the page of a result."""

_MOST_VERDICTS = 200
_LONGEST_TITLE = 300


@dataclass(frozen=True)
class FrameView:
    """What a page shows of one frame.

    Args:
        index: Its index.
        name: Its name, and its time if known.
        pictures: Its pictures.
        drawing: What is drawn over its photo.
        near: The near end of the colours of depth in words.
        far: The far end.
        kind: The kind of its depth in words; empty without depth.
        size: The frame's width and height in words.
    """

    index: int
    name: str
    pictures: FramePictures
    drawing: Drawing
    near: str
    far: str
    kind: str
    size: str


def write_item_page(
    folder: Path, stored: StoredScene, result: Result, name: str, view_points: int, *, index: str = INDEX
) -> str:
    """Write the page of a result, the data of its 3D view, and its pictures.

    Several threads may write pages at once.

    Args:
        folder: Folder of the results.
        stored: The scene with the errors of its depth.
        result: The result. Results with the same ``scene`` among their artefacts share their pictures.
        name: Name of the page without suffix, unique in the folder.
        view_points: Most points of the 3D view.
        index: Where the page leads back to, relative to it.

    Returns:
        The page's path relative to the folder.

    Raises:
        ExportError: If a file cannot be written.
        DependencyError: If the package with three.js is missing.
    """
    report = folder / REPORT
    ensure_report_assets(folder)
    scene = result.artefacts.get("scene")
    pictures = write_pictures(report, stored.scene, picture_name(result.artefacts, name), is_unique=scene is not None)
    items = report / "items"
    data = view_data(stored, result, view_points)
    write_text(items / f"{name}.js", f"window.theodoliteView={script_value(data)};\n")
    write_text(items / f"{name}.html", page_text(stored, result, name, pictures, data["claims"], index))
    return f"{REPORT}/items/{name}.html"


def picture_name(artefacts: dict[str, str], name: str) -> str:
    """Name of a result's pictures: that of its scene, which its questions share, or its own."""
    return Path(artefacts["scene"]).stem if "scene" in artefacts else name


def page_text(
    stored: StoredScene,
    result: Result,
    name: str,
    pictures: Sequence[FramePictures],
    claims: Sequence[Mapping[str, Any]],
    index: str = INDEX,
) -> str:
    """The HTML document of a result."""

    def say(code: str, /, **values: Any) -> str:
        return message(code, **values).text(result.language)

    answer = result.answer
    shapes = shapes_of(result)
    return rendered(
        "item.html",
        language="zh-Hans" if result.language == "zh" else "en",
        say=say,
        name=name,
        index=index,
        has_index=index == INDEX,
        result=result,
        width=WIDTH,
        title=shorten(result.question, _LONGEST_TITLE) if result.question else say("page_given_claims"),
        short_answer=None if answer is None else headline(answer.text, result.language, 400),
        correct_answer=_correct_answer(result, say),
        conflicts={one.listed: one.said for one in conflicts_of(result)},
        frames=[_frame(stored, result, number, one, shapes, claims, say) for number, one in enumerate(pictures)],
        more_frames=max(0, len(stored.scene.frames) - MOST_FRAMES),
        all_shapes=shapes,
        chips=_chips(shapes),
        text_lines=tuple(
            message("label", name=name)
            for name in dict.fromkeys(region.label for region in result.regions if region.origin is Origin.OCR)
        ),
        answer_claims=len(answer.claims) if answer is not None else 0,
        verdicts=[
            verdict_view(verdict, index, result.regions, say)
            for index, verdict in enumerate(result.verdicts[:_MOST_VERDICTS])
        ],
        more_verdicts=max(0, len(result.verdicts) - _MOST_VERDICTS),
        counts={status: count for status in Status if (count := result.count(status))},
        blocks=[]
        if answer is None
        else blocks_of(answer.text, answer.spatial_tags, answer_claims(result), result.regions),
        attempts=[_attempt(attempt, say) for attempt in result.attempts],
        notes=list(dict.fromkeys((*result.errors, *(() if answer is None else answer.problems)))),
        settings=_settings(result),
        figures=_figures(result, say),
        versions=_versions(result),
        cameras=[_camera(frame, say) for frame in result.frames[:MOST_FRAMES]],
    )


def _frame(
    stored: StoredScene,
    result: Result,
    index: int,
    pictures: FramePictures,
    shapes: Sequence[Shape],
    claims: Sequence[Mapping[str, Any]],
    say: Say,
) -> FrameView:
    frame = stored.scene.frames[index]
    depth = stored.scene.depth[index] if index < len(stored.scene.depth) else None
    kind = ""
    if depth is not None:
        kind = _kind(depth.kind, depth.scale_source, say)
    near, far = (
        (f"{end:.3g} m" for end in pictures.ends_m)
        if pictures.ends_m is not None
        else (say("legend_near"), say("legend_far"))
    )
    time = "" if frame.timestamp_s is None else f", {frame.timestamp_s:.2f} s"
    size = say("margin_px", size=f"{frame.width} × {frame.height}")
    drawing = drawing_of(result, index, frame.camera, shapes, claims)
    return FrameView(
        index,
        shorten(frame.name, 160) + time,
        pictures,
        drawing,
        near,
        far,
        kind,
        size,
    )


def _kind(kind: DepthKind, source: ScaleSource, say: Say) -> str:
    """The kind of a depth map, and the source of its scale."""
    if source is ScaleSource.NONE:
        return say("legend_kind", kind=str(kind))
    return say("legend_metric", kind=str(kind), source=f"scale_{source}")


def _chips(shapes: Sequence[Shape]) -> list[tuple[str, str, list[int]]]:
    """Name and colour of each object, with the indices of its regions in all frames."""
    found: dict[str, tuple[str, str, list[int]]] = {}
    for shape in shapes:
        if shape.is_named:
            found.setdefault(shape.name, (shape.name, shape.colour, []))[2].append(shape.region)
    return list(found.values())


def _attempt(attempt: Attempt, say: Say) -> dict[str, Any]:
    return {
        "text": attempt.answer.text,
        "blocks": blocks_of(attempt.answer.text, attempt.answer.spatial_tags),
        "reason": attempt.reason,
        "verdicts": [
            verdict_view(verdict, index, attempt.regions, say)
            for index, verdict in enumerate(attempt.verdicts[:_MOST_VERDICTS])
        ],
    }


def _settings(result: Result) -> list[tuple[str, str]]:
    """How the model was asked, and how it generated."""
    answer = result.answer
    if answer is None:
        return []
    values = {**answer.prompting, **answer.generation, "seed": answer.seed}
    return [(key, _plain(value)) for key, value in values.items() if value is not None]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _figures(result: Result, say: Say) -> list[tuple[str, str]]:
    """Seconds per stage, and what the model took."""
    lines = [(f"{name} [s]", f"{seconds:.3f}") for name, seconds in result.seconds.items()]
    if lines:
        lines.append((f"{say('page_total')} [s]", f"{sum(result.seconds.values()):.3f}"))
    if (answer := result.answer) is not None:
        tokens = {
            "page_prompt_tokens": answer.prompt_tokens,
            "page_cached_tokens": answer.cached_tokens,
            "page_completion_tokens": answer.completion_tokens,
        }
        lines += [(say(code), str(count)) for code, count in tokens.items() if count is not None]
        lines += [(name, number_text(value)) for name, value in answer.timings.items()]
    return lines


def _versions(result: Result) -> list[tuple[str, str]]:
    lines = list(result.versions.items())
    if (answer := result.answer) is not None:
        lines = [("model", answer.model), *([("revision", answer.revision)] if answer.revision else []), *lines]
    return lines


def _correct_answer(result: Result, say: Say) -> str:
    answer = result.correct_answer or ""
    return say(f"answer_{answer}") if answer in ("yes", "no") else answer


def _camera(frame: FrameSummary, say: Say) -> tuple[str, str]:
    camera = frame.camera
    focal_and_centre = (f"{name} {getattr(camera, name):.1f} px" for name in ("fx", "fy", "cx", "cy"))
    parts = [f"{camera.width} x {camera.height} px", ", ".join(focal_and_centre), say(f"camera_{camera.source}")]
    if frame.depth_kind is not None:
        backend = frame.depth_backend or ""
        parts.append(_kind(frame.depth_kind, frame.scale_source or ScaleSource.NONE, say))
        parts.append(say("depth_of_input") if backend in ("file", "given") else backend)
    if frame.scale_error is not None:
        parts.append(f"± {frame.scale_error:.1%}")
    parts.append(f"SHA-256 {frame.sha256[:12]}")
    return frame.name, "; ".join(filter(None, parts))
