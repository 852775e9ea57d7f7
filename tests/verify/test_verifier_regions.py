"""Claims about flat things before a wall, hidden in part or cut out of boxes that overlap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scenes
from verify.test_verifier import R, S, U, judge

from pipeline.records import Claim, DepthMap, Region


def flat(*objects: tuple[tuple[int, int, int, int], float], wall_m: float = 3.0) -> DepthMap:
    """Sensor depth of a wall with flat rectangles before it, drawn in order."""
    values = np.full((scenes.HEIGHT, scenes.WIDTH), wall_m)
    for (left, top, right, bottom), z in objects:
        values[top:bottom, left:right] = z
    return DepthMap.from_values(values, "metric", "sensor")


def test_a_coarse_measurement_neither_supports_nor_refutes_a_fine_number() -> None:
    depth = DepthMap.from_values(flat(((10, 10, 40, 50), 1.0), ((60, 10, 90, 50), 1.05)).values, "metric", "model")
    regions = (Region("cup", (10, 10, 40, 50)), Region("jar", (60, 10, 90, 50)))
    claim = Claim("closer", "cup", "jar", value=5, unit="cm")
    for negated in (False, True):
        assert judge(replace(claim, negated=negated), scenes.scene(depth), regions).status is U


@pytest.mark.parametrize("copies", [2, 8, 32])
def test_copies_of_one_frame_turn_nothing_undecided_into_refuted(copies: int) -> None:
    depth = DepthMap.from_values(scenes.depth_m(), "metric", "model")
    claim = Claim("size", "cabinet", value=93, unit="cm", measure="height", tolerance=1)
    one = judge(claim, scenes.scene(depth))
    regions = tuple(replace(item, frame=frame) for frame in range(copies) for item in scenes.regions())
    assert one.status is U
    assert judge(claim, scenes.scene(depth, frames=copies), regions).status is U


def test_a_partly_hidden_object_is_at_least_as_large_as_what_is_seen() -> None:
    # A pole of which a nearer board hides the lower part.
    depth = flat(((70, 10, 85, 110), 2.0), ((40, 50, 120, 118), 1.0))
    regions = (Region("pole", (70, 10, 85, 50)), Region("board", (40, 50, 120, 118)))
    seen_m = 40 * 2.0 / 150
    for value, status in ((seen_m, U), (2.5 * seen_m, U), (0.4 * seen_m, R)):
        claim = Claim("size", "pole", value=value, unit="m", measure="height")
        assert judge(claim, scenes.scene(depth), regions).status is status
    assert judge(Claim("taller", "board", "pole"), scenes.scene(depth), regions).status is U


def test_a_hidden_back_may_touch_what_stands_behind() -> None:
    depth = flat(((20, 20, 60, 80), 1.4), ((55, 40, 100, 100), 1.2))
    regions = (Region("rear", (20, 20, 55, 80)), Region("front", (55, 40, 100, 100)), Region("far", (130, 20, 150, 40)))
    assert judge(Claim("touching", "rear", "front"), scenes.scene(depth), regions).status is U
    assert judge(Claim("touching", "far", "front"), scenes.scene(depth), regions).status is R


def table_scene(noise: float, seed: int) -> tuple[DepthMap, tuple[Region, ...]]:
    """A box on a table that reaches from the camera to behind it, seen from above."""
    rows, columns = np.mgrid[: scenes.HEIGHT, : scenes.WIDTH]
    table = np.clip(150 * 0.4 / np.maximum(rows - 25, 1), None, 3.0)
    depth = np.where(rows > 45, table, 3.0)
    foot_row = 90
    inside = (rows >= 55) & (rows < foot_row) & (columns >= 60) & (columns < 100)
    depth[inside] = 150 * 0.4 / (foot_row - 25)
    depth *= 1 + np.random.default_rng(seed).normal(0, noise, depth.shape)
    return DepthMap.from_values(depth, "metric", "sensor"), (
        Region("box", (60, 55, 100, 90)),
        Region("table", (0, 46, 160, 120)),
    )


@pytest.mark.parametrize("noise", [0.0, 0.002, 0.005])
def test_a_table_does_not_hide_what_stands_on_it(noise: float) -> None:
    for seed in range(3):
        depth, regions = table_scene(noise, seed)
        assert judge(Claim("occludes", "table", "box"), scenes.scene(depth), regions).status is not S
        assert judge(Claim("occludes", "box", "table"), scenes.scene(depth), regions).status is not R


def test_a_box_filled_by_another_object_is_refused() -> None:
    # The nearer board covers nearly all of the box that was drawn around the cabinet behind it.
    depth = flat(((40, 20, 110, 100), 2.0), ((42, 22, 112, 102), 1.0))
    regions = (Region("cabinet", (40, 20, 110, 100)), Region("board", (42, 22, 112, 102)))
    verdict = judge(Claim("behind", "cabinet", "board"), scenes.scene(depth), regions)
    assert verdict.status is U
    assert "mask" in verdict.needs


def test_a_table_is_measured_without_the_cups_in_its_box() -> None:
    depth = flat(((10, 60, 150, 110), 1.5), ((40, 65, 120, 105), 1.0))
    regions = (Region("table", (10, 60, 150, 110)), Region("cup", (40, 65, 120, 105)))
    assert judge(Claim("distance_to_camera", "table", value=1.5, unit="m"), scenes.scene(depth), regions).status is S
