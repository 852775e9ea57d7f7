from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.datasets.depth_base import DepthSample
from pipeline.datasets.rendered_depth import RenderedDepth
from pipeline.records.errors import ConfigError
from pipeline.synthetic.scenes import rendered_scene


def first(**arguments: Any) -> DepthSample:
    sample = RenderedDepth(1, seed=3, **arguments).read(0)
    assert isinstance(sample, DepthSample)
    return sample


def test_truth_is_exact_and_objects_come_with_masks() -> None:
    sample = first()
    view = rendered_scene(3).view
    assert view.frame.given_depth is not None
    assert sample.truth.digest == view.frame.given_depth.digest
    assert (sample.frame.rgb == view.frame.rgb).all() and sample.frame.camera == view.frame.camera
    assert len(sample.regions) == len(view.objects) > 0
    for region, item in zip(sample.regions, view.objects, strict=True):
        assert region.mask is not None and (region.mask == item.visible).all()
    assert sample.name == sample.group == "rendered-3"


@pytest.mark.parametrize(
    "depth, kind",
    [("exact", "metric"), ("sensor", "metric"), ("disparity", "disparity_affine"), ("metric", "metric")],
)
def test_the_depth_beside_the_image_is_of_its_kind_and_repeats(depth: str, kind: str) -> None:
    given, again = first(depth=depth).frame.given_depth, first(depth=depth).frame.given_depth
    truth = first(depth=depth).truth
    assert given is not None and again is not None
    assert given.kind == kind and given.digest == again.digest
    both = given.valid & truth.valid
    correlation = np.corrcoef(
        given.values[both], (1 / truth.values if given.kind.larger_is_nearer else truth.values)[both]
    )
    assert correlation[0, 1] > 0.7
    assert (given.digest == truth.digest) is (depth == "exact")


def test_no_depth_goes_in_where_none_is_wanted() -> None:
    assert first(depth=None).frame.given_depth is None


def test_seeds_count_up_to_the_limit() -> None:
    data = RenderedDepth(5, seed=7, limit=3)
    assert data.names() == ["rendered-7", "rendered-8", "rendered-9"] and len(data) == 3
    digests = {sample.frame.digest for sample in map(data.read, range(3)) if isinstance(sample, DepthSample)}
    assert len(digests) == 3


@pytest.mark.parametrize("arguments", [{"count": 0}, {"seed": -1}, {"depth": "radar"}, {"limit": 0}])
def test_what_cannot_be_used_is_said(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        RenderedDepth(**arguments)
