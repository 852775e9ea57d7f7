"""Harder forms of a case: a scanner's depth, a weak network's depth, and boxes as models give them."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

import cv2
import numpy as np

from pipeline.datasets.base import Case
from pipeline.geometry.boxes_3d import project_box
from pipeline.geometry.scattered import depth_of_returns
from pipeline.records import Box, DepthMap, Frame, Origin, Region, Sampling
from pipeline.records.camera import Camera
from pipeline.synthetic.depth_errors import monocular_disparity, monocular_metric, sensor_depth

# A scanner's beam covers this share of the spacing of its returns, and its range errs by this share of z.
_BEAM_SHARE, _RANGE_ERROR = 0.5, 0.002
# Angles between the lines of a scanner of 32 lines and between the returns of one, as in nuScenes, and the height of a
# line in a finer scan [deg].
_LINES_DEG, _RETURNS_DEG, _LINE_DEG = 1.33, 0.33, 0.33
# Edges of a model's box are off by a share of the side between these, and so many boxes lie on a neighbour.
_BOX_ERRORS, _NEIGHBOUR_SHARE = (0.05, 0.15), 0.03
_LEAST_SIDE_PX = 3.0
# A weak network: blur and shift as shares of the longer side, bend of the depth over the image, and patches whose order
# is turned around, with their number and largest side as a share of the image's.
_BLUR, _SHIFT, _BEND = 0.015, 0.01, 0.25
_PATCHES, _PATCH_SHARE = 3, 0.25


class Variant(StrEnum):
    """What is done to a case.

    ``sensor``, ``monocular``, ``network``: simulated sensor depth, a network's disparity, or its metric depth, in place
    of exact depth. ``scanner``: single returns of a scanner. ``fewer_lines``: those that a scanner of 32 lines would
    have of a finer scan. ``weak_network``: depth as a weak network predicts it.
    ``amodal_boxes``: boxes around the whole object, hidden parts included. ``inexact_boxes``: boxes with a model's
    errors.
    """

    SENSOR = "sensor"
    MONOCULAR = "monocular"
    NETWORK = "network"
    SCANNER = "scanner"
    FEWER_LINES = "fewer_lines"
    WEAK_NETWORK = "weak_network"
    AMODAL_BOXES = "amodal_boxes"
    INEXACT_BOXES = "inexact_boxes"


def varied(case: Case, variant: Variant, seed: int, spacing_px: tuple[int, int] = (2, 6)) -> Case:
    """A case in another form; the same seed gives the same form.

    Args:
        case: The case, with given depth.
        variant: Its form.
        seed: Seed of everything random.
        spacing_px: Spacing of a scanner's returns along x and y.
    """
    rng = np.random.default_rng(seed)
    if variant is Variant.AMODAL_BOXES:
        return _with_regions(case, tuple(_amodal(region, case) for region in case.scene.regions), keeps_claims=False)
    if variant is Variant.INEXACT_BOXES:
        return _with_regions(case, _inexact(case, rng), keeps_claims=True)
    frames = []
    for frame in case.scene.frames:
        depth = frame.given_depth
        assert depth is not None
        frames.append(replace(frame, given_depth=_changed(frame, depth, variant, seed, rng, spacing_px)))
    return replace(case, scene=replace(case.scene, frames=tuple(frames)))


def _changed(
    frame: Frame,
    depth: DepthMap,
    variant: Variant,
    seed: int,
    rng: np.random.Generator,
    spacing_px: tuple[int, int],
) -> DepthMap:
    if variant is Variant.SENSOR:
        return sensor_depth(depth.values, frame.camera, seed)
    if variant is Variant.MONOCULAR:
        return monocular_disparity(depth.values, seed)
    if variant is Variant.NETWORK:
        return monocular_metric(depth.values, seed)
    if variant is Variant.FEWER_LINES:
        return with_fewer_lines(depth, frame.camera, rng)
    return scanned(depth, spacing_px, rng) if variant is Variant.SCANNER else weakly_predicted(depth, rng)


def scanned(depth: DepthMap, spacing_px: tuple[int, int], rng: np.random.Generator) -> DepthMap:
    """Single returns of a scanner on a regular grid: of what a beam covers, the nearest counts.

    Args:
        depth: Dense metric depth.
        spacing_px: Spacing along x and y.
        rng: Places the grid and draws the errors.
    """
    beam = np.ones([max(1, round(_BEAM_SHARE * side)) for side in spacing_px[::-1]], np.uint8)
    nearest = cv2.erode(np.where(depth.valid, depth.values, np.float32(1e6)), beam)
    hit = np.zeros_like(depth.valid)
    first = [int(rng.integers(side)) for side in spacing_px]
    hit[first[1] :: spacing_px[1], first[0] :: spacing_px[0]] = True
    noise = 1 + _RANGE_ERROR * rng.standard_normal(depth.values.shape).astype(np.float32)
    return replace(
        depth,
        values=nearest * noise,
        valid=depth.valid & hit,
        backend="lidar",
        sampling=Sampling(float(spacing_px[0]), float(spacing_px[1]), is_scattered=True),
    )


def with_fewer_lines(depth: DepthMap, camera: Camera, rng: np.random.Generator) -> DepthMap:
    """The returns of a scan that a scanner of 32 lines would have: every few lines, and one return per step along them.

    Args:
        depth: Scattered returns of a finer scan.
        camera: Intrinsics of its frame; the scanner is taken to be level with it.
        rng: Chooses which lines stay.
    """
    rows, columns = np.nonzero(depth.valid)
    ray_x, ray_y = (columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy
    elevation_deg = np.degrees(np.arctan2(-ray_y, np.hypot(ray_x, 1))) + rng.uniform(0, _LINES_DEG)
    steps = np.floor(np.degrees(np.arctan2(ray_x, 1)) / _RETURNS_DEG)
    on_line = np.flatnonzero(elevation_deg % _LINES_DEG < _LINE_DEG)
    cells = np.stack((np.floor(elevation_deg / _LINES_DEG), steps), axis=1)[on_line]
    _, first = np.unique(cells, axis=0, return_index=True)
    kept = on_line[first]
    valid = np.zeros_like(depth.valid)
    valid[rows[kept], columns[kept]] = True
    return depth_of_returns(np.where(valid, depth.values, 0), valid, depth.backend)


def weakly_predicted(depth: DepthMap, rng: np.random.Generator) -> DepthMap:
    """Depth up to scale as a weak network outside its domain predicts it.

    The true depth, blurred, shifted, bent over the image, and turned around in a few patches.
    """
    height, width = depth.shape
    side = max(height, width)
    known = depth.valid.astype(np.float32)
    sigma = _BLUR * side
    inverse = np.where(depth.valid, 1 / np.maximum(depth.values, 1e-6), 0).astype(np.float32)
    smooth = cv2.GaussianBlur(inverse, (0, 0), sigma) / np.maximum(cv2.GaussianBlur(known, (0, 0), sigma), 1e-3)
    right, down = rng.normal(0, _SHIFT * side, 2)
    shift = np.array([[1, 0, right], [0, 1, down]], dtype=np.float32)
    shifted = cv2.warpAffine(smooth, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
    bend = cv2.resize(rng.standard_normal((4, 4)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    logs = np.log(np.maximum(shifted, 1e-6)) + _BEND * bend
    for _ in range(_PATCHES):
        sides = [int(rng.uniform(0.3, 1) * _PATCH_SHARE * length) for length in (height, width)]
        top, left = (
            int(rng.integers(0, length - part + 1)) for length, part in zip((height, width), sides, strict=True)
        )
        patch = logs[top : top + sides[0], left : left + sides[1]]
        if patch.size:
            patch[...] = 2 * np.median(patch) - patch
    return DepthMap.from_values(np.exp(-logs), "scale_invariant", backend="file")


def _with_regions(case: Case, regions: tuple[Region, ...], *, keeps_claims: bool) -> Case:
    claims = case.scene.claims if keeps_claims else ()
    return replace(case, scene=replace(case.scene, regions=regions, claims=claims))


def _amodal(region: Region, case: Case) -> Region:
    """The region with the box of its box in space, where it has one."""
    frame = case.scene.frames[region.frame]
    whole = None if region.box_3d is None else project_box(region.box_3d, frame.camera)
    return region if whole is None else replace(region, box_px=_clipped(whole, frame) or region.box_px)


def _inexact(case: Case, rng: np.random.Generator) -> tuple[Region, ...]:
    regions = []
    for index, region in enumerate(case.scene.regions):
        others = [
            other
            for number, other in enumerate(case.scene.regions)
            if number != index and other.frame == region.frame and not other.is_point
        ]
        if region.is_point:
            regions.append(region)
            continue
        box = region.box_px
        if others and rng.random() < _NEIGHBOUR_SHARE:
            box = others[int(rng.integers(len(others)))].box_px
        share, (left, top, right, bottom) = rng.uniform(*_BOX_ERRORS), box
        error = share * rng.standard_normal(4) * (right - left, bottom - top, right - left, bottom - top)
        x1, y1, x2, y2 = np.array(box) + error
        moved = (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
        frame = case.scene.frames[region.frame]
        regions.append(replace(region, box_px=_clipped(moved, frame) or region.box_px, mask=None, origin=Origin.MODEL))
    return tuple(regions)


def _clipped(box: Box, frame: Frame) -> Box | None:
    """The part of a box within a frame; None where hardly any is."""
    left, top = max(float(box[0]), 0.0), max(float(box[1]), 0.0)
    right, bottom = min(float(box[2]), float(frame.width)), min(float(box[3]), float(frame.height))
    return None if min(right - left, bottom - top) < _LEAST_SIDE_PX else (left, top, right, bottom)
