"""Which regions the parts of a claim name, frame by frame, and how surely those show what their names say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any

from pipeline.claims.resolve import Resolution, resolve, resolve_all
from pipeline.records import Claim, Region
from pipeline.records.message import message
from pipeline.records.relations import Relation
from pipeline.verify.rules.base import CannotMeasure

NEEDS_CONFIRMATION = "needs_confirmed_region"
# Below this, the model says rather no than yes.
_LEAST_SHOWN = 0.5


class NamedRegions:
    """Regions by the names that claims give them; every name is looked up once.

    Args:
        regions: Regions of all frames.
    """

    def __init__(self, regions: tuple[Region, ...]) -> None:
        self.regions = regions
        self._found: dict[str, Resolution] = {}

    def of(self, claim: Claim, relation: Relation, count: int) -> list[dict[int, Any]] | CannotMeasure:
        """Index of the region that each part of the claim names, subject first, by frame; or why there is none.

        Args:
            claim: The claim.
            relation: Its relation.
            count: Number of frames.
        """
        missing = [frame for frame in claim.frames if frame >= count]
        if missing:
            return CannotMeasure("no_such_frame", "needs_existing_frame", frames=tuple(missing), count=count)
        wanted = [frame for frame in range(count) if not claim.frames or frame in claim.frames]
        if relation.counts:
            counted = {frame: resolve_all(claim.subject, self.regions, frame) for frame in wanted}
            located = {frame: indices for frame, indices in counted.items() if indices}
            if not located:
                reason = self._resolve(claim.subject).reason or message("never_together")
                return CannotMeasure(reason, "needs_counted_regions")
            return [located]
        resolutions = [self._resolve(part) for part in claim.things]
        for resolution in resolutions:
            if not resolution.found and resolution.reason is not None:
                return CannotMeasure(resolution.reason, "needs_located")
        return [
            {frame: index for frame, index in resolution.by_frame.items() if frame in wanted}
            for resolution in resolutions
        ]

    def why_apart(self, claim: Claim) -> CannotMeasure:
        """Why no frame shows everything that the claim names."""
        doubts = [found.reason for part in claim.things if (found := self._resolve(part)).reason is not None]
        return CannotMeasure(reduce(add, doubts) if doubts else message("never_together"), "needs_common_frame")

    def _resolve(self, name: str) -> Resolution:
        if name not in self._found:
            self._found[name] = resolve(name, self.regions)
        return self._found[name]


def together(named: Sequence[Mapping[int, Any]]) -> dict[int, tuple[int, ...]]:
    """Indices of the regions of all parts, by the frames that show all of them."""
    frames = sorted(set.intersection(*(set(by_frame) for by_frame in named)))
    if len(named) == 1:
        return {frame: index if isinstance(index, tuple) else (index,) for frame, index in sorted(named[0].items())}
    return {frame: tuple(by_frame[frame] for by_frame in named) for frame in frames}


def trust_in(regions: Sequence[Region]) -> float:
    """Probability that all regions show what their names say; 1 where the model was not asked.

    Raises:
        CannotMeasure: If the model denies one of them.
    """
    for region in regions:
        if region.shown is not None and region.shown < _LEAST_SHOWN:
            shown = message("region_denied", label=region.label, probability=1 - region.shown)
            raise CannotMeasure(shown, NEEDS_CONFIRMATION)
    return math.prod(region.shown for region in regions if region.shown is not None)


def is_doubted(region: Region) -> bool:
    """Whether the model was asked about a region."""
    return region.shown is not None


def least_shown(regions: Sequence[Region]) -> Region:
    """The region that shows least surely what its name says."""
    return min(regions, key=lambda region: 1.0 if region.shown is None else region.shown)
