"""Numbers of geometry functions on inputs in closed form: a wrong sign or constant moves one of them.

``pinned_geometry.json`` holds what each row of ``ROWS`` gives; run this file to rewrite it after a deliberate
change, and review the difference. The other tests of this folder say what the numbers must mean.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass, replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scenes import DEPTH, DISPARITY, METRIC, SHAPE
from verify.rooms import Room, room

from pipeline.geometry import (
    background,
    backprojection,
    boxes_3d,
    candidates,
    extents,
    floor,
    known_lengths,
    lengths,
    merge,
    objects,
    occlusion,
    order,
    outlines,
    planes,
    regions,
    scale,
    scattered,
    visibility,
)
from pipeline.geometry.regions import Window
from pipeline.records import Box3D, DepthKind
from pipeline.records.camera import Camera

TABLE = Path(__file__).with_name("pinned_geometry.json")
PROBABILITIES = {
    "of a positive value": [order.probability_positive(v, s) for v in (-2, -0.3, 0, 0.5, 3) for s in (0, 0.4, 2)],
    "of about": [
        order.probability_about(1.0, s, low, low + 0.3) for low in (0.3, 0.8, 0.95, 1.2) for s in (0, 0.05, 1)
    ],
    "of within": [
        order.probability_within(1.0, s, low, low + 0.3) for low in (0.7, 0.8, 1.0, 1.1) for s in (0, 0.05, 1)
    ],
    # Inside, at an end, outside, far outside, trivially correct, without a lower or an upper end.
    "of a length": [
        lengths.length_probability(low, high, measured, sigma, hidden=hidden, covered=covered)
        for low, high in ((0.9, 1.1), (1.0, 1.0), (0.0, 2.0), (0.8, math.inf), (3.0, 3.5), (0, 1e-12))
        for measured in (1.0, 1.4, 0.02, 90.0)
        for sigma in (0.0, 0.05, 0.6)
        for hidden, covered in ((0, 0), (0.3, 0), (0, 0.3), (4e-5, 0), (0, 4e-5))
    ],
    "of a share": [
        lengths.share_probability(low, high, least, most, sigma)
        for low, high in ((0.2, 0.3), (0.0, 0.1), (0.7, 1.0), (0.0, 1.0), (0.5, 0.5))
        for least, most in ((0.2, 0.25), (0.0, 0.6), (0.8, 0.9))
        for sigma in (0.01, 0.1)
    ],
}
WINDOWS = (Window(2, 10, 3, 9), Window(0, 200, 0, 200), Window(30, 90, 60, 150))
BOXES = (
    (2.5, 1.5, 8.5, 6.5),
    (2.49, 1.51, 8.51, 6.0),
    (3.0, 3.0, 3.0, 7.0),
    (-5.0, -4.0, 90.0, 80.0),
    (4.0, 4.0, 4.0, 4.0),
)
SPACES = (
    Box3D((0.2, -0.1, 3.0), (1.0, 0.6, 0.4), (0.3, -0.5, 0.8)),
    Box3D((0.4, 0.1, 3.2), (0.7, 0.9, 1.1), (-1.0, 0.2, 0.1)),
    Box3D((0.2, -0.1, 3.0), (0.5, 0.3, 0.2), (0.3, -0.5, 0.8)),
    Box3D((0.0, 0.0, 2.0), (1.0, 1.0, 1.0), (0.0, math.pi / 2, 0.4)),
    Box3D((0.0, 0.0, 0.3), (1.0, 1.0, 1.0)),
    Box3D((0.0, 0.0, 2.0), (1.0, 0.0, 1.0)),
)
VIEWS: dict[str, Callable[[], Room]] = {
    "level": partial(room, 1.1, 3.0),
    "down": partial(room, 1.3, 25.0, yaw_deg=12.0),
    "steep": partial(room, 2.2, 55.0),
    "raised": partial(room, 0.7, -12.0, focal_px=110.0),
}
view = cache(lambda name: VIEWS[name]())


def noisy(name: str, share: float) -> np.ndarray:
    z = view(name).z_m
    return z * (1 + share * np.random.default_rng(3).standard_normal(z.shape))


def holes(name: str) -> np.ndarray:
    return np.random.default_rng(4).random(view(name).z_m.shape) > 0.2


def cloud(index: int, name: str = "down") -> np.ndarray:
    return backprojection.back_project(noisy(name, 0.002), view(name).camera, view(name).ids == index)


def found_objects(kind: DepthKind) -> Iterator[objects.ObjectPixels | None]:
    """Objects of the boxes of a view, with and without masks, with other boxes' pixels left out, and with strays."""
    z = noisy("down", 0.003)
    coordinate = objects.order_coordinate((2 / z if kind is DISPARITY else z).astype(np.float32), kind)
    for index in (0, 1, 4):
        window = Window(*(int(v) for v in np.array(regions.mask_box(view("down").ids == index))[[1, 3, 0, 2]]))
        inner, mask = coordinate[window.slices], (view("down").ids == index)[window.slices]
        exclusive = np.indices(mask.shape)[1] > mask.shape[1] // 3
        common = {"edge_px": 2, "min_share": 0.3, "stray": 0.03}
        yield objects.object_pixels(inner, holes("down")[window.slices], window, None, exclusive=exclusive, **common)
        yield objects.object_pixels(inner, holes("down")[window.slices], window, mask, **common)
        yield objects.object_pixels(inner, np.ones(mask.shape, bool), window, None, edge_px=5, min_share=0.6, stray=0.0)


def occlusions(kind: DepthKind) -> Iterator[Any]:
    """Contours of pairs of boxes that hide each other, stand on each other, or do not touch."""
    z = noisy("down", 0.002)
    coordinate = objects.order_coordinate((2 / z if kind is DISPARITY else z).astype(np.float32), kind)
    ids = view("down").ids
    for first, second in ((0, 1), (1, 2), (2, 1), (4, -2), (3, -1), (0, 4)):
        masks = ids == first, ids == second
        for edge_px, gap_px in ((2, 0), (1, 2)):
            found = occlusion.shared_contour(coordinate, *masks, kind, edge_px=edge_px, gap_px=gap_px)
            yield found
            level = np.arange(len(found.steps)) % 3 > 0
            yield occlusion.ownership(found, 0.004, drift=0.002)
            yield occlusion.ownership(found, 0.0005, first_level=level, second_level=~level)
            yield occlusion.ownership(found.swapped(), 0.03)
            yield occlusion.clear_step(found, 0.004, 0.002)
            if len(found.pixels):
                yield occlusion.nearer_around(coordinate, *masks, found.pixels)
            yield occlusion.nearer_beside(coordinate, *masks, 4 + 3 * edge_px, edge_px)
        yield occlusion.hidden_share_bounds(*masks)
        yield outlines.filled_share(*masks), [outlines.junction_lead(*masks, radius_px) for radius_px in (4.0, 7.5)]


def returns() -> np.ndarray:
    """Pixels of a view that a scanner hits: lines 6 px apart, a return every 2 px with some left out."""
    hit = np.zeros(view("down").z_m.shape, bool)
    hit[1::6, ::2] = True
    return hit & holes("down")


def patches(spacing_px: tuple[float, float] | None) -> Iterator[Any]:
    """Surfaces in boxes of a view and their cues, dense or of a scanner's returns."""
    ids = view("down").ids
    coordinate = np.log(noisy("down", 0.002)).astype(np.float32)
    valid = holes("down") if spacing_px is None else returns()
    for index in (0, 1, 4):
        box = regions.mask_box(ids == index)
        assert box is not None
        window = regions.box_window(box, ids.shape)
        around = window.grown(6, ids.shape)
        patch = candidates.Patch(
            coordinate[around.slices], valid[around.slices], window.within(around), 1.0, spacing_px
        )
        rivals = np.indices(window.shape)[1] > window.shape[1] // 3
        for chosen in (None, (ids == index)[window.slices] & valid[window.slices]):
            for surface in candidates.surfaces(patch, chosen):
                yield surface
                cues = candidates.surface_cues(
                    patch, surface, rivals, [(rivals, 0.6), (~rivals, 0.3)], chosen=chosen is not None
                )
                yield list(cues.values())


def scans() -> Iterator[Any]:
    """Returns of a scanner, single or drawn as squares, and what they become at other sizes."""
    z, hit = noisy("down", 0.002).astype(np.float32), returns()
    yield scattered.spacing_px(hit)
    for side_px in (1, 3, 5):
        kernel = np.ones((side_px, side_px))
        # The nearest of overlapping squares is on top.
        image = cv2.dilate(np.where(hit, 1 / z, 0), kernel)
        yield scattered.single_returns(image, image > 0), scattered.copied_px(image, image > 0)
    for size in ((80, 60), (200, 131), (40, 90)):
        yield scattered.resized_returns(z, hit, size)
    for name in VIEWS:
        yield scattered.single_returns(noisy(name, 0.002), holes(name))


def boundaries(relative: bool) -> Iterator[Any]:
    """Open boundaries and backgrounds of the boxes of a view."""
    near = 1 / noisy("down", 0.002)
    ids = view("down").ids
    for index in (0, 1, 3, 4):
        least = 0.03 if relative else 0.02
        opened = visibility.open_boundary(near, holes("down"), ids == index, edge_px=2, least=least, relative=relative)
        yield opened
        box = regions.mask_box(ids == index)
        assert box is not None
        window = regions.box_window(box, ids.shape)
        around = background.ring_window(window, ids.shape)
        yield around
        yield background.surroundings(
            near[around.slices], holes("down")[around.slices], around, window, tolerance=least / 2, relative=relative
        )
        columns = np.nonzero(ids == index)[1].astype(float)
        yield visibility.reach(columns, opened[ids == index])


def directions(name: str) -> Iterator[Any]:
    """Which way is up, and the support, for exact and rough depth."""
    for share, noise in ((0.0, 0.002), (0.004, 0.005), (0.01, 0.05)):
        z, valid, camera = noisy(name, share), holes(name), view(name).camera
        up = planes.estimate_up(z, valid, camera, relative_noise=noise)
        yield up
        yield planes.estimate_up(z, valid & (view(name).ids >= -1), camera, relative_noise=noise, max_tilt_deg=40.0)
        yield planes.support_plane(z, valid, camera, np.array((0.0, -1.0, -0.2)), relative_noise=noise)
        if up is not None:
            yield planes.support_plane(z, valid, camera, up.direction, relative_noise=noise)


def floors(kind: DepthKind) -> Iterator[Any]:
    for name, noise in product(VIEWS, (0.001, 0.02)):
        z, camera = noisy(name, 0.002), view(name).camera
        rays = (backprojection.back_project(np.ones(z.shape), camera))[::7]
        values = (2 / z + 0.4 if kind is DISPARITY else 0.5 * z + 0.2).ravel()[::7]
        found = floor.floor_pixels(rays, values, kind, noise)
        yield found


def length_of(
    value: float, index: int, measure: Callable[..., float], kind: DepthKind, **rest: float
) -> known_lengths.KnownLength:
    camera, mask = view("down").camera, view("down").ids == index
    z = noisy("down", 0.001)
    values = {"disparity_affine": 2 / z + 0.4, "depth_affine": 0.5 * z + 0.2, "scale_invariant": 0.7 * z}[kind][mask]
    pixels = known_lengths.Pixels(backprojection.back_project(np.ones(mask.shape), camera, mask), values, 0.004, 0.01)
    return known_lengths.KnownLength(value, (pixels,), measure, **rest)


def solutions(kind: DepthKind) -> Iterator[Any]:
    """Scale and shift from lengths that agree, disagree, or do not suffice."""
    straight, along, plane = known_lengths.straight_distance, known_lengths.z_distance, known_lengths.floor_distance
    near = float(np.median(view("down").z_m[view("down").ids == 0]))
    far = float(np.median(view("down").z_m[view("down").ids == -1]))
    one = partial(length_of, kind=kind, error=0.01)
    sets = (
        (one(near, 0, along), one(far, -1, along)),
        (one(near, 0, along), one(far, -1, along, focal_error=0.05), one(1.3, -2, plane, focal_error=0.05)),
        (one(1.1 * near, 0, along), one(far, -1, straight), one(0.9 * far, -1, along)),
        (one(1.3, -2, plane, focal_error=0.02), one(near, 0, straight)),
        (one(near, 0, along), one(1.02 * near, 4, along)),
        (one(near, 0, along),),
    )
    values = sets[1][1].objects[0].values
    for known in sets:
        yield [known_lengths.measured_length(item, kind, 0.3, widening=1.1) for item in known]
        yield [known_lengths.length_errors(item, kind, 0.3) for item in known]
        for flat in ((), (length_of(1.0, -2, along, kind).objects[0],)):
            try:
                solved = (
                    scale.solve_scale(known, kind) if kind is SHAPE else scale.solve_affine(known, kind, values, flat)
                )
                yield solved
                yield solved.error_at(np.quantile(values, (0.1, 0.5, 0.9)))
            except scale.CannotScale as refusal:
                yield len(str(refusal)) > 0


def merges() -> Iterator[Any]:
    """Clouds of two views that agree, are shifted a little, or far."""
    other = room(1.2, 20.0, x_m=0.5, yaw_deg=-10.0)
    first, second = cloud(1), backprojection.back_project(other.z_m, other.camera, other.ids == 1)
    pose = view("down").pose
    yield merge.merged((first, second), (pose, other.pose), pose)
    both = merge.moved(first, pose), merge.moved(second, other.pose)
    for offset in (0.0, 0.03, 0.08, 0.4, 2.0):
        for error, spread in ((0.01, 0.0), (0.02, 0.03)):
            yield merge.agreement(both[0], both[1] + (offset, 0, 0), error, spread=spread)
    yield merge.agreement(both[0][:9], both[1], 0.01)
    for shift in (-1.0, -0.04, 0.0, 0.1):
        yield merge.seen_through(
            first + np.array((0, 0, shift)), view("down").z_m, holes("down"), view("down").camera, 0.02
        )
    yield merge.seen_through(first - (9, 0, 0), view("down").z_m, holes("down"), view("down").camera, 0.02)


def boxes() -> Iterator[Any]:
    camera = Camera(150.0, 140.0, 79.0, 60.0, 160, 120)
    grid = np.stack(np.meshgrid(*[np.linspace(-0.6, 0.8, 8)] * 3), axis=-1).reshape(-1, 3) + np.array((0.2, 0, 3))
    for one in SPACES:
        yield boxes_3d.rotation_angles(one.rotation)
        yield boxes_3d.points_in_box(grid, one), boxes_3d.points_in_box(grid, one, 0.1)
        with np.errstate(invalid="ignore"):
            yield boxes_3d.ray_intervals(grid, one), boxes_3d.ray_intervals(grid[::9], one, 0.2)
        yield boxes_3d.project_box(one, camera), boxes_3d.project_box(replace(one, center_m=(1.6, -1.2, 3.0)), camera)
        yield [boxes_3d.box_iou_3d(one, other) for other in SPACES]
    for index in (0, 1, 3, 4):
        yield boxes_3d.oriented_box(cloud(index), np.array((0.0, -1.0, -0.4)))
        yield boxes_3d.oriented_box(cloud(index)[::4], np.array((0.1, -2.0, -0.9)))


def simple() -> Iterator[Any]:
    for box in BOXES:
        yield regions.box_window(box, (40, 60)), regions.box_window(box, (5, 7), 2.3)
        yield [(regions.boxes_gap(box, other), regions.boxes_iou(box, other)) for other in BOXES]
    yield [window.union(WINDOWS[0]) for window in WINDOWS], [background.ring_window(one, (180, 200)) for one in WINDOWS]
    for first, second in ((0, 1), (1, 2), (0, 4)):
        yield (
            extents.nearest_points(cloud(first), cloud(second)),
            extents.nearest_points(cloud(second), cloud(first)),
        )
        yield extents.centre(cloud(first)), extents.thin(cloud(first), 50).sum(axis=0)
    for radius in (1, 3, 8, 20):
        yield objects.erode(view("down").ids == 0, radius)
    for kind, values in product(DepthKind, (noisy("down", 0.01),)):
        coordinate = objects.order_coordinate(values, kind)
        yield objects.coordinate_spread(values, holes("down"), kind), objects.depth_of_coordinate(0.7, kind)
        yield objects.without_strays(coordinate, view("down").ids == 1, 0.01), occlusion.nearness(coordinate, kind)
    strewn = cloud(-2)[::9] * (1 + 0.02 * np.sin(np.arange(len(cloud(-2)[::9])) ** 2) ** 9)[:, None]
    for points in (cloud(-2)[::9], cloud(0), strewn):
        yield (
            known_lengths.plane_normal(points),
            known_lengths.plane_distance(points),
            known_lengths.floor_distance(points),
        )
        yield known_lengths.centre_distance(points, cloud(1)), known_lengths.nearest_distance(points, cloud(1))


ROWS: dict[str, Callable[[], Any]] = {
    **{f"probability {name}": partial(list, values) for name, values in PROBABILITIES.items()},
    **{f"objects, {kind}": partial(found_objects, kind) for kind in (METRIC, DEPTH, DISPARITY)},
    **{f"contours, {kind}": partial(occlusions, kind) for kind in (METRIC, DISPARITY)},
    "surfaces, dense": partial(patches, None),
    "surfaces, scattered": partial(patches, (2.0, 6.0)),
    "returns of a scanner": scans,
    **{f"boundaries, {'relative' if share else 'absolute'}": partial(boundaries, share) for share in (True, False)},
    **{f"planes, {name}": partial(directions, name) for name in VIEWS},
    **{f"floors, {kind}": partial(floors, kind) for kind in (DEPTH, DISPARITY)},
    **{f"scales, {kind}": partial(solutions, kind) for kind in (SHAPE, DEPTH, DISPARITY)},
    "clouds of several frames": merges,
    "boxes in space": boxes,
    "boxes, masks and points": simple,
}


def flat(value: Any) -> Iterator[float]:
    """All numbers of a result; of a longer array its size, sum, weighted sum and largest."""
    if value is None:
        yield -1.0
    elif is_dataclass(value) and not isinstance(value, type):
        yield from flat(tuple(getattr(value, name) for name in value.__dataclass_fields__))
    elif isinstance(value, np.ndarray):
        numbers = np.nan_to_num(value.astype(float).ravel(), nan=-7.0)
        if numbers.size > 9:
            numbers = np.array((numbers.size, numbers.sum(), numbers @ np.sin(np.arange(numbers.size)), numbers.max()))
        yield from numbers.tolist()
    elif isinstance(value, str):
        yield float(len(value))
    elif isinstance(value, list | tuple | Iterator):
        for part in value:
            yield from flat(part)
    else:
        yield float(value)


def numbers_of(name: str) -> list[float]:
    return [float(f"{value:.6g}") for value in flat(ROWS[name]())]


@pytest.mark.parametrize("name", ROWS)
def test_the_numbers_of_geometry_stay(name: str) -> None:
    pinned = json.loads(TABLE.read_text("utf-8"))[name]
    # What is summed over thousands of pixels may differ in its last digits between machines.
    assert numbers_of(name) == pytest.approx(pinned, rel=2e-5, abs=1e-6, nan_ok=True)


if __name__ == "__main__":
    TABLE.write_text(
        "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(numbers_of(name))}" for name in ROWS) + "\n}\n", "utf-8"
    )
