"""Scene and answer in, verdicts out."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from pipeline.claims.resolve import merge
from pipeline.models.segment.base import Segmenter
from pipeline.models.segment.masks import confused
from pipeline.models.segment.none import NoSegmenter
from pipeline.records import Answer, Frame, Mask, Origin, Region, Scene, Verdict
from pipeline.records.message import Language
from pipeline.stages.cache import StageCache, load_or_compute
from pipeline.verify.verifier import Verifier


@dataclass(frozen=True, eq=False)
class _Segmented:
    """The outcome for one box, as cached."""

    mask: Mask | None


@dataclass(frozen=True)
class Verified:
    """The verdicts, and what they are about.

    Args:
        scene: The scene with the scale of its anchors.
        regions: All regions, with the segmenter's masks: given ones, then others that the model located, then text.
        verdicts: One per claim, the answer's claims first.
    """

    scene: Scene
    regions: tuple[Region, ...]
    verdicts: tuple[Verdict, ...]


class VerifyStage:
    """Judges the answer's claims and those that came with the item.

    Args:
        verifier: The verifier.
        segmenter: Gives masks to regions that only have a box; by default none.
        cache: Cache of masks.
    """

    def __init__(
        self,
        verifier: Verifier | None = None,
        segmenter: Segmenter | None = None,
        cache: StageCache | None = None,
    ) -> None:
        self.verifier = verifier or Verifier()
        self.segmenter = segmenter or NoSegmenter()
        self.cache = cache or StageCache()

    def check(self) -> None:
        """Check the segmenter.

        Raises:
            TheodoliteError: If it cannot segment any image.
        """
        self.segmenter.check()

    def anchored(self, scene: Scene, regions: Sequence[Region]) -> Scene:
        """The scene with the scale of its anchors (see ``with_anchors``), measured as the verifier does."""
        if not scene.anchors:
            return scene
        from pipeline.verify.anchors import with_anchors

        return with_anchors(scene, regions, self.verifier.budget, self.verifier.settings)

    def __call__(self, scene: Scene, answer: Answer | None, language: Language = "en") -> Verified:
        """Judge all claims.

        Args:
            scene: The scene with depth and text. A scale of its anchors that it already has was measured with its own
                regions and text, and is measured again only if the answer or the segmenter adds to them.
            answer: The model's answer; None judges only the scene's own claims.
            language: Language of the verdicts' sentences.

        Raises:
            ModelUnavailableError: If the segmenter's model is neither on disk nor reachable.
            ConfigError: If the segmenter cannot run as it is configured.
        """
        said = answer.regions if answer is not None else ()
        regions = (*merge(scene.regions, said), *scene.text_regions)
        regions = self._with_masks(scene, regions)
        own = (*scene.regions, *scene.text_regions)
        is_known = len(regions) == len(own) and all(map(operator.is_, regions, own))
        if scene.anchors and not (scene.unanchored_depth and is_known):
            scene = self.anchored(scene, regions)
        claims = (*(answer.claims if answer is not None else ()), *scene.claims)
        if not scene.anchors:
            return Verified(scene, regions, self.verifier.judge(scene, regions, claims, language))
        from pipeline.verify.anchors import judge_anchored

        return Verified(scene, regions, judge_anchored(self.verifier, scene, regions, claims, language))

    def _with_masks(self, scene: Scene, regions: tuple[Region, ...]) -> tuple[Region, ...]:
        """The regions, with the segmenter's masks for boxes; given masks stay."""
        segmented = list(regions)
        made: set[int] = set()
        for number, frame in enumerate(scene.frames):
            boxes = [index for index, region in enumerate(regions) if region.frame == number and _wants_mask(region)]
            outcomes = self._segment(frame, [regions[index] for index in boxes])
            for index, outcome in zip(boxes, outcomes, strict=True):
                if outcome.mask is not None:
                    maker = " ".join((self.segmenter.identity or "").split()[:2]) or type(self.segmenter).__name__
                    segmented[index] = replace(regions[index], mask=outcome.mask, segmenter=maker)
                    made.add(index)
        for index in confused(segmented, made):
            segmented[index] = regions[index]
        return tuple(segmented)

    def _segment(self, frame: Frame, regions: Sequence[Region]) -> list[_Segmented]:
        """The segmenter's outcome for each region of a frame; it is asked only for boxes that are not cached."""

        def segment(missing: Sequence[Region]) -> list[_Segmented]:
            return [_Segmented(mask) for mask in self.segmenter.masks(frame, missing)]

        identity = self.segmenter.identity if regions else None
        if identity is None:
            return segment(regions)
        keys = [(identity, frame.digest, repr(region.box_px)) for region in regions]
        load, save = partial(self.cache.load, _Segmented, "segment"), partial(self.cache.save, "segment")
        return load_or_compute(keys, regions, load, segment, save)


def _wants_mask(region: Region) -> bool:
    """Whether a region is a box around an object: a point has no extent, and text is part of an object."""
    return region.mask is None and not region.is_point and region.origin is not Origin.OCR
