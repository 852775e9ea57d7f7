"""Draws the files of finished results anew from their stored scenes."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pipeline.export.files import only_writer
from pipeline.export.jsonl import ResultWriter
from pipeline.export.result_index import ResultIndex
from pipeline.export.stored_scene import read_scene
from pipeline.records.errors import ExportError
from pipeline.stages.export import ExportStage

logger = logging.getLogger(__name__)

# A change of these concerns the stored scenes themselves.
OF_SCENES = frozenset({"scenes", "widest_px", "image_format"})


def redraw(
    earlier: ResultIndex,
    stage: ExportStage,
    folder: Path,
    configuration: str,
    is_stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Write the files of earlier results anew, and add the results with their new paths to the folder's.

    Args:
        earlier: The earlier results; those that the folder has already are left out, and so are those whose scene
            cannot be read, with a warning.
        stage: What is drawn.
        folder: The folder of the results and of their scenes.
        configuration: Digest of the new configuration.
        is_stopped: Whether no further result is to be drawn.

    Returns:
        How many results were drawn.

    Raises:
        ExportError: If a file cannot be written.
    """
    drawing = copy.copy(stage)
    drawing.scenes = False
    drawn = 0
    with only_writer(folder), ResultWriter(folder, resume=True) as writer:
        done = writer.finished_ids()
        for key in earlier:
            if key in done:
                continue
            if is_stopped():
                break
            try:
                result = earlier.result(key)
                stored = read_scene(folder / result.artefacts["scene"])
            except (ExportError, KeyError) as error:
                logger.warning("The files of item %s are made from its input again: %s", key[0], error)
                continue
            kept = {"scene": result.artefacts["scene"]}
            result = drawing(stored.scene, replace(result, artefacts=kept), folder)
            writer.append(replace(result, versions={**result.versions, "configuration": configuration}))
            drawn += 1
    return drawn


def can_redraw(earlier: ResultIndex, folder: Path) -> bool:
    """Whether every earlier result has its scene."""
    return all(_has_scene(earlier, key, folder) for key in earlier)


def _has_scene(earlier: ResultIndex, key: tuple[str, str | None], folder: Path) -> bool:
    scene = earlier.result(key).artefacts.get("scene")
    return scene is not None and (folder / scene).is_file()
