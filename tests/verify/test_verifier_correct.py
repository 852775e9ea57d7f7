"""How often decided verdicts are correct on rendered scenes that nothing was tuned on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from verifiers import uncalibrated
from verify.rules.frames import DEPTHS

from pipeline.records import Claim
from pipeline.records.relations import Need
from pipeline.synthetic.claims import claims_of
from pipeline.synthetic.scenes import RenderedScene, rendered_scene
from pipeline.verify.verifier import need_of

SEEDS = range(5000, 5025)
CLAIMS_PER_SCENE = 24


@pytest.fixture(scope="module")
def scenes() -> list[tuple[int, RenderedScene, tuple[Claim, ...]]]:
    made = [(seed, rendered_scene(seed, size_px=(320, 240))) for seed in SEEDS]
    return [(seed, scene, claims_of(scene.view, np.random.default_rng(seed), CLAIMS_PER_SCENE)) for seed, scene in made]


# Least share of decided verdicts that are correct, and least share of claims that are decided.
@pytest.mark.parametrize(
    "kind, masks, correct, coverage",
    [
        ("exact", True, 0.98, 0.80),
        ("exact", False, 0.97, 0.75),
        ("sensor", True, 0.97, 0.75),
        ("network", True, 0.95, 0.65),
        ("network", False, 0.95, 0.60),
    ],
)
def test_decided_verdicts_are_correct(
    scenes: list[tuple[int, RenderedScene, tuple[Claim, ...]]],
    kind: str,
    masks: bool,
    correct: float,
    coverage: float,
) -> None:
    verifier = uncalibrated()
    wrong: list[str] = []
    count = decided = 0
    for seed, made, claims in scenes:
        scene = replace(made.scene, depth=(DEPTHS[kind](made.view, seed),))
        if kind == "network":
            claims = tuple(claim for claim in claims if need_of(claim) in (Need.NOTHING, Need.ORDER))
        for verdict in verifier.judge(scene, made.view.regions(masks=masks), claims):
            count += 1
            decided += verdict.is_correct is not None
            if verdict.is_correct is False:
                wrong.append(f"{seed}: {verdict.claim.in_words()}: {verdict.reason}")
    assert count > 200
    assert 1 - len(wrong) / decided >= correct, "\n".join(wrong)
    assert decided / count >= coverage
