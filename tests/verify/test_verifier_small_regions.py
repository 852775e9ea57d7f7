"""Which verdicts are undecided because regions have too few pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scenes
from verifiers import uncalibrated

from pipeline.records import Claim, DepthMap, Region, Scene, Status
from pipeline.records.errors import ConfigError
from pipeline.verify.rules.base import Settings

# Within the lamp, which is 20 x 40 px of one depth.
LEFT, TOP = 130.0, 30.0
CLOSER = Claim("closer", "bulb", "cup")

LARGE_ENOUGH = uncalibrated(settings=Settings(min_pixels=20))


def bulb(side_px: float, **rest: object) -> Region:
    return replace(Region("bulb", (LEFT, TOP, LEFT + side_px, TOP + side_px)), **rest)  # type: ignore[arg-type]


def with_holes(holes: np.ndarray) -> Scene:
    return scenes.scene(DepthMap.from_values(np.where(holes, np.nan, scenes.depth_m()), "metric", "sensor"))


def holes_in_bulb(keep: int) -> np.ndarray:
    """Holes all over the bulb but for some pixels of its first row."""
    return scenes.inside((130, 30, 145, 60)) & ~scenes.inside((130, 30, 130 + keep, 31))


SMALL = {
    "few": (bulb(4), scenes.scene(), True),
    "none": (bulb(0.2), scenes.scene(), True),
    "few of a mask": (bulb(4, mask=scenes.inside((130, 30, 134, 34))), scenes.scene(), True),
    "few holes": (bulb(4), with_holes(holes_in_bulb(0)), True),
    "all holes": (bulb(12), with_holes(holes_in_bulb(0)), False),
    "mostly holes": (bulb(12), with_holes(holes_in_bulb(10)), False),
    "outside": (bulb(4, box_px=(500.0, 500.0, 504.0, 504.0)), scenes.scene(), False),
    "odd mask": (bulb(12, mask=np.zeros((3, 3), bool)), scenes.scene(), False),
    "no depth": (bulb(12), replace(scenes.scene(), depth=()), False),
}


@pytest.mark.parametrize(("region", "scene", "small"), SMALL.values(), ids=SMALL)
def test_a_region_is_small_because_of_its_area_not_because_of_holes(region: Region, scene: Scene, small: bool) -> None:
    (verdict,) = LARGE_ENOUGH.judge(scene, (*scenes.regions(), region), [CLOSER])
    assert verdict.status is Status.UNDECIDED
    assert verdict.small_regions == ((4,) if small else ())


def test_a_decided_verdict_names_no_small_region() -> None:
    (verdict,) = LARGE_ENOUGH.judge(scenes.scene(), (*scenes.regions(), bulb(12)), [CLOSER])
    assert verdict.status is Status.REFUTED
    assert verdict.small_regions == ()


def test_all_small_regions_of_a_claim_are_named_once() -> None:
    regions = (bulb(4), Region("cup", (12, 12, 15, 15)), bulb(4, frame=1), Region("cup", (12, 12, 22, 22), 1))
    (verdict,) = LARGE_ENOUGH.judge(scenes.scene(frames=2), regions, [CLOSER])
    assert verdict.small_regions == (0, 1, 2)
    (both,) = LARGE_ENOUGH.judge(scenes.scene(), regions[:2], [Claim("closer", "bulb", "bulb")])
    assert both.small_regions == (), "one region is no pair, however small"


def test_a_frame_that_shows_it_large_enough_decides() -> None:
    regions = (bulb(4), bulb(12, frame=1), *(replace(scenes.regions()[3], frame=frame) for frame in (0, 1)))
    (verdict,) = LARGE_ENOUGH.judge(scenes.scene(frames=2), regions, [CLOSER])
    assert verdict.status is Status.REFUTED
    assert [item.probability is None for item in verdict.evidence] == [True, False]


def test_a_tolerance_that_accepts_everything_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^tolerance must be a number from 0 to 10, not 1e"):
        Settings(tolerance=1e308)


@pytest.mark.parametrize("min_pixels, small", [(16, ()), (17, (4,))])
def test_the_setting_says_how_many_pixels_are_enough(min_pixels: int, small: tuple[int, ...]) -> None:
    settings = Settings(min_pixels=min_pixels, edge_px=0)
    (verdict,) = uncalibrated(settings=settings).judge(scenes.scene(), (*scenes.regions(), bulb(4)), [CLOSER])
    assert verdict.small_regions == small
