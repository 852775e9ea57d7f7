"""Writes artefacts of one result, each with the writer that a run uses."""

from __future__ import annotations

import json
import math
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.export import coco, glb, ply
from pipeline.export.files import replacing, write_text
from pipeline.export.formats import FormatSettings
from pipeline.export.images import colour_range, draw_depth, nearness
from pipeline.export.jsonl import RESULTS_NAME
from pipeline.export.overlay import draw_overlay, write_image
from pipeline.export.report.assets import REPORT
from pipeline.export.report.index import write_index
from pipeline.export.report.item_page import write_item_page
from pipeline.export.stored_scene import StoredScene, read_scene
from pipeline.export.viewer.data import view_data
from pipeline.records import DepthKind, DepthMap, Result, to_json
from pipeline.records.errors import ExportError
from pipeline.serve.artefacts.names import REPORT_PAGE
from pipeline.serve.problems import UnfitError
from pipeline.serve.workbench import workbench_data

_SETTINGS = FormatSettings()
_DEPTH_PX = 800
_PAGE_NAME = Path(REPORT_PAGE).stem
_SCENE_NAME = "scene.zip"

Writer = Callable[[Path, Result, Path], None]
"""Writes a file or a folder: its path, the result, and the file of its scene."""


def write_view(path: Path, result: Result, scene: Path) -> None:
    """Write the data of the 3D viewer."""
    _write_data(path, view_data(read_scene(scene), result, _SETTINGS.view_points))


def write_workbench(path: Path, result: Result, scene: Path, result_id: str) -> None:
    """Write what the page shows of the result; its addresses name the result's id."""
    _write_data(path, workbench_data(result, read_scene(scene), result_id))


def write_overlay(path: Path, result: Result, scene: Path) -> None:
    """Write the picture of the result."""
    write_image(path, draw_overlay(read_scene(scene).scene, result))


def write_photos(path: Path, result: Result, scene: Path) -> None:
    """Write the photos of all frames, as the scene holds them.

    Raises:
        ExportError: If the scene is damaged.
    """
    try:
        with zipfile.ZipFile(scene) as archive:
            for index, frame in enumerate(json.loads(archive.read("scene.json"))["frames"]):
                with replacing(path / f"photo-{index}.jpg") as temporary:
                    temporary.write_bytes(archive.read(frame["photo"]))
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ExportError(f"The stored scene {scene} is damaged: {error}.") from error


def write_depths(path: Path, result: Result, scene: Path) -> None:
    """Write the depth of all frames in colour, with the colours of the report.

    Raises:
        UnfitError: If there is no depth.
    """
    maps = read_scene(scene).scene.depth
    if not maps:
        raise UnfitError("This result has no depth.")
    near = [nearness(depth, *_fitted(depth)) for depth in maps]
    # Frames share their colours if depth is metric; other depth has its own scale per frame.
    common = colour_range(near) if all(depth.kind is DepthKind.METRIC for depth in maps) else None
    for index, nearness_map in enumerate(near):
        write_image(path / f"depth-{index}.png", draw_depth(nearness_map, common or colour_range([nearness_map])))


def write_points(path: Path, result: Result, scene: Path) -> None:
    """Write the points as PLY, or with boxes and distances as GLB, by the suffix.

    Raises:
        UnfitError: If the depth has no shape.
    """
    stored = read_scene(scene)
    write = glb.write if path.suffix == ".glb" else ply.write
    if write(path, stored, result, _SETTINGS) is None:
        raise without_points(stored)


def write_regions(path: Path, result: Result, scene: Path) -> None:
    """Write the regions in COCO's format; file names of images are those of the artefacts.

    Raises:
        ExportError: If the scene is damaged.
    """
    run = path.with_suffix("")
    _write_run(run, result, scene)
    if coco.write(run / "coco", run, _SETTINGS) is None:
        raise ExportError(f"The stored scene {scene} is damaged.")
    data = json.loads((run / "coco" / coco.ANNOTATIONS_NAME).read_bytes())
    for image in data["images"]:
        image["file_name"] = f"photo-{image['frame']}.jpg"
    _write_data(path, data)
    shutil.rmtree(run)


def write_report(path: Path, result: Result, scene: Path) -> None:
    """Write the report of a run with this result alone, without the scripts and styles that all reports share."""
    run = path.with_name("run")
    _write_run(run, result, None)
    write_item_page(run, read_scene(scene), replace(result, artefacts={}), _PAGE_NAME, _SETTINGS.view_points)
    write_index(run)
    shutil.rmtree(run / REPORT / "assets")
    (run / REPORT).rename(path)
    shutil.rmtree(run)


WRITERS: dict[str, Writer] = {
    "view.json": write_view,
    "overlay.jpg": write_overlay,
    "photo": write_photos,
    "depth": write_depths,
    "report": write_report,
    "regions.json": write_regions,
    "points.ply": write_points,
    "scene.glb": write_points,
}
"""The writer of each part, see ``pipeline.serve.artefacts.names``."""


def _write_data(path: Path, data: Any) -> None:
    """Write a value as JSON without spaces."""
    write_text(path, json.dumps(without_nan(data), ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def _write_run(folder: Path, result: Result, scene: Path | None) -> None:
    """Write the folder of a run with one result."""
    artefacts = {"page": REPORT_PAGE, **({} if scene is None else {"scene": _SCENE_NAME})}
    write_text(folder / RESULTS_NAME, f"{to_json(replace(result, artefacts=artefacts))}\n")
    if scene is not None:
        try:
            (folder / _SCENE_NAME).hardlink_to(scene)
        except OSError:
            shutil.copyfile(scene, folder / _SCENE_NAME)


def without_points(stored: StoredScene) -> UnfitError:
    """The error of a scene whose points have no position."""
    maps = stored.scene.depth
    if not maps:
        return UnfitError("This result has no depth, so it has no points.")
    if not any(depth.kind.has_shape for depth in maps):
        return UnfitError(
            f"The depth of this result is {maps[0].kind}, which has no shape, so its points have no position; use "
            "measured depth or a network of metric depth."
        )
    return UnfitError("The depth of this result has no valid pixel, so it has no points.")


def without_nan(value: Any) -> Any:
    """A value of JSON with None in place of numbers that are not finite.

    >>> without_nan({"a": [1.0, float("nan")]})
    {'a': [1.0, None]}
    """
    if isinstance(value, dict):
        return {key: without_nan(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _fitted(depth: DepthMap) -> tuple[int, int]:
    height, width = depth.shape
    scale = min(1.0, _DEPTH_PX / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
