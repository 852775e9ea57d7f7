from __future__ import annotations

import math
from collections import defaultdict

import pytest
from benchmarks.depth_agreement import PAIRS, differences, random_case, relative_difference

from pipeline.evaluate.depth.alignment import ALLOWED, Alignment
from pipeline.evaluate.depth.metrics import METRICS
from pipeline.evaluate.depth.protocol import Crop
from pipeline.records import DepthKind

TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def by_seed() -> list[dict[str, float]]:
    return [differences(seed) for seed in range(PAIRS)]


@pytest.mark.parametrize("name", [*METRICS, "scale"])
def test_each_figure_agrees_with_the_reference(by_seed: list[dict[str, float]], name: str) -> None:
    found = {seed: by_name[name] for seed, by_name in enumerate(by_seed) if name in by_name}
    assert len(found) >= PAIRS / 2
    assert {seed: value for seed, value in found.items() if not value <= TOLERANCE} == {}


def test_the_pairs_cover_every_alignment_of_every_kind_and_every_crop() -> None:
    aligned, crops = defaultdict(set), set()
    for seed in range(PAIRS):
        _, prediction, protocol = random_case(seed)
        aligned[prediction.kind].add(protocol.alignment)
        crops.add(protocol.crop)
    assert aligned == {kind: set(ALLOWED[kind]) for kind in DepthKind}
    assert set().union(*aligned.values()) == set(Alignment)
    assert crops == set(Crop)


@pytest.mark.parametrize(
    "value, reference, expected",
    [(0.0, 0.0, 0.0), (2.0, 1.0, 0.5), (1.0, -1.0, 2.0), (0.0, 1e-9, 1.0), (math.nan, 1.0, math.nan)],
)
def test_differences_are_relative_and_nan_if_only_one_is_measured(
    value: float, reference: float, expected: float
) -> None:
    assert relative_difference(value, reference) == pytest.approx(expected, nan_ok=True)
