"""Whether depth lies on its image as it should: turned, mirrored, or of another view.

Sizes, EXIF and content tell. Where two of them say the same, the depth is turned, with a note; where only the content
speaks against it, the depth is refused.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.geometry.agreement import Agreement, orientation_agreements
from pipeline.geometry.orientation import ORIENTATIONS, QUARTER_TURNS, oriented_depth
from pipeline.ingest.resampling import same_aspect, size_of
from pipeline.records import DepthMap, ScaleSource
from pipeline.records.errors import InputError
from pipeline.records.message import Message, message

logger = logging.getLogger(__name__)

# An orientation is the better one where image and depth agree by so many standard deviations more than in another, and
# is recognised where they agree by so many. Real frames in the right orientation: the best other one is at most 0.6
# better; of wrong orientations, 97 % are at least 1.2 worse than the right one.
_MARGIN, _LEAST_AGREEMENT = 1.2, 2.0
# The same margin for single returns, whose jumps are few: mirrored, eight of nine real frames differ by 2.9 to 4.6.
_MARGIN_OF_RETURNS = 2.0
# Margin and least agreement are so many times as large for depth that a device recorded with the image.
_OF_RECORDINGS = 2.0
# Edges that agree less than that lie there by chance; those of the right depth agree by 1.9 at least.
_LEAST_BY_CHANCE = 1.0
_UPRIGHT = (1, 2, 3, 4)
_WORDS = {
    2: "mirrored left to right",
    3: "turned by 180 degrees",
    4: "mirrored top to bottom",
    5: "transposed",
    6: "turned by 90 degrees",
    7: "transposed and turned",
    8: "turned by 90 degrees",
}


@dataclass(frozen=True, eq=False)
class AlignedDepth:
    """Depth that lies on its image, and what was done for it."""

    depth: DepthMap
    notes: tuple[Message, ...] = ()


def aligned_depth(
    depth: DepthMap, rgb: np.ndarray, name: str, *, exif_orientation: int = 1, is_recorded: bool = False
) -> AlignedDepth:
    """The depth of an image, turned as the image was.

    Args:
        depth: At its own resolution.
        rgb: uint8 (H, W, 3), upright.
        name: What to call the depth in an error.
        exif_orientation: Orientation that was applied to the image, from 1 to 8.
        is_recorded: Whether a device stored both together, so that only clear evidence counts against it.

    Raises:
        InputError: If the depth does not lie on the image.
    """
    stored, size = size_of(depth.values), size_of(rgb)
    as_it_is, turned = same_aspect(stored, size), same_aspect(stored, size[::-1])
    sizes = f"{name} has {stored[0]} x {stored[1]} px, the upright image {size[0]} x {size[1]} px"
    # A network may be fed images of any shape, so the sides of its depth say nothing.
    if turned and not as_it_is and depth.scale_source is ScaleSource.SENSOR:
        return _turned(depth, rgb, sizes, exif_orientation)
    candidates = _UPRIGHT if as_it_is and not turned else ORIENTATIONS
    agreements = _agreements(rgb, depth, candidates)
    if not as_it_is and not _fits_stretched(depth, agreements):
        raise InputError(
            f"{sizes}, another aspect ratio; register the depth to the image or crop it to the same view, or set "
            "input.trust_input=true to stretch it."
        )
    strictness = _OF_RECORDINGS if is_recorded else 1.0
    margin = _MARGIN_OF_RETURNS if depth.sampling.is_scattered else strictness * _MARGIN
    better = _better(agreements, 1, margin, strictness * _LEAST_AGREEMENT)
    if better is None:
        if 1 in agreements and agreements[1].edges < _LEAST_BY_CHANCE and not depth.sampling.is_scattered:
            return AlignedDepth(depth, (message("depth_lies_elsewhere", name=name),))
        if not as_it_is:
            logger.info("%s, another aspect ratio; the depth is stretched over the whole image.", sizes)
        return AlignedDepth(depth)
    if better == exif_orientation:
        return AlignedDepth(oriented_depth(depth, better), (message("depth_turned_as_exif"),))
    if better in QUARTER_TURNS and turned and not as_it_is:
        return AlignedDepth(oriented_depth(depth, better), (message("depth_turned_as_seen"),))
    raise InputError(
        f"{name} seems to be {_WORDS[better]} against its image: their edges agree far better the other way; "
        "turn it back, or set input.trust_input=true if it is correct."
    )


def _turned(depth: DepthMap, rgb: np.ndarray, sizes: str, exif_orientation: int) -> AlignedDepth:
    """Depth whose sides are exchanged: turned as EXIF says, or as the content shows clearly."""
    agreements = _agreements(rgb, depth, sorted(QUARTER_TURNS))
    if exif_orientation in QUARTER_TURNS:
        if _better(agreements, exif_orientation) is not None:
            raise InputError(
                f"{sizes}, and its edges do not lie on those of the image even when it is turned as EXIF says; turn "
                "the depth file like the upright image."
            )
        return AlignedDepth(oriented_depth(depth, exif_orientation), (message("depth_turned_as_exif"),))
    ordered = sorted(agreements, key=lambda orientation: agreements[orientation].total, reverse=True)
    if not ordered or _better(agreements, ordered[1]) is None:
        raise InputError(f"{sizes}: the depth is turned by 90 degrees against it; turn the depth file like the image.")
    return AlignedDepth(oriented_depth(depth, ordered[0]), (message("depth_turned_as_seen"),))


def _agreements(rgb: np.ndarray, depth: DepthMap, candidates: Sequence[int]) -> dict[int, Agreement]:
    """Agreements of the candidates that can be compared; empty where nothing can be told."""
    if not depth.sampling.is_scattered:
        return orientation_agreements(rgb, depth, candidates)
    from pipeline.geometry.agreement_scattered import is_upside_down, mirror_agreements

    if depth.shape != rgb.shape[:2]:
        return {}
    if is_upside_down(depth):
        return {1: Agreement(0.0), 3: Agreement(2 * _LEAST_AGREEMENT)}
    return {orientation: Agreement(edges) for orientation, edges in mirror_agreements(rgb, depth).items()}


def _better(
    agreements: Mapping[int, Agreement], orientation: int, margin: float = _MARGIN, least: float = _LEAST_AGREEMENT
) -> int | None:
    """The orientation in which image and depth agree best, where that is clearly better than in the one given."""
    if orientation not in agreements:
        return None
    best = max(agreements, key=lambda other: agreements[other].total)
    clear = agreements[best].total - agreements[orientation].total >= margin
    return best if clear and agreements[best].edges >= least else None


def _fits_stretched(depth: DepthMap, agreements: Mapping[int, Agreement]) -> bool:
    """Whether depth of another aspect ratio may be stretched: networks are fed squares, sensors must be seen to fit."""
    seen = agreements.get(1)
    return depth.scale_source is not ScaleSource.SENSOR or (seen is not None and seen.edges >= 2 * _LEAST_AGREEMENT)
