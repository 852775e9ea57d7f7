"""What samples have in common."""

from __future__ import annotations

import numpy as np

from pipeline.geometry.robust import inner_range


def test_the_inner_range_leaves_out_two_per_cent_at_either_end() -> None:
    low, high = inner_range(np.arange(101.0))
    assert (low, high) == (2.0, 98.0)


def test_every_axis_has_an_inner_range_of_its_own() -> None:
    values = np.stack((np.arange(51.0), -10 * np.arange(51.0)), axis=1)
    low, high = inner_range(values)
    assert low.tolist() == [1.0, -490.0]
    assert high.tolist() == [49.0, -10.0]
