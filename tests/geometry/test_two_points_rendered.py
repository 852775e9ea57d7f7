from __future__ import annotations

import pytest
from benchmarks.report_distances import KINDS, covered


@pytest.mark.parametrize("kind", KINDS)
def test_the_interval_holds_the_true_distance_on_rendered_scenes(kind: str) -> None:
    inside, widths = covered(kind, 31_000, 60)
    assert len(inside) == 60
    assert sum(inside) >= 0.93 * 60
    assert all(width > 0 for width in widths)
