from __future__ import annotations

import dataclasses
import hashlib
import json
import socket
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile_folders import refused
from models.depth.checks import (
    SPOT_SIZES,
    assert_half_precision_stays_near_float32,
    assert_maps_fit_their_frames,
    assert_spots_come_back_where_they_were,
)
from tiny.depth_cases import make_frame
from torch import nn

from pipeline.api import load_config
from pipeline.models.depth import midas_v21, weight_files
from pipeline.models.depth.midas_v21 import PUBLISHED, MidasV21Depth, read_network
from pipeline.models.depth.midas_v21_network import LARGE, SMALL, Architecture, build, disparity, with_weights
from pipeline.models.depth.weight_files import RemoteFile, fetch
from pipeline.records import DepthKind, ScaleSource
from pipeline.records.errors import ModelUnavailableError

KIND = "disparity_affine"


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """Seeded weights of the small network that let the output depend on the image."""
    with torch.device("meta"):
        weights = dict(build(SMALL).state_dict())
    generator = torch.Generator().manual_seed(0)
    for name, weight in weights.items():
        if weight.ndim > 1:
            deviation = float((2 / np.prod(weight.shape[1:])) ** 0.5)
            weights[name] = torch.randn(weight.shape, generator=generator) * deviation
        else:
            start = torch.ones if name.endswith(("running_var", "weight")) else torch.zeros
            weights[name] = start(weight.shape, dtype=weight.dtype)
    weights["scratch.output_conv.4.bias"] += 1
    weights["scratch.output_conv.4.weight"] *= 0.1
    return weights


@pytest.fixture(scope="module")
def checkpoint(weights, tmp_path_factory) -> Path:
    """A file of the small network, in full size."""
    path = tmp_path_factory.mktemp("midas") / "small.pt"
    torch.save(weights, path)
    return path


@pytest.fixture
def hub_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    return tmp_path / "checkpoints"


def midas(model: str | Path, **settings) -> MidasV21Depth:
    return MidasV21Depth(str(model), KIND, device="cpu", **{"input_size_px": 64, **settings})


@pytest.mark.parametrize(
    ("architecture", "digest"), [(LARGE, "7ede795ad38d1a72"), (SMALL, "9be04e228f95c988")], ids=["large", "small"]
)
def test_names_and_shapes_are_those_of_the_published_files(architecture, digest):
    """The digest is that of the sorted names and shapes in the published file."""
    with torch.device("meta"):
        network = build(architecture)
    own = sorted((name, list(weight.shape)) for name, weight in network.state_dict().items())
    assert hashlib.sha256(json.dumps(own).encode()).hexdigest()[:16] == digest


def test_a_full_size_file_loads_and_every_weight_arrives(checkpoint, weights):
    network, architecture = read_network(checkpoint)
    assert architecture is SMALL
    assert sum(weight.numel() for weight in network.parameters()) == 21_320_545
    for name, loaded in network.state_dict().items():
        assert torch.equal(loaded, weights[name]), name
    assert not network.training


class Unit(nn.Module):
    """The published residual unit: in the large network the first activation overwrites its input."""

    def __init__(self, channels: int, inplace: bool) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.relu = nn.ReLU(inplace)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv2(self.relu(self.conv1(self.relu(x)))) + x


@pytest.mark.parametrize("projects", [False, True])
def test_the_decoder_is_that_of_the_published_code(projects):
    """Against modules that work as the published ones do, in-place activation included."""
    backbone, features = (
        ("tf_efficientnet_lite0", (24, 40, 112, 320)) if projects else ("resnet18", (64, 128, 256, 512))
    )
    channels = (8, 16, 32, 64) if projects else (8, 8, 8, 8)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build(Architecture("tiny", backbone, 64, features, channels, projects, ""))
        for parameter in network.scratch.parameters():
            nn.init.normal_(parameter, std=0.1)
        nn.init.constant_(network.scratch.output_conv["4"].bias, 1.0)
        images = torch.randn(2, 3, 64, 96)
    maps, x = [], images
    for level in range(1, 5):
        x = network.pretrained[f"layer{level}"](x)
        maps.append(getattr(network.scratch, f"layer{level}_rn")(x))
    path = None
    for level in range(4, 0, -1):
        published = getattr(network.scratch, f"refinenet{level}")
        units = [Unit(channels[level - 1], inplace=not projects) for _ in range(2)]
        for number, unit in enumerate(units, start=1):
            unit.load_state_dict(getattr(published, f"resConfUnit{number}").state_dict())
        path = maps[level - 1].clone() if path is None else path + units[0](maps[level - 1].clone())
        path = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)(units[1](path))
        path = published.out_conv(path) if projects else path
    ends = network.scratch.output_conv
    sequence = [ends["0"], nn.Upsample(scale_factor=2, mode="bilinear"), ends["2"], nn.ReLU(), ends["4"], nn.ReLU()]
    expected = nn.Sequential(*sequence)(path)[:, 0]
    assert expected.std() > 0
    torch.testing.assert_close(disparity(network, images), expected)


def test_maps_fit_their_frames_and_are_disparity(checkpoint):
    frames = [make_frame(64, 64), make_frame(48, 90, 1), make_frame(91, 40), make_frame(3, 50), make_frame(48, 90, 2)]
    for depth in assert_maps_fit_their_frames(partial(midas, checkpoint), frames):
        assert (depth.kind, depth.scale_source) == (DepthKind.DISPARITY_AFFINE, ScaleSource.NONE)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_stays_near_float32_and_is_not_rounded_to_eight_bits(checkpoint, dtype):
    assert_half_precision_stays_near_float32(partial(midas, checkpoint), dtype, range_share=0.15)


@SPOT_SIZES
def test_near_spots_come_back_near_and_where_they_were(checkpoint, size, monkeypatch):
    monkeypatch.setattr(midas_v21, "disparity", lambda _network, values: values.mean(1))
    mean, deviation = (np.mean([0.485, 0.456, 0.406]), 1 / np.mean([1 / 0.229, 1 / 0.224, 1 / 0.225]))
    backend = midas(checkpoint, input_size_px=256)
    assert_spots_come_back_where_they_were(backend, size, lambda values: values * deviation + mean)


def test_files_of_every_form_give_the_same_network(weights, checkpoint, tmp_path):
    from safetensors.torch import save_file

    old = {name: weight for name, weight in weights.items() if not name.endswith("num_batches_tracked")}
    torch.save({"optimizer": {"state": {}}, "model": old}, tmp_path / "training.pth")
    save_file(weights, tmp_path / "small.safetensors")
    image = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    expected = disparity(read_network(checkpoint)[0], image)
    for name in ("training.pth", "small.safetensors"):
        torch.testing.assert_close(disparity(read_network(tmp_path / name)[0], image), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>not found</html>", "cannot be read as weights"),
        ({"weight": torch.zeros(2)}, r"is not a checkpoint of MiDaS v2\.1\."),
        ({"pretrained.model.cls_token": torch.zeros(1)}, "choose one of depth=midas/dpt_"),
        ({SMALL.mark: torch.zeros(32, 1, 3, 3)}, r"not a complete model: \d+ weights are missing, such as "),
    ],
)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_wrong_files_are_refused_in_one_line(tmp_path, content, message, suffix):
    path = tmp_path / f"wrong{suffix}"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif suffix == ".pt":
        torch.save(content, path)
    else:
        pytest.skip("safetensors holds tensors only")
    with refused(message):
        midas(path).estimate([make_frame(32, 32)])


@pytest.mark.parametrize(
    ("name", "weight", "message"),
    [
        ("scratch.output_conv.4.bias", torch.zeros(2), r"size mismatch for scratch\.output_conv\.4\.bias"),
        ("scratch.refinenet5.conv.weight", torch.zeros(1), r"of another network, such as scratch\.refinenet5\.conv"),
    ],
)
def test_weights_that_do_not_fit_are_named(weights, name, weight, message):
    with refused(message):
        with_weights(SMALL, {**weights, name: weight}, "The file")


@pytest.mark.parametrize("name", PUBLISHED["midas_v21_small_256"].names)
def test_a_published_name_is_found_in_the_folder_of_torch_hub(hub_folder, checkpoint, name):
    assert MidasV21Depth.model_status("midas_v21_small_256") == "not downloaded"
    hub_folder.mkdir()
    (hub_folder / name).hardlink_to(checkpoint)
    assert MidasV21Depth.model_status("midas_v21_small_256") == "on disk"
    assert MidasV21Depth.model_status("midas_v21_384") == "not downloaded"
    assert midas("midas_v21_small_256").estimate([make_frame(32, 32)])[0].shape == (32, 32)


def test_offline_a_published_model_that_is_not_there_is_one_line_that_says_where_it_is(hub_folder):
    with pytest.raises(ModelUnavailableError) as caught:
        midas("midas_v21_384").estimate([make_frame(32, 32)])
    message = str(caught.value)
    assert "\n" not in message
    for words in ("about 0.42 GB", "HF_HUB_OFFLINE", PUBLISHED["midas_v21_384"].url, str(hub_folder), "model="):
        assert words in message


def test_a_path_that_does_not_exist_is_refused_with_the_names_that_do():
    with pytest.raises(ModelUnavailableError, match=r"nowhere\.pt does not exist.*midas_v21_small_256"):
        midas("nowhere.pt").estimate([make_frame(32, 32)])


@pytest.fixture
def online(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.is_offline_mode", lambda: False)


def test_a_file_is_fetched_whole_with_the_published_content_or_not_at_all(online, tmp_path):
    (tmp_path / "weights.pt").write_bytes(b"content")
    address = tmp_path.as_uri()
    remote = RemoteFile(f"{address}/weights.pt", hashlib.sha256(b"content").hexdigest()[:8], 0.1)
    assert fetch(remote, tmp_path / "kept", "tiny").read_bytes() == b"content"
    refused = [
        (dataclasses.replace(remote, sha256="00000000"), "does not have the published content"),
        (dataclasses.replace(remote, url=f"{address}/none.pt"), "cannot be reached"),
    ]
    for other, message in refused:
        with pytest.raises(ModelUnavailableError, match=message):
            fetch(other, tmp_path / "other", "tiny")
    assert not list((tmp_path / "other").glob("*"))


def test_an_address_that_does_not_answer_is_given_up_soon(online, tmp_path, monkeypatch):
    monkeypatch.setattr(weight_files, "HUB_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        remote = RemoteFile(f"http://127.0.0.1:{silent.getsockname()[1]}/weights.pt", "", 0.1)
        with pytest.raises(ModelUnavailableError, match="cannot be reached"):
            fetch(remote, tmp_path, "tiny")


def test_the_identity_names_all_that_the_output_depends_on(checkpoint, weights, tmp_path):
    torch.save({**weights, "scratch.output_conv.4.bias": torch.zeros(1)}, tmp_path / "small.pt")
    copy = tmp_path / "copy.pt"
    copy.hardlink_to(checkpoint)

    def identity(path: Path, **settings) -> str:
        return midas(path, **settings).identity.replace(str(path), "")

    first = identity(checkpoint)
    assert identity(copy) == first
    others = {identity(tmp_path / "small.pt"), identity(checkpoint, input_size_px=32)}
    assert len({first, *others, identity(checkpoint, dtype="bfloat16")}) == 4


def test_configured_sizes_are_those_of_the_published_files():
    for option, model in (("midas/v21", LARGE.name), ("midas/v21_small", SMALL.name)):
        settings = load_config([f"depth={option}"]).depth
        assert (settings.model, settings.size_gb) == (model, PUBLISHED[model].size_gb)
