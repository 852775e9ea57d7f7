from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny.dpt import BACKBONES, IMAGE_SIZE_PX, build_tiny_dpt

from pipeline.api import load_config
from pipeline.config.build import build
from pipeline.models.depth.checkpoint import network_size
from pipeline.models.depth.given import GivenDepth
from pipeline.models.depth.midas import MidasDepth
from pipeline.models.depth.network import batches
from pipeline.records import DepthKind, Frame, ScaleSource
from pipeline.records.camera import Camera
from pipeline.records.errors import ConfigError, DepthError, ModelUnavailableError

KIND = "disparity_affine"


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory) -> dict[str, Path]:
    """One tiny checkpoint per backbone."""
    return {backbone: build_tiny_dpt(tmp_path_factory.mktemp(backbone), backbone) for backbone in BACKBONES}


def make_frame(height: int, width: int, seed: int = 0) -> Frame:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    rows, columns = np.arange(height) * 4 // height, np.arange(width) * 4 // width
    return Frame(coarse[rows[:, None], columns], Camera.from_fov(width, height, 60), name=f"{width}x{height}")


def midas(folder: Path, **settings) -> MidasDepth:
    return MidasDepth(str(folder), KIND, device="cpu", **settings)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_gives_finite_disparity_of_the_frames_size(checkpoints, backbone):
    frames = [make_frame(64, 64), make_frame(48, 90), make_frame(91, 40), make_frame(3, 5)]
    maps = midas(checkpoints[backbone]).estimate(frames)
    assert [depth.shape for depth in maps] == [(frame.height, frame.width) for frame in frames]
    for depth in maps:
        assert depth.values.dtype == np.float32
        assert depth.valid.all()
        assert depth.values.std() > 0
        assert (depth.kind, depth.scale_source) == (DepthKind.DISPARITY_AFFINE, ScaleSource.NONE)
        assert depth.backend == "midas"


@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_batch_gives_what_single_frames_give(checkpoints, backbone):
    frames = [make_frame(40, 60, seed=0), make_frame(60, 40, seed=1), make_frame(40, 60, seed=2)]
    together = midas(checkpoints[backbone], batch_size=4).estimate(frames)
    backend = midas(checkpoints[backbone])
    for depth, frame in zip(together, frames, strict=True):
        np.testing.assert_allclose(depth.values, backend.estimate([frame])[0].values, atol=1e-4)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_same_frame_gives_the_same_depth_again(checkpoints, backbone):
    frame = make_frame(50, 70)
    first, second = (midas(checkpoints[backbone]).estimate([frame])[0] for _ in range(2))
    assert first.digest == second.digest
    other = midas(checkpoints[backbone]).estimate([make_frame(50, 70, seed=1)])[0]
    assert other.digest != first.digest


@pytest.mark.parametrize("keep_aspect_ratio", ["auto", True, False])
@pytest.mark.parametrize("backbone", ["beit", "swinv2"])
def test_backbones_that_take_any_shape_run_either_way(checkpoints, backbone, keep_aspect_ratio):
    depth = midas(checkpoints[backbone], keep_aspect_ratio=keep_aspect_ratio).estimate([make_frame(40, 100)])[0]
    assert depth.shape == (40, 100)
    assert depth.valid.all()


@pytest.mark.parametrize("size", [(60, 100), (100, 60), (64, 64), (300, 500), (30, 200)])
@pytest.mark.parametrize("keep_aspect_ratio", [True, False])
def test_the_way_through_the_network_keeps_every_point_in_its_place(checkpoints, size, keep_aspect_ratio):
    """With brightness in place of the network, bright spots must come back where they were."""
    height, width = size
    rgb = np.zeros((height, width, 3), np.uint8)
    spots = [(0.2, 0.3, 255), (0.7, 0.8, 160)]  # Centres as shares of height and width, and brightness.
    half_height, half_width = height // 10, width // 10
    for row, column, brightness in spots:
        y, x = round(row * height), round(column * width)
        rgb[y - half_height : y + half_height + 1, x - half_width : x + half_width + 1] = brightness
    backend = midas(checkpoints["beit"], keep_aspect_ratio=keep_aspect_ratio)
    network = dataclasses.replace(
        backend._loaded(), model=lambda pixel_values: SimpleNamespace(predicted_depth=pixel_values.mean(1))
    )
    backend._network = network
    values = backend.estimate([Frame(rgb, Camera.from_fov(width, height, 60))])[0].values
    brightness = (values + 1) / 2 * 255  # The processor maps 0..255 to -1..1.
    for row, column, expected in spots:
        y, x = round(row * height), round(column * width)
        assert brightness[y, x] == pytest.approx(expected, abs=25)
        window = brightness[y - 2 * half_height : y + 2 * half_height + 1, x - 2 * half_width : x + 2 * half_width + 1]
        weights = np.clip(window, 0, None)
        rows, columns = np.indices(weights.shape)
        assert (rows * weights).sum() / weights.sum() == pytest.approx(2 * half_height, abs=0.6)
        assert (columns * weights).sum() / weights.sum() == pytest.approx(2 * half_width, abs=0.6)
    assert abs(brightness[round(0.8 * height), round(0.2 * width)]) < 25


@pytest.mark.parametrize(
    ("height", "width", "side", "keep", "expected"),
    [
        (480, 640, 384, False, (384, 384)),
        (480, 640, 512, True, (512, 672)),
        (640, 480, 512, True, (672, 512)),
        (1080, 1920, 512, True, (512, 896)),
        (1, 1, 512, True, (512, 512)),
        (10, 4000, 384, True, (32, 384)),
        (384, 9000, 384, True, (384, 1536)),
    ],
)
def test_the_networks_size(height, width, side, keep, expected):
    assert network_size(height, width, side, keep) == expected


def test_frames_are_batched_by_size_and_every_frame_once():
    frames = [make_frame(8, 8), make_frame(8, 9), make_frame(8, 8), make_frame(8, 8), make_frame(8, 9)]
    assert list(batches(frames, 2)) == [[0, 2], [3], [1, 4]]


def test_no_frames_give_no_maps_and_load_nothing():
    assert midas(Path("/nowhere")).estimate([]) == []


def test_bfloat16_stays_near_float32_and_is_not_rounded_to_eight_bits(checkpoints):
    frame = make_frame(64, 64)
    exact = midas(checkpoints["vit"]).estimate([frame])[0].values
    coarse = midas(checkpoints["vit"], dtype="bfloat16").estimate([frame])[0].values
    np.testing.assert_allclose(coarse, exact, atol=0.1 * np.ptp(exact))
    rounded = torch.from_numpy(coarse).bfloat16().float().numpy()
    assert len(np.unique(coarse)) > 2 * len(np.unique(rounded))


def test_a_smaller_input_gives_another_depth_of_the_same_size(checkpoints):
    frame = make_frame(64, 64)
    small, own = (midas(checkpoints["vit"], input_size_px=side).estimate([frame])[0] for side in (32, None))
    assert small.shape == own.shape
    assert small.digest != own.digest


def test_metric_checkpoints_name_the_model_as_the_source_of_scale(checkpoints):
    backend = MidasDepth(str(checkpoints["vit"]), "metric", device="cpu")
    assert backend.estimate([make_frame(32, 32)])[0].scale_source is ScaleSource.MODEL


def test_the_identity_names_all_that_the_output_depends_on(checkpoints):
    folder = checkpoints["vit"]
    identities = {
        midas(folder).identity,
        midas(checkpoints["beit"]).identity,
        midas(folder, dtype="bfloat16").identity,
        midas(folder, input_size_px=32).identity,
        midas(folder, keep_aspect_ratio=False).identity,
        MidasDepth(str(folder), "metric", device="cpu").identity,
    }
    assert len(identities) == 6
    assert midas(folder, batch_size=4).identity in identities


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"input_size_px": 100}, "multiple of 32"),
        ({"keep_aspect_ratio": "yes"}, "keep_aspect_ratio"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        midas(Path("model"), **settings)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ConfigError, match="kind must be one of metric"):
        MidasDepth("model", "disparity")


@pytest.mark.parametrize(
    ("backbone", "settings", "message"),
    [
        ("vit", {"keep_aspect_ratio": True}, "square input only"),
        ("hybrid", {"keep_aspect_ratio": True}, "square input only"),
        ("hybrid", {"input_size_px": 32}, f"depth.input_size_px={IMAGE_SIZE_PX}"),
    ],
)
def test_input_that_the_backbone_cannot_take_is_refused(checkpoints, backbone, settings, message):
    with pytest.raises(ConfigError, match=message):
        midas(checkpoints[backbone], **settings).estimate([make_frame(32, 48)])


def test_a_checkpoint_without_some_weights_is_refused(checkpoints, tmp_path):
    from safetensors.torch import load_file, save_file

    for file in checkpoints["vit"].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    del weights["head.head.0.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelUnavailableError, match=r"1 weights are missing, such as head\.head\.0\.weight"):
        midas(tmp_path).estimate([make_frame(32, 32)])


def test_a_folder_of_another_model_is_refused_in_one_line(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelUnavailableError, match="cannot be loaded as a depth model") as caught:
        midas(tmp_path).estimate([make_frame(32, 32)])
    assert "\n" not in str(caught.value)


def test_too_little_memory_names_the_key_to_lower(checkpoints):
    def exhaust(pixel_values: torch.Tensor) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB.")

    backend = midas(checkpoints["vit"], batch_size=2)
    backend._network = dataclasses.replace(backend._loaded(), model=exhaust)
    with pytest.raises(DepthError, match=r"lower depth\.batch_size \(now 2\)"):
        backend.estimate([make_frame(32, 32)])


@pytest.mark.parametrize(("share", "valid"), [(0.5, True), (1.0, False)])
def test_values_that_are_not_finite_are_invalid_and_none_finite_is_an_error(checkpoints, share, valid):
    def overflow(pixel_values: torch.Tensor) -> SimpleNamespace:
        depth = pixel_values.mean(1).clone()
        depth[:, : int(share * depth.shape[1])] = torch.inf
        return SimpleNamespace(predicted_depth=depth)

    backend = midas(checkpoints["vit"])
    backend._network = dataclasses.replace(backend._loaded(), model=overflow)
    frame = make_frame(64, 64)
    if not valid:
        with pytest.raises(DepthError, match=r"no finite depth for 64x64: set depth\.dtype=float32"):
            backend.estimate([frame])
        return
    depth = backend.estimate([frame])[0]
    assert not depth.valid[:30].any()
    assert depth.valid[36:].all()


def test_a_missing_model_is_one_line_at_once():
    backend = MidasDepth("organisation/no-such-model", KIND, device="cpu", size_gb=0.49)
    start = time.perf_counter()
    with pytest.raises(ModelUnavailableError) as caught:
        backend.estimate([make_frame(8, 8)])
    assert time.perf_counter() - start < 5
    assert "\n" not in str(caught.value)
    assert "about 0.49 GB" in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "midas",
        "midas/dpt_large",
        "midas/dpt_hybrid",
        "midas/dpt_beit_large_512",
        "midas/dpt_beit_large_384",
        "midas/dpt_beit_base_384",
        "midas/dpt_swinv2_large_384",
        "midas/dpt_swinv2_base_384",
        "midas/dpt_swinv2_tiny_256",
    ],
)
def test_every_configuration_names_its_checkpoint_and_builds_without_loading_it(name):
    configuration = load_config([f"depth={name}"]).depth
    backend = build(configuration)
    assert isinstance(backend, MidasDepth)
    assert backend.model == ("Intel/dpt-hybrid-midas" if name == "midas" else f"Intel/{name.replace('_', '-')}")
    assert backend.kind is DepthKind.DISPARITY_AFFINE
    assert backend.size_gb > 0
    assert backend._network is None


def test_the_file_configuration_hands_on_given_depth():
    assert isinstance(build(load_config(["depth=file"]).depth), GivenDepth)
