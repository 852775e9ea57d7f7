"""What must hold for every depth backend that runs checkpoints of transformers."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from models.depth.checks import (
    SPOT_SIZES,
    Make,
    assert_half_precision_stays_near_float32,
    assert_maps_fit_their_frames,
    assert_spots_come_back_where_they_were,
    head_weight,
)
from safetensors.torch import load_file
from tiny.checkpoints import with_weights
from tiny.depth_cases import CASES, PROMPT_RANGE_M, DepthCase, make_frame

from pipeline.models.depth.checkpoint import CheckpointDepth
from pipeline.models.depth.depth_anything import DepthAnythingDepth
from pipeline.models.depth.depth_pro import DepthProDepth
from pipeline.models.depth.prompt_depth_anything import PromptDepthAnythingDepth
from pipeline.models.depth.zoedepth import ZoeDepthDepth
from pipeline.records import DepthKind
from pipeline.records.errors import ConfigError, ModelUnavailableError

NAMES = list(CASES)
every_backend = pytest.mark.parametrize("name", NAMES)


def make_of(checkpoints: dict[str, Path], name: str) -> Make:
    return partial(CASES[name].build, checkpoints[name])


@every_backend
def test_maps_fit_their_frames_and_have_their_kind_and_scale_source(checkpoints, name):
    case = CASES[name]
    sizes = ((64, 64), (48, 90), (91, 40), (3, 5), (1, 1), (48, 90))
    frames = [make_frame(*size, seed) for seed, size in enumerate(sizes)]
    is_usual = case.kind is case.backend.usual_kind
    for depth in assert_maps_fit_their_frames(make_of(checkpoints, name), frames):
        assert (depth.kind, depth.scale_source) == (case.kind, case.scale_source)
        assert depth.backend == case.backend.backend + ("" if is_usual else f"_{case.kind}")


def test_the_domain_of_a_frame_does_not_depend_on_its_batch(checkpoints):
    case = CASES["zoedepth_domains"]
    frames = [make_frame(40, 60, seed) for seed in range(4)]
    backend = case.build(checkpoints["zoedepth_domains"])
    head = backend._loaded().model.metric_head
    logits = []
    head.mlp_classifier.register_forward_hook(lambda _module, _inputs, output: logits.append(output[0]))
    backend.estimate(frames)
    advantage = torch.stack([first - second for first, second in logits])
    head.mlp_classifier.linear2.bias[1] += advantage.median() + 1e-6
    alone = [backend.estimate([frame])[0].values for frame in frames]
    backend.batch_size = 4
    for depth, values in zip(backend.estimate(frames), alone, strict=True):
        np.testing.assert_allclose(depth.values, values, rtol=1e-4)
    chosen = {int(first < second) for first, second in logits[len(frames) : 2 * len(frames)]}
    assert chosen == {0, 1}, "the frames must differ in domain for this test to say anything"


@every_backend
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_stays_near_float32_and_is_not_rounded_to_eight_bits(checkpoints, name, dtype):
    assert_half_precision_stays_near_float32(make_of(checkpoints, name), dtype)


@every_backend
def test_flips_scales_and_tiles_run_and_change_the_depth(checkpoints, name):
    case, frame = CASES[name], make_frame(80, 120)
    plain = case.build(checkpoints[name]).estimate([frame])[0]
    changes = [{"flip": True}, {"tile_px": 64}]
    if case.takes_input_scales:
        changes.append({"input_scales": [1.0, 1.5]})
    for change in changes:
        depth = case.build(checkpoints[name], **change).estimate([frame])[0]
        assert depth.valid.all()
        assert depth.shape == plain.shape
        assert depth.digest != plain.digest


def line(case: DepthCase) -> tuple[float, float]:
    """Offset and slope of the raw output over the brightness, for a network that sees bright parts as near."""
    if case.backend in (ZoeDepthDepth, PromptDepthAnythingDepth):
        return 1.0, -0.8
    return (10.0, -8.0) if case.kind is DepthKind.METRIC and case.backend is DepthAnythingDepth else (0.1, 1.0)


def nearness(case: DepthCase, values: np.ndarray) -> np.ndarray:
    """The brightness, 0 to 1, of which the network made the raw output, from the depth that the backend made of it."""
    if case.backend is PromptDepthAnythingDepth:
        values = (values - PROMPT_RANGE_M[0]) / np.ptp(PROMPT_RANGE_M)
    elif case.backend is DepthProDepth:  # A field of view of 90 degrees: the width is twice the focal length.
        values = 0.5 / values
    offset, slope = line(case)
    return (values - offset) / slope


def with_brightness(backend: CheckpointDepth, case: DepthCase) -> CheckpointDepth:
    """The backend with brightness in place of its network."""
    network = backend._loaded()
    mean, deviation = (float(np.mean(each)) for each in (network.processor.image_mean, network.processor.image_std))

    def stand_in(pixel_values: torch.Tensor, **_others: torch.Tensor) -> SimpleNamespace:
        offset, slope = line(case)
        raw = offset + slope * (pixel_values.mean(1) * deviation + mean)
        return SimpleNamespace(predicted_depth=raw, field_of_view=torch.full((len(raw),), 90.0))

    backend._network = dataclasses.replace(network, model=stand_in)
    return backend


@every_backend
@SPOT_SIZES
def test_near_spots_come_back_near_and_where_they_were(checkpoints, name, size):
    case = CASES[name]
    backend = with_brightness(case.build(checkpoints[name]), case)
    # ZoeDepth's processor aligns the centres of corner pixels, its post-processing their edges, as in its training.
    shift_px = 0.6 + (0.5 * max(size) / case.side_px if case.backend is ZoeDepthDepth else 0)
    depth = assert_spots_come_back_where_they_were(backend, size, partial(nearness, case), shift_px)
    found = nearness(case, depth.values)
    assert (depth.values.flat[found.argmax()] > depth.values.flat[found.argmin()]) == depth.kind.larger_is_nearer


@every_backend
def test_the_identity_names_all_that_the_output_depends_on(checkpoints, name):
    case, folder = CASES[name], checkpoints[name]
    changes = [
        {},
        {"dtype": "bfloat16"},
        {"flip": True},
        {"tile_px": 64},
        {"upsampling": "edge_aware"},
        {"input_size_px": case.backend.stride_px * 2},
    ]
    identities = {case.build(folder, **change).identity for change in changes}
    assert len(identities) == len(changes)
    assert case.build(folder, batch_size=4).identity in identities
    other = next(each for each in NAMES if CASES[each].backend is not case.backend)
    assert CASES[other].build(checkpoints[other]).identity not in identities
    backend = case.build(folder)
    name, _, revision = backend.version.rpartition("@")
    assert name == backend.model and revision and f"revision={revision} " in backend.identity


@every_backend
def test_a_checkpoint_without_some_weights_is_refused(checkpoints, name, tmp_path):
    gone = head_weight(load_file(checkpoints[name] / "model.safetensors"))

    def without_head(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {key: value for key, value in weights.items() if key != gone}

    folder = with_weights(checkpoints[name], tmp_path, without_head)
    with pytest.raises(ModelUnavailableError, match=f"1 weights are missing, such as {gone}"):
        CASES[name].build(folder).estimate([make_frame(32, 32)])


@every_backend
def test_weights_that_nothing_uses_may_be_missing(checkpoints, name, tmp_path):
    def is_unused(key: str) -> bool:
        return "mask_token" in key or ("fusion_stage" in key and ".0.residual_layer1." in key)

    def used(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        assert any(map(is_unused, weights))
        return {key: value for key, value in weights.items() if not is_unused(key)}

    folders = (checkpoints[name], with_weights(checkpoints[name], tmp_path, used))
    whole, partial_ = (CASES[name].build(folder).estimate([make_frame(40, 50)])[0] for folder in folders)
    assert whole.digest == partial_.digest


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("vit", "depth_anything"),
        ("depth_anything", "vit"),
        ("depth_anything_metric", "prompt_depth_anything"),
        ("zoedepth", "depth_pro"),
        ("depth_pro", "zoedepth"),
        ("prompt_depth_anything", "depth_anything_metric"),
    ],
)
def test_a_checkpoint_of_another_architecture_is_refused_naming_the_correct_choice(checkpoints, name, other):
    with pytest.raises(ConfigError, match=rf"choose depth={CASES[other].choice} and set depth\.model") as caught:
        CASES[name].build(checkpoints[other]).estimate([make_frame(32, 32)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "kind", "correct"),
    [
        ("depth_anything", "metric", "disparity_affine"),
        ("depth_anything_metric", "disparity_affine", "metric"),
        ("depth_anything", "scale_invariant", "disparity_affine or depth.kind=metric"),
        ("zoedepth", "disparity_affine", "metric"),
        ("depth_pro", "scale_invariant", "metric"),
        ("prompt_depth_anything", "disparity_affine", "metric"),
    ],
)
def test_a_kind_that_the_checkpoint_does_not_give_is_refused_naming_the_correct_one(checkpoints, name, kind, correct):
    with pytest.raises(ConfigError, match=f"set depth.kind={correct}"):
        CASES[name].build(checkpoints[name], kind=kind).estimate([make_frame(32, 32)])


@every_backend
def test_input_of_a_wrong_size_is_refused(checkpoints, name):
    case = CASES[name]
    with pytest.raises(ConfigError, match=f"multiple of {case.backend.stride_px}"):
        case.build(checkpoints[name], input_size_px=100)
    if not case.takes_input_scales:
        with pytest.raises(ConfigError, match="input_scales"):
            case.build(checkpoints[name], input_scales=[0.5]).estimate([make_frame(32, 32)])
        with pytest.raises(ConfigError, match=rf"depth\.input_size_px={case.side_px}"):
            case.build(checkpoints[name], input_size_px=32).estimate([make_frame(32, 32)])


def test_zoedepths_input_keeps_its_proportion_at_another_size(checkpoints):
    network = CASES["zoedepth"].build(checkpoints["zoedepth"], input_size_px=128)._loaded()
    assert network.sides == (128, 192)


def test_given_depth_is_left_alone_by_networks_that_do_not_ask_for_it(checkpoints):
    frame = make_frame(40, 60)
    for name in set(NAMES) - {"prompt_depth_anything"}:
        backend = CASES[name].build(checkpoints[name])
        with_depth, without = backend.estimate([frame, replace(frame, given_depth=None)])
        assert with_depth.digest == without.digest
        assert backend.frame_key(frame) == backend.frame_key(replace(frame, given_depth=None))
