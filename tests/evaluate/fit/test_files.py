"""Files of a fit, and the command that writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from pipeline.evaluate.fit.files import figures_of, is_wrong, rows_of, stated_error, write_fit
from pipeline.evaluate.fit.run import Fitted, Judged
from pipeline.records import Claim, Status, Verdict
from pipeline.records.calibration import Calibration, Curve
from pipeline.records.weights import NAMES, CueModel, Weights

MODELS = {name: CueModel({"a": 0.5 + number, "b": -1.25}, round(0.1 * number, 1)) for number, name in enumerate(NAMES)}
CURVES = {
    "order/measured": Curve(0.8, 0.97, 40, 12, 33, {"samples": (8.5, 0.25)}),
    "size/predicted/midas": Curve(1.5, 0.9),
}


def judged(
    status: Status, probability: float | None, truth: bool, place: str = "kitchen", name: str = "real"
) -> Judged:
    claim = Claim("closer", "cup", "lamp", truth=truth)
    needs = "a mask" if status is Status.UNDECIDED else None
    return Judged(name, place, claim, Verdict(claim, status, "because", needs=needs, probability=probability))


S, R, U = Status.SUPPORTED, Status.REFUTED, Status.UNDECIDED


@pytest.mark.parametrize(
    ("item", "wrong", "error"),
    [
        (judged(S, 0.98, True), False, 0.02),
        (judged(S, 0.98, False), True, 0.02),
        (judged(R, 0.01, False), False, 0.01),
        (judged(R, 0.01, True), True, 0.01),
        (judged(U, None, True), True, 0.5),
    ],
)
def test_a_verdict_is_wrong_where_it_contradicts_the_truth(item: Judged, wrong: bool, error: float) -> None:
    assert stated_error(item) == pytest.approx(error)
    if item.verdict.status is not U:
        assert is_wrong(item) is wrong


ITEMS = (
    judged(R, 0.01, False), judged(S, 0.995, False), judged(R, 0.0005, False, "hall"), judged(R, 0.0001, True, "hall"),
    judged(U, 0.6, False), judged(U, None, True, "yard"),
)  # fmt: skip


def test_figures_count_decided_and_wrong_verdicts_and_those_that_state_a_small_error() -> None:
    assert figures_of(list(ITEMS)) == {
        "claims": 6, "places": 3, "decided": 4, "wrong": 2,
        "stated_below_0.01": 3, "wrong_below_0.01": 2, "stated_below_0.001": 2, "wrong_below_0.001": 1,
    }  # fmt: skip


def test_what_was_written_is_read_as_the_same_weights_and_calibration(tmp_path: Path) -> None:
    made = Fitted(
        Weights(MODELS), Calibration(CURVES), (*ITEMS, judged(S, 0.99, True, name="other")), {"occlusion_masks": 7}
    )
    write_fit(made, tmp_path, name="mine", fitted_on="my rooms", risk=0.1, confidence=0.8)
    from hydra.utils import instantiate

    weights, calibration = (
        instantiate(yaml.safe_load((tmp_path / f"{name}.yaml").read_text("utf-8")))
        for name in ("weights", "calibration")
    )
    assert {name: weights[name] for name in NAMES} == MODELS
    assert weights.fitted_on == calibration.fitted_on == "my rooms"
    assert (calibration.name, calibration.risk, calibration.confidence) == ("mine", 0.1, 0.8)
    for key, curve in CURVES.items():
        found = Curve(**calibration.curves[key])
        assert {name: list(numbers) for name, numbers in found.features.items()} == {
            name: list(numbers) for name, numbers in curve.features.items()
        }
        for name in ("slope", "most", "verdicts", "scenes", "missing_scenes"):
            assert getattr(found, name) == getattr(curve, name)
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert report == {"examples": {"occlusion_masks": 7}, "sets": rows_of(made)}
    assert report["sets"]["other"]["claims"] == 1 and report["sets"]["real"]["claims"] == 6
