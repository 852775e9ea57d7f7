"""Result in, files out."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from pipeline.export.overlay import draw_overlay, write_image
from pipeline.export.page import PAGE_NAME, WIDEST_PX, write_page
from pipeline.export.ply import write_ply
from pipeline.export.text import file_stem
from pipeline.records import Result, Scene
from pipeline.records.settings import Count, checked


class ExportStage:
    """Writes the files of one result.

    Args:
        overlay: Whether to write the image.
        ply: Whether to write the point cloud, if the kind of depth preserves shape.
        page: Whether to write the page of all results, with a small image of each.
        max_points: Most points of a cloud.
    """

    @checked
    def __init__(self, overlay: bool = True, ply: bool = True, page: bool = True, max_points: Count = 200_000) -> None:
        self.overlay = overlay
        self.ply = ply
        self.page = page
        self.max_points = max_points

    def __call__(self, scene: Scene, result: Result, folder: Path) -> Result:
        """Write the files into the folder and return the result with their paths.

        Raises:
            ExportError: If a file cannot be written.
        """
        name = file_name(result.item_id, result.question)
        artefacts = dict(result.artefacts)
        if self.overlay or self.page:
            image = draw_overlay(scene, result)
            if self.overlay:
                artefacts["overlay"] = f"overlays/{name}.png"
                write_image(folder / artefacts["overlay"], image)
            if self.page:
                artefacts["image"] = f"images/{name}.jpg"
                write_image(folder / artefacts["image"], image, WIDEST_PX)
        if self.ply and scene.depth:
            path = f"clouds/{name}.ply"
            if write_ply(folder / path, scene, result, self.max_points) is not None:
                artefacts["ply"] = path
        return replace(result, artefacts=artefacts)

    def finish(self, folder: Path) -> None:
        """Write the page of all results in the folder.

        Raises:
            ExportError: If it cannot be written.
        """
        if self.page:
            write_page(folder / PAGE_NAME)


def file_name(item_id: str, question: str | None) -> str:
    """A file name that is safe everywhere and differs for every item and question."""
    unique = sha256(f"{item_id}\0{question or ''}".encode()).hexdigest()[:8]
    return f"{file_stem(item_id)}-{unique}"
