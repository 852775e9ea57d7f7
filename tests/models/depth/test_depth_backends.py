"""What must hold for every depth backend that runs checkpoints of transformers."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file, save_file
from tiny.depth_cases import CASES, PROMPT_RANGE_M, DepthCase, frame_of, make_frame

from pipeline.api import load_config
from pipeline.config.build import build
from pipeline.config.options import options_of
from pipeline.models.depth.checkpoint import CheckpointDepth
from pipeline.models.depth.depth_anything import DepthAnythingDepth
from pipeline.models.depth.depth_pro import DepthProDepth
from pipeline.models.depth.prompt_depth_anything import PromptDepthAnythingDepth
from pipeline.models.depth.zoedepth import ZoeDepthDepth
from pipeline.records import DepthKind, Frame
from pipeline.records.errors import ConfigError, ModelUnavailableError

NAMES = list(CASES)
every_backend = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory) -> dict[str, Path]:
    """One tiny checkpoint per case."""
    return {name: case.save(tmp_path_factory.mktemp(name)) for name, case in CASES.items()}


@every_backend
def test_a_float_map_of_the_frames_size_with_its_kind_and_scale_source(checkpoints, name):
    case = CASES[name]
    frames = [make_frame(*size) for size in ((64, 64), (48, 90), (91, 40), (3, 5), (1, 1))]
    maps = case.build(checkpoints[name]).estimate(frames)
    assert [depth.shape for depth in maps] == [(frame.height, frame.width) for frame in frames]
    for depth in maps:
        assert depth.values.dtype == np.float32
        assert depth.valid.all()
        assert depth.values.std() > 0 or depth.values.size == 1
        assert (depth.kind, depth.scale_source) == (case.kind, case.scale_source)
        is_usual = case.kind is case.backend.usual_kind
        assert depth.backend == case.backend.backend + ("" if is_usual else f"_{case.kind}")


@every_backend
def test_a_batch_gives_what_single_frames_give(checkpoints, name):
    backend = CASES[name].build(checkpoints[name])
    frames = [make_frame(40, 60, seed=0), make_frame(60, 40, seed=1), make_frame(40, 60, seed=2)]
    together = CASES[name].build(checkpoints[name], batch_size=4).estimate(frames)
    for depth, frame in zip(together, frames, strict=True):
        np.testing.assert_allclose(depth.values, backend.estimate([frame])[0].values, rtol=1e-4, atol=1e-4)


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
def test_the_same_frame_gives_the_same_depth_again_and_another_image_another(checkpoints, name):
    case = CASES[name]
    first, second = (case.build(checkpoints[name]).estimate([make_frame(50, 70)])[0] for _ in range(2))
    assert first.digest == second.digest
    assert case.build(checkpoints[name]).estimate([make_frame(50, 70, seed=1)])[0].digest != first.digest


@every_backend
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_stays_near_float32_and_is_not_rounded_to_eight_bits(checkpoints, name, dtype):
    exact, coarse = (
        CASES[name].build(checkpoints[name], dtype=each).estimate([make_frame(64, 64)])[0].values
        for each in ("float32", dtype)
    )
    np.testing.assert_allclose(coarse, exact, atol=0.1 * np.ptp(exact))
    rounded = torch.from_numpy(coarse).bfloat16().float().numpy()
    assert len(np.unique(coarse)) > 2 * len(np.unique(rounded))


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


def raw_output(case: DepthCase, brightness: torch.Tensor) -> SimpleNamespace:
    """What a network would say of a scene whose bright parts are near: the raw output of its architecture."""
    if case.backend is ZoeDepthDepth or case.choice.startswith("prompt"):
        raw = 1 - 0.8 * brightness
    elif case.kind is DepthKind.METRIC and case.backend is DepthAnythingDepth:
        raw = 10 - 8 * brightness
    else:
        raw = 0.1 + brightness
    fov_deg = torch.full((len(brightness),), 90.0)
    return SimpleNamespace(predicted_depth=raw, field_of_view=fov_deg)


def nearness(case: DepthCase, values: np.ndarray) -> np.ndarray:
    """The brightness, 0 to 1, that the raw output was made of, from the depth that the backend made of that."""
    if case.backend is ZoeDepthDepth:
        return (1 - values) / 0.8
    if case.backend is PromptDepthAnythingDepth:
        least, most = PROMPT_RANGE_M
        return (1 - (values - least) / (most - least)) / 0.8
    if case.backend is DepthProDepth:  # A field of view of 90 degrees: the width is twice the focal length.
        return 0.5 / values - 0.1
    return (10 - values) / 8 if case.kind is DepthKind.METRIC else values - 0.1


def with_brightness(backend: CheckpointDepth, case: DepthCase) -> CheckpointDepth:
    """The backend with brightness in place of its network."""
    network = backend._loaded()
    mean, deviation = (float(np.mean(each)) for each in (network.processor.image_mean, network.processor.image_std))

    def stand_in(pixel_values: torch.Tensor, **_others: torch.Tensor) -> SimpleNamespace:
        return raw_output(case, pixel_values.mean(1) * deviation + mean)

    backend._network = dataclasses.replace(network, model=stand_in)
    return backend


def spots_frame(height: int, width: int, spots: list[tuple[float, float, float]]) -> Frame:
    """A black frame with grey rectangles of a fifth of its sides: (row, column) of centres as shares, brightness."""
    rgb = np.zeros((height, width, 3), np.uint8)
    for row, column, brightness in spots:
        y, x = round(row * height), round(column * width)
        half_height, half_width = height // 10, width // 10
        rgb[y - half_height : y + half_height + 1, x - half_width : x + half_width + 1] = round(255 * brightness)
    return frame_of(rgb)


@every_backend
@pytest.mark.parametrize("size", [(60, 100), (100, 60), (64, 64), (300, 500), (30, 100)])
def test_near_spots_come_back_near_and_where_they_were(checkpoints, name, size):
    case, (height, width) = CASES[name], size
    spots = [(0.25, 0.3, 1.0), (0.7, 0.8, 0.6)]
    frame = spots_frame(height, width, spots)
    depth = with_brightness(case.build(checkpoints[name]), case).estimate([frame])[0]
    near, far = depth.values[round(0.25 * height), round(0.3 * width)], depth.values[round(0.8 * height), width // 5]
    assert (near > far) == depth.kind.larger_is_nearer
    found = nearness(case, depth.values)
    # ZoeDepth's processor aligns the centres of corner pixels, its post-processing their edges, as in its training.
    shift_px = 0.6 + (0.5 * max(size) / case.side_px if case.backend is ZoeDepthDepth else 0)
    for row, column, brightness in spots:
        y, x = round(row * height), round(column * width)
        assert found[y, x] == pytest.approx(brightness, abs=0.1)
        rows, columns = 2 * (height // 10), 2 * (width // 10)
        window = np.clip(found[y - rows : y + rows + 1, x - columns : x + columns + 1], 0, None)
        row_indices, column_indices = np.indices(window.shape)
        assert (row_indices * window).sum() / window.sum() == pytest.approx(rows, abs=shift_px)
        assert (column_indices * window).sum() / window.sum() == pytest.approx(columns, abs=shift_px)


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


@every_backend
def test_a_checkpoint_without_some_weights_is_refused(checkpoints, name, tmp_path):
    weights = copied(checkpoints[name], tmp_path)
    gone = next(key for key in weights if "head" in key and key.endswith(".weight"))
    del weights[gone]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelUnavailableError, match=f"1 weights are missing, such as {gone}"):
        CASES[name].build(tmp_path).estimate([make_frame(32, 32)])


@every_backend
def test_weights_that_nothing_uses_may_be_missing(checkpoints, name, tmp_path):
    weights = copied(checkpoints[name], tmp_path)
    unused = [key for key in weights if "mask_token" in key or ("fusion_stage" in key and ".0.residual_layer1." in key)]
    assert unused
    kept = {key: value for key, value in weights.items() if key not in unused}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    whole, partial = (CASES[name].build(each).estimate([make_frame(40, 50)]) for each in (checkpoints[name], tmp_path))
    assert whole[0].digest == partial[0].digest


def copied(folder: Path, target: Path) -> dict[str, torch.Tensor]:
    """Copies a checkpoint and returns its weights."""
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return load_file(target / "model.safetensors")


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("midas", "depth_anything"),
        ("depth_anything", "midas"),
        ("depth_anything_metric", "prompt_depth_anything"),
        ("zoedepth", "depth_pro"),
        ("depth_pro", "zoedepth"),
        ("prompt_depth_anything", "depth_anything_metric"),
    ],
)
def test_a_checkpoint_of_another_architecture_is_refused_naming_the_right_choice(checkpoints, name, other):
    with pytest.raises(ConfigError, match=rf"choose depth={CASES[other].choice} and set depth\.model") as caught:
        CASES[name].build(checkpoints[other]).estimate([make_frame(32, 32)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "kind", "right"),
    [
        ("depth_anything", "metric", "disparity_affine"),
        ("depth_anything_metric", "disparity_affine", "metric"),
        ("depth_anything", "scale_invariant", "disparity_affine or depth.kind=metric"),
        ("zoedepth", "disparity_affine", "metric"),
        ("depth_pro", "scale_invariant", "metric"),
        ("prompt_depth_anything", "disparity_affine", "metric"),
    ],
)
def test_a_kind_that_the_checkpoint_does_not_give_is_refused_naming_the_right_one(checkpoints, name, kind, right):
    with pytest.raises(ConfigError, match=f"set depth.kind={right}"):
        CASES[name].build(checkpoints[name], kind=kind).estimate([make_frame(32, 32)])


@every_backend
def test_input_of_a_wrong_size_is_refused(checkpoints, name):
    case = CASES[name]
    with pytest.raises(ConfigError, match=f"multiple of {case.backend.stride_px}"):
        case.build(checkpoints[name], input_size_px=100)
    if not case.takes_input_scales:
        with pytest.raises(ConfigError, match="input_scales"):
            case.build(checkpoints[name], input_scales=[0.5])
        with pytest.raises(ConfigError, match=r"depth\.input_size_px=128"):
            case.build(checkpoints[name], input_size_px=64).estimate([make_frame(32, 32)])


def test_zoedepths_input_keeps_its_proportion_at_another_size(checkpoints):
    network = CASES["zoedepth"].build(checkpoints["zoedepth"], input_size_px=128)._loaded()
    assert network.sides == (128, 192)


CONFIGURATIONS = {
    "depth_anything_v2/small": (DepthAnythingDepth, "disparity_affine", "Apache-2.0"),
    "depth_anything_v2/base": (DepthAnythingDepth, "disparity_affine", "CC-BY-NC-4.0"),
    "depth_anything_v2/large": (DepthAnythingDepth, "disparity_affine", "CC-BY-NC-4.0"),
    "depth_anything_v2/metric_indoor_small": (DepthAnythingDepth, "metric", "Apache-2.0"),
    "depth_anything_v2/metric_indoor_base": (DepthAnythingDepth, "metric", "CC-BY-NC-4.0"),
    "depth_anything_v2/metric_indoor_large": (DepthAnythingDepth, "metric", "CC-BY-NC-4.0"),
    "depth_anything_v2/metric_outdoor_small": (DepthAnythingDepth, "metric", "Apache-2.0"),
    "depth_anything_v2/metric_outdoor_base": (DepthAnythingDepth, "metric", "CC-BY-NC-4.0"),
    "depth_anything_v2/metric_outdoor_large": (DepthAnythingDepth, "metric", "CC-BY-NC-4.0"),
    "zoedepth/nyu_kitti": (ZoeDepthDepth, "metric", "MIT"),
    "zoedepth/nyu": (ZoeDepthDepth, "metric", "MIT"),
    "zoedepth/kitti": (ZoeDepthDepth, "metric", "MIT"),
    "depth_pro": (DepthProDepth, "metric", "apple-amlr"),
    "prompt_depth_anything/small": (PromptDepthAnythingDepth, "metric", "Apache-2.0"),
    "prompt_depth_anything/large": (PromptDepthAnythingDepth, "metric", "Apache-2.0"),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_configuration_names_its_checkpoint_and_builds_without_loading_it(name):
    kind_of_backend, kind, licence = CONFIGURATIONS[name]
    backend = build(load_config([f"depth={name}"]).depth)
    assert type(backend) is kind_of_backend
    assert backend.kind == kind
    assert licence in backend.licence
    assert 0 < backend.size_gb < 5
    assert backend._network is None
    sizes = {"small": ("small", "vits"), "base": ("base",), "large": ("large", "vitl")}
    words = [
        sizes.get(word, (word,))
        for word in re.split("[_/]", name)
        if word not in ("depth", "anything", "pro", "prompt")
    ]
    model = backend.model.lower()
    assert all(any(each in model for each in alternatives) for alternatives in words), model


def test_every_choice_of_these_backends_is_tested_here():
    families = ("depth_anything_v2/", "depth_pro", "prompt_depth_anything/", "zoedepth/")
    assert {name for name in options_of("depth") if name.startswith(families)} == set(CONFIGURATIONS)


def test_models_are_told_apart(repository):
    files = (repository / "conf" / "depth").rglob("*.yaml")
    models = [model for path in files if (model := OmegaConf.select(OmegaConf.load(path), "model"))]
    assert len(models) == len(set(models))


def test_given_depth_is_left_alone_by_networks_that_do_not_ask_for_it(checkpoints):
    frame = make_frame(40, 60)
    for name in set(NAMES) - {"prompt_depth_anything"}:
        backend = CASES[name].build(checkpoints[name])
        with_depth, without = backend.estimate([frame, replace(frame, given_depth=None)])
        assert with_depth.digest == without.digest
        assert backend.frame_key(frame) == backend.frame_key(replace(frame, given_depth=None))
