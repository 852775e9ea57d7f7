"""Verdicts state what their calibration supports."""

from __future__ import annotations

from dataclasses import replace

import pytest
import scenes
from verifiers import WEIGHTS

from pipeline.records import Claim, DepthKind
from pipeline.records.calibration import Calibration, Curve
from pipeline.records.error_budget import ErrorBudget
from pipeline.records.noise import DEFAULTS, NoiseModel, NoiseModels
from pipeline.verify.verifier import Verifier

CLOSER = Claim("closer", "cup", "cabinet")
CURVE = Curve(slope=1.0, most=0.97, verdicts=70, scenes=20, missing_scenes=0, features={"samples": (9.0, 1.0)})


def judged(curves: dict[str, Curve], risk: float = 0.05):
    verifier = Verifier(risk, weights=WEIGHTS, calibration=Calibration(curves, "mine"))
    (verdict,) = verifier.judge(scenes.scene(), scenes.regions(), [CLOSER])
    return verdict


def test_no_verdict_is_surer_than_its_curve() -> None:
    verdict = judged({"order/measured": CURVE})
    assert verdict.status == "supported"
    assert verdict.probability == pytest.approx(0.97, abs=1e-6)
    assert judged({"order/measured": Curve(most=0.94)}).status == "undecided"


def test_a_family_without_data_decides_nothing_at_the_usual_risk() -> None:
    verdict = judged({"size/measured": CURVE})
    assert (verdict.status, round(verdict.probability, 6)) == ("undecided", 0.9)
    assert verdict.calibration.missing_scenes is None


def test_a_verdict_names_the_data_behind_it_and_how_far_its_depth_is_from_that() -> None:
    note = judged({"order/measured": CURVE}).calibration
    assert (note.name, note.curve, note.verdicts, note.scenes, note.missing_scenes) == (
        "mine", "order/measured", 70, 20, 0,
    )  # fmt: skip
    assert note.distance == pytest.approx(abs(9.86 - 9.0), abs=0.02), "the scene has 160 x 120 samples"


def test_the_guarantee_is_not_claimed_at_a_larger_risk() -> None:
    assert judged({"order/measured": CURVE}, risk=0.1).calibration.missing_scenes is None


def test_claims_about_the_image_plane_have_no_calibration() -> None:
    verifier = Verifier(weights=WEIGHTS, calibration=Calibration({}, "mine"))
    (verdict,) = verifier.judge(scenes.scene(), scenes.regions(), [Claim("left_of", "cup", "lamp")])
    assert verdict.calibration is None and verdict.status == "supported"


def test_affine_depth_has_the_curve_of_predicted_depth() -> None:
    verifier = Verifier(weights=WEIGHTS, calibration=Calibration({"order/predicted": CURVE}, "mine"))
    depth = scenes.as_kind(scenes.depth_m(), DepthKind.DISPARITY_AFFINE)
    (verdict,) = verifier.judge(scenes.scene(depth), scenes.regions(), [CLOSER])
    assert verdict.calibration.curve == "order/predicted"


@pytest.mark.parametrize(
    "disagreement, curve, status", [(0.01, "order/predicted", "supported"), (0.03, "order/unfamiliar", "undecided")]
)
def test_a_network_decides_nothing_about_images_unlike_those_that_it_learned_from(
    disagreement: float, curve: str, status: str
) -> None:
    noise = NoiseModels({**DEFAULTS, "own": NoiseModel(0.01, typical_disagreement=0.01, unfamiliar=0.05)})
    curves = Calibration({"order/predicted": CURVE}, "mine")
    verifier = Verifier(budget=ErrorBudget(noise=noise), weights=WEIGHTS, calibration=curves)
    depth = replace(
        scenes.as_kind(scenes.depth_m(), DepthKind.DISPARITY_AFFINE), backend="own", disagreement=disagreement
    )
    (verdict,) = verifier.judge(scenes.scene(depth), scenes.regions(), [CLOSER])
    assert (verdict.calibration.curve, verdict.status) == (curve, status)
    if status == "undecided":
        assert verdict.probability == pytest.approx(0.9, abs=0.01)
        assert verdict.reason.endswith("The image is unlike those that the depth network learned from.")
        assert verdict.needs == "a depth network that knows such images"
