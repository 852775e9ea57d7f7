"""A world of objects, and their relations that do not depend on the camera.

Convention: world axes x right, y away, z up (gravity is -z), metres.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.synthetic.shapes import SHAPES, Mesh, Size

if TYPE_CHECKING:
    from open3d.t.geometry import RaycastingScene

Colour = tuple[int, int, int]

# Points of a surface from which distances are measured.
_SAMPLES = 1000
# Points at most this far above the lowest point of an object bear it [m].
_BEARING_M = 0.002
# A surface at most this far below supports [m].
_SUPPORT_GAP_M = 0.003
# A smaller share of the bearing points only grazes the side of a neighbour.
_LEAST_SUPPORT = 0.02


@dataclass(frozen=True)
class Piece:
    """A solid placed in the world.

    Args:
        label: English name, "red cone".
        label_zh: Chinese name.
        shape: A name of ``SHAPES``.
        rgb: Colour.
        position_m: Middle of its base (x, y, z).
        size_m: Sides of its box along its own x, y, z.
        yaw_rad: Rotation about the vertical, counter-clockwise from above.
        texture: A name of ``TEXTURES``, or None for a uniform colour.
        word: Word printed around it, where it is a box or a cylinder.
    """

    label: str
    label_zh: str
    shape: str
    rgb: Colour
    position_m: tuple[float, float, float]
    size_m: Size
    yaw_rad: float = 0.0
    texture: str | None = None
    word: str | None = None

    @property
    def rotation(self) -> np.ndarray:
        """World from own axes, float64 (3, 3)."""
        cos, sin = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])

    @property
    def centre_m(self) -> np.ndarray:
        """Middle of its box in the world, float64 (3,)."""
        x, y, z = self.position_m
        return np.array((x, y, z + self.size_m[2] / 2))

    def own_m(self, points_m: np.ndarray) -> np.ndarray:
        """Points of the world, float32 (N, 3), in its own axes from the middle of its box, float32 (N, 3) [m]."""
        own: np.ndarray = (points_m - self.centre_m.astype(np.float32)) @ self.rotation.astype(np.float32)
        return own

    @property
    def top_m(self) -> float:
        """Height of its highest point."""
        return self.position_m[2] + self.size_m[2]

    @property
    def radius_m(self) -> float:
        """Radius of the upright cylinder around it."""
        return math.hypot(self.size_m[0], self.size_m[1]) / 2

    @cached_property
    def mesh(self) -> Mesh:
        """Its surface in the world."""
        return SHAPES[self.shape].make(self.size_m).moved(self.rotation, np.array(self.position_m))

    @cached_property
    def samples_m(self) -> np.ndarray:
        """Corners and evenly spread points of its surface in the world, float64 (N, 3)."""
        return np.concatenate((self.mesh.vertices_m, self.mesh.sampled(_SAMPLES, np.random.default_rng(0))))


@dataclass(frozen=True)
class Surface:
    """A flat rectangle of the surroundings: the floor or a wall.

    Args:
        corners_m: Four corners in the world, in order around it.
        rgb: Its colour.
        tile_m: Side of the squares of its pattern; 0 for none.
        texture: A name of ``TEXTURES``, or None for a uniform colour.
    """

    corners_m: tuple[tuple[float, float, float], ...]
    rgb: Colour
    tile_m: float = 0.0
    texture: str | None = None

    @property
    def mesh(self) -> Mesh:
        """Its two triangles in the world."""
        return Mesh(np.array(self.corners_m, dtype=float), np.array([[0, 1, 2], [0, 2, 3]]))


@dataclass(frozen=True, eq=False)
class World:
    """Objects with their surroundings.

    Args:
        pieces: Solids; their labels differ.
        surfaces: Floor and walls.
        light: Direction towards the light in the world, of any length.
    """

    pieces: tuple[Piece, ...]
    surfaces: tuple[Surface, ...] = ()
    light: tuple[float, float, float] = (0.3, -0.5, 1.0)

    @cached_property
    def _distances(self) -> dict[tuple[int, int], float]:
        return {}

    @cached_property
    def _casters(self) -> dict[int, RaycastingScene]:
        return {}

    def surface_distance_m(self, first: int, second: int) -> float:
        """Smallest distance between the surfaces of two pieces [m].

        Measured from corners and samples of either surface to the other, it is at most a millimetre too large for
        solids below a metre.
        """
        key = min(first, second), max(first, second)
        if key not in self._distances:
            self._distances[key] = min(
                least_distance_m(self._caster(one), self.pieces[other].samples_m) for one, other in (key, key[::-1])
            )
        return self._distances[key]

    def supported_share(self, upper: int, lower: int) -> float:
        """Share of a piece's bearing points that another piece supports.

        Bearing points lie within 2 mm of the lowest; the other piece supports those that it has within 3 mm below.
        """
        samples = self.pieces[upper].samples_m
        start = samples[samples[:, 2] <= samples[:, 2].min() + _BEARING_M] + (0, 0, _BEARING_M)
        reach = (start[:, 2] - samples[:, 2].min()) + _SUPPORT_GAP_M
        rays = np.concatenate((start, np.broadcast_to((0.0, 0.0, -1.0), start.shape)), axis=1)
        return float((cast(self._caster(lower), rays)["t_hit"] <= reach).mean())

    def rests_on(self, upper: int, lower: int) -> bool:
        """Whether a piece rests on another, directly or by way of others."""
        waiting, seen = [upper], {upper}
        while waiting:
            above = waiting.pop()
            for below in set(range(len(self.pieces))) - seen:
                if (
                    self.pieces[below].top_m < self.pieces[above].top_m
                    and self.supported_share(above, below) >= _LEAST_SUPPORT
                ):
                    if below == lower:
                        return True
                    seen.add(below)
                    waiting.append(below)
        return False

    def _caster(self, index: int) -> RaycastingScene:
        if index not in self._casters:
            self._casters[index] = ray_caster([self.pieces[index].mesh])
        return self._casters[index]


def ray_caster(meshes: Iterable[Mesh]) -> RaycastingScene:
    """Ray-casting scene of the meshes; their geometry ids count from 0."""
    import open3d as o3d

    caster = o3d.t.geometry.RaycastingScene()
    for mesh in meshes:
        caster.add_triangles(
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(mesh.vertices_m, dtype=np.float32)),
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(mesh.triangles, dtype=np.uint32)),
        )
    return caster


def cast(caster: RaycastingScene, rays: np.ndarray) -> dict[str, np.ndarray]:
    """What rays (..., 6) of origin and direction hit: ``t_hit``, ``geometry_ids``, ``primitive_normals``.

    ``t_hit`` counts multiples of the direction, infinite where nothing is hit.
    """
    hits = caster.cast_rays(_tensor(rays))
    return {name: hits[name].numpy() for name in ("t_hit", "geometry_ids", "primitive_normals")}


def is_shadowed(caster: RaycastingScene, rays: np.ndarray) -> np.ndarray:
    """Whether rays (..., 6) hit anything."""
    shadowed: np.ndarray = caster.test_occlusions(_tensor(rays)).numpy()
    return shadowed


def least_distance_m(caster: RaycastingScene, points_m: np.ndarray) -> float:
    """Smallest distance from points (N, 3) to the caster's surfaces [m]."""
    return float(caster.compute_distance(_tensor(points_m)).numpy().min())


def _tensor(values: np.ndarray) -> Any:
    import open3d as o3d

    return o3d.core.Tensor.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
