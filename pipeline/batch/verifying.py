"""Claims that are judged in other processes."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from functools import partial

from pipeline.batch.workers import WorkerPool
from pipeline.models.segment.base import Segmenter
from pipeline.records import Answer, Region, Scene, Verdict
from pipeline.records.message import Language
from pipeline.stages.cache import StageCache
from pipeline.stages.verify import Verified, VerifyStage
from pipeline.verify.verifier import Verifier


@dataclass(frozen=True, eq=False)
class Judging:
    """What a process needs to judge claims.

    Args:
        verifier: The verifier.
        cache: Cache of masks.
    """

    verifier: Verifier
    cache: StageCache


class PooledVerify(VerifyStage):
    """Judges claims in the processes of a pool.

    Segmenters that cannot be sent there, because they hold a model, judge in this process.

    Args:
        stage: The stage whose verdicts it gives.
        pool: A pool whose factory makes a ``Judging`` of the same verifier, see ``judging``.
    """

    def __init__(self, stage: VerifyStage, pool: WorkerPool) -> None:
        super().__init__(stage.verifier, stage.segmenter, stage.cache)
        self._pool = pool
        self._stage = stage
        self._can_be_sent = _can_be_sent(stage.segmenter)

    def __call__(self, scene: Scene, answer: Answer | None, language: Language = "en") -> Verified:
        """See ``VerifyStage``.

        Raises:
            WorkerError: If the process that judged it ended.
            TheodoliteError: As ``VerifyStage``.
        """
        if not self._can_be_sent:
            return self._stage(scene, answer, language)
        judged, regions, verdicts = self._pool.call(_judged, self.segmenter, scene, answer, language)
        return Verified(scene if judged is None else judged, regions, verdicts)


def judging(stage: VerifyStage) -> partial[Judging]:
    """The factory of a pool whose processes judge as a stage does."""
    return partial(Judging, stage.verifier, stage.cache)


def _judged(
    made: Judging, segmenter: Segmenter, scene: Scene, answer: Answer | None, language: Language
) -> tuple[Scene | None, tuple[Region, ...], tuple[Verdict, ...]]:
    """The parts of ``Verified``; None for a scene that is the given one, which need not be sent back."""
    verified = VerifyStage(made.verifier, segmenter, made.cache)(scene, answer, language)
    return None if verified.scene is scene else verified.scene, verified.regions, verified.verdicts


def _can_be_sent(segmenter: Segmenter) -> bool:
    try:
        pickle.dumps(segmenter)
    except Exception:
        return False
    return True
