from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from pipeline.evaluate.noise_fit import fit_noise, write_noise
from pipeline.records import DepthMap
from pipeline.records.errors import InputError
from pipeline.records.noise import NoiseModel
from pipeline.synthetic.depth_errors import monocular_disparity, monocular_metric
from pipeline.synthetic.scenes import rendered_scene


@pytest.fixture(scope="module")
def truths() -> list[DepthMap]:
    found = [rendered_scene(7000 + seed, size_px=(320, 240)).view.frame.given_depth for seed in range(8)]
    return [depth for depth in found if depth is not None]


def pairs(truths: list[DepthMap], error: float, *, affine: bool = False) -> list[tuple[DepthMap, DepthMap]]:
    simulate = monocular_disparity if affine else monocular_metric
    return [(simulate(truth.values, seed, error=error), truth) for seed, truth in enumerate(truths)]


@pytest.mark.parametrize("error", [0.04, 0.08, 0.16])
def test_the_smooth_error_is_found_and_not_underestimated(truths: list[DepthMap], error: float) -> None:
    found = fit_noise(pairs(truths, error))
    assert 0.8 * error < found.relative < 2 * error
    assert 0.03 < found.place_share < 0.3
    assert found.far_share == 0.0


def test_a_worse_network_gets_a_larger_error(truths: list[DepthMap]) -> None:
    for affine in (False, True):
        found = [fit_noise(pairs(truths, error, affine=affine)).relative for error in (0.03, 0.1, 0.2)]
        assert found == sorted(found) and found[0] < 0.6 * found[-1]


def test_affine_disparity_has_a_far_share(truths: list[DepthMap]) -> None:
    assert fit_noise(pairs(truths, 0.08, affine=True)).far_share > 0


def test_pixel_noise_is_separated_from_the_smooth_error(truths: list[DepthMap]) -> None:
    rng = np.random.default_rng(0)
    smooth = pairs(truths, 0.05)
    noisy = [
        (replace(made, values=made.values * np.exp(rng.normal(0, 0.03, made.shape)).astype(np.float32)), truth)
        for made, truth in smooth
    ]
    assert fit_noise(noisy).pixel == pytest.approx(0.03, rel=0.25)
    assert fit_noise(smooth).pixel < 0.01
    assert fit_noise(noisy).relative == pytest.approx(fit_noise(smooth).relative, rel=0.2)


@settings(max_examples=5)
@given(scale=st.floats(0.01, 100), shift=st.floats(-2, 2))
def test_the_fit_does_not_depend_on_unknown_scale_and_shift(truths: list[DepthMap], scale: float, shift: float) -> None:
    for affine in (False, True):
        original = pairs(truths[:3], 0.08, affine=affine)
        changed = []
        for made, truth in original:
            offset = np.float32(shift * affine * np.ptp(made.values))
            changed.append((replace(made, values=np.float32(scale) * (made.values + offset)), truth))
        found, expected = (vars(replace(fit_noise(made), scale=None)) for made in (changed, original))
        assert found == pytest.approx(expected, rel=0.02, abs=2e-3)


def test_few_frames_are_trusted_less(truths: list[DepthMap]) -> None:
    every = pairs(truths, 0.08)
    single = [fit_noise([pair]).relative for pair in every]
    assert np.median(single) > fit_noise(every).relative


def test_without_common_depth_there_is_no_model(truths: list[DepthMap]) -> None:
    nothing = replace(truths[0], valid=np.zeros(truths[0].shape, bool))
    with pytest.raises(InputError, match="enough depth in common"):
        fit_noise([(truths[0], nothing)])


def test_a_written_model_loads_as_the_model_of_its_backend(tmp_path: Path) -> None:
    model = NoiseModel(relative=0.1, place_share=0.2, pixel=0.01, far_share=0.3, blur_px=3.0)
    path = tmp_path / "midas.yaml"
    write_noise(path, "midas", model, "ten frames")
    assert path.read_text().startswith("# Errors of midas, fitted to ten frames.")
    config = OmegaConf.load(path)
    assert config.defaults == ["default"]
    assert NoiseModel(**config.models.midas) == model
