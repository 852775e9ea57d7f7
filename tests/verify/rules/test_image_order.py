"""Left, right, above and below: in the image, and along gravity where a claim means the world."""

from __future__ import annotations

import pytest
import scenes
from synthetic.worlds import piece
from verifiers import uncalibrated
from verify.rules.frames import R, S, U, disparity, judged, rescaled, seen, without_floor

from pipeline.records import Claim, Region, Scene, Status
from pipeline.synthetic.view import RenderedView

LOW, HIGH = "red box", "blue cylinder"


@pytest.fixture(scope="module")
def view() -> RenderedView:
    """Seen from above: the far box appears higher in the image, though it is lower."""
    return seen(
        piece(LOW, (0.4, 1.2, 0.0), (0.3, 0.3, 0.2)),
        piece(HIGH, (-0.4, -0.3, 0.0), (0.3, 0.3, 0.7)),
        height_m=1.8,
    )


@pytest.mark.parametrize(
    "claim, status",
    [
        (Claim("left_of", HIGH, LOW), S),
        (Claim("right_of", HIGH, LOW), R),
        (Claim("above", LOW, HIGH), S),
        (Claim("below", LOW, HIGH), R),
        (Claim("above", LOW, HIGH, measure="image"), S),
    ],
    ids=lambda part: getattr(part, "in_words", str)(),
)
def test_order_in_the_image_needs_no_depth(view: RenderedView, claim: Claim, status: Status) -> None:
    without = Scene("rendered", (view.frame,))
    for masks in (True, False):
        found = (
            judged(view, [claim], masks=masks),
            judged(view, [claim], disparity(view), masks=masks),
            uncalibrated().judge(without, view.regions(masks=masks), [claim]),
        )
        for (verdict,) in found:
            assert verdict.status is status, verdict.reason


def test_along_gravity_the_higher_one_is_above(view: RenderedView) -> None:
    for depth in (None, rescaled(view, 0.01)):
        below, above = judged(
            view, [Claim("above", LOW, HIGH, measure="world"), Claim("above", HIGH, LOW, measure="world")], depth
        )
        assert (below.status, above.status) == (R, S)
        assert below.probability + above.probability == pytest.approx(1)  # type: ignore[operator]
        assert (above.margin or 0) > 0 > (below.margin or 0)
    (metric,) = judged(view, [Claim("above", HIGH, LOW, measure="world")])
    # The middles are 0.35 m and 0.1 m above the floor.
    assert metric.margin == pytest.approx(0.25, abs=0.04)
    assert metric.unit == "m"


def test_gravity_needs_depth_with_a_shape(view: RenderedView) -> None:
    (verdict,) = judged(view, [Claim("above", HIGH, LOW, measure="world")], disparity(view))
    assert verdict.status is U
    assert verdict.needs_code == "needs_shape"


def test_where_up_is_not_known_nothing_is_above_along_it() -> None:
    balls = seen(piece("red ball", (-0.4, 0, 0), (0.3, 0.3, 0.3)), piece("blue ball", (0.4, 0, 0.5), (0.3, 0.3, 0.3)))
    claim = Claim("above", "blue ball", "red ball", measure="world")
    assert judged(balls, [claim])[0].status is S
    (verdict,) = judged(balls, [claim], without_floor(balls))
    assert verdict.status is U
    assert (verdict.reason_code, verdict.needs_code) == ("no_up", "needs_gravity")


@pytest.mark.parametrize("shift_px, words", [(0.0, "less than half a pixel"), (0.8, "less than half"), (4.0, "2 px")])
def test_centres_that_are_level_are_called_so(shift_px: float, words: str) -> None:
    regions = (Region("cup", (10, 20, 30, 40)), Region("lid", (50, 20, 70, 40 + shift_px)))
    (verdict,) = uncalibrated().judge(scenes.scene(), regions, [Claim("above", "cup", "lid")])
    assert words in verdict.reason and " 0 px" not in verdict.reason
