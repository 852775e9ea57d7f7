"""Frames of known geometry as the rules see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from synthetic.worlds import CAMERA, FLOOR, piece
from verifiers import uncalibrated

from pipeline.records import Claim, DepthKind, DepthMap, Region, Scene, Status, Verdict
from pipeline.records.error_budget import ErrorBudget
from pipeline.synthetic.depth_errors import monocular_disparity, sensor_depth
from pipeline.synthetic.scenes import look_at
from pipeline.synthetic.view import RenderedView, render
from pipeline.synthetic.world import Piece, Surface, World
from pipeline.verify.rules.object_view import ObjectView, object_views
from pipeline.verify.rules.view import FrameView
from pipeline.verify.verifier import Verifier

S, R, U = Status.SUPPORTED, Status.REFUTED, Status.UNDECIDED
WALL = Surface(((-9, 3, 0), (9, 3, 0), (9, 3, 9), (-9, 3, 9)), (150, 150, 150))


def seen(
    *pieces: Piece, height_m: float = 1.0, distance_m: float = 2.0, target_m: tuple[float, float, float] = (0, 0, 0.2)
) -> RenderedView:
    """Pieces on a floor before a wall, seen from this height and distance."""
    pose = look_at(np.array((0, -distance_m, height_m)), np.array(target_m))
    return render(World(pieces, (FLOOR, WALL)), CAMERA, pose)


def exact_depth(view: RenderedView) -> DepthMap:
    """The view's depth without error."""
    depth = view.frame.given_depth
    assert depth is not None
    return depth


def sensed(view: RenderedView, seed: int = 0) -> DepthMap:
    """The view's depth with the errors of a sensor."""
    return sensor_depth(exact_depth(view).values, view.frame.camera, seed)


def predicted(view: RenderedView, seed: int = 0) -> DepthMap:
    """The view's disparity with the errors of a network."""
    return monocular_disparity(exact_depth(view).values, seed)


DEPTHS: dict[str, Callable[[RenderedView, int], DepthMap]] = {
    "exact": lambda view, _: exact_depth(view),
    "sensor": sensed,
    "network": predicted,
}


def disparity(view: RenderedView, scale: float = 1.0, shift: float = 0.0) -> DepthMap:
    """The view's depth as affine disparity."""
    depth = exact_depth(view)
    values = scale / np.where(depth.valid, depth.values, 100.0).astype(np.float64) + shift
    return replace(depth, values=values.astype(np.float32), kind=DepthKind.DISPARITY_AFFINE, scale_source="none")


def rescaled(view: RenderedView, scale: float) -> DepthMap:
    """The view's depth, known up to its scale alone."""
    depth = exact_depth(view)
    return replace(depth, values=depth.values * np.float32(scale), kind=DepthKind.SCALE_INVARIANT, scale_source="none")


def without_floor(view: RenderedView) -> DepthMap:
    """The depth of the objects alone, which does not tell which way is up."""
    depth = exact_depth(view)
    return replace(depth, valid=depth.valid & (view.ids >= 0))


def two_boxes(gap_m: float, *, farther_m: float = 0.0, height_m: float = 0.9) -> RenderedView:
    """Two boxes side by side with a gap between their sides; the second may stand farther away."""
    return seen(
        piece("red box", (-0.15 - gap_m / 2, 0.0, 0.0), (0.3, 0.3, 0.3)),
        piece("blue box", (0.15 + gap_m / 2, farther_m, 0.0), (0.3, 0.3, 0.3)),
        height_m=height_m,
    )


def objects(
    view: RenderedView,
    depth: DepthMap | None = None,
    *,
    masks: bool = True,
    regions: Sequence[Region] | None = None,
    budget: ErrorBudget | None = None,
) -> tuple[ObjectView, ...]:
    """The view's objects as the rules see them, in their own order."""
    frame = FrameView(view.frame, depth or exact_depth(view), budget)
    return object_views((frame,), view.regions(masks=masks) if regions is None else regions)


def judged(
    view: RenderedView,
    claims: Sequence[Claim],
    depth: DepthMap | None = None,
    *,
    masks: bool = True,
    regions: Sequence[Region] | None = None,
    verifier: Verifier | None = None,
) -> tuple[Verdict, ...]:
    """Verdicts on claims about the view."""
    scene = Scene("rendered", (view.frame,), depth=(depth or exact_depth(view),))
    return (verifier or uncalibrated()).judge(scene, view.regions(masks=masks) if regions is None else regions, claims)


def leans(verdict: Verdict, status: Status) -> bool:
    """Whether a verdict is that one, or undecided but nearer to it than to its opposite.

    A box leaves open what it holds, so its verdicts need not be decided.
    """
    if verdict.status is Status.UNDECIDED and verdict.probability is not None:
        return (verdict.probability > 0.5) is (status is Status.SUPPORTED)
    return verdict.status is status


def negated(claim: Claim) -> Claim:
    """The claim's opposite."""
    return replace(claim, negated=not claim.negated)


# The red box stands before the blue one and hides a part of it; the cone is far to the right.
HIDING = (
    piece("red box", (-0.15, -0.4, 0.0), (0.4, 0.3, 0.3)),
    piece("blue box", (0.0, 0.4, 0.0), (0.6, 0.3, 0.6)),
    piece("green cone", (0.85, 0.0, 0.0), (0.2, 0.2, 0.3)),
)
RED, BLUE, GREEN = (item.label for item in HIDING)
# The blue box stands on the red one.
STACK = (
    piece("red box", (0.0, 0.0, 0.0), (0.6, 0.6, 0.3)),
    piece("blue box", (0.0, -0.05, 0.3), (0.25, 0.25, 0.25)),
)


def index(view: RenderedView, label: str) -> int:
    """Index of an object, and so of its region."""
    return [item.label for item in view.objects].index(label)


# Width, depth and height of each [m]; nothing hides anything.
SIZES_M = {"red box": (0.4, 0.3, 0.5), "green ball": (0.3, 0.3, 0.3), "blue cylinder": (0.2, 0.2, 0.7)}
SIZED = tuple(
    piece(label, (x, 0.0, 0.0), size) for (label, size), x in zip(SIZES_M.items(), (-0.6, 0.0, 0.55), strict=True)
)
POLE, BOARD = "grey pole box", "red board box"


def half_hidden_pole() -> RenderedView:
    """A board of 0.35 m before the lower part of a pole of 0.8 m."""
    return seen(
        piece(POLE, (0.0, 0.5, 0.0), (0.1, 0.1, 0.8)),
        piece(BOARD, (0.0, -0.2, 0.0), (0.6, 0.05, 0.35)),
        height_m=0.5,
        target_m=(0.0, 0.0, 0.35),
    )
