"""Real frames with claims whose ground truth is known, and what makes them harder: weak depth, inexact boxes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

SHARED = Path(os.environ.get("THEODOLITE_SHARED", Path(__file__).parents[3] / "shared"))
OCCLUSION = ("occludes", "occluded_by")
# Frames of one place: a fit that is tested on one of them sees none of the others.
PLACES: Mapping[str, str] = {
    **dict.fromkeys(("kitchen_0000", "kitchen_0400", "kitchen_0850"), "kitchen"),
    **{f"{name}__points": name for name in ("hallway", "toy_phone_tof", "colonnade")},
}
_POINTS_OF_NETWORKS = ("hallway", "hallway__points")
# Errors of a model's boxes: deviation of every edge as a share of the side, and how often a box is on a neighbour.
_BOX_SHARES, _NEIGHBOUR_SHARE = (0.05, 0.15), 0.03


@dataclass(frozen=True)
class RealSet:
    """One row of the benchmark.

    Args:
        name: Its name.
        files: Manifest and claims, relative to the folder of real frames.
        keep: Which of the items to take.
        relations: Which relations; all that need depth if empty.
        max_side_px: Longer side to which everything is shrunk; 0 keeps the size.
    """

    name: str
    files: tuple[tuple[str, str], ...]
    keep: Callable[[str], bool] = lambda item_id: True
    relations: tuple[str, ...] = ()
    max_side_px: int = 0

    def cases(self) -> Iterator[Any]:
        """The cases, each with the claims that need depth, grouped by place."""
        for manifest, claims in self.files:
            for case in _read(manifest, claims, self.max_side_px):
                chosen = _chosen(case.scene.claims, self.relations)
                if chosen and self.keep(case.scene.id):
                    yield replace(case, scene=replace(case.scene, claims=chosen))


def _read(manifest: str, claims: str, max_side_px: int) -> Iterator[Any]:
    from pipeline.datasets.manifest import Manifest

    folder = SHARED / "real"
    places = PLACES if "tabletop" not in manifest else {}
    yield from Manifest(folder / manifest, claims=folder / claims, places=places, max_side_px=max_side_px)


def _chosen(claims: Sequence[Any], relations: Sequence[str]) -> tuple[Any, ...]:
    from pipeline.records.relations import RELATIONS, Need

    wanted = relations or [name for name, relation in RELATIONS.items() if relation.need is not Need.NOTHING]
    return tuple(claim for claim in claims if claim.relation in wanted)


def _both(folder: str) -> tuple[str, str]:
    return f"{folder}/manifest.jsonl", f"{folder}/claims.json"


def _tabletop(name: str, claims: str, mono: bool = False, touch: bool = False) -> RealSet:
    manifest = f"tabletop/manifest{'_touch' * touch}{'_mono' * mono}.jsonl"
    return RealSet(name, ((manifest, f"tabletop/{claims}.json"),), relations=OCCLUSION)


SETS: tuple[RealSet, ...] = (
    RealSet("kitti", (_both("kitti"),)),
    RealSet(
        "sensors",
        tuple(map(_both, ("indoor_sensor_by_eye", "iphone_rtsm", "sunrgbd_000001", "depth_vs_truth"))),
        keep=lambda item_id: item_id not in _POINTS_OF_NETWORKS,
    ),
    RealSet("phone frames, full size", (_both("iphone_rtsm"),)),
    RealSet("phone frames, own size of the depth", (_both("iphone_rtsm"),), max_side_px=256),
    RealSet(
        "networks",
        (_both("networks_real"), _both("depth_vs_truth")),
        keep=lambda item_id: (
            item_id not in ("toy_phone_tof", "toy_phone_tof__points", "bike_room", "colonnade", "colonnade__points")
        ),
    ),
    _tabletop("tabletop, boxes", "claims"),
    _tabletop("tabletop, masks", "claims_masks"),
    _tabletop("tabletop, masks 2 px off", "claims_masks_2px_off"),
    _tabletop("touching faces, boxes", "claims_touch", touch=True),
    _tabletop("touching faces, masks", "claims_touch_masks", touch=True),
    _tabletop("tabletop, monocular, boxes", "claims", mono=True),
    _tabletop("tabletop, monocular, masks", "claims_masks", mono=True),
    _tabletop("tabletop, monocular, masks 2 px off", "claims_masks_2px_off", mono=True),
    _tabletop("touching faces, monocular, masks", "claims_touch_masks", mono=True, touch=True),
)
