"""Rendered scenes with exact ground truth, and with depth like that of a renderer, a sensor or a network.

They need no download, and serve to try an evaluation and to test it on known errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace
from typing import Literal

import numpy as np

from pipeline.datasets.annotated.claims import AnnotatedDataset, ClaimCount, can_carry
from pipeline.datasets.base import Case, DepthDataset, DepthSample, reader
from pipeline.records import Claim, DepthKind, DepthMap
from pipeline.records.settings import Count, Natural
from pipeline.synthetic.claims import claims_of
from pipeline.synthetic.depth_errors import monocular_disparity, monocular_metric, sensor_depth
from pipeline.synthetic.questions import questions_about
from pipeline.synthetic.scenes import TIDY_SIZE_PX, RenderedScene, rendered_scene
from pipeline.synthetic.view import RenderedView

Source = Literal["exact", "sensor", "disparity", "metric"]
# More claims than any scene has.
_ALL = 1_000_000


@reader
class Rendered(AnnotatedDataset[int], DepthDataset[int]):
    """Random scenes of one image each; the same seed gives the same ones.

    Args:
        count: How many scenes.
        seed: Seed of the first scene; the following scenes count up.
        claims_per_scene: Most claims per scene, true and false ones in equal numbers.
        depth: Depth that the verifier gets: ``exact``, ``sensor`` (structured light), ``disparity`` (a network like
            MiDaS) or ``metric`` (a network of metric depth).
        prediction: The same for the given depth of images with true depth, which ``depth=file`` measures; None gives
            none.
        masks: Whether regions of claims come with their masks, or with boxes alone; those of true depth always do.
        questions: Most yes-or-no questions per scene, in English and Chinese in turn, which a model is asked.
        tidy: Whether scenes are those that the models that ship were trained on: simple, of 256 x 256 px.
        relations: Names of relations; None takes those that the depth can carry.
        limit: Maximum number of scenes; None takes all.

    Raises:
        ConfigError: If an argument is not usable.
    """

    name = "rendered"

    count: Count = field(default=200, kw_only=False)
    claims_per_scene: ClaimCount = 10
    depth: Source = "exact"
    prediction: Source | None = "disparity"
    masks: bool = False
    questions: Natural = 0
    tidy: bool = False

    def __post_init__(self) -> None:
        """Know whether a model is asked."""
        self.has_questions = self.questions > 0

    def entries(self) -> Sequence[int]:
        """Seeds of the scenes."""
        return range(self.seed, self.seed + self.count)

    def entry_name(self, entry: int) -> str:
        """Name of the scene of a seed."""
        return f"rendered-{entry}"

    def case(self, entry: int, index: int) -> Case:
        """Render the scene of a seed and write claims about it."""
        made = self._rendered(entry)
        view = made.view
        asked = questions_about(made.views, np.random.default_rng(entry), self.questions)
        depth = depth_of(view, self.depth, entry)
        scene = replace(
            made.scene,
            frames=(replace(view.frame, given_depth=depth),),
            regions=view.regions(masks=self.masks),
            claims=self._claims(view, depth, entry),
            questions=tuple(question.text for question in asked),
        )
        tags = {
            "objects": str(len(view.objects)),
            "depth": self.depth,
            "regions": "masks" if self.masks else "boxes",
        }
        return Case(scene, tuple(question.expected for question in asked), tags=tags)

    def sample(self, entry: int) -> DepthSample:
        """Render the scene of a seed."""
        view = self._rendered(entry).view
        truth = view.frame.given_depth
        assert truth is not None
        given = None if self.prediction is None else depth_of(view, self.prediction, entry)
        name = self.entry_name(entry)
        frame = replace(view.frame, given_depth=given, name=name)
        return DepthSample(name, frame, truth, regions=view.regions())

    def _rendered(self, seed: int) -> RenderedScene:
        return rendered_scene(seed, size_px=TIDY_SIZE_PX if self.tidy else None, tidy=self.tidy)

    def _claims(self, view: RenderedView, depth: DepthMap, seed: int) -> tuple[Claim, ...]:
        rng = np.random.default_rng(seed)
        if self.relations is None and depth.kind is DepthKind.METRIC:
            return claims_of(view, rng, self.claims_per_scene)
        drawn = claims_of(view, rng, _ALL)
        # The pairs of a true and a false claim stay together.
        pairs = [
            pair
            for pair in zip(drawn[::2], drawn[1::2], strict=True)
            if all(self._is_wanted(claim, depth.kind) for claim in pair)
        ]
        return tuple(claim for pair in pairs[: self.claims_per_scene // 2] for claim in pair)

    def _is_wanted(self, claim: Claim, kind: DepthKind) -> bool:
        return can_carry(claim, kind) if self.relations is None else claim.relation in self.relations


def depth_of(view: RenderedView, source: str, seed: int) -> DepthMap:
    """Depth of a view from one of the sources."""
    exact = view.frame.given_depth
    assert exact is not None
    if source == "sensor":
        return sensor_depth(exact.values, view.frame.camera, seed)
    if source == "disparity":
        return monocular_disparity(exact.values, seed)
    return monocular_metric(exact.values, seed) if source == "metric" else exact
