"""Claims that are judged in other processes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import scenes

from pipeline.batch.verifying import PooledVerify, judging
from pipeline.batch.workers import WorkerPool
from pipeline.models.segment.grabcut import GrabCutSegmenter
from pipeline.models.segment.none import NoSegmenter
from pipeline.records import Anchor, Answer, Claim
from pipeline.stages.verify import VerifyStage

CLAIMS = (Claim("in_front_of", "screen", "cabinet"), Claim("left_of", "lamp", "cup"))
ANSWER = Answer("The screen hides the cabinet.", regions=scenes.regions(), claims=CLAIMS)


class WithLock(NoSegmenter):
    """A segmenter that cannot be sent to another process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


@pytest.fixture(scope="module")
def stage() -> VerifyStage:
    return VerifyStage()


@pytest.fixture(scope="module")
def pool(stage: VerifyStage) -> Iterator[WorkerPool]:
    with WorkerPool(1, judging(stage)) as made:
        yield made


def test_another_process_gives_the_same_verdicts(stage: VerifyStage, pool: WorkerPool) -> None:
    scene = scenes.scene()
    here, there = stage(scene, ANSWER, "zh"), PooledVerify(stage, pool)(scene, ANSWER, "zh")
    assert there.verdicts == here.verdicts
    assert [str(verdict.status) for verdict in there.verdicts] == ["supported", "refuted"]
    assert there.regions == here.regions
    assert there.scene is scene


def test_the_scale_of_anchors_comes_back(stage: VerifyStage, pool: WorkerPool) -> None:
    anchor = Anchor("size", ("cup",), value=10.0, unit="cm", measure="width")  # type: ignore[arg-type]
    depth = scenes.as_kind(scenes.depth_m(), scenes.SHAPE, scale=7.0)
    scene = replace(scenes.scene(depth), anchors=(anchor,), regions=scenes.regions())
    here, there = stage(scene, None), PooledVerify(stage, pool)(scene, None)
    assert there.scene.depth[0].kind is scenes.METRIC
    assert np.array_equal(there.scene.depth[0].values, here.scene.depth[0].values)
    assert np.array_equal(there.scene.unanchored_depth[0].values, depth.values)


def test_the_segmenter_of_the_stage_is_that_of_the_process(stage: VerifyStage, pool: WorkerPool) -> None:
    scene = scenes.scene()
    rgb = np.full((scenes.HEIGHT, scenes.WIDTH, 3), 90, np.uint8)
    rgb[scenes.inside((30, 50, 75, 95))] = (220, 30, 30)
    scene = replace(scene, frames=(replace(scene.frames[0], rgb=rgb),))
    cutting = VerifyStage(stage.verifier, GrabCutSegmenter())
    wide = replace(scenes.regions()[1], box_px=(25.0, 45.0, 80.0, 100.0))
    answer = replace(ANSWER, regions=(wide,), claims=())
    here, there = cutting(scene, answer), PooledVerify(cutting, pool)(scene, answer)
    assert here.regions[0].mask is not None and there.regions[0].mask is not None
    assert np.array_equal(there.regions[0].mask, here.regions[0].mask)


def test_a_segmenter_that_cannot_be_sent_judges_here(stage: VerifyStage) -> None:
    closed = WorkerPool(1, judging(stage))
    closed.close()
    own = VerifyStage(stage.verifier, WithLock())
    assert PooledVerify(own, closed)(scenes.scene(), ANSWER).verdicts == stage(scenes.scene(), ANSWER).verdicts
