from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from files_of_sets import save_image
from true_depth_files import HEIGHT, SIZE, WIDTH, depth_m, only, reason

from pipeline.api import load_config
from pipeline.config.build import build
from pipeline.datasets.depth_base import DepthSample
from pipeline.datasets.rgbd_depth import RgbdDepth
from pipeline.records.errors import ConfigError, InputError

PREDICTED = "predicted_depth_m.npy"
CAMERA = {"fx": 20.0, "fy": 20.0, "cx": 7.5, "cy": 5.5}


def save(folder: Path, frames: int = 1, predicted: bool = False) -> Path:
    """A place; depth of the n-th frame is n metres more."""
    for index in range(frames):
        save_image(folder / f"rgb_{index}.png", index, SIZE)
        values = depth_m() + index
        values[:2] = 0
        cv2.imwrite(str(folder / f"depth_{index}.png"), np.round(values * 1000).astype(np.uint16))
    described = {"color": "rgb_*.png", "depth": {"file": "depth_*.png", "scale_m": 0.001}, "camera": CAMERA}
    (folder / "frame.json").write_text(json.dumps(described))
    if predicted:
        np.save(folder / PREDICTED, np.full((HEIGHT // 2, WIDTH // 2), 7, np.float32))
    return folder / "depth_0.png"


def test_the_sensor_gives_the_truth_alone(tmp_path: Path) -> None:
    save(tmp_path / "hall", predicted=True)
    sample = only(RgbdDepth(tmp_path))
    assert sample.name == sample.group == "hall"
    assert sample.truth.values[3, 5] == pytest.approx(4.05)
    assert not sample.truth.valid[:2].any() and sample.truth.valid[2:].all()
    assert sample.frame.given_depth is None and sample.regions == ()
    assert sample.frame.camera.fx == 20


@pytest.mark.parametrize(
    "kind, source", [("scale_invariant", "none"), ("metric", "model"), ("disparity_affine", "none")]
)
def test_a_prediction_beside_the_frame_is_enlarged_and_given(tmp_path: Path, kind: str, source: str) -> None:
    save(tmp_path / "a")
    save(tmp_path / "b", predicted=True)
    sample = only(RgbdDepth(tmp_path, prediction=PREDICTED, prediction_kind=kind))
    given = sample.frame.given_depth
    assert sample.name == "b" and given is not None
    assert given.shape == SIZE[::-1] and np.allclose(given.values, 7)
    assert (given.kind, given.scale_source) == (kind, source)
    assert sample.truth.values[3, 5] == pytest.approx(4.05)


def test_places_are_groups_in_the_order_of_their_names(tmp_path: Path) -> None:
    save(tmp_path / "b", frames=3)
    save(tmp_path / "a")
    data = RgbdDepth(tmp_path)
    assert data.names() == ["a", "b 0", "b 1", "b 2"]
    samples = [sample for sample in map(data.read, range(4)) if isinstance(sample, DepthSample)]
    assert [sample.group for sample in samples] == ["a", "b", "b", "b"]
    assert samples[3].truth.values[3, 5] == pytest.approx(6.05)
    assert RgbdDepth(tmp_path, step=2).names() == ["a", "b 0", "b 2"]
    assert RgbdDepth(tmp_path, limit=2).names() == ["a", "b 0"]


def test_one_prediction_for_several_frames_is_refused_and_named(tmp_path: Path) -> None:
    save(tmp_path / "a", frames=2, predicted=True)
    save(tmp_path / "b", predicted=True)
    data = RgbdDepth(tmp_path, prediction=PREDICTED, prediction_kind="scale_invariant")
    assert data.names() == ["b"]
    assert "2 frames for one predicted_depth_m.npy" in data.unreadable["a"]


@pytest.mark.parametrize(
    "damage, words",
    [
        (lambda file: file.write_bytes(b"no image"), "not an image that can be read"),
        (lambda file: cv2.imwrite(str(file), np.zeros((HEIGHT, WIDTH), np.uint16)), "the depth of no pixel"),
        (lambda file: cv2.imwrite(str(file), np.ones((6, 8), np.uint16)), "they must agree"),
        (lambda file: np.save(file.with_name(PREDICTED), np.ones((3, 4, 5), np.float32)), "not float depth"),
        (lambda file: file.with_name(PREDICTED).write_bytes(b"none"), "no array that can be read"),
    ],
)
def test_a_damaged_frame_is_skipped_with_a_plain_reason(
    tmp_path: Path, damage: Callable[[Path], Any], words: str
) -> None:
    damage(save(tmp_path / "hall", predicted=True))
    assert words in reason(RgbdDepth(tmp_path, prediction=PREDICTED, prediction_kind="scale_invariant"))


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ({"path": "nowhere"}, InputError, "There is no folder nowhere"),
        (
            {"prediction": PREDICTED, "prediction_kind": "metric"},
            InputError,
            "No frame of .* has a pred",
        ),
        ({"prediction": True}, ConfigError, "the name of a file"),
        ({"prediction": PREDICTED}, ConfigError, "Say what the predictions are: set dataset.prediction_kind"),
        ({"prediction_kind": "blurred"}, ConfigError, "prediction_kind"),
        ({"step": 0}, ConfigError, "step"),
        ({"limit": 0}, ConfigError, "limit"),
        ({"descriptions": {"hall": {"color": "*.jpg"}}}, InputError, "0 images"),
    ],
)
def test_what_cannot_be_used_is_said(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    save(tmp_path / "hall")
    with pytest.raises(error, match=words):
        RgbdDepth(**{"path": tmp_path, **arguments})


@pytest.mark.shared
def test_the_shared_frames_have_truth_and_predictions(shared_dir: Path) -> None:
    overrides = ["dataset=rgbd_depth", f"dataset.path={shared_dir / 'rgbd'}"]
    data = build(load_config(overrides, "eval_claims").dataset)
    samples = {sample.name: sample for sample in map(data.read, range(len(data))) if isinstance(sample, DepthSample)}
    assert len(samples) == len(data) == 11 and len({sample.group for sample in samples.values()}) == 7
    assert all(sample.frame.given_depth is None for sample in samples.values())
    objects = samples["arc2017"].regions
    assert len(objects) == 8 and all(region.mask is not None for region in objects)
    predicted = build(
        load_config(
            [*overrides, f"dataset.prediction={PREDICTED}", "dataset.prediction_kind=scale_invariant"], "eval_claims"
        ).dataset
    )
    assert len(predicted) == 6
    sample = predicted.read(0)
    assert isinstance(sample, DepthSample) and sample.frame.given_depth is not None
    assert sample.frame.given_depth.shape == sample.truth.shape
