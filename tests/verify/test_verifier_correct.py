"""How often decided verdicts are correct on rendered scenes that nothing was tuned on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from verify.rules.frames import exact_depth

from pipeline.records import Claim, DepthMap, Status
from pipeline.records.relations import Need
from pipeline.synthetic.claims import claims_of
from pipeline.synthetic.depth_errors import monocular_disparity, sensor_depth
from pipeline.synthetic.scenes import RenderedScene, rendered_scene
from pipeline.verify.verifier import Verifier, need_of

SEEDS = range(5000, 5025)
CLAIMS_PER_SCENE = 24


def exact(made: RenderedScene, seed: int) -> DepthMap:
    return exact_depth(made.view)


def sensor(made: RenderedScene, seed: int) -> DepthMap:
    return sensor_depth(exact(made, seed).values, made.view.frame.camera, seed)


def network(made: RenderedScene, seed: int) -> DepthMap:
    return monocular_disparity(exact(made, seed).values, seed)


@pytest.fixture(scope="module")
def scenes() -> list[tuple[int, RenderedScene, tuple[Claim, ...]]]:
    made = [(seed, rendered_scene(seed, size_px=(320, 240))) for seed in SEEDS]
    return [(seed, scene, claims_of(scene.view, np.random.default_rng(seed), CLAIMS_PER_SCENE)) for seed, scene in made]


# Least share of decided verdicts that are correct, and least share of claims that are decided.
@pytest.mark.parametrize(
    "depth_of, masks, correct, coverage",
    [
        (exact, True, 0.98, 0.80),
        (exact, False, 0.97, 0.75),
        (sensor, True, 0.97, 0.75),
        (network, True, 0.95, 0.65),
        (network, False, 0.95, 0.60),
    ],
    ids=["exact, masks", "exact, boxes", "sensor, masks", "network, masks", "network, boxes"],
)
def test_decided_verdicts_are_correct(
    scenes: list[tuple[int, RenderedScene, tuple[Claim, ...]]],
    depth_of: Callable[[RenderedScene, int], DepthMap],
    masks: bool,
    correct: float,
    coverage: float,
) -> None:
    verifier = Verifier()
    wrong: list[str] = []
    count = decided = 0
    for seed, made, claims in scenes:
        scene = replace(made.scene, depth=(depth_of(made, seed),))
        if depth_of is network:
            claims = tuple(claim for claim in claims if need_of(claim) in (Need.NOTHING, Need.ORDER))
        for verdict in verifier.judge(scene, made.view.regions(masks=masks), claims):
            count += 1
            if verdict.status is not Status.UNDECIDED:
                decided += 1
                if (verdict.status is Status.SUPPORTED) is not verdict.claim.truth:
                    wrong.append(f"{seed}: {verdict.claim.in_words()}: {verdict.reason}")
    assert count > 200
    assert 1 - len(wrong) / decided >= correct, "\n".join(wrong)
    assert decided / count >= coverage
