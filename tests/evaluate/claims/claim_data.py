"""A small data set of the analytic scene, with ground truth of claims and questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scenes

from pipeline.api import load_config
from pipeline.config.build_evaluation import build_subjects
from pipeline.datasets.base import Case, ClaimDataset
from pipeline.evaluate.claims.run import Subjects
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


def subjects(*overrides: str) -> Subjects:
    """The subjects of ``eval-claims`` without a cache."""
    return build_subjects(load_config(["cache_dir=null", *overrides], "eval_claims"))


class SmallDataset(ClaimDataset[Case]):
    """A data set of the given cases."""

    name = "small"

    def __init__(self, cases: Sequence[Case]) -> None:
        super().__init__()
        self.cases = list(cases)

    def entries(self) -> Sequence[Case]:
        return self.cases

    def entry_name(self, entry: Case) -> str:
        return entry.scene.id

    def case(self, entry: Case, index: int) -> Case:
        return entry


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
    """A case without given depth, whose depth stage fails."""
    made = case(name)
    return replace(made, scene=replace(made.scene, frames=(replace(made.scene.frames[0], given_depth=None),)))


def image() -> np.ndarray:
    """The depth of the scene as a grey image."""
    grey = np.clip(255 - 70 * scenes.depth_m(), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
