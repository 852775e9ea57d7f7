"""Result in, files out."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pipeline.export.formats import ITEM_FORMATS, RUN_FORMATS, FormatSettings, require_packages
from pipeline.export.overlay import draw_overlay, write_image
from pipeline.export.report.index import write_index
from pipeline.export.report.item_page import write_item_page
from pipeline.export.stored_scene import StoredScene, write_scene
from pipeline.export.text import file_name, file_stem
from pipeline.records import Result, Scene
from pipeline.records.error_budget import DepthErrors, ErrorBudget
from pipeline.records.errors import ConfigError
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
        view_points: Most points of a frame in a page's 3D view; several frames have at most three times as many.
        budget: Errors of depth and cameras, which measured distances state.
        ply: Whether to write the point cloud, if the kind of depth preserves shape.
        glb: Whether to write the scene as GLB, with the same condition.
        mesh: Whether GLB holds a mesh instead of points.
        rrd: Whether to write a recording for rerun.
        coco: Whether to write the regions as a COCO data set.
        csv: Whether to write tables of results, verdicts and regions as CSV.
        parquet: Whether to write them as Parquet.
        region_depth: Whether the regions in Parquet have their depth, measured in the stored scenes.
        label_studio: Whether to write predictions for Label Studio.
        fiftyone: Whether to write a FiftyOne data set.

    Raises:
        SettingError: If a value is out of range.
        ConfigError: If a format of the whole run is wanted without scenes, which it is made from.
        DependencyError: If the package of a wanted format is not installed.
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
        view_points: Count = 66_000,
        budget: ErrorBudget | None = None,
        ply: bool = False,
        glb: bool = False,
        mesh: bool = False,
        rrd: bool = False,
        coco: bool = False,
        csv: bool = False,
        parquet: bool = True,
        region_depth: bool = False,
        label_studio: bool = False,
        fiftyone: bool = False,
    ) -> None:
        self.report = report
        self.overlay = overlay
        self.scenes = scenes
        self.image_format = image_format
        self.widest_px = widest_px
        self.view_points = view_points
        self.budget = ErrorBudget() if budget is None else budget
        self._last_scene: Path | None = None
        self.settings = FormatSettings(max_points, mesh, view_points, region_depth=region_depth)
        self.formats = {
            **{"ply": ply, "glb": glb, "rrd": rrd},
            **{"coco": coco, "csv": csv, "parquet": parquet, "label_studio": label_studio, "fiftyone": fiftyone},
        }
        for name, is_wanted in self.formats.items():
            if not is_wanted:
                continue
            require_packages(name)
            if not scenes and name in RUN_FORMATS and RUN_FORMATS[name].needs_scenes:
                raise ConfigError(f"export.{name}=true needs the stored scenes; leave out export.scenes=false.")

    def __call__(self, scene: Scene, result: Result, folder: Path) -> Result:
        """Write the files into the folder and return the result with their paths.

        Raises:
            ExportError: If a file cannot be written.
        """
        name = file_name(result.item_id, result.question)
        artefacts = dict(result.artefacts)
        stored = StoredScene(scene, depth_errors(scene, self.budget))
        if self.scenes:
            artefacts["scene"] = f"scenes/{self._scene_name(stored)}.zip"
            place = folder / artefacts["scene"]
            # The questions of an item share its scene. A file of an earlier run may be damaged.
            if place != self._last_scene or not place.exists():
                write_scene(place, scene, stored.errors, self.widest_px, self.image_format == "png")
                self._last_scene = place
        if self.overlay:
            artefacts["overlay"] = f"overlays/{name}.{self.image_format}"
            write_image(folder / artefacts["overlay"], draw_overlay(scene, result))
        if self.report:
            shown = replace(result, artefacts=artefacts)
            artefacts["page"] = write_item_page(folder, stored, shown, name, self.view_points)
        for key, item_format in ITEM_FORMATS.items():
            if self.formats.get(key):
                path = f"{item_format.folder}/{name}{item_format.suffix}"
                if item_format.write(folder / path, stored, result, self.settings) is not None:
                    artefacts[key] = path
        return replace(result, artefacts=artefacts)

    def _scene_name(self, stored: StoredScene) -> str:
        """A name of the item that differs wherever its pixels, depth, poses or errors do."""
        scene = stored.scene
        digest = sha256(repr((self.widest_px, self.image_format)).encode())
        for frame in scene.frames:
            digest.update(f"{frame.digest}{frame.camera}{frame.pose}{frame.timestamp_s}{frame.name}".encode())
        for depth in scene.depth:
            digest.update(f"{depth.digest}{depth.scale_error}{depth.misfit}".encode())
        digest.update(repr(stored.errors).encode())
        return f"{file_stem(scene.id)}-{digest.hexdigest()[:12]}"

    def finish(self, folder: Path) -> None:
        """Write what concerns all results in the folder.

        Raises:
            ExportError: If it cannot be written.
        """
        if self.report:
            write_index(folder)
        for key, run_format in RUN_FORMATS.items():
            if self.formats.get(key):
                run_format.write(folder / run_format.name, folder, self.settings)


def depth_errors(scene: Scene, budget: ErrorBudget) -> tuple[DepthErrors, ...]:
    """Errors of the points of each depth map of a scene."""
    return tuple(
        budget.depth_errors(depth, frame.camera.source) for frame, depth in zip(scene.frames, scene.depth, strict=False)
    )
