"""Rendered scenes, whose truth is exact, with depth as it comes from a renderer, a sensor or a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from pipeline.datasets.base import Case
from pipeline.datasets.reading import can_carry, check_count, check_relations
from pipeline.records import Claim, DepthKind, DepthMap
from pipeline.records.errors import ConfigError
from pipeline.synthetic.claims import claims_of
from pipeline.synthetic.depth_errors import monocular_disparity, monocular_metric, sensor_depth
from pipeline.synthetic.scenes import rendered_scene
from pipeline.synthetic.view import RenderedView

SOURCES = ("exact", "sensor", "disparity", "metric")
# More claims than any scene has.
_ALL = 1_000_000


class Rendered:
    """Random scenes of one image each; the same seed gives the same ones.

    Args:
        count: How many scenes.
        seed: Seed of the first scene; the next ones count up.
        claims_per_scene: Most claims per scene, true and false ones in equal numbers.
        depth: Where depth comes from: ``exact``, ``sensor`` (structured light), ``disparity`` (a network like MiDaS)
            or ``metric`` (a network of metric depth).
        masks: Whether regions come with their masks, or with boxes alone.
        relations: Names of relations; None takes those that the depth can carry.
        limit: Most cases; null takes all.

    Raises:
        ConfigError: If an argument is not usable.
    """

    name = "rendered"

    def __init__(
        self,
        count: int = 200,
        *,
        seed: int = 0,
        claims_per_scene: int = 10,
        depth: str = "exact",
        masks: bool = False,
        relations: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> None:
        if depth not in SOURCES:
            raise ConfigError(f"dataset.depth must be one of {', '.join(SOURCES)}, not {depth!r}.")
        self.count = check_count("count", count, 1)
        self.seed = check_count("seed", seed)
        self.claims_per_scene = check_count("claims_per_scene", claims_per_scene, 2)
        self.depth = depth
        self.masks = masks
        self.relations = check_relations(relations)
        self.limit = None if limit is None else check_count("limit", limit, 1)

    def __len__(self) -> int:
        """Number of scenes."""
        return self.count if self.limit is None else min(self.count, self.limit)

    def __iter__(self) -> Iterator[Case]:
        """The scenes in the order of their seeds."""
        return (self._case(self.seed + index) for index in range(len(self)))

    def _case(self, seed: int) -> Case:
        made = rendered_scene(seed)
        view = made.view
        depth = depth_of(view, self.depth, seed)
        frame = replace(view.frame, given_depth=depth)
        scene = replace(
            made.scene, frames=(frame,), regions=view.regions(masks=self.masks), claims=self._claims(view, depth, seed)
        )
        tags = {
            "objects": str(len(view.objects)),
            "depth": self.depth,
            "regions": "masks" if self.masks else "boxes",
        }
        return Case(scene, tags=tags)

    def _claims(self, view: RenderedView, depth: DepthMap, seed: int) -> tuple[Claim, ...]:
        rng = np.random.default_rng(seed)
        if self.relations is None and depth.kind is DepthKind.METRIC:
            return claims_of(view, rng, self.claims_per_scene)
        drawn = claims_of(view, rng, _ALL)
        # They come in pairs of a true and a false one, which stay together.
        pairs = [
            pair
            for pair in zip(drawn[::2], drawn[1::2], strict=True)
            if all(self._is_wanted(claim, depth.kind) for claim in pair)
        ]
        return tuple(claim for pair in pairs[: self.claims_per_scene // 2] for claim in pair)

    def _is_wanted(self, claim: Claim, kind: DepthKind) -> bool:
        return can_carry(claim, kind) if self.relations is None else claim.relation in self.relations


def depth_of(view: RenderedView, source: str, seed: int) -> DepthMap:
    """Depth of a view from one of ``SOURCES``."""
    exact = view.frame.given_depth
    assert exact is not None
    if source == "sensor":
        return sensor_depth(exact.values, view.frame.camera, seed)
    if source == "disparity":
        return monocular_disparity(exact.values, seed)
    return monocular_metric(exact.values, seed) if source == "metric" else exact
