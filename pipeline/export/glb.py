"""The scene as a GLB file: points or a mesh, boxes of regions, cameras and measured distances.

Convention: glTF 2.0 (https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html#coordinate-system-and-units): y up, z
towards the viewer, so y and z of the OpenCV axes change their sign here and nowhere else; of posed frames, the axis of
the world that points up becomes y. The scene's ``extras`` hold that rotation, ``to_gltf``, row by row. Lengths are
metres if the depth is metric, else in the unit of the depth, which ``extras`` say. Vertex colours are linear, as glTF
demands (section 3.9.2); materials are unlit (KHR_materials_unlit), so photos keep their colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.export.files import replacing
from pipeline.export.formats import FormatSettings
from pipeline.export.mesh import coloured_mesh
from pipeline.export.palette import Colour, region_colours
from pipeline.export.points import coloured_points, placeable
from pipeline.export.regions import region_depths, unique_names
from pipeline.export.space import (
    BOX_EDGES,
    FRUSTUM_EDGES,
    boxes_of,
    frustum,
    measured_lines,
    placed_corners,
    to_y_up,
    up_axis,
)
from pipeline.export.stored_scene import StoredScene
from pipeline.export.text import one_line
from pipeline.records import DepthKind, Result

_CAMERA_COLOUR: Colour = (120, 120, 120)
_LINE_COLOUR: Colour = (220, 20, 60)
_BYTES, _SHORTS = 5121, 5123  # componentType of glTF.


def write(path: Path, stored: StoredScene, result: Result, settings: FormatSettings) -> Path | None:
    """Write a result as GLB.

    Nodes: ``points`` or ``mesh``; one per region with the wireframe of the box around what is seen of it, named as the
    region; ``NAME (model)`` for boxes that a model gave; ``camera N``; and one per measured distance, named as its
    claim, whose ``extras`` hold ``label``, ``metres`` and ``sigma_m``.

    Args:
        path: Where to write.
        stored: Frames and depth.
        result: Regions and verdicts.
        settings: Most points, and whether to write a mesh; depth of single returns always gives points.

    Returns:
        The path, or None if the depth has no shape or no valid pixel; the reason is logged.

    Raises:
        ExportError: If the file cannot be written.
    """
    import trimesh

    scene = stored.scene
    cloud = coloured_points(scene, result, settings.max_points, of_regions=False)
    if cloud is None:
        return None
    frames = placeable(scene)
    kind = scene.depth[frames[0]].kind
    turn = to_y_up(*up_axis(scene, frames))
    extras = {
        "depth_kind": str(kind),
        "unit": "m" if kind is DepthKind.METRIC else "unknown",
        "coordinates": "world" if cloud.is_world else f"camera of frame {frames[0] + 1}",
        "to_gltf": turn.ravel().tolist(),
        "item": one_line(result.item_id),
    }
    model = trimesh.Scene(metadata=extras)
    origin = cloud.origin
    place = np.eye(4)
    place[:3, 3] = turn @ origin
    mesh = coloured_mesh(stored, settings.max_points) if settings.mesh else None
    body: Any
    if mesh is None:
        body = trimesh.PointCloud((cloud.positions - origin) @ turn.T, colors=_opaque(cloud.colours))
    else:
        vertices, triangles, colours = mesh
        corners = (vertices - origin) @ turn.T
        body = trimesh.Trimesh(corners, triangles, vertex_colors=_opaque(colours), process=False)
    body_name = "points" if mesh is None else "mesh"
    model.add_geometry(body, node_name=body_name, geom_name=body_name, transform=place)
    for name, points, edges, colour, about in _wires(stored, result, frames, taken={body_name}):
        lines = [trimesh.path.entities.Line(ends) for ends in edges]
        wire = trimesh.path.Path3D(lines, (points - origin) @ turn.T, process=False)
        wire.colors = np.tile(np.array((*colour, 255), np.uint8), (len(wire.entities), 1))
        model.add_geometry(wire, node_name=name, geom_name=name, metadata=about, transform=place)
    data = trimesh.exchange.gltf.export_glb(
        model, include_normals=False, tree_postprocessor=_unlit, buffer_postprocessor=_linear_colours
    )
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return path


Wire = tuple[str, np.ndarray, Sequence[tuple[int, int]], Colour, dict[str, Any]]


def _wires(stored: StoredScene, result: Result, frames: Sequence[int], taken: set[str]) -> list[Wire]:
    """Name, points (N, 3), edges, colour and extras of everything that consists of lines."""
    scene = stored.scene
    depths = region_depths(stored, result.regions)
    names, colours = unique_names(result.regions, len(frames)), region_colours(result.regions)
    wires: list[Wire] = []
    for index, source, box in boxes_of(result, depths, frames):
        name = names[index] if source == "measured" else f"{names[index]} (model)"
        about: dict[str, Any] = {"region": index, "source": source}
        depth = depths[index]
        if depth.unit is not None:
            about |= {"depth_m": depth.value, "depth_sigma_m": depth.sigma}
        corners = placed_corners(scene, result.regions[index].frame, box)
        wires.append((_free(name, taken), corners, BOX_EDGES, colours[index], about))
    for frame in frames:
        about = {"frame": one_line(scene.frames[frame].name)}
        name = _free(f"camera {frame + 1}", taken)
        wires.append((name, frustum(scene, frame), FRUSTUM_EDGES, _CAMERA_COLOUR, about))
    for line in measured_lines(scene, result, frames):
        about = {"label": line.label, "verdict": line.verdict}
        if line.unit is not None:
            about |= {"metres": line.length, "sigma_m": line.sigma}
        wires.append((_free(line.name, taken), line.ends, ((0, 1),), _LINE_COLOUR, about))
    return wires


def _free(name: str, taken: set[str]) -> str:
    """The name on one line, with a number if another node has it."""
    wanted = one_line(name) or "unnamed"
    free, number = wanted, 2
    # The root of trimesh's graph is called world.
    while free in taken or free == "world":
        free, number = f"{wanted} [{number}]", number + 1
    taken.add(free)
    return free


def _opaque(colours: np.ndarray) -> np.ndarray:
    """RGB colours (N, 3) with full opacity, uint8 (N, 4)."""
    return np.concatenate((colours, np.full((len(colours), 1), 255, np.uint8)), axis=1)


def linear(shares: np.ndarray) -> np.ndarray:
    """Linear light of sRGB values in [0, 1] (IEC 61966-2-1)."""
    light: np.ndarray = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return light


def _linear_colours(buffers: Any, tree: dict[str, Any]) -> None:
    """Turn sRGB bytes into linear 16-bit colours; eight bits would show steps in the dark."""
    keys = list(buffers)
    done: set[int] = set()
    for accessor in tree["accessors"].values():
        if accessor["componentType"] != _BYTES or not accessor.get("normalized"):
            continue
        view = accessor["bufferView"]
        if view not in done:
            done.add(view)
            colours = np.frombuffer(buffers[keys[view]], np.uint8).reshape(-1, 4) / 255
            colours[:, :3] = linear(colours[:, :3])
            buffers[keys[view]] = np.round(colours * 65535).astype("<u2").tobytes()
        values = np.frombuffer(buffers[keys[view]], "<u2").reshape(-1, 4)
        accessor |= {"componentType": _SHORTS, "max": values.max(axis=0).tolist(), "min": values.min(axis=0).tolist()}


def _unlit(tree: dict[str, Any]) -> None:
    """One material for all, which shows vertex colours as they are."""
    tree["materials"] = [
        {
            "name": "unlit",
            "doubleSided": True,
            "pbrMetallicRoughness": {"baseColorFactor": [1, 1, 1, 1], "metallicFactor": 0, "roughnessFactor": 1},
            "extensions": {"KHR_materials_unlit": {}},
        }
    ]
    tree["extensionsUsed"] = sorted({*tree.get("extensionsUsed", ()), "KHR_materials_unlit"})
    for mesh in tree["meshes"]:
        for primitive in mesh["primitives"]:
            primitive["material"] = 0
