"""Objects without annotation: smooth surfaces of a depth map, bounded by steps and creases.

The result is deterministic. Thresholds are relative to depth, like the errors of sensors.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.geometry.backprojection import back_project
from pipeline.geometry.regions import mask_box
from pipeline.records.camera import Camera

# Distance across which a step is measured [px].
_STEP_PX = 2
# Ways to segment a map, from fine to coarse: passes of smoothing, step as a share of z, bend of the surface [deg].
# None suits every sensor and distance, so the best segments of all of them are taken.
_CUTS = ((1, 0.02, 25.0), (2, 0.02, 35.0), (2, 0.01, 25.0), (1, 0.015, 60.0), (2, 0.03, 90.0), (2, 0.06, 90.0))
# Edge-preserving smoothing of logarithms of depth: diameter [px], range, radius [px].
_SMOOTH_PX, _SMOOTH_RANGE, _SMOOTH_RADIUS_PX = 11, 0.015, 4.0
# Bends are measured over some pixels, normals averaged over some [px].
_BEND_PX, _NORMALS_PX = 5, 7
# Shares of the image's area of the least and the largest segment.
_LEAST_SHARE, _MOST_SHARE = 0.005, 0.20
# Share of its convex hull, and of its box, that a compact segment fills.
_SOLIDITY, _BOX_FILL = 0.72, 0.4
# A segment is background where something nearer hides a larger share of its border.
_MOST_HIDDEN = 0.5
# The segment must be nearer along this share of its border; else it is a patch of a larger surface.
_LEAST_OWNED = 0.25
# Largest share of a segment's box that may show something clearly nearer; beyond it, the box shows that instead.
_MOST_NEARER = 0.2
# Largest number of segments; the best are kept.
_MOST = 12
# Share of a segment that a better one may own already.
_MOST_SHARED = 0.1
# Distance by which segments grow back to the edges that bounded them [px].
_GROW_PX = 8
# Width beside a border that is not read, and largest distance between its two sides [px].
_EDGE_PX, _REACH_PX = 2, 12
# Steps beyond this share of z are clear; below the second share there is none.
_CLEAR_SHARE, _NO_STEP_SHARE = 0.03, 0.01
# Shortest border that proves anything [px], and the share of it that must agree.
_BORDER_PX, _AGREED = 15, 0.9


def segments_of(depth_m: np.ndarray, valid: np.ndarray, camera: Camera) -> list[np.ndarray]:
    """Compact smooth surfaces of a depth map.

    Args:
        depth_m: float (H, W), z [m].
        valid: bool (H, W), where depth is known.
        camera: Intrinsics of the image.

    Returns:
        bool (H, W) masks, the largest first; disjoint.
    """
    if not valid.any():
        return []
    found: list[tuple[float, np.ndarray]] = []
    plain, known = _filled_depth(depth_m, valid)
    versions = {0: plain}
    for passes in range(1, max(cut[0] for cut in _CUTS) + 1):
        versions[passes] = _smoothed(versions[passes - 1])
    for passes, step_share, bend_deg in _CUTS:
        for mask in _cut(versions[passes], known, camera, step_share, bend_deg):
            owned, hidden = border_shares(mask, plain, known)
            if hidden <= _MOST_HIDDEN and owned >= _LEAST_OWNED and _nearer_share(mask, plain, known) <= _MOST_NEARER:
                found.append((owned - hidden, mask))
    kept: list[np.ndarray] = []
    for _, mask in sorted(found, key=lambda item: -item[0]):
        if all(np.count_nonzero(mask & other) < _MOST_SHARED * np.count_nonzero(mask) for other in kept):
            taken = np.any(kept, axis=0) if kept else np.zeros_like(mask)
            kept.append(mask & ~taken)
    return sorted(kept[:_MOST], key=np.count_nonzero, reverse=True)


def _cut(z: np.ndarray, known: np.ndarray, camera: Camera, step_share: float, bend_deg: float) -> list[np.ndarray]:
    """Compact parts between steps and bends, each of the wanted size."""
    inner = known & ~_steps(z, known, step_share) & ~_bends(z, known, camera, bend_deg)
    inner = cv2.erode(inner.astype(np.uint8), np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inner, connectivity=4)
    least, most = _LEAST_SHARE * z.size, _MOST_SHARE * z.size
    seeds = [index for index in range(1, count) if 0.3 * least <= stats[index, cv2.CC_STAT_AREA] <= most]
    grown = _grown(labels, seeds, z, known)
    found = []
    for index in seeds:
        mask = grown == index
        mask |= _filled(mask) & (grown == 0) & _fits(z, mask)
        if least <= np.count_nonzero(mask) <= most and _is_compact(mask):
            found.append(mask)
    return found


def border_shares(mask: np.ndarray, depth_m: np.ndarray, valid: np.ndarray) -> tuple[float, float]:
    """Shares of a segment's border that the segment owns, and that belong to objects in front of it.

    Args:
        mask: bool (H, W), the segment.
        depth_m: float (H, W), z [m].
        valid: bool (H, W), where depth is known.

    Returns:
        Two shares in [0, 1]: where the other side is clearly farther, and where it is clearly nearer or the image
        ends.
    """
    border, steps = _border_steps(mask, ~mask, depth_m, valid)
    edge = np.zeros(mask.shape, dtype=bool)
    edge[:2], edge[-2:], edge[:, :2], edge[:, -2:] = True, True, True, True
    ends = np.count_nonzero(mask & edge) / 2
    total = max(border + ends, 1)
    owned, hidden = np.count_nonzero(steps > _CLEAR_SHARE), np.count_nonzero(steps < -_CLEAR_SHARE)
    return owned / total, (hidden + ends) / total


def occlusion_between(first: np.ndarray, second: np.ndarray, depth_m: np.ndarray, valid: np.ndarray) -> float | None:
    """How clearly one of two neighbours hides a part of the other.

    Args:
        first: bool (H, W), visible pixels of one object.
        second: bool (H, W), those of the other.
        depth_m: float (H, W), z [m].
        valid: bool (H, W), where depth is known.

    Returns:
        Relative step in depth: positive where the first is nearer all along the shared border, negative where the
        second is, 0.0 without a step; None where they share no border or its parts disagree.
    """
    border, steps = _border_steps(first, second, depth_m, valid)
    if border < _BORDER_PX:
        return None
    nearer, farther = float((steps > _CLEAR_SHARE).mean()), float((steps < -_CLEAR_SHARE).mean())
    if max(nearer, farther) >= _AGREED:
        return float(np.clip(np.median(steps), -1, 1))
    return 0.0 if float((np.abs(steps) < _NO_STEP_SHARE).mean()) >= _AGREED else None


def _border_steps(
    first: np.ndarray, second: np.ndarray, depth_m: np.ndarray, valid: np.ndarray
) -> tuple[int, np.ndarray]:
    """Relative steps in depth from pixels inside the first mask to the nearest ones inside the second.

    Returns:
        Number of pairs, and their steps, float (N,): positive where the first is nearer.
    """
    box = mask_box(first)
    if box is None:
        return 0, np.empty(0)
    # Only pixels within reach of the first mask matter.
    reach_px = _REACH_PX + 2 * _EDGE_PX + 1
    left, top, right, bottom = (int(edge) for edge in box)
    near = slice(max(top - reach_px, 0), bottom + reach_px), slice(max(left - reach_px, 0), right + reach_px)
    first, second, depth_m, valid = first[near], second[near], depth_m[near], valid[near]
    kernel = np.ones((2 * _EDGE_PX + 1, 2 * _EDGE_PX + 1), np.uint8)
    inner = [(cv2.erode(mask.astype(np.uint8), kernel, borderValue=1) > 0) & mask & valid for mask in (first, second)]
    if not inner[0].any() or not inner[1].any():
        return 0, np.empty(0)
    distance, nearest = _nearest(inner[1])
    rim = inner[0] & ~(cv2.erode(inner[0].astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) > 0)
    pairs = rim & (distance <= _REACH_PX)
    mine, theirs = depth_m[pairs], depth_m.ravel()[nearest[pairs]]
    return int(np.count_nonzero(pairs)), (theirs - mine) / np.maximum(np.minimum(mine, theirs), 1e-6)


def _nearest(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each pixel to the nearest one of a mask [px], and the index of that one in the flat image."""
    distance, labels = cv2.distanceTransformWithLabels(
        (~seen).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    index = np.zeros(int(labels.max()) + 1, dtype=np.intp)
    index[labels[seen]] = np.flatnonzero(seen)
    return distance, index[labels]


def _filled_depth(depth_m: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depth with small holes closed and single wrong pixels removed, float32; and where it is known."""
    closed = cv2.morphologyEx(valid.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)) > 0
    # A hole takes the depth of its nearest neighbour.
    filled = cv2.medianBlur(depth_m.ravel()[_nearest(valid)[1]].astype(np.float32), 5)
    return np.maximum(filled, 1e-3), closed


def _smoothed(z: np.ndarray) -> np.ndarray:
    """Depth with its noise reduced and its edges kept, float32."""
    logs = cv2.bilateralFilter(np.log(z), _SMOOTH_PX, _SMOOTH_RANGE, _SMOOTH_RADIUS_PX)
    smooth: np.ndarray = np.exp(logs)
    return smooth


def _steps(z: np.ndarray, known: np.ndarray, share: float) -> np.ndarray:
    """Where depth steps. Inverse depth of a plane is linear, so its second difference separates steps from slopes."""
    inverse = 1 / z
    steps = np.zeros(z.shape, dtype=bool)
    for axis in (0, 1):
        ahead, behind = np.roll(inverse, -_STEP_PX, axis), np.roll(inverse, _STEP_PX, axis)
        steps |= np.abs(ahead - 2 * inverse + behind) > share * inverse
    return steps & known


def _bends(z: np.ndarray, known: np.ndarray, camera: Camera, bend_deg: float) -> np.ndarray:
    """Where the normal of the surface bends."""
    points = back_project(z, camera, dtype=np.float32).reshape(*z.shape, 3)
    step = _BEND_PX // 2
    along = [np.roll(points, -step, axis) - np.roll(points, step, axis) for axis in (1, 0)]
    normals = np.cross(*along).astype(np.float32)
    normals = cv2.blur(normals / np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-12), (_NORMALS_PX,) * 2)
    normals /= np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-12)
    bends = np.zeros(z.shape, dtype=bool)
    for axis in (0, 1):
        cosine = np.sum(np.roll(normals, -_BEND_PX, axis) * np.roll(normals, _BEND_PX, axis), axis=2)
        bends |= cosine < np.cos(np.radians(bend_deg))
    return bends & known


def _grown(labels: np.ndarray, seeds: list[int], z: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Segments grown by the neighbouring pixels that fit their depth."""
    wanted = np.isin(labels, seeds)
    if not wanted.any():
        return np.zeros_like(labels)
    distance, nearest = _nearest(wanted)
    its_z = z.ravel()[nearest]
    fits = known & (distance <= _GROW_PX) & (np.abs(z - its_z) < _CLEAR_SHARE * its_z)
    return np.where(wanted | fits, labels.ravel()[nearest], 0)


def _fits(z: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Where depth lies within that of a segment; other depth in a hole is not a part of it."""
    low, high = np.quantile(z[mask], (0.02, 0.98))
    fits: np.ndarray = (z > low * (1 - _NO_STEP_SHARE)) & (z < high * (1 + _NO_STEP_SHARE))
    return fits


def _filled(mask: np.ndarray) -> np.ndarray:
    """A mask with its holes filled."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
    return filled > 0


def _nearer_share(mask: np.ndarray, depth_m: np.ndarray, valid: np.ndarray) -> float:
    """Share of a segment's box that something clearly nearer fills."""
    box = mask_box(mask)
    assert box is not None
    left, top, right, bottom = (int(edge) for edge in box)
    within = slice(top, bottom), slice(left, right)
    nearest = float(np.quantile(depth_m[mask & valid], 0.05)) if (mask & valid).any() else 0.0
    nearer = valid[within] & ~mask[within] & (depth_m[within] < nearest * (1 - _CLEAR_SHARE))
    return float(nearer.mean())


def _is_compact(mask: np.ndarray) -> bool:
    box = mask_box(mask)
    assert box is not None
    area = np.count_nonzero(mask)
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.contourArea(cv2.convexHull(np.concatenate(outlines)))
    return bool(area >= _SOLIDITY * hull and area >= _BOX_FILL * (box[2] - box[0]) * (box[3] - box[1]))
