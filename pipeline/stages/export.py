"""Result in, files out."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pipeline.export.formats import ITEM_FORMATS, RUN_FORMATS, FormatSettings
from pipeline.export.overlay import draw_overlay, write_image
from pipeline.export.page import PAGE_NAME, WIDEST_PX, write_page
from pipeline.export.stored_scene import StoredScene, write_scene
from pipeline.export.text import file_stem
from pipeline.records import Result, Scene
from pipeline.records.error_budget import DepthErrors, ErrorBudget
from pipeline.records.settings import Count, checked


class ExportStage:
    """Writes the files of one result.

    Args:
        report: Whether to write the report, with a page for each result.
        overlay: Whether to write the picture of each result.
        scenes: Whether to store the scenes, from which other formats can be made later.
        image_format: Format of photos and overlays.
        widest_px: Longest side of stored photos and depth [px].
        max_points: Most points of an exported cloud.
        view_points: Most points of a page's 3D view.
        budget: Errors of depth and cameras, which measured distances state.
        ply: Whether to write the point cloud, if the kind of depth preserves shape.

    Raises:
        SettingError: If a value is out of range.
    """

    @checked
    def __init__(
        self,
        report: bool = True,
        overlay: bool = True,
        scenes: bool = True,
        image_format: Literal["jpg", "png"] = "jpg",
        widest_px: Count = 1280,
        max_points: Count = 100_000,
        view_points: Count = 60_000,
        budget: ErrorBudget | None = None,
        ply: bool = False,
    ) -> None:
        self.report = report
        self.overlay = overlay
        self.scenes = scenes
        self.image_format = image_format
        self.widest_px = widest_px
        self.view_points = view_points
        self.budget = ErrorBudget() if budget is None else budget
        self.settings = FormatSettings(max_points)
        self.formats = {"ply": ply}

    def __call__(self, scene: Scene, result: Result, folder: Path) -> Result:
        """Write the files into the folder and return the result with their paths.

        Raises:
            ExportError: If a file cannot be written.
        """
        name = file_name(result.item_id, result.question)
        artefacts = dict(result.artefacts)
        stored = StoredScene(scene, self._errors(scene))
        if self.scenes:
            artefacts["scene"] = f"scenes/{self._scene_name(scene)}.zip"
            # The questions of an item share its scene.
            if not (folder / artefacts["scene"]).exists():
                write_scene(
                    folder / artefacts["scene"], scene, stored.errors, self.widest_px, self.image_format == "png"
                )
        if self.overlay or self.report:
            image = draw_overlay(scene, result)
            if self.overlay:
                artefacts["overlay"] = f"overlays/{name}.{self.image_format}"
                write_image(folder / artefacts["overlay"], image)
            if self.report:
                artefacts["image"] = f"images/{name}.jpg"
                write_image(folder / artefacts["image"], image, WIDEST_PX)
        for key, item_format in ITEM_FORMATS.items():
            if self.formats.get(key):
                path = f"{item_format.folder}/{name}{item_format.suffix}"
                if item_format.write(folder / path, stored, result, self.settings) is not None:
                    artefacts[key] = path
        return replace(result, artefacts=artefacts)

    def _errors(self, scene: Scene) -> tuple[DepthErrors, ...]:
        return tuple(
            self.budget.depth_errors(depth, frame.camera.source)
            for frame, depth in zip(scene.frames, scene.depth, strict=False)
        )

    def _scene_name(self, scene: Scene) -> str:
        """A name of the item that differs wherever its pixels, depth or poses do."""
        digest = sha256(repr((self.widest_px, self.image_format)).encode())
        for frame in scene.frames:
            digest.update(f"{frame.digest}{frame.camera}{frame.pose}{frame.timestamp_s}{frame.name}".encode())
        for depth in scene.depth:
            digest.update(f"{depth.digest}{depth.scale_error}{depth.misfit}".encode())
        return f"{file_stem(scene.id)}-{digest.hexdigest()[:12]}"

    def finish(self, folder: Path) -> None:
        """Write what concerns all results in the folder.

        Raises:
            ExportError: If it cannot be written.
        """
        if self.report:
            write_page(folder / PAGE_NAME)
        for key, run_format in RUN_FORMATS.items():
            if self.formats.get(key):
                run_format.write(folder / run_format.name, folder, self.settings)


def file_name(item_id: str, question: str | None) -> str:
    """A file name that is safe everywhere and differs for every item and question."""
    unique = sha256(f"{item_id}\0{question or ''}".encode()).hexdigest()[:8]
    return f"{file_stem(item_id)}-{unique}"
