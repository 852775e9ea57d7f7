"""Triangle meshes of simple solids.

Convention: a solid stands on z = 0 with z up, its bounding box is centred on the z axis and has the
given size along x, y, z [m]. Round solids are polyhedra whose corners lie on the true surface.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

Size = tuple[float, float, float]

# Sides of a round solid; the polyhedron then lies less than 0.13 % of the radius inside the true surface.
_SEGMENTS = 64
_TUBE_SEGMENTS = 24
# Tube of a ring as a share of its outer diameter.
_TUBE_SHARE = 0.28


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh.

    Args:
        vertices_m: float64 (V, 3) [m].
        triangles: int64 (T, 3), indices of vertices.
    """

    vertices_m: np.ndarray
    triangles: np.ndarray

    def moved(self, rotation: np.ndarray, translation_m: np.ndarray) -> Mesh:
        """The mesh with every vertex x at ``rotation @ x + translation_m``."""
        return Mesh(self.vertices_m @ np.asarray(rotation).T + translation_m, self.triangles)

    def sampled(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Points spread evenly at random over the surface, float64 (count, 3) [m]."""
        corners = self.vertices_m[self.triangles]
        areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        chosen = corners[rng.choice(len(areas), count, p=areas / areas.sum())]
        # Square-root warping makes the density even within a triangle.
        root, second = np.sqrt(rng.random((count, 1))), rng.random((count, 1))
        points: np.ndarray = (
            (1 - root) * chosen[:, 0] + root * (1 - second) * chosen[:, 1] + root * second * chosen[:, 2]
        )
        return points


def joined(meshes: list[Mesh]) -> Mesh:
    """One mesh of several."""
    starts = np.cumsum([0] + [len(mesh.vertices_m) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.vertices_m for mesh in meshes]),
        np.concatenate([mesh.triangles + start for mesh, start in zip(meshes, starts, strict=True)]),
    )


def _solid(corners: Sequence[Size], faces: Sequence[tuple[int, ...]], size_m: Size) -> Mesh:
    """A convex solid from corners in the unit box [-0.5, 0.5]^2 x [0, 1] and its flat faces."""
    triangles = [(face[0], face[k], face[k + 1]) for face in faces for k in range(1, len(face) - 1)]
    return Mesh(np.array(corners) * size_m, np.array(triangles, dtype=np.int64))


_BOX_FACES = [(0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]
_SQUARE = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]


def box(size_m: Size) -> Mesh:
    """A cuboid."""
    return _solid([(x, y, z) for z in (0.0, 1.0) for x, y in _SQUARE], _BOX_FACES, size_m)


def wedge(size_m: Size) -> Mesh:
    """A triangular prism that rises along x."""
    corners = [(x, y, 0.0) for x, y in _SQUARE] + [(0.5, -0.5, 1.0), (0.5, 0.5, 1.0)]
    return _solid(corners, [(0, 3, 2, 1), (0, 1, 4), (2, 3, 5), (1, 2, 5, 4), (3, 0, 4, 5)], size_m)


def pyramid(size_m: Size) -> Mesh:
    """A pyramid on a rectangle."""
    corners = [(x, y, 0.0) for x, y in _SQUARE] + [(0.0, 0.0, 1.0)]
    return _solid(corners, [(0, 3, 2, 1), (0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)], size_m)


def _revolved(profile: np.ndarray, size_m: Size, *, closed: bool = False) -> Mesh:
    """The surface that a profile (N, 2) of radius [0, 0.5] and height [0, 1] sweeps around the z axis."""
    angles = np.arange(_SEGMENTS) * (2 * math.pi / _SEGMENTS)
    ring = np.stack((np.cos(angles), np.sin(angles)), axis=1)
    vertices = np.empty((len(profile), _SEGMENTS, 3))
    vertices[..., :2] = profile[:, None, :1] * ring
    vertices[..., 2] = profile[:, 1:]
    rows = np.arange(len(profile) if closed else len(profile) - 1)
    low, high = rows * _SEGMENTS, (rows + 1) % len(profile) * _SEGMENTS
    here, there = np.arange(_SEGMENTS), (np.arange(_SEGMENTS) + 1) % _SEGMENTS
    a, b = low[:, None] + here, low[:, None] + there
    c, d = high[:, None] + there, high[:, None] + here
    triangles = np.concatenate((np.stack((a, b, c), -1).reshape(-1, 3), np.stack((a, c, d), -1).reshape(-1, 3)))
    flat = vertices.reshape(-1, 3) * size_m
    corners = flat[triangles]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    return Mesh(flat, triangles[areas > 1e-12 * areas.max()])


def cylinder(size_m: Size) -> Mesh:
    """An upright cylinder."""
    return _revolved(np.array([(0, 0), (0.5, 0), (0.5, 1), (0, 1)], dtype=float), size_m)


def cone(size_m: Size) -> Mesh:
    """An upright cone."""
    return _revolved(np.array([(0, 0), (0.5, 0), (0, 1)], dtype=float), size_m)


def ball(size_m: Size) -> Mesh:
    """A sphere, or an ellipsoid where the sides differ."""
    angles = np.linspace(-math.pi / 2, math.pi / 2, _SEGMENTS // 2 + 1)
    return _revolved(np.stack((np.cos(angles) / 2, (1 + np.sin(angles)) / 2), axis=1), size_m)


def ring(size_m: Size) -> Mesh:
    """A torus that lies flat."""
    angles = np.arange(_TUBE_SEGMENTS) * (2 * math.pi / _TUBE_SEGMENTS)
    radius = 0.5 - _TUBE_SHARE / 2 * (1 - np.cos(angles))
    return _revolved(np.stack((radius, (1 + np.sin(angles)) / 2), axis=1), size_m, closed=True)


def capsule(size_m: Size) -> Mesh:
    """A cylinder with round ends, along the longer of x and z; the other sides are its diameter."""
    width, _, height = size_m
    lies = width > height
    length, diameter = (width, height) if lies else (height, width)
    cap = min(0.5, diameter / 2 / length)
    angles = np.linspace(-math.pi / 2, 0, _SEGMENTS // 4 + 1)
    lower = np.stack((np.cos(angles) / 2, cap * (1 + np.sin(angles))), axis=1)
    upper = np.stack((lower[::-1, 0], 1 - lower[::-1, 1]), axis=1)
    upright = _revolved(np.concatenate((lower, upper)), (diameter, diameter, length))
    if not lies:
        return upright
    turned = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    return upright.moved(turned, np.array([-length / 2, 0, diameter / 2]))


def table(size_m: Size) -> Mesh:
    """A table top on four legs."""
    width, depth, height = size_m
    thickness = leg = 0.05 * min(size_m)
    top = box((width, depth, thickness)).moved(np.eye(3), np.array([0, 0, height - thickness]))
    legs = [
        box((leg, leg, height - thickness)).moved(np.eye(3), np.array([x * (width - leg), y * (depth - leg), 0]))
        for x, y in _SQUARE
    ]
    return joined([top, *legs])


@dataclass(frozen=True)
class Shape:
    """A kind of solid.

    Args:
        name: English noun.
        name_zh: Chinese noun.
        make: Its mesh for a size.
        flat_top: Whether something can stand on it.
    """

    name: str
    name_zh: str
    make: Callable[[Size], Mesh]
    flat_top: bool = False


SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        shape.name: shape
        for shape in (
            Shape("box", "盒子", box, flat_top=True),
            Shape("cylinder", "圆柱", cylinder, flat_top=True),
            Shape("ball", "球", ball),
            Shape("cone", "圆锥", cone),
            Shape("ring", "圆环", ring),
            Shape("wedge", "楔块", wedge),
            Shape("pyramid", "棱锥", pyramid),
            Shape("capsule", "胶囊", capsule),
            Shape("table", "桌子", table, flat_top=True),
        )
    }
)
"""Every shape by its English noun."""
