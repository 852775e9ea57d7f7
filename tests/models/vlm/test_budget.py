from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.models.torchvision_fix import ensure_torchvision
from pipeline.models.vlm.budget import (
    DEFAULT_BUDGET,
    ImageBudget,
    frame_pixels,
    pixels_within,
    select_frames,
    shown_scale,
    token_count,
)

SIDE = st.integers(1, 12_000)
SIZE = st.tuples(SIDE, SIDE).filter(lambda size: max(size) <= 200 * min(size))
LIMIT = st.none() | st.integers(1, 20_000_000)
BUDGET = st.builds(
    lambda least, factor, frames: ImageBudget(frames, tokens=least * factor, min_frame_tokens=least),
    st.integers(1, 200),
    st.integers(2, 80),
    st.integers(1, 40),
)


def tokens_of_qwen(size_px: tuple[int, int], max_pixels: int | None, budget: ImageBudget) -> int:
    """Tokens by Qwen's own rounding, with the limits that the backend gives it."""
    ensure_torchvision()
    from qwen_vl_utils import smart_resize

    most = 10**12 if max_pixels is None else max_pixels
    height, width = smart_resize(*size_px[::-1], factor=32, min_pixels=min(budget.min_pixels, most), max_pixels=most)
    return max(height, 32) * max(width, 32) // 1024


@pytest.mark.parametrize(
    ("count", "settings", "keep", "chosen"),
    [
        (1, {}, (), (0,)),
        (32, {}, (), tuple(range(32))),
        (5, {"max_frames": 3}, (), (0, 2, 4)),
        (10, {"max_frames": 4}, (), (0, 3, 6, 9)),
        (4, {"max_frames": 3}, (), (0, 2, 3)),
        (10, {"max_frames": 1}, (), (0,)),
        (10, {"max_frames": 2}, (), (0, 9)),
        (10, {"max_frames": 1}, (7,), (7,)),
        (10, {"max_frames": 3}, (4, 4, 99, -1), (0, 4, 9)),
        (10, {"max_frames": 3}, (9, 4), (0, 4, 9)),
        (10, {"max_frames": 2}, (1, 2, 3, 4), (1, 4)),
        (10, {"tokens": 256}, (), (0, 3, 6, 9)),
        (10, {"tokens": 256, "max_frames": 3}, (), (0, 5, 9)),
    ],
)
def test_frames_are_taken_evenly_after_those_to_keep(
    count: int, settings: dict[str, int], keep: tuple[int, ...], chosen: tuple[int, ...]
) -> None:
    assert select_frames(count, ImageBudget(**settings), keep) == chosen  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tokens", "images", "count"), [(640, 1, 10), (640, 2, 5), (128, 2, 1)], ids=["alone", "with depth", "least"]
)
def test_depth_images_halve_the_frames_that_fit(tokens: int, images: int, count: int) -> None:
    assert len(select_frames(40, ImageBudget(tokens=tokens), images_per_frame=images)) == count


@given(st.integers(1, 300), BUDGET, st.integers(1, 2))
def test_gaps_between_chosen_frames_differ_by_one_at_most(count: int, budget: ImageBudget, images: int) -> None:
    chosen = select_frames(count, budget, images_per_frame=images)
    gaps = {after - before for before, after in pairwise(chosen)}
    assert min(gaps, default=1) >= 1
    assert max(gaps, default=1) - min(gaps, default=1) <= 1
    assert len(chosen) == min(count, budget.max_frames, budget.tokens // images // budget.min_frame_tokens)
    assert chosen[0] == 0
    assert len(chosen) == 1 or chosen[-1] == count - 1


@given(st.integers(1, 300), BUDGET, st.sets(st.integers(0, 299), max_size=50))
def test_frames_to_keep_are_taken_first(count: int, budget: ImageBudget, keep: set[int]) -> None:
    chosen, kept = select_frames(count, budget, keep), {index for index in keep if index < count}
    assert len(chosen) == len(select_frames(count, budget)) == len(set(chosen))
    assert list(chosen) == sorted(chosen)
    assert kept <= set(chosen) or set(chosen) <= kept
    assert select_frames(count, budget, sorted(keep, reverse=True)) == chosen


@given(SIZE, LIMIT, BUDGET)
def test_tokens_are_counted_as_qwen_counts_them(
    size_px: tuple[int, int], max_pixels: int | None, budget: ImageBudget
) -> None:
    assert token_count(size_px, max_pixels, budget) == tokens_of_qwen(size_px, max_pixels, budget)


@given(SIZE, st.integers(1, 3000), BUDGET)
def test_an_image_is_reduced_no_more_than_its_tokens_demand(
    size_px: tuple[int, int], tokens: int, budget: ImageBudget
) -> None:
    limit = pixels_within(size_px, tokens, budget)
    assert token_count(size_px, limit, budget) <= tokens
    if limit is not None:
        assert limit == tokens * 1024 or token_count(size_px, limit + 1, budget) > tokens


@given(st.lists(SIZE, min_size=1, max_size=40), BUDGET, st.integers(1, 2))
def test_all_frames_together_never_exceed_the_budget(
    sizes_px: list[tuple[int, int]], budget: ImageBudget, images: int
) -> None:
    chosen = [sizes_px[index] for index in select_frames(len(sizes_px), budget, images_per_frame=images)]
    limits = frame_pixels(chosen, budget, images)
    taken = [tokens_of_qwen(size, limit, budget) for size, limit in zip(chosen, limits, strict=True)]
    assert images * sum(taken) <= budget.tokens


@given(st.lists(SIZE, min_size=1, max_size=12), BUDGET, st.randoms())
def test_a_share_depends_on_the_frames_alone(sizes_px: list[tuple[int, int]], budget: ImageBudget, random: Any) -> None:
    sizes_px = [sizes_px[index] for index in select_frames(len(sizes_px), budget)]
    order = random.sample(range(len(sizes_px)), len(sizes_px))
    limits = frame_pixels(sizes_px, budget)
    assert frame_pixels([sizes_px[index] for index in order], budget) == [limits[index] for index in order]


@pytest.mark.parametrize(("count", "tokens"), [(1, 4800), (4, 2028), (8, 999), (16, 494), (32, 252)])
def test_more_frames_are_smaller_each(count: int, tokens: int) -> None:
    size_px = (2560, 1920)
    limits = frame_pixels([size_px] * count, DEFAULT_BUDGET)
    assert {token_count(size_px, limit, DEFAULT_BUDGET) for limit in limits} == {tokens}
    assert (limits[0] is None) == (count == 1)


def test_a_frame_that_needs_less_leaves_the_rest_to_the_others() -> None:
    budget = ImageBudget(tokens=1000)
    small, large = (320, 320), (4000, 3000)
    *limits, limit = frame_pixels([small] * 3 + [large], budget)
    assert limits == [None] * 3
    assert limit is not None
    assert token_count(small, None, budget) == 100
    assert token_count(large, limit, budget) == 690
    assert token_count(large, limit + 1024, budget) > 1000 - 3 * 100, "the next larger size would not fit"


@pytest.mark.parametrize("size_px", [(4000, 3000), (1920, 1080), (1080, 1920), (5000, 400)])
def test_no_frame_is_reduced_below_the_least_size(size_px: tuple[int, int]) -> None:
    budget = ImageBudget(tokens=64 * 32)
    limits = frame_pixels([size_px] * len(select_frames(500, budget)), budget)
    assert len(limits) == 32
    assert all(limit is not None and limit >= budget.min_pixels for limit in limits)


@pytest.mark.parametrize(
    ("size_px", "max_pixels", "scale"),
    [((640, 640), None, 1.0), ((640, 640), 160 * 160, 0.25), ((128, 128), None, 2.0), ((128, 128), 64 * 64, 0.5)],
)
def test_the_scale_is_that_of_what_the_model_sees(
    size_px: tuple[int, int], max_pixels: int | None, scale: float
) -> None:
    assert shown_scale(size_px, max_pixels, DEFAULT_BUDGET) == pytest.approx(scale)
