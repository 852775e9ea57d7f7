from __future__ import annotations

import numpy as np
import pytest

from pipeline.models.depth.base import DepthBackend
from pipeline.models.depth.given import GivenDepth
from pipeline.models.depth.midas import MidasDepth
from pipeline.models.depth.none import NoDepth
from pipeline.records import DepthKind, DepthMap, Frame
from pipeline.records.camera import Camera
from pipeline.records.errors import DepthError


def frame(depth: DepthMap | None) -> Frame:
    return Frame(np.zeros((3, 4, 3), np.uint8), Camera.from_fov(4, 3, 60), given_depth=depth, name="a.png")


def test_each_frame_keeps_its_own_depth_in_order():
    maps = [DepthMap.from_values(np.full((3, 4), value), "metric", "sensor") for value in (1.0, 2.0)]
    assert GivenDepth().estimate([frame(depth) for depth in maps]) == maps


@pytest.mark.parametrize(
    ("backend", "kind"),
    [(GivenDepth(), None), (NoDepth(), None), (MidasDepth("no/such-model", "metric"), DepthKind.METRIC)],
)
def test_the_kind_of_depth_is_known_without_a_model(backend: DepthBackend, kind: DepthKind | None):
    assert backend.kind is kind


def test_a_frame_without_depth_is_named_with_the_ways_to_give_it():
    with pytest.raises(DepthError, match=r"a\.png .*input\.depth.*manifest.*depth=midas"):
        GivenDepth().estimate([frame(None)])
