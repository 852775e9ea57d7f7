"""Whether memory grows with the number of images of an evaluation."""

from __future__ import annotations

import resource
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.depth_pairs import random_pair
from benchmarks.figures import Figure, growth, resident_mb

_FEW, _MANY, _SPAN = 500, 2000, 50
_WARM_UP = 3
_WIDTH, _HEIGHT = 160, 120
_REACH_PERCENT = 5.0


def memory_figures() -> Iterator[Figure]:
    """Memory while images stream by, and the peak of a whole evaluation, which makes the report as well.

    Peaks only ever rise within a process, so that these figures come first. The second and third evaluation raise the
    peak whatever their number of images, as the allocator's pools fill up.
    """
    for _ in range(_WARM_UP):
        _evaluated(_FEW)
    few_peak_mb = _peak_mb()
    used_mb = _evaluated(_MANY)
    many_peak_mb = _peak_mb()
    early = statistics.median(used_mb[_FEW - _SPAN : _FEW])
    late = statistics.median(used_mb[-_SPAN:])
    for figure, value, baseline in (
        (f"memory after {_MANY} images of an evaluation against {_FEW}", late, early),
        (f"peak of an evaluation of {_MANY} images against one of {_FEW}", many_peak_mb, few_peak_mb),
    ):
        yield growth(f"{figure}, growth in per cent", value, baseline, _REACH_PERCENT)


def _evaluated(count: int) -> list[float]:
    """Resident memory after each image [MiB]."""
    from pipeline.evaluate.depth.evaluate import evaluate_depth
    from pipeline.evaluate.depth.protocol import EvaluationProtocol
    from pipeline.evaluate.depth.run import DepthSubject
    from pipeline.models.depth.given import GivenDepth
    from pipeline.stages.depth import DepthStage

    used_mb: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        evaluate_depth(
            _images(count),
            DepthSubject(DepthStage(GivenDepth()), batch_size=4, num_workers=2),
            EvaluationProtocol(alignment="scale_shift_disparity"),
            Path(folder),
            configuration={},
            worst=2,
            on_image=lambda _: used_mb.append(resident_mb()),
        )
    assert len(used_mb) == count
    return used_mb


def _images(count: int) -> Any:
    """A data set whose images are made when they are read, with their prediction."""
    from pipeline.datasets.base import DepthDataset

    class Made(DepthDataset[int]):
        name = "made"

        def entries(self) -> Sequence[int]:
            return range(count)

        def entry_name(self, entry: int) -> str:
            return f"pair {entry}"

        def sample(self, entry: int) -> Any:
            sample, prediction = random_pair(entry, _WIDTH, _HEIGHT, "disparity_affine")
            return replace(sample, frame=replace(sample.frame, given_depth=prediction))

    return Made()


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
