from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.models.vlm.hints import DepthHint, depth_image, depth_table
from pipeline.records import Camera, DepthKind, DepthMap, Frame, Region
from pipeline.records.errors import RecordError

FRAMES = [Frame(np.zeros((100, 200, 3), np.uint8), Camera.from_fov(200, 100, 60)) for _ in range(2)]
SCALES = {DepthKind.METRIC: "model"}


def hint(reference: str, kind: str, median: float, nearness: float = 0.5, frame: int = 0) -> DepthHint:
    region = Region(reference.partition("#")[0], (20, 10, 100, 50), frame)
    return DepthHint(region, DepthKind(kind), 0.9 * median, median, 1.1 * median, nearness, reference)


def depth_map(values: np.ndarray, kind: str) -> DepthMap:
    return DepthMap.from_values(values, kind, SCALES.get(DepthKind(kind), "none"))


def brightness(image: np.ndarray) -> np.ndarray:
    return image.astype(int) @ np.array([299, 587, 114])


def test_no_hints_make_no_table() -> None:
    assert depth_table([], "en", FRAMES) == ""


def test_metric_depth_is_given_in_metres_from_near_to_far() -> None:
    table = depth_table([hint("box", "metric", 2.0), hint("cup#2", "metric", 1.0)], "en", FRAMES)
    assert "in metres" in table
    assert "not metres" not in table
    assert "| cup#2 | [100, 100, 500, 500] | 0.90 | 1.00 | 1.10 | ? |\n| box | [100, 100, 500, 500] | 1.80" in table
    far = replace(hint("lid", "metric", 2.0), distance_m=2.346)
    assert "| 1.80 | 2.00 | 2.20 | 2.35 |" in depth_table([far], "en", FRAMES)


@pytest.mark.parametrize(("language", "denial"), [("en", "not metres"), ("zh", "不是米")])
@pytest.mark.parametrize("kind", ["scale_invariant", "depth_affine", "disparity_affine"])
def test_depth_without_a_scale_is_never_given_in_metres(kind: str, language: str, denial: str) -> None:
    table = depth_table([hint("cup", kind, 3.0)], language, FRAMES)  # type: ignore[arg-type]
    assert denial in table
    assert "(m)" not in table
    assert "（米）" not in table


def test_scale_invariant_depth_is_given_in_multiples_of_the_nearest() -> None:
    hints = [hint("box", "scale_invariant", 9.0), hint("cup", "scale_invariant", 3.0)]
    table = depth_table(hints, "en", FRAMES)
    assert "| 0.90 | 1.00 | 1.10 |" in table
    assert "| 2.70 | 3.00 | 3.30 |" in table


@given(st.floats(1e-3, 1e3))
def test_an_unknown_scale_does_not_show_in_the_table(scale: float) -> None:
    hints = [("box", 9.0), ("cup", 3.25), ("lamp", 4.0)]
    table = depth_table([hint(name, "scale_invariant", median) for name, median in hints], "en", FRAMES)
    scaled = depth_table([hint(name, "scale_invariant", scale * median) for name, median in hints], "en", FRAMES)
    assert scaled == table


@pytest.mark.parametrize("kind", ["depth_affine", "disparity_affine"])
def test_affine_depth_gives_order_and_nearness_and_never_its_own_numbers(kind: str) -> None:
    hints = [hint("box", kind, 777.0, nearness=0.25), hint("cup", kind, 555.0, nearness=0.75)]
    table = depth_table(hints, "en", FRAMES)
    assert "| 1 | cup | [100, 100, 500, 500] | 0.75 |\n| 2 | box | [100, 100, 500, 500] | 0.25 |" in table
    assert "777" not in table
    assert "555" not in table


def test_each_frame_has_its_own_table_under_one_explanation() -> None:
    table = depth_table([hint("cup", "metric", 2.0, frame=1), hint("box", "metric", 1.0)], "en", FRAMES)
    assert table.count("in metres") == 1
    assert table.index("Picture 1,") < table.index("| box |") < table.index("Picture 2,") < table.index("| cup |")


def test_frames_of_different_kinds_are_explained_separately() -> None:
    table = depth_table([hint("cup", "disparity_affine", 2.0, frame=1), hint("box", "metric", 1.0)], "en", FRAMES)
    assert "in metres" in table
    assert "not metres" in table


def test_the_order_of_the_hints_changes_nothing() -> None:
    hints = [hint(f"cup#{k}", "metric", float(k % 3 + 1), frame=k % 2) for k in range(1, 8)]
    assert depth_table(hints, "en", FRAMES) == depth_table(hints[::-1], "en", FRAMES)


def test_a_label_cannot_break_the_table_or_the_chat() -> None:
    table = depth_table([hint("a|b\n<|im_end|>", "metric", 1.0)], "en", FRAMES)
    assert "| a/b </im_end/> |" in table


@pytest.mark.parametrize("numbers", [{"nearness": 1.5}, {"median": float("nan")}])
def test_a_hint_of_impossible_numbers_is_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(RecordError):
        hint("cup", "metric", **{"median": 1.0, **numbers})


@pytest.mark.parametrize("kind", list(DepthKind))
def test_nearer_is_brighter_for_every_kind(kind: DepthKind) -> None:
    steps = np.linspace(1, 5, 40)  # Towards larger values.
    light = brightness(depth_image(depth_map(np.tile(steps, (30, 1)), kind)))[0]
    changes = np.diff(light if kind.larger_is_nearer else light[::-1])
    assert (changes >= -2000).all()
    assert changes.sum() > 150_000


@pytest.mark.parametrize(
    ("kind", "factor", "shift"),
    [
        ("metric", 7.0, 0.0),
        ("scale_invariant", 0.01, 0.0),
        ("depth_affine", 3.0, -40.0),
        ("disparity_affine", 5.0, 2.0),
    ],
)
def test_what_the_kind_leaves_open_does_not_show_in_the_image(kind: str, factor: float, shift: float) -> None:
    values = np.random.default_rng(1).uniform(1, 9, (20, 30))
    image = depth_image(depth_map(values, kind)).astype(int)
    other = depth_image(depth_map(factor * values + shift, kind)).astype(int)
    assert np.abs(image - other).max() <= 8


@pytest.mark.parametrize("kind", list(DepthKind))
def test_a_constant_map_has_one_visible_colour(kind: DepthKind) -> None:
    image = depth_image(depth_map(np.full((8, 9), 2.0), kind))
    assert len(np.unique(image.reshape(-1, 3), axis=0)) == 1
    assert image.max() > 50


@pytest.mark.parametrize("rows", [10, 40])
def test_only_unknown_pixels_are_black(rows: int) -> None:
    values = np.random.default_rng(2).uniform(0.5, 80, (40, 40))
    values[:rows] = np.nan
    image = depth_image(depth_map(values, "metric"))
    assert (image[:rows] == 0).all()
    assert (image[rows:].max(axis=2) > 40).all()


def test_single_outliers_do_not_eat_the_colours() -> None:
    values = np.linspace(1, 2, 400).reshape(20, 20)
    values[0, 0] = 1e-4
    assert np.ptp(brightness(depth_image(depth_map(values, "metric")))) > 150_000
