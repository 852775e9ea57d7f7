from __future__ import annotations

import dataclasses
import hashlib
import http.server
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from torch import nn

from pipeline.api import load_config
from pipeline.models.depth import midas_v21, weight_files
from pipeline.models.depth.midas_v21 import PUBLISHED, MidasV21Depth, network_size, pixel_values, read_network
from pipeline.models.depth.midas_v21_network import LARGE, SMALL, Architecture, build, disparity, with_weights
from pipeline.models.depth.weight_files import RemoteFile, fetch
from pipeline.records import DepthKind, Frame, ScaleSource
from pipeline.records.camera import Camera
from pipeline.records.errors import ConfigError, ModelUnavailableError

KIND = "disparity_affine"
Shapes = dict[str, tuple[int, ...]]


def norm(name: str, channels: int) -> Shapes:
    own = {f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}
    return own | {f"{name}.num_batches_tracked": ()}


def joint(level: int, channels: int, projected: int | None) -> Shapes:
    shapes: Shapes = {}
    for unit in ("resConfUnit1", "resConfUnit2"):
        for convolution in ("conv1", "conv2"):
            name = f"scratch.refinenet{level}.{unit}.{convolution}"
            shapes |= {f"{name}.weight": (channels, channels, 3, 3), f"{name}.bias": (channels,)}
    if projected is not None:
        name = f"scratch.refinenet{level}.out_conv"
        shapes |= {f"{name}.weight": (projected, channels, 1, 1), f"{name}.bias": (projected,)}
    return shapes


def head(*channels: int) -> Shapes:
    first, second, third = channels
    return {
        "scratch.output_conv.0.weight": (second, first, 3, 3),
        "scratch.output_conv.0.bias": (second,),
        "scratch.output_conv.2.weight": (third, second, 3, 3),
        "scratch.output_conv.2.bias": (third,),
        "scratch.output_conv.4.weight": (1, third, 1, 1),
        "scratch.output_conv.4.bias": (1,),
    }


def published_large() -> Shapes:
    """ResNeXt-101 32x8d (3, 4, 23, 3 blocks; 32 groups of 8 channels) and a decoder of 256 channels."""
    shapes: Shapes = {"pretrained.layer1.0.weight": (64, 3, 7, 7), **norm("pretrained.layer1.1", 64)}
    entering = 64
    for stage, (blocks, width) in enumerate([(3, 256), (4, 512), (23, 1024), (3, 2048)], start=1):
        for block in range(blocks):
            name = f"pretrained.layer{stage}.4.{block}" if stage == 1 else f"pretrained.layer{stage}.{block}"
            shapes |= {f"{name}.conv1.weight": (width, entering, 1, 1), **norm(f"{name}.bn1", width)}
            shapes |= {f"{name}.conv2.weight": (width, width // 32, 3, 3), **norm(f"{name}.bn2", width)}
            shapes |= {f"{name}.conv3.weight": (width, width, 1, 1), **norm(f"{name}.bn3", width)}
            if block == 0:
                shapes |= {
                    f"{name}.downsample.0.weight": (width, entering, 1, 1),
                    **norm(f"{name}.downsample.1", width),
                }
            entering = width
        shapes |= {f"scratch.layer{stage}_rn.weight": (256, width, 3, 3), **joint(stage, 256, None)}
    return shapes | head(256, 128, 32)


def published_small() -> Shapes:
    """EfficientNet-Lite3 without squeeze-and-excitation, and a decoder of 64, 128, 256 and 512 channels."""
    shapes: Shapes = {"pretrained.layer1.0.weight": (32, 3, 3, 3), **norm("pretrained.layer1.1", 32)}
    shapes |= {"pretrained.layer1.3.0.conv_dw.weight": (32, 1, 3, 3), **norm("pretrained.layer1.3.0.bn1", 32)}
    shapes |= {"pretrained.layer1.3.0.conv_pw.weight": (24, 32, 1, 1), **norm("pretrained.layer1.3.0.bn2", 24)}
    # Place, blocks, channels and kernel of the stages whose blocks widen by 6.
    stages = [
        ("layer1.4", 3, 32, 3),
        ("layer2.0", 3, 48, 5),
        ("layer3.0", 5, 96, 3),
        ("layer3.1", 5, 136, 5),
        ("layer4.0", 6, 232, 5),
        ("layer4.1", 1, 384, 3),
    ]
    entering = 24
    for place, blocks, width, kernel in stages:
        for block in range(blocks):
            name, wide = f"pretrained.{place}.{block}", 6 * entering
            shapes |= {f"{name}.conv_pw.weight": (wide, entering, 1, 1), **norm(f"{name}.bn1", wide)}
            shapes |= {f"{name}.conv_dw.weight": (wide, 1, kernel, kernel), **norm(f"{name}.bn2", wide)}
            shapes |= {f"{name}.conv_pwl.weight": (width, wide, 1, 1), **norm(f"{name}.bn3", width)}
            entering = width
    for level, (features, channels, out) in enumerate(
        [(32, 64, 64), (48, 128, 64), (136, 256, 128), (384, 512, 256)], start=1
    ):
        shapes |= {f"scratch.layer{level}_rn.weight": (channels, features, 3, 3), **joint(level, channels, out)}
    return shapes | head(64, 32, 32)


def random_weights(shapes: Shapes) -> dict[str, torch.Tensor]:
    """Seeded weights of these shapes that let the image's share through to the output."""
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for name, shape in shapes.items():
        if len(shape) > 1:
            deviation = (2 / np.prod(shape[1:])) ** 0.5
            weights[name] = torch.randn(shape, generator=generator) * float(deviation)
        elif name.endswith("num_batches_tracked"):
            weights[name] = torch.zeros(shape, dtype=torch.long)
        else:
            weights[name] = torch.full(shape, float(name.endswith(("running_var", "weight"))))
    weights["scratch.output_conv.4.bias"] += 1
    weights["scratch.output_conv.4.weight"] *= 0.1
    return weights


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    return random_weights(published_small())


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


def make_frame(height: int, width: int, seed: int = 0) -> Frame:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    rows, columns = np.arange(height) * 4 // height, np.arange(width) * 4 // width
    return Frame(coarse[rows[:, None], columns], Camera.from_fov(width, height, 60), name=f"{width}x{height}")


def midas(model: str | Path, **settings) -> MidasV21Depth:
    return MidasV21Depth(str(model), KIND, device="cpu", **{"input_size_px": 64, **settings})


@pytest.mark.parametrize("architecture, published", [(LARGE, published_large()), (SMALL, published_small())])
def test_names_and_shapes_are_those_of_the_published_files(architecture, published):
    with torch.device("meta"):
        network = build(architecture)
    own = {name: tuple(weight.shape) for name, weight in network.state_dict().items()}
    assert own == published


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


def test_maps_are_finite_and_of_the_frames_size_and_kind(checkpoint):
    frames = [make_frame(64, 64), make_frame(48, 90), make_frame(91, 40), make_frame(3, 50)]
    maps = midas(checkpoint).estimate(frames)
    assert [depth.shape for depth in maps] == [(frame.height, frame.width) for frame in frames]
    for depth in maps:
        assert depth.valid.all() and depth.values.std() > 0 and depth.values.dtype == np.float32
        assert (depth.kind, depth.scale_source) == (DepthKind.DISPARITY_AFFINE, ScaleSource.NONE)


def test_a_batch_gives_what_single_frames_give_and_the_same_again(checkpoint):
    frames = [make_frame(40, 60, seed=0), make_frame(60, 40, seed=1), make_frame(40, 60, seed=2)]
    together, backend = midas(checkpoint, batch_size=4).estimate(frames), midas(checkpoint)
    for depth, frame in zip(together, frames, strict=True):
        alone = backend.estimate([frame])[0]
        np.testing.assert_allclose(depth.values, alone.values, atol=1e-4)
        assert alone.digest == backend.estimate([frame])[0].digest
    assert len({depth.digest for depth in together}) == 3


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_coarse_number_formats_stay_near_float32_and_are_not_rounded_to_their_steps(checkpoint, dtype):
    frame = make_frame(64, 64)
    exact, coarse = (midas(checkpoint, dtype=name).estimate([frame])[0].values for name in ("float32", dtype))
    np.testing.assert_allclose(coarse, exact, atol=0.15 * np.ptp(exact))
    rounded = torch.from_numpy(coarse).to(getattr(torch, dtype)).float().numpy()
    assert len(np.unique(coarse)) > 1.2 * len(np.unique(rounded))


@pytest.mark.parametrize("size", [(60, 100), (100, 60), (300, 500), (30, 100)])
def test_the_way_through_the_network_keeps_every_point_in_its_place_and_nearer_larger(checkpoint, size, monkeypatch):
    """With brightness in place of the network, what is bright comes back large, where it was."""
    height, width = size
    rgb = np.zeros((height, width, 3), np.uint8)
    spots = [(0.2, 0.3, 255), (0.7, 0.8, 160)]  # Centres as shares of height and width, and brightness.
    half_height, half_width = height // 10, width // 10
    for row, column, brightness in spots:
        y, x = round(row * height), round(column * width)
        rgb[y - half_height : y + half_height + 1, x - half_width : x + half_width + 1] = brightness
    monkeypatch.setattr(midas_v21, "disparity", lambda _network, values: values.mean(1))
    backend = midas(checkpoint, input_size_px=256)
    values = backend.estimate([Frame(rgb, Camera.from_fov(width, height, 60))])[0].values
    mean, deviation = (np.mean([0.485, 0.456, 0.406]), 1 / np.mean([1 / 0.229, 1 / 0.224, 1 / 0.225]))
    brightness = 255 * (values * deviation + mean)
    for row, column, expected in spots:
        y, x = round(row * height), round(column * width)
        assert brightness[y, x] == pytest.approx(expected, abs=25)
        window = brightness[y - 2 * half_height : y + 2 * half_height + 1, x - 2 * half_width : x + 2 * half_width + 1]
        shares = np.clip(window, 0, None) / np.clip(window, 0, None).sum()
        rows, columns = np.indices(shares.shape)
        assert (rows * shares).sum() == pytest.approx(2 * half_height, abs=0.6)
        assert (columns * shares).sum() == pytest.approx(2 * half_width, abs=0.6)
    assert abs(brightness[round(0.8 * height), round(0.2 * width)]) < 25


@pytest.mark.parametrize(
    ("height", "width", "side", "expected"),
    [
        (480, 640, 384, (288, 384)),
        (480, 640, 256, (192, 256)),
        (640, 480, 384, (384, 288)),
        (1080, 1920, 384, (224, 384)),
        (352, 1216, 384, (96, 384)),
        (1, 1, 256, (256, 256)),
        (5, 4000, 256, (32, 256)),
    ],
)
def test_the_longer_side_becomes_the_networks(height, width, side, expected):
    assert network_size(height, width, side) == expected


def test_pixels_are_normalised_with_the_numbers_of_imagenet():
    frame = Frame(np.full((32, 32, 3), (255, 0, 51), np.uint8), Camera.from_fov(32, 32, 60))
    colours = pixel_values([frame], (32, 32))[0].reshape(3, -1)
    expected = [(1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225]
    np.testing.assert_allclose(colours, np.repeat(np.array(expected)[:, None], 32 * 32, axis=1), rtol=1e-5)


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
        (b"", "cannot be read as weights"),
        ([1, 2], "holds no weights"),
        ({"name": "value"}, "holds no weights"),
        ({"weight": torch.zeros(2)}, r"is no checkpoint of MiDaS v2\.1\."),
        ({"pretrained.model.cls_token": torch.zeros(1)}, "choose one of depth=midas/dpt_"),
        (
            {SMALL.mark: torch.zeros(32, 1, 3, 3)},
            r"no complete checkpoint of midas_v21_small_256: the weight .* is missing",
        ),
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
    with pytest.raises(ModelUnavailableError, match=message) as caught:
        midas(path).estimate([make_frame(32, 32)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "weight", "message"),
    [
        ("scratch.output_conv.4.bias", torch.zeros(2), r"scratch.output_conv.4.bias has the shape \(2,\), not \(1,\)"),
        ("scratch.refinenet5.conv.weight", torch.zeros(1), "belongs to another network"),
    ],
)
def test_weights_that_do_not_fit_are_named(weights, name, weight, message):
    with pytest.raises(ValueError, match=message):
        with_weights(SMALL, {**weights, name: weight})


def test_a_file_that_runs_code_when_read_is_refused(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    torch.save(Harmful(), tmp_path / "harmful.pt")
    with pytest.raises(ModelUnavailableError, match="cannot be read as weights"):
        midas(tmp_path / "harmful.pt").estimate([make_frame(32, 32)])
    assert not (tmp_path / "ran").exists()


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
    for words in ("about 0.42 GB", "HF_HUB_OFFLINE", PUBLISHED["midas_v21_384"].remote.url, str(hub_folder), "model="):
        assert words in message


def test_a_path_that_does_not_exist_is_refused_with_the_names_that_do():
    with pytest.raises(ModelUnavailableError, match=r"no checkpoint file nowhere\.pt.*midas_v21_small_256"):
        midas("nowhere.pt").estimate([make_frame(32, 32)])


@pytest.fixture
def server(tmp_path):
    """An HTTP server of a folder on this machine."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, directory=str(folder), **kwargs)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def online(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.is_offline_mode", lambda: False)


def test_a_file_is_fetched_whole_with_the_published_content_or_not_at_all(server, online, tmp_path):
    folder, address = server
    (folder / "weights.pt").write_bytes(b"content")
    remote = RemoteFile(f"{address}/weights.pt", hashlib.sha256(b"content").hexdigest()[:8], 0.1)
    assert fetch(remote, tmp_path / "kept", "tiny").read_bytes() == b"content"
    refused = [
        (dataclasses.replace(remote, sha256="00000000"), "other content"),
        (dataclasses.replace(remote, url=f"{address}/none.pt"), "cannot be reached"),
    ]
    for other, message in refused:
        with pytest.raises(ModelUnavailableError, match=message):
            fetch(other, tmp_path / "other", "tiny")
    assert not list((tmp_path / "other").glob("*"))


def test_an_address_that_does_not_answer_is_given_up_soon(online, tmp_path, monkeypatch):
    import socket

    monkeypatch.setattr(weight_files, "HUB_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        remote = RemoteFile(f"http://127.0.0.1:{silent.getsockname()[1]}/weights.pt", "", 0.1)
        with pytest.raises(ModelUnavailableError, match="cannot be reached"):
            fetch(remote, tmp_path, "tiny")


def test_the_identity_names_all_that_the_output_depends_on(checkpoint, weights, tmp_path):
    torch.save({**weights, "scratch.output_conv.4.bias": torch.zeros(1)}, tmp_path / "small.pt")
    copy = tmp_path / "copy" / "small.pt"
    copy.parent.mkdir()
    copy.hardlink_to(checkpoint)
    first = midas(checkpoint).identity.replace(str(checkpoint), "")
    assert midas(copy).identity.replace(str(copy), "") == first
    others = {
        midas(tmp_path / "small.pt").identity.replace(str(tmp_path / "small.pt"), ""),
        midas(checkpoint, input_size_px=32).identity.replace(str(checkpoint), ""),
        midas(checkpoint, dtype="bfloat16").identity.replace(str(checkpoint), ""),
    }
    assert len({first, *others}) == 4


@pytest.mark.parametrize("side", [16, 100])
def test_an_input_that_the_network_cannot_take_is_refused(side):
    with pytest.raises(ConfigError, match="multiple of 32"):
        midas("model", input_size_px=side)


@pytest.mark.parametrize("option, model", [("midas/v21", "midas_v21_384"), ("midas/v21_small", "midas_v21_small_256")])
def test_configurations_build_without_loading_and_name_their_size(option, model):
    backend = instantiate(load_config([f"depth={option}"]).depth)
    assert isinstance(backend, MidasV21Depth)
    assert (backend.model, backend.size_gb) == (model, PUBLISHED[model].remote.size_gb)
    assert backend.kind is DepthKind.DISPARITY_AFFINE
    assert backend.licence == "MIT"
    assert backend._network is None
