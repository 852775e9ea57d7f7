"""Claims about flat objects before a wall, whose boxes overlap or whose depth is coarse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scenes
from scenes import METRIC
from verify.test_verifier import R, S, U, judge

from pipeline.records import Claim, DepthMap, Region, Status


def test_a_coarse_measurement_neither_supports_nor_refutes_a_fine_number() -> None:
    values = scenes.flat(((10, 10, 40, 50), 1.0), ((60, 10, 90, 50), 1.05))
    depth = DepthMap.from_values(values, "metric", "model")
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


def test_a_box_filled_by_another_object_is_refused() -> None:
    # The nearer board covers nearly all of the box that was drawn around the cabinet behind it.
    values = scenes.flat(((40, 20, 110, 100), 2.0), ((42, 22, 112, 102), 1.0))
    regions = (Region("cabinet", (40, 20, 110, 100)), Region("board", (42, 22, 112, 102)))
    verdict = judge(Claim("behind", "cabinet", "board"), scenes.scene(scenes.as_kind(values, METRIC)), regions)
    assert verdict.status is U
    assert "mask" in verdict.needs


TOUCHING = (
    scenes.flat(((20, 20, 60, 80), 1.4), ((55, 40, 100, 100), 1.2)),
    (Region("rear", (20, 20, 55, 80)), Region("front", (55, 40, 100, 100)), Region("far", (130, 20, 150, 40))),
)
TABLE = (
    scenes.flat(((10, 60, 150, 110), 1.5), ((40, 65, 120, 105), 1.0)),
    (Region("table", (10, 60, 150, 110)), Region("cup", (40, 65, 120, 105))),
)


@pytest.mark.parametrize(
    ("shown", "claim", "status"),
    [
        pytest.param(TOUCHING, Claim("touching", "rear", "front"), U, id="its hidden back may touch what is behind"),
        pytest.param(TOUCHING, Claim("touching", "far", "front"), R, id="far apart"),
        pytest.param(
            TABLE,
            Claim("distance_to_camera", "table", value=1.5, unit="m"),
            S,
            id="a table without the cups in its box",
        ),
    ],
)
def test_claims_about_overlapping_boxes(
    shown: tuple[np.ndarray, tuple[Region, ...]], claim: Claim, status: Status
) -> None:
    assert judge(claim, scenes.scene(scenes.as_kind(shown[0], METRIC)), shown[1]).status is status


@pytest.mark.parametrize(("shown", "probability"), [(0.51, 0.755), (0.8, 0.9), (0.49, None), (0.2, None), (0.0, None)])
def test_a_region_that_the_model_rather_denies_leaves_its_claims_undecided(
    shown: float, probability: float | None
) -> None:
    regions = (Region("cup", (10, 10, 40, 50), shown=shown), Region("jar", (60, 10, 90, 50)))
    values = scenes.flat(((10, 10, 40, 50), 1.0), ((60, 10, 90, 50), 2.0))
    verdict = judge(Claim("closer", "cup", "jar"), scenes.scene(scenes.as_kind(values, METRIC)), regions)
    assert verdict.status is U
    assert (verdict.reason_code == "region_denied") is (probability is None)
    assert verdict.probability == (None if probability is None else pytest.approx(probability, abs=0.01))
