from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stages.doubles import CountingDepth, depth_of

from pipeline.models.depth.given import GivenDepth
from pipeline.models.depth.none import NoDepth
from pipeline.records import Camera, DepthMap, Frame, Scene
from pipeline.records.camera import CameraSource
from pipeline.stages.cache import StageCache
from pipeline.stages.depth import DepthStage


def frame(grey: int, source: CameraSource = CameraSource.ASSUMED) -> Frame:
    return Frame(np.full((12, 16, 3), grey, np.uint8), Camera.from_fov(16, 12, 60, source), name=str(grey))


def scene(*greys: int) -> Scene:
    return Scene("item", tuple(frame(grey) for grey in greys))


def nearest(found: Scene) -> list[float]:
    return [round(float(depth.values.min()), 2) for depth in found.depth]


def test_frames_that_are_known_are_not_estimated_again(tmp_path: Path) -> None:
    backend, cache = CountingDepth(), StageCache(tmp_path)
    DepthStage(backend, cache)(scene(10, 30))
    found = DepthStage(backend, cache)(scene(30, 20, 10))
    assert backend.asked == [[frame(10).digest, frame(30).digest], [frame(20).digest]]
    assert nearest(found) == [1.3, 1.2, 1.1]
    assert all(depth.backend == "counting" for depth in found.depth)


def test_a_frame_whose_further_input_changed_is_estimated_again(tmp_path: Path) -> None:
    class Prompted(CountingDepth):
        def frame_key(self, frame: Frame) -> str:
            return f"{frame.digest} {frame.camera.fx}"

    backend, cache = Prompted(), StageCache(tmp_path)
    for fov_deg in (60, 60, 80):
        other = replace(frame(10), camera=Camera.from_fov(16, 12, fov_deg))
        DepthStage(backend, cache)(Scene("item", (other,)))
    assert len(backend.asked) == 2


@pytest.mark.parametrize("identity", ["counting 2", None])
def test_another_identity_and_none_at_all_are_estimated_again(tmp_path: Path, identity: str | None) -> None:
    cache = StageCache(tmp_path)
    DepthStage(CountingDepth(), cache)(scene(10))
    backend = CountingDepth(identity)
    DepthStage(backend, cache)(scene(10))
    assert len(backend.asked) == 1


@pytest.mark.parametrize("source", list(CameraSource))
def test_a_focal_length_of_the_network_replaces_an_assumed_or_doubtful_one_only(source: CameraSource) -> None:
    before = frame(10, source)
    found = DepthStage(CountingDepth(focal_px=99.0))(Scene("item", (before,)))
    estimated = replace(before.camera, fx=99.0, fy=99.0, source=CameraSource.MODEL)
    assert found.frames[0].camera == (
        estimated if source in (CameraSource.ASSUMED, CameraSource.DOUBTFUL) else before.camera
    )


def test_without_depth_the_scene_stays_as_it_is() -> None:
    before = scene(10, 20)
    assert DepthStage(NoDepth())(before) is before


def test_given_depth_is_taken_and_never_kept(tmp_path: Path) -> None:
    given = depth_of(frame(10))
    before = Scene("item", (replace(frame(10), given_depth=given),))
    assert DepthStage(GivenDepth(), StageCache(tmp_path))(before).depth == (given,)
    assert list(tmp_path.iterdir()) == []


def test_a_backend_that_leaves_out_a_frame_is_an_error_not_a_shift() -> None:
    class Forgetful(CountingDepth):
        def estimate(self, frames: Sequence[Frame]) -> list[DepthMap]:
            return super().estimate(frames)[1:]

    with pytest.raises(ValueError):
        DepthStage(Forgetful(identity=None))(scene(10, 20))
