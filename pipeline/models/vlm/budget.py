"""How many frames of a scene a model is shown, and how many pixels of each.

Convention: Qwen3-VL makes one token of 32 x 32 px, after both sides were rounded to multiples of 32 px. The shares
depend on the frames alone, never on the question, so that all prompts about a scene share their prefix.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pipeline.records.errors import ConfigError
from pipeline.records.settings import Count, NonNegative, checked

TOKEN_SIDE_PX = 32
TOKEN_PIXELS = TOKEN_SIDE_PX**2

Size = tuple[int, int]


@checked
@dataclass(frozen=True)
class ImageBudget:
    """How many tokens the images of one question may take, and which of them are shown once more as crops.

    Args:
        max_frames: Most frames in one question.
        tokens: Tokens that all frames of one question may take together; crops come on top.
        min_frame_tokens: A frame's share never falls below this [tokens]; where the frames do not fit at that size,
            fewer are shown. The model is assumed to enlarge smaller images to this size.
        crop_tokens: Tokens that one crop may take.
        max_crops: Most crops in one question.
        crop_below_tokens: Regions that the model sees smaller than this [tokens] are shown as crops.
        crop_margin: Margin of a crop around its region, in sides of the region.

    Raises:
        ConfigError: If a number is out of its range.
    """

    max_frames: Count = 32
    tokens: Count = 8192
    min_frame_tokens: Count = 64
    crop_tokens: Count = 256
    max_crops: Count = 4
    crop_below_tokens: NonNegative = 6.0
    crop_margin: NonNegative = 1.0

    def __post_init__(self) -> None:
        """Check that a frame and its depth image fit."""
        if self.tokens < 2 * self.min_frame_tokens:
            raise ConfigError(
                f"query.budget.tokens must be at least twice query.budget.min_frame_tokens, so that a frame and its "
                f"depth image fit, but they are {self.tokens} and {self.min_frame_tokens}."
            )

    @property
    def min_pixels(self) -> int:
        """The size to which the model enlarges smaller images [px]."""
        return self.min_frame_tokens * TOKEN_PIXELS


DEFAULT_BUDGET = ImageBudget()


def select_frames(
    count: int, budget: ImageBudget, keep: Collection[int] = (), images_per_frame: int = 1
) -> tuple[int, ...]:
    """Indices of the frames that fit into a budget at its smallest size, spread evenly over the sequence.

    They include the first and the last frame wherever the frames to keep leave two places.

    Args:
        count: Number of frames.
        budget: The budget.
        keep: Frames to take first, such as those with given regions.
        images_per_frame: Images that share a frame's tokens: 2 where its depth is shown as an image too.

    Returns:
        Ascending indices from 0, at least one; equal for equal arguments.
    """
    most = min(budget.max_frames, budget.tokens // images_per_frame // budget.min_frame_tokens)
    if count <= most:
        return tuple(range(count))
    kept = sorted({index for index in keep if 0 <= index < count})
    if len(kept) >= most:
        return tuple(_spread(kept, most))
    others = sorted(set(range(count)) - set(kept))
    return tuple(sorted([*kept, *_spread(others, most - len(kept))]))


def frame_pixels(sizes_px: Sequence[Size], budget: ImageBudget, images_per_frame: int = 1) -> list[int | None]:
    """How many pixels the model may see of each frame of one question.

    All frames have the same share of the tokens, except that a frame which needs less leaves the rest to the others.

    Args:
        sizes_px: (width, height) of each frame that is shown [px]; no more frames than ``select_frames`` gives.
        budget: The budget.
        images_per_frame: As in ``select_frames``.

    Returns:
        For each frame the largest number of pixels with which it keeps to its share, after Qwen's rounding; None
        where it fits as it is.
    """
    tokens = budget.tokens // images_per_frame
    sizes = Counter(sizes_px)
    least = budget.min_frame_tokens

    def total(share: int) -> int:
        return sum(
            number * token_count(size, pixels_within(size, share, budget), budget) for size, number in sizes.items()
        )

    # The largest share that fits: the totals grow with the share.
    share = max(least - 1 + bisect_right(range(least, tokens + 1), tokens, key=total), least)
    within = {size: pixels_within(size, share, budget) for size in sizes}
    return [within[size] for size in sizes_px]


def pixels_within(size_px: Size, tokens: int, budget: ImageBudget) -> int | None:
    """The most pixels with which an image takes no more than the given tokens.

    Args:
        size_px: (width, height) of the image [px].
        tokens: Most tokens.
        budget: Gives the size to which the model enlarges smaller images.

    Returns:
        The ``max_pixels`` of the image; None where it fits as it is.
    """
    if token_count(size_px, None, budget) <= tokens:
        return None
    # The count grows with the limit; images thinner than a token have theirs below tokens * 1024 px.
    limits = range(1, tokens * TOKEN_PIXELS + 1)
    return bisect_right(limits, tokens, key=lambda limit: token_count(size_px, limit, budget))


def token_count(size_px: Size, max_pixels: int | None, budget: ImageBudget) -> int:
    """Tokens that Qwen3-VL makes of an image.

    Args:
        size_px: (width, height) of the image [px].
        max_pixels: It is reduced to this [px], down to one row or column of tokens; None leaves it as it is.
        budget: Gives the size to which the model enlarges smaller images.
    """
    width, height = size_px
    columns, rows = (max(round(side / TOKEN_SIDE_PX), 1) for side in size_px)
    pixels = columns * rows * TOKEN_PIXELS
    min_pixels = budget.min_pixels if max_pixels is None else min(budget.min_pixels, max_pixels)
    if max_pixels is not None and pixels > max_pixels:
        scale = math.sqrt(width * height / max_pixels)
        columns, rows = (max(math.floor(side / scale / TOKEN_SIDE_PX), 1) for side in size_px)
    elif pixels < min_pixels:
        scale = math.sqrt(min_pixels / (width * height))
        columns, rows = (math.ceil(side * scale / TOKEN_SIDE_PX) for side in size_px)
    return columns * rows


def shown_scale(size_px: Size, max_pixels: int | None, budget: ImageBudget) -> float:
    """Length of one pixel of an image as the model sees it [px], the geometric mean of both directions.

    Args:
        size_px: (width, height) of the image [px].
        max_pixels: As in ``token_count``.
        budget: As in ``token_count``.
    """
    return math.sqrt(token_count(size_px, max_pixels, budget) * TOKEN_PIXELS / (size_px[0] * size_px[1]))


def _spread(indices: Sequence[int], count: int) -> list[int]:
    """``count`` of the indices, spread evenly; the first and the last among them from two on."""
    if count == 1:
        return [indices[0]]
    steps, last = count - 1, len(indices) - 1
    return [indices[(2 * step * last + steps) // (2 * steps)] for step in range(count)]
