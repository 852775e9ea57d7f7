"""A small data set of the analytic scene, with claims and questions whose truth is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import scenes

from pipeline.datasets.base import Case
from pipeline.records import Claim, DepthKind, DepthMap, Origin, Scene
from pipeline.records.expected import AnswerKind, Expected

CLAIMS = (
    Claim("closer", "screen", "cabinet", truth=True),
    Claim("closer", "cabinet", "screen", truth=False),
    Claim("left_of", "cup", "lamp", truth=True),
    Claim("left_of", "lamp", "cup", truth=False),
    Claim("occludes", "screen", "cabinet", truth=True),
    Claim("occludes", "cabinet", "screen", truth=False),
    Claim("distance_to_camera", "cup", value=0.8, unit="m", truth=True),
    Claim("distance_to_camera", "cup", value=2, unit="m", truth=False),
)
EXPECTED = (
    Expected("Is the screen in front of the cabinet?", "yes", AnswerKind.YES_NO, category="order"),
    Expected(
        "Which is closest to the camera?\nA. cup\nB. lamp\nC. cabinet",
        "A",
        AnswerKind.CHOICE,
        ("cup", "lamp", "cabinet"),
    ),
)


class SmallDataset:
    """Cases that are given, as a data set."""

    def __init__(self, cases: Sequence[Case], name: str = "small") -> None:
        self.cases = list(cases)
        self.name = name

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)

    def __len__(self) -> int:
        return len(self.cases)


def case(
    name: str,
    claims: tuple[Claim, ...] = CLAIMS,
    expected: tuple[Expected, ...] = (),
    depth: DepthMap | None = None,
) -> Case:
    """The analytic scene with given depth, boxes without masks, claims and questions."""
    given = scenes.as_kind(scenes.depth_m(), DepthKind.METRIC) if depth is None else depth
    frame = replace(scenes.scene().frames[0], given_depth=given, name=name)
    regions = tuple(replace(region, origin=Origin.GIVEN) for region in scenes.regions())
    questions = tuple(item.question for item in expected)
    return Case(Scene(name, (frame,), questions, regions, claims), expected)


def without_depth(name: str) -> Case:
    """A case whose depth stage fails, because none is given."""
    made = case(name)
    return replace(made, scene=replace(made.scene, frames=(replace(made.scene.frames[0], given_depth=None),)))


def image() -> np.ndarray:
    """The scene as an image, its depth as grey."""
    grey = np.clip(255 - 70 * scenes.depth_m(), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
