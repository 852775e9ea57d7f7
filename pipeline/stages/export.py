"""Result in, files out."""

from __future__ import annotations

import logging
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from pipeline.export.overlay import write_overlay
from pipeline.export.page import PAGE_NAME, write_image, write_page
from pipeline.export.ply import write_ply
from pipeline.export.text import file_stem
from pipeline.records import Result, Scene
from pipeline.records.errors import DependencyError

logger = logging.getLogger(__name__)


class ExportStage:
    """Writes the files of one result.

    Args:
        overlay: Whether to write the image.
        ply: Whether to write the point cloud, where the depth has shape.
        page: Whether to write the page of all results, and a small image of each for it.
        max_points: Most points of a cloud.
    """

    def __init__(self, overlay: bool = True, ply: bool = True, page: bool = True, max_points: int = 200_000) -> None:
        self.overlay = overlay
        self.ply = ply
        self.page = page
        self.max_points = max_points

    def __call__(self, scene: Scene, result: Result, folder: Path) -> Result:
        """Write the files below the folder and return the result that names them.

        A missing system library costs the point cloud, not the result: it is noted in ``errors``.

        Raises:
            ExportError: If a file cannot be written.
        """
        name = file_name(result.item_id, result.question)
        artefacts = dict(result.artefacts)
        errors = list(result.errors)
        if self.overlay:
            artefacts["overlay"] = f"overlays/{name}.png"
            write_overlay(folder / artefacts["overlay"], scene, result)
        if self.page:
            artefacts["image"] = f"images/{name}.jpg"
            write_image(folder / artefacts["image"], scene, result)
        if self.ply and scene.depth:
            try:
                if write_ply(folder / f"clouds/{name}.ply", scene, result, self.max_points) is not None:
                    artefacts["ply"] = f"clouds/{name}.ply"
            except DependencyError as error:
                logger.warning("%s", error)
                errors.append(str(error))
        return replace(result, artefacts=artefacts, errors=tuple(errors))

    def finish(self, folder: Path) -> None:
        """Write the page of all results of the folder, once they are there.

        Raises:
            ExportError: If it cannot be written.
        """
        if self.page:
            write_page(folder / PAGE_NAME)


def file_name(item_id: str, question: str | None) -> str:
    """A file name that is safe everywhere and differs for every item and question."""
    unique = sha256(f"{item_id}\0{question or ''}".encode()).hexdigest()[:8]
    return f"{file_stem(item_id)}-{unique}"
