"""Values of segment.* that are not allowed."""

from __future__ import annotations

from functools import partial

import pytest

from pipeline.models.segment.grabcut import GrabCutSegmenter
from pipeline.models.segment.masks import MaskLimits
from pipeline.models.segment.sam import SamSegmenter
from pipeline.records.errors import ConfigError

LIMITS = [("grow_px", -1), ("grow_px", float("nan")), ("least_share", 1.1), ("least_share", -0.1)]
sam = partial(SamSegmenter, "a/b")
limits = partial(MaskLimits, grow_px=3, least_share=0.05)


@pytest.mark.parametrize(
    ("make", "key", "value"),
    [
        *((make, *case) for make in (sam, GrabCutSegmenter, limits) for case in LIMITS),
        (sam, "batch_size", 0),
        (GrabCutSegmenter, "iterations", 0),
        (GrabCutSegmenter, "max_side_px", 8),
        (GrabCutSegmenter, "margin_share", 0),
    ],
)
def test_a_segment_setting_that_is_not_allowed_is_named(make, key, value):
    with pytest.raises(ConfigError, match=f"^{key} must be"):
        make(**{key: value})
