"""Lens distortion in the cameras that users give, and what moves with an image when it is undone.

The keys are OpenCV's coefficients; see ``pipeline.geometry.lens``. Boxes, masks and points that users give refer to the
image as it is on disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from pipeline.geometry.lens import (
    Lens,
    LensModel,
    is_negligible,
    lens_of,
    pixel_maps,
    undistorted_depth,
    undistorted_pixels,
    undistorted_rgb,
)
from pipeline.geometry.regions import mask_box
from pipeline.ingest.resampling import size_of
from pipeline.records import Anchor, Camera, DepthMap, Frame, Region
from pipeline.records.checks import member
from pipeline.records.errors import InputError
from pipeline.records.message import Message, message

_COEFFICIENTS = {
    LensModel.BROWN_CONRADY: ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"),
    LensModel.FISHEYE: ("k1", "k2", "k3", "k4"),
}
LENS_KEYS = ("model", *sorted(_COEFFICIENTS[LensModel.BROWN_CONRADY]))
"""Keys of a user's camera beside those of a pinhole: coefficients, and whether they are those of a fisheye."""

# A lens that leaves less of its image is a mistake: coefficients of another order, sign or model.
_LEAST_SHARE = 0.5
# Points along each edge of a box.
_EDGE_POINTS = 65

CameraLike = Camera | Mapping[str, Any] | None


def given_lens(spec: CameraLike) -> Lens | None:
    """The lens of a user's camera, or None.

    Raises:
        InputError: If a coefficient does not belong to the model.
        RecordError: If the model is unknown or a coefficient is not a finite number.
    """
    if not isinstance(spec, Mapping):
        return None
    model = member(LensModel, spec.get("model") or LensModel.BROWN_CONRADY, "The camera's model")
    names = _COEFFICIENTS[model]
    if wrong := [key for key in LENS_KEYS[1:] if key in spec and key not in names]:
        raise InputError(f"A camera of model {model} has no {', '.join(wrong)}; it has {', '.join(names)}.")
    values = [spec.get(key, 0.0) for key in names]
    if any(isinstance(value, bool | str) for value in values):
        raise InputError(f"The camera's {', '.join(names)} must be numbers, not {values!r:.80}.")
    return lens_of(Lens(model, tuple(values)).coefficients, model)


def pinhole(spec: CameraLike) -> CameraLike:
    """A user's camera without its lens."""
    if not isinstance(spec, Mapping):
        return spec
    return {key: value for key, value in spec.items() if key not in LENS_KEYS}


@dataclass(frozen=True)
class UndoneLens:
    """A lens whose distortion is undone in an image.

    Args:
        camera: Intrinsics of the image, with and without distortion.
        lens: The lens.
    """

    camera: Camera
    lens: Lens

    @cached_property
    def _maps(self) -> tuple[np.ndarray, np.ndarray]:
        return pixel_maps(self.camera, self.lens)

    def rgb(self, rgb: np.ndarray) -> np.ndarray:
        """The image uint8 (H, W, 3) without distortion."""
        return undistorted_rgb(rgb, self.camera, self.lens)

    def depth(self, depth: DepthMap) -> DepthMap:
        """Depth of the same view, at its own resolution, without distortion."""
        return undistorted_depth(depth, self.camera.resized(*size_of(depth.values)), self.lens)

    def region(self, region: Region) -> Region:
        """A region where the image without distortion shows it; its box is the extent of the moved outline.

        Raises:
            InputError: If nothing of it is left.
        """
        mask = None if region.mask is None else self._moved_mask(region.mask)
        is_outline = region.mask is None or mask_box(region.mask) != region.box_px
        box = self._moved_box(region.box_px) if is_outline or mask is None else mask_box(mask)
        if box is None or (mask is not None and not mask.any()):
            raise InputError(
                f"region {region.label!r}: nothing of it is left in the image once its lens distortion is undone; "
                "give a region nearer to the middle, or no lens."
            )
        return replace(region, box_px=box, mask=mask)

    def points(self, points_px: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
        """Points of the image [px], where the image without distortion shows them.

        Raises:
            InputError: If one is not shown.
        """
        moved = undistorted_pixels(np.array(points_px), self.camera, self.lens)
        limits = np.array((self.camera.width, self.camera.height)) - 0.5
        if not ((moved >= -0.5) & (moved <= limits)).all():
            raise InputError(
                f"a point of {list(points_px)} is not in the image once its lens distortion is undone; choose another."
            )
        return tuple((float(u), float(v)) for u, v in moved)

    def _moved_mask(self, mask: np.ndarray) -> np.ndarray:
        columns, rows = (np.rint(part).astype(np.intp) for part in self._maps)
        inside = (columns >= 0) & (columns < mask.shape[1]) & (rows >= 0) & (rows < mask.shape[0])
        moved: np.ndarray = inside & mask[np.where(inside, rows, 0), np.where(inside, columns, 0)]
        return moved

    def _moved_box(self, box_px: tuple[float, float, float, float]) -> tuple[float, float, float, float] | None:
        x1, y1, x2, y2 = box_px
        along = np.linspace(0.0, 1.0, _EDGE_POINTS)
        across, down, one = x1 + along * (x2 - x1), y1 + along * (y2 - y1), np.ones_like(along)
        edges = ((across, y1 * one), (across, y2 * one), (x1 * one, down), (x2 * one, down))
        outline = np.concatenate([np.stack(edge, axis=1) for edge in edges])
        # Box edges count from the corner of the top-left pixel, cameras from its centre.
        moved = undistorted_pixels(outline - 0.5, self.camera, self.lens) + 0.5
        if not np.isfinite(moved).all():
            columns, rows = (part + 0.5 for part in self._maps)
            return mask_box((columns >= x1) & (columns <= x2) & (rows >= y1) & (rows <= y2))
        low, high = moved.min(axis=0), moved.max(axis=0)
        left, top = (max(float(edge), 0.0) for edge in low)
        right, bottom = min(float(high[0]), float(self.camera.width)), min(float(high[1]), float(self.camera.height))
        is_point = (x1, y1) == (x2, y2)
        if left > right or top > bottom or (not is_point and (left == right or top == bottom)):
            return None
        return left, top, right, bottom


def undone_lens(spec: CameraLike, camera: Camera) -> UndoneLens | None:
    """The lens of a user's camera that is to be undone; None without one, or where it moves no pixel.

    Args:
        spec: The camera as it was given.
        camera: Its intrinsics for the size of the image.

    Raises:
        InputError: If little of the image is left without the distortion.
    """
    lens = given_lens(spec)
    if lens is None or is_negligible(camera, lens):
        return None
    small = camera.resized(min(camera.width, 64), min(camera.height, 64))
    columns, rows = pixel_maps(small, lens)
    seen = (columns >= -0.5) & (columns <= small.width - 0.5) & (rows >= -0.5) & (rows <= small.height - 0.5)
    if (share := float(seen.mean())) < _LEAST_SHARE:
        raise InputError(
            f"The lens of the camera leaves {share:.0%} of the image; check the model, and the order and signs of "
            "k1, k2, p1 and p2."
        )
    return UndoneLens(camera, lens)


def moved_with_lens(
    spec: CameraLike, frames: Sequence[Frame], regions: Sequence[Region], anchors: Sequence[Anchor]
) -> tuple[tuple[Region, ...], tuple[Anchor, ...], tuple[Message, ...]]:
    """Regions and anchors of frames in which the lens of one camera was undone, and what that changed.

    Args:
        spec: The camera of all frames, as it was given.
        frames: The frames without distortion.
        regions: They refer to the images with it.
        anchors: As the regions.

    Raises:
        InputError: If nothing of a region is left, or a point is not shown.
    """
    lenses = [undone_lens(spec, frame.camera) for frame in frames]
    if not any(lenses):
        return tuple(regions), tuple(anchors), ()

    def of(frame: int | None) -> UndoneLens | None:
        return lenses[frame or 0] if (frame or 0) < len(lenses) else None

    moved = tuple(lens.region(region) if (lens := of(region.frame)) else region for region in regions)
    measured = tuple(moved_anchor(anchor, of(anchor.frame)) for anchor in anchors)
    return moved, measured, lens_notes(bool(regions) or any(anchor.points_px for anchor in anchors))


def moved_anchor(anchor: Anchor, lens: UndoneLens | None) -> Anchor:
    """An anchor with its points where the image without distortion shows them.

    Raises:
        InputError: If one is not shown.
    """
    if lens is None or not anchor.points_px:
        return anchor
    return replace(anchor, points_px=lens.points(anchor.points_px))


def lens_notes(has_regions: bool) -> tuple[Message, ...]:
    """What to tell where a user's lens was undone."""
    return (message("lens_undone"), *((message("lens_undone_for_regions"),) if has_regions else ()))
