"""From stated to calibrated probabilities."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import DepthMap, Sampling
from pipeline.records.calibration import FAMILIES, Calibration, Curve, class_of, features_of
from pipeline.records.errors import ConfigError
from pipeline.records.relations import RELATIONS, Need

PROBABILITIES = st.floats(0, 1)
CURVES = st.builds(Curve, slope=st.floats(0.01, 50), most=st.floats(0.501, 0.999))


def depth(
    kind: str = "metric", source: str = "sensor", backend: str = "kinect", *, scattered: bool = False
) -> DepthMap:
    made = DepthMap.from_values(np.ones((3, 4)), kind, source, backend)
    return replace(made, sampling=Sampling(3.0, 12.0, is_scattered=True)) if scattered else made


@pytest.mark.parametrize(
    ("slope", "most", "stated", "expected"),
    [
        # Odds of 4 to 1 become 2 to 1, 4 to 1 and 16 to 1, of the share that is not stray.
        (0.5, 0.9, 0.8, 0.1 + 0.8 * 2 / 3),
        (1.0, 0.9, 0.8, 0.1 + 0.8 * 4 / 5),
        (2.0, 0.9, 0.8, 0.1 + 0.8 * 16 / 17),
        (0.5, 0.9, 0.2, 0.1 + 0.8 * 1 / 3),
        (0.5, 0.75, 0.8, 0.25 + 0.5 * 2 / 3),
        (1.0, 1 - 1e-12, 0.3, 0.3),
        (0.7, 0.6, 0.5, 0.5),
        (1.0, 0.95, 1.0, 0.95),
        (1.0, 0.95, 0.0, 0.05),
        (1e6, 0.95, 1.0, 0.95),
        (1e6, 0.95, 0.0, 0.05),
    ],
)
def test_a_curve_scales_log_odds_and_leaves_a_share_of_strays(
    slope: float, most: float, stated: float, expected: float
) -> None:
    assert Curve(slope, most).apply(stated) == pytest.approx(expected, abs=1e-7)


@given(CURVES, PROBABILITIES, PROBABILITIES)
def test_a_curve_is_monotone(curve: Curve, first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert curve.apply(low) <= curve.apply(high)
    assert curve.bounded(low) <= curve.bounded(high)


@given(CURVES, PROBABILITIES)
def test_a_curve_treats_a_claim_and_its_opposite_alike(curve: Curve, stated: float) -> None:
    assert curve.apply(1 - stated) == pytest.approx(1 - curve.apply(stated), abs=1e-9)
    assert curve.bounded(1 - stated) == pytest.approx(1 - curve.bounded(stated), abs=1e-12)


@given(CURVES, PROBABILITIES)
def test_no_probability_is_surer_than_the_curve_s_largest(curve: Curve, stated: float) -> None:
    for found in (curve.apply(stated), curve.bounded(stated)):
        assert 1 - curve.most - 1e-12 <= found <= curve.most + 1e-12


@given(CURVES, st.floats(0.501, 1))
def test_a_curve_never_turns_a_verdict_around(curve: Curve, stated: float) -> None:
    assert curve.apply(stated) >= 0.5 >= curve.apply(1 - stated)


@pytest.mark.parametrize(
    ("stated", "expected"), [(0.99, 0.9), (0.9, 0.9), (0.7, 0.7), (0.5, 0.5), (0.3, 0.3), (0.1, 0.1), (0.01, 0.1)]
)
def test_a_bound_changes_nothing_within(stated: float, expected: float) -> None:
    assert Curve(0.3, 0.9).bounded(stated) == pytest.approx(expected)


@pytest.mark.parametrize(
    "numbers", [{"slope": 0.0}, {"slope": -1.0}, {"slope": math.inf}, {"slope": math.nan}]
    + [{"most": most} for most in (0.5, 0.3, 1.0, 1.2, math.nan)],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"a slope > 0 and a largest probability in \(0\.5, 1\)|must be finite"):
        Curve(**numbers)


CLASSES = {
    "a scanner": (depth(scattered=True), "scattered"),
    "a sensor": (depth(), "measured"),
    "a metric network": (depth(source="model"), "predicted"),
    "anchors": (depth(source="anchor"), "predicted"),
    "a network without scale": (depth("scale_invariant", "none"), "predicted"),
    "disparity": (depth("disparity_affine", "none"), "predicted"),
}


@pytest.mark.parametrize(("made", "expected"), CLASSES.values(), ids=CLASSES)
def test_depth_is_scattered_measured_or_predicted(made: DepthMap, expected: str) -> None:
    assert class_of(made) == expected
    assert Calibration.key("size_order", made) == f"size/{expected}"


@pytest.mark.parametrize(
    ("rule", "family"),
    [
        ("depth_order", "order"), ("same_depth", "order"), ("occlusion", "occlusion"), ("contact", "contact"),
        ("distance_between", "separation"), ("distance_to_camera", "distance"),
        ("size", "size"), ("size_order", "size"),
    ],
)  # fmt: skip
def test_rules_of_one_family_share_a_curve(rule: str, family: str) -> None:
    assert Calibration.key(rule, depth()) == f"{family}/measured"


@pytest.mark.parametrize("rule", ["image_order", "between", "count", "box_3d"])
def test_rules_without_depth_have_no_curve(rule: str) -> None:
    assert Calibration.key(rule, depth()) is None
    assert Calibration({}).of(rule, depth()) is None


def test_every_rule_that_needs_depth_has_a_family() -> None:
    assert {relation.rule for relation in RELATIONS.values() if relation.need is not Need.NOTHING} == FAMILIES.keys()


def test_a_backend_s_own_curve_goes_before_that_of_its_class() -> None:
    calibration = Calibration(
        {
            "order/measured": {"slope": 0.5, "verdicts": 7},
            "order/measured/kinect": Curve(0.25),
            "size/measured": Curve(2),
        }
    )
    found = {backend: calibration.of("depth_order", depth(backend=backend)) for backend in ("kinect", "lidar")}
    assert found == {
        "kinect": ("order/measured/kinect", Curve(0.25)),
        "lidar": ("order/measured", Curve(0.5, verdicts=7)),
    }


def test_where_nothing_comparable_was_judged_no_verdict_is_decided() -> None:
    calibration = Calibration({"order/measured": Curve(most=0.99)})
    found = calibration.of("depth_order", depth(source="model"))
    assert found is not None and found[0] == "order/predicted"
    assert (found[1].verdicts, found[1].scenes, found[1].missing_scenes) == (0, 0, None)
    assert 0.1 <= found[1].apply(0.0) < found[1].apply(1.0) <= 0.9


def test_without_calibration_there_is_no_curve() -> None:
    assert [Calibration.none().of(rule, depth()) for rule in FAMILIES] == [None] * len(FAMILIES)
    assert Calibration.none().name == "none"


def test_the_shipped_calibration_names_families_and_classes() -> None:
    names = {tuple(key.split("/")[:2]) for key in Calibration.shipped().curves}
    assert names <= {(family, kind) for family in FAMILIES.values() for _, kind in CLASSES.values()}


def test_a_curve_with_a_number_out_of_range_is_refused_in_a_mapping_too() -> None:
    with pytest.raises(ConfigError):
        Calibration({"order/measured": {"slope": 0.0}})


def features(
    kind: str = "metric", *, holes: int = 0, sampling: Sampling | None = None, scale: float = 1.0
) -> dict[str, float]:
    """Features of a map of 100 x 20 values from 1 to 3, evenly spaced."""
    values = scale * np.linspace(1, 3, 2000).reshape(100, 20)
    made = DepthMap(
        values, np.arange(2000).reshape(100, 20) % 20 >= holes, kind, "sensor" if kind == "metric" else "none"
    )
    return features_of(replace(made, sampling=sampling or Sampling()))


def test_features_count_measurements_and_holes_and_the_range_of_depth() -> None:
    found = features()
    assert found == pytest.approx({"samples": math.log(2000), "holes": 0.0, "range": math.log(2.9 / 1.1)}, abs=2e-3)
    assert features(scale=50.0) == pytest.approx(found, abs=1e-5), "the scale does not matter"
    fewer = features(holes=5, sampling=Sampling(3.0, 2.0))
    assert (fewer["samples"], fewer["holes"]) == pytest.approx((math.log(1500 / 6), 0.25))
    assert features(sampling=Sampling(100.0, 90.0))["samples"] == 0.0
    assert features("disparity_affine").keys() == {"samples", "holes"}, "affine values have no ratio"
    scattered = features(holes=15, sampling=Sampling(3.0, 2.0, is_scattered=True))
    assert scattered.keys() == {"samples", "range"}
    assert scattered["samples"] == pytest.approx(math.log(500))


def test_features_of_a_map_without_depth_are_finite() -> None:
    assert all(map(math.isfinite, features(holes=20).values()))


@pytest.mark.parametrize(
    ("found", "distance"),
    [
        ({"samples": 8.0, "holes": 0.1}, 0.0),
        ({"samples": 9.0, "holes": 0.1}, 2.0),
        ({"samples": 7.0, "holes": 0.1}, 2.0),
        ({"samples": 9.0, "holes": 0.4}, 3.0),
        ({"holes": 0.4}, 3.0),
        ({"range": 5.0}, None),
        ({}, None),
    ],
)
def test_the_distance_to_a_calibration_is_the_largest_deviation(
    found: dict[str, float], distance: float | None
) -> None:
    curve = Curve(features={"samples": (8.0, 0.5), "holes": [0.1, 0.1]})
    assert curve.distance(found) == (None if distance is None else pytest.approx(distance))
    assert Curve().distance(found) is None
