"""Scene and answer in, verdicts out."""

from __future__ import annotations

from pipeline.claims.resolve import merge
from pipeline.records import Answer, Region, Scene, Verdict
from pipeline.verify import Verifier


class VerifyStage:
    """Judges the answer's claims and those that came with the item.

    Args:
        verifier: The judge.
    """

    def __init__(self, verifier: Verifier | None = None) -> None:
        self.verifier = verifier or Verifier()

    def __call__(self, scene: Scene, answer: Answer | None) -> tuple[tuple[Region, ...], tuple[Verdict, ...]]:
        """Judge all claims.

        Returns:
            All regions, given ones first, then what else the model located, then text; and one verdict per claim, the
            answer's claims first.
        """
        said = answer.regions if answer is not None else ()
        regions = (*merge(scene.regions, said), *scene.text_regions)
        claims = (*(answer.claims if answer is not None else ()), *scene.claims)
        return regions, self.verifier.judge(scene, regions, claims)
