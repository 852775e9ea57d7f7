"""Random worlds: a table top or a room, with solids free, stacked, touching, side by side, one behind another."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from pipeline.synthetic.shapes import SHAPES
from pipeline.synthetic.world import Colour, Piece, Surface, World, least_distance_m, ray_caster

COLOURS: dict[str, tuple[str, Colour]] = {
    "red": ("红色", (205, 35, 35)),
    "orange": ("橙色", (240, 130, 25)),
    "yellow": ("黄色", (240, 215, 40)),
    "green": ("绿色", (45, 160, 60)),
    "blue": ("蓝色", (40, 80, 205)),
    "purple": ("紫色", (130, 55, 170)),
    "pink": ("粉色", (245, 150, 185)),
    "brown": ("棕色", (120, 75, 40)),
    "white": ("白色", (242, 242, 242)),
    "black": ("黑色", (38, 38, 38)),
    "grey": ("灰色", (130, 130, 130)),
    "cyan": ("青色", (50, 200, 205)),
}
"""Colours by English name: Chinese name and RGB."""

# Least and greatest largest side of a solid on a table and on a floor [m], and the least ratio of its sides.
_VARIED = (0.05, 0.3), (0.2, 1.5), 0.35
_TIDY = (0.13, 0.26), (0.45, 0.9), 0.55
# Least and greatest half side of the area in which tidy solids stand, by the greatest largest side.
_TIDY_HALF = 0.85, 1.35
_WOOD: Colour = (165, 120, 75)
_FLOORS: tuple[Colour, ...] = ((190, 170, 140), (150, 150, 155), (205, 200, 190), (140, 105, 75))
_WALLS: tuple[Colour, ...] = ((225, 220, 205), (200, 215, 220), (215, 200, 200), (180, 190, 170))
_SOLIDS = tuple(name for name in SHAPES if name != "table")
_FLOOR_HALF_M = 12.0
_WALL_M = 2.8
_TRIES = 40
# Largest gap between touching solids [m].
_TOUCHING_M = 0.001
_ADVANCES = 25


def random_world(rng: np.random.Generator, *, tidy: bool = False) -> tuple[World, np.ndarray, float]:
    """A world with 2 to 7 solids, and a table in every world of table size and some rooms.

    Args:
        rng: Draws everything.
        tidy: Whether the solids are similar in size and close together, so that one image shows all of them well.

    Returns:
        The world, the middle of its solids, float64 (3,) [m], and their radius [m].
    """
    on_table = rng.random() < 0.5
    on_tables_m, on_floors_m, least_ratio = _TIDY if tidy else _VARIED
    largest_m = on_tables_m if on_table else on_floors_m
    pieces: list[Piece] = []
    if on_table:
        size = (rng.uniform(0.9, 1.6), rng.uniform(0.6, 1.0), rng.uniform(0.65, 0.8))
        pieces.append(Piece("table", "桌子", "table", _WOOD, (0.0, 0.0, 0.0), size))
        base_m, half = size[2], (size[0] / 2 * rng.uniform(0.4, 1.0), size[1] / 2 * rng.uniform(0.6, 1.0))
    else:
        base_m, half = 0.0, (rng.uniform(0.7, 1.6), rng.uniform(0.7, 1.6))
        if rng.random() < 0.3 and not tidy:
            size = (rng.uniform(0.6, 1.2), rng.uniform(0.5, 0.8), rng.uniform(0.4, 0.75))
            place = (rng.uniform(-0.5, 0.5), rng.uniform(0, 0.8), 0.0)
            pieces.append(Piece("table", "桌子", "table", _WOOD, place, size, rng.uniform(-0.5, 0.5)))
    if tidy:
        width, depth = (largest_m[1] * rng.uniform(*_TIDY_HALF) for _ in range(2))
        half = (min(width, half[0]), min(depth, half[1])) if on_table else (width, depth)
    wanted = int(rng.integers(2, 8))
    furniture = len(pieces)
    for _ in range(_TRIES):
        if len(pieces) - furniture == wanted:
            break
        draft = _random_solid(rng, largest_m, least_ratio, {piece.label for piece in pieces})
        placed = _placed(draft, rng, pieces, base_m, half)
        if placed is not None:
            pieces.append(placed)
    solids = pieces[furniture:] or pieces
    low = np.min([piece.centre_m - piece.radius_m for piece in solids], axis=0)
    high = np.max([piece.centre_m + piece.radius_m for piece in solids], axis=0)
    middle = (low + high) / 2
    middle[2] = (base_m + max(piece.top_m for piece in solids)) / 2
    radius = float(np.linalg.norm((high - low)[:2])) / 2
    reach = max(np.abs(piece.centre_m[:2]).max() + piece.radius_m for piece in pieces)
    light = (rng.uniform(-0.7, 0.7), rng.uniform(-0.8, 0.2), 1.0)
    return World(tuple(pieces), _surroundings(rng, reach, base_m), light), middle, radius


def _random_solid(
    rng: np.random.Generator, largest_m: tuple[float, float], least_ratio: float, taken: set[str]
) -> Piece:
    """A solid at the origin, with a name that is not taken."""
    while True:
        colour, shape = str(rng.choice(list(COLOURS))), str(rng.choice(_SOLIDS))
        if f"{colour} {shape}" not in taken:
            break
    low, high = largest_m
    largest = math.exp(rng.uniform(math.log(low), math.log(high)))
    sides = np.maximum(largest * rng.uniform(least_ratio, 1.0, 3), low * 0.8)
    if shape == "ball":
        sides[:] = min(largest, 0.8)
    elif shape == "ring":
        sides[:] = (largest, largest, 0.28 * largest)
    elif shape == "capsule":
        thin = 0.5 * largest
        sides[:] = (largest, thin, thin) if rng.random() < 0.5 else (thin, thin, largest)
    elif shape in ("cylinder", "cone"):
        sides[1] = sides[0]
    width, depth, height = (float(side) for side in sides)
    chinese, rgb = COLOURS[colour]
    yaw = float(rng.uniform(0, 2 * math.pi))
    label_zh = chinese + SHAPES[shape].name_zh
    return Piece(f"{colour} {shape}", label_zh, shape, rgb, (0.0, 0.0, 0.0), (width, depth, height), yaw)


def _placed(
    draft: Piece, rng: np.random.Generator, pieces: list[Piece], base_m: float, half: tuple[float, float]
) -> Piece | None:
    """The solid at a free place, or None where no try finds one."""
    others = [piece for piece in pieces if piece.position_m[2] == base_m and piece.shape != "table"]
    way = rng.random()
    if way < 0.25:
        stacked = _stacked(draft, rng, pieces, on_table=base_m > 0)
        if stacked is not None:
            return stacked
    for _ in range(_TRIES):
        x, y = rng.uniform(-half[0], half[0]), rng.uniform(-half[1], half[1])
        neighbour = others[int(rng.integers(len(others)))] if others else None
        if neighbour is not None and way >= 0.4:
            apart = draft.radius_m + neighbour.radius_m
            x0, y0, _ = neighbour.position_m
            if way < 0.6:
                # Beside it at equal depth.
                x, y = x0 + rng.choice((-1, 1)) * apart * rng.uniform(1.0, 1.6), y0 + rng.normal(0, 0.03) * apart
            elif way < 0.9:
                # Behind or before it, a little to the side.
                x = x0 + rng.uniform(-0.6, 0.6) * apart
                y = y0 + rng.choice((-1, 1)) * apart * rng.uniform(1.0, 1.6)
        inside = abs(x) <= half[0] - draft.radius_m / 2 and abs(y) <= half[1] - draft.radius_m / 2
        candidate = replace(draft, position_m=(float(x), float(y), base_m))
        if not inside or not _is_free(candidate, pieces, base_m):
            continue
        if neighbour is not None and 0.25 <= way < 0.4:
            return _pushed(candidate, neighbour, pieces, base_m)
        return candidate
    return None


def _is_free(candidate: Piece, pieces: list[Piece], base_m: float) -> bool:
    """Whether the upright cylinder around the solid is clear of those around the others, stacked ones included."""
    return all(
        math.dist(candidate.position_m[:2], piece.position_m[:2]) - candidate.radius_m - piece.radius_m >= 0
        for piece in _obstacles(pieces, base_m)
    )


def _obstacles(pieces: list[Piece], base_m: float) -> list[Piece]:
    """The solids without a table on whose top the new one stands."""
    return [piece for piece in pieces if not (piece.shape == "table" and piece.top_m <= base_m)]


def _stacked(draft: Piece, rng: np.random.Generator, pieces: list[Piece], on_table: bool) -> Piece | None:
    """The solid, made small enough, on top of another that carries nothing yet."""
    carriers = [
        piece
        for piece in pieces
        if SHAPES[piece.shape].flat_top
        and not (on_table and piece.shape == "table")
        and not any(_stands_over(other, piece) for other in pieces)
    ]
    if not carriers:
        return None
    carrier = carriers[int(rng.integers(len(carriers)))]
    room = min(carrier.size_m[:2])
    width, depth, height = np.array(draft.size_m) * min(1.0, room * rng.uniform(0.5, 0.95) / max(draft.size_m[:2]))
    slack = max(0.0, (room - max(width, depth)) / 2)
    offset = rng.uniform(-slack, slack, 2) / math.sqrt(2)
    x, y = carrier.centre_m[:2] + offset
    # Turned like its carrier, the solid does not overhang.
    stacked = replace(
        draft, position_m=(float(x), float(y), carrier.top_m), size_m=(width, depth, height), yaw_rad=carrier.yaw_rad
    )
    beside = [piece for piece in pieces if piece is not carrier and piece.shape != "table"]
    clear = all(
        math.dist((x, y), piece.position_m[:2]) >= stacked.radius_m + piece.radius_m
        or piece.top_m < carrier.top_m
        or piece.position_m[2] > stacked.top_m
        for piece in beside
    )
    return stacked if clear else None


def _stands_over(upper: Piece, lower: Piece) -> bool:
    near = math.dist(upper.position_m[:2], lower.position_m[:2]) < upper.radius_m + lower.radius_m
    return near and upper.position_m[2] >= lower.top_m - _TOUCHING_M and upper is not lower


def _pushed(mover: Piece, target: Piece, pieces: list[Piece], base_m: float) -> Piece:
    """The solid, moved along the floor towards another until it touches something.

    It advances by the free distance, so it never penetrates another solid.
    """
    others = _obstacles(pieces, base_m)
    caster = ray_caster([piece.mesh for piece in others])
    own_caster = ray_caster([mover.mesh])
    their_points = np.concatenate([piece.samples_m for piece in others])
    start = np.array(mover.position_m)
    way = np.array(target.position_m)[:2] - start[:2]
    step = np.array([*way / np.linalg.norm(way), 0.0])
    moved = 0.0
    for _ in range(_ADVANCES):
        shift = moved * step
        gap = min(least_distance_m(caster, mover.samples_m + shift), least_distance_m(own_caster, their_points - shift))
        if gap < _TOUCHING_M or moved + gap > np.linalg.norm(way):
            break
        moved += gap
    x, y, z = start + moved * step
    return replace(mover, position_m=(float(x), float(y), float(z)))


def _surroundings(rng: np.random.Generator, reach_m: float, base_m: float) -> tuple[Surface, ...]:
    """The floor and one to three walls around a place of that radius, open on the near side."""
    far = _FLOOR_HALF_M
    floor_rgb, wall_rgb = (choices[int(rng.integers(4))] for choices in (_FLOORS, _WALLS))
    floor = Surface(
        ((-far, -far, 0), (far, -far, 0), (far, far, 0), (-far, far, 0)), floor_rgb, float(rng.uniform(0.15, 0.6))
    )
    back, left, right = reach_m + rng.uniform(0.05, 2.5, 3)
    height = _WALL_M + base_m / 2
    walls = [
        ((-far, back, 0), (far, back, 0), (far, back, height), (-far, back, height)),
        ((-left, -far, 0), (-left, far, 0), (-left, far, height), (-left, -far, height)),
        ((right, -far, 0), (right, far, 0), (right, far, height), (right, -far, height)),
    ]
    wall_tile = float(rng.choice((0.0, 0.4)))
    count = int(rng.integers(1, 4))
    return floor, *(Surface(corners, wall_rgb, wall_tile) for corners in walls[:count])
