"""The scene as a mesh over the pixels of its depth, without surfaces across steps in depth.

Convention: as ``pipeline.export.points``.
"""

from __future__ import annotations

import math

import numpy as np

from pipeline.export.points import FARTHEST, placeable, placed, without_outliers
from pipeline.export.stored_scene import StoredScene
from pipeline.geometry.backprojection import back_project_pixels
from pipeline.geometry.grid_mesh import grid_triangles
from pipeline.records import DepthKind


def coloured_mesh(stored: StoredScene, max_vertices: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The surfaces that the frames of one space see.

    Args:
        stored: Frames and depth with its errors.
        max_vertices: Most vertices.

    Returns:
        Vertices, float64 (N, 3); triangles, int32 (M, 3); colours of the photos, uint8 (N, 3). None where no frame
        shows a surface, as with depth of a scanner's single returns.
    """
    scene = stored.scene
    frames = [index for index in placeable(scene) if not scene.depth[index].sampling.is_scattered]
    inliers = {index: without_outliers(scene.depth[index]) & (scene.depth[index].values < FARTHEST) for index in frames}
    count = sum(int(mask.sum()) for mask in inliers.values())
    # A margin for the pixels that a coarser grid meets by chance.
    step_px = max(1, math.ceil(math.sqrt(1.02 * count / max(1, max_vertices)))) if count > max_vertices else 1
    while True:
        parts, offset = [], 0
        for index, valid in inliers.items():
            frame, depth = scene.frames[index], scene.depth[index]
            errors = stored.errors[index] if index < len(stored.errors) else None
            noise: np.ndarray | float = 0.0
            if errors is not None:
                metres = depth.values if depth.kind is DepthKind.METRIC else 0.0
                noise = np.asarray(errors.pixel + errors.pixel_per_m * metres, dtype=np.float64)
            # A value that covers several pixels is one vertex.
            spacing_px = math.ceil(max(depth.sampling.width_px, depth.sampling.height_px))
            step = max(step_px, spacing_px)
            pixels, triangles = grid_triangles(depth.values, valid, frame.camera, noise, step)
            u, v = pixels.T
            positions = placed(scene, index, back_project_pixels(u, v, depth.values[v, u], frame.camera))
            parts.append((positions, triangles + offset, frame.rgb[v, u]))
            offset += len(pixels)
        if not parts or offset == 0:
            return None
        if offset <= max_vertices:
            vertices, faces, colours = (np.concatenate(column) for column in zip(*parts, strict=True))
            return vertices, faces, colours
        step_px += 1
