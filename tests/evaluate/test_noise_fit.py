from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from scipy.special import ndtri, stdtrit

from pipeline.evaluate.noise_fit import NoiseSummary, fit_noise, left_out, noise_of, summarise_noise, write_noise
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
        found, expected = (
            vars(replace(fit_noise(made), scale=0, typical_disagreement=0, unfamiliar=0))
            for made in (changed, original)
        )
        assert found == pytest.approx(expected, rel=0.02, abs=2e-3)


def test_few_frames_are_trusted_less(truths: list[DepthMap]) -> None:
    every = pairs(truths, 0.08)
    single = [fit_noise([pair]).relative for pair in every]
    assert np.median(single) > fit_noise(every).relative


def scaled(depth: DepthMap, log: float, source: str = "model") -> DepthMap:
    return replace(depth, values=depth.values * np.float32(math.exp(log)), scale_source=source)


def test_the_error_of_the_scale_is_that_of_a_network_s_metres_alone(truths: list[DepthMap]) -> None:
    logs = [0.5, -0.5, 0.5, -0.5]
    made = [(scaled(truth, log), truth) for truth, log in zip(truths, logs, strict=False)]
    widening = stdtrit(3, 0.95) / ndtri(0.95)
    assert fit_noise(made).scale == pytest.approx(0.5 * widening, rel=1e-3)
    biased = [(scaled(truth, 0.5), truth) for truth in truths[:4]]
    assert fit_noise(biased).scale == pytest.approx(0.5 * widening, rel=1e-3), "the verifier corrects no bias"
    assert fit_noise([(scaled(truths[0], 0.5, "sensor"), truths[0])]).scale is None
    assert fit_noise(pairs(truths[:2], 0.08, affine=True)).scale is None


def test_every_place_counts_once(truths: list[DepthMap]) -> None:
    logs, places = [0.9, 0.1, 0.1, 0.1], ["a", "b", "b", "b"]
    made = [(scaled(truth, log), truth) for truth, log in zip(truths, logs, strict=False)]
    widening = stdtrit(1, 0.95) / ndtri(0.95)
    assert fit_noise(made, places).scale == pytest.approx(widening * math.sqrt((0.81 + 0.01) / 2), rel=1e-3)


def test_disagreement_explains_larger_errors(truths: list[DepthMap]) -> None:
    shares = (0.01, 0.01, 0.01, 0.04)
    errors = (0.05, 0.05, 0.05, 0.2)
    made = [
        (replace(pairs(truths, error)[index][0], disagreement=share), truths[index])
        for index, (share, error) in enumerate(zip(shares, errors, strict=True))
    ]
    found = fit_noise(made)
    assert found.typical_disagreement == 0.01
    assert found.relative < 0.6 * fit_noise([(replace(one, disagreement=None), truth) for one, truth in made]).relative
    assert fit_noise(pairs(truths, 0.08)).typical_disagreement is None


def summary(spread: float, log_scale: float | None = None, disagreement: float | None = None) -> NoiseSummary:
    return NoiseSummary(
        spread, None, 0.0, None, (1.0,) * 14, (10,) * 14, log_scale=log_scale, disagreement=disagreement
    )


def test_every_place_is_tested_by_the_fit_to_the_others() -> None:
    odd = [summary(0.1, 0.2), summary(0.1, -0.2), summary(0.1, 0.2), summary(0.1, -2.0)]
    found = left_out(odd, ["a", "b", "c", "d"])
    others, with_odd = noise_of(odd[:3]), noise_of(odd[1:])
    ratios = [0.2 / with_odd.scale] * 3 + [2.0 / others.scale]
    assert found["scale"].spread == pytest.approx(np.sqrt(np.mean(np.square(ratios))), rel=1e-3)
    assert found["scale"].within == 0.75
    assert found["smooth"].spread == pytest.approx(0.1 / others.relative, rel=1e-3)
    assert 0.95 < found["smooth"].within <= 1


def test_frames_of_one_place_do_not_test_each_other() -> None:
    assert left_out([summary(0.1), summary(0.2)], ["a", "a"]) == {}
    found = left_out([summary(0.1, disagreement=0.01), summary(0.4, disagreement=0.04)], ["a", "b"])
    assert found["smooth"].spread < 1, "four times the error at four times the disagreement is expected"
    assert "scale" not in found


def test_sparse_ground_truth_gives_the_smooth_error_and_the_scale(truths: list[DepthMap]) -> None:
    rng = np.random.default_rng(0)
    sparse = []
    for made, truth in pairs(truths, 0.08):
        chosen = rng.permutation(np.flatnonzero(truth.valid))[:100]
        valid = np.zeros(truth.shape, dtype=bool)
        valid.flat[chosen] = True
        sparse.append((made, replace(truth, valid=valid)))
    dense, found = fit_noise(pairs(truths, 0.08)), fit_noise(sparse)
    assert found.relative == pytest.approx(dense.relative, rel=0.3)
    assert found.scale == pytest.approx(dense.scale, abs=0.05)
    # What a single point does not show has its usual value.
    assert (found.pixel, found.blur_px) == (0.002, 2.0)
    assert summarise_noise(*sparse[0]).pixel is None


def test_without_common_depth_there_is_no_model(truths: list[DepthMap]) -> None:
    nothing = replace(truths[0], valid=np.zeros(truths[0].shape, bool))
    with pytest.raises(InputError, match="enough depth in common"):
        fit_noise([(truths[0], nothing)])


def test_a_written_model_loads_as_the_model_of_its_backend(tmp_path: Path) -> None:
    model = NoiseModel(relative=0.1, place_share=0.2, pixel=0.01, far_share=0.3, blur_px=3.0, scale=0.4)
    path = tmp_path / "midas.yaml"
    write_noise(path, "midas", model, "ten frames")
    assert path.read_text().startswith("# Errors of midas, fitted to ten frames.")
    config = OmegaConf.load(path)
    assert config.defaults == ["default"]
    assert "typical_disagreement" not in config.models.midas, "what was not measured is left to the defaults"
    assert NoiseModel(**config.models.midas) == model
