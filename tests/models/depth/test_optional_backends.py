"""Backends whose packages are not dependencies, on small packages with the same interface, and on the real ones if
installed."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile_folders import refused
from hydra.utils import instantiate
from models.depth.checks import SPOT_SIZES, Make, assert_maps_fit_their_frames, assert_spots_come_back_where_they_were
from models.hub_cache import COMMIT, NAME, empty_snapshot
from omegaconf import OmegaConf
from safetensors.torch import save_file

from pipeline.api import load_config
from pipeline.models.depth.depth_anything_3 import DepthAnything3Depth, Series, without_gaussians
from pipeline.models.depth.moge import MogeDepth
from pipeline.models.depth.weight_files import hub_file_status, locate_hub_file
from pipeline.records import DepthKind, Frame, ScaleSource
from pipeline.records.camera import Camera, CameraSource
from pipeline.records.errors import FATAL, ConfigError, DependencyError, DepthError, ModelUnavailableError

KNOWN = CameraSource.GIVEN
DA3_KINDS = {
    "da3-small": "scale_invariant",
    "da3-large": "scale_invariant",
    "da3mono-large": "depth_affine",
    "da3metric-large": "metric",
    "da3nested-giant-large": "metric",
}
DA3_NAMES = list(DA3_KINDS)


@pytest.fixture
def packages(tmp_path, monkeypatch) -> None:
    """Packages with the interfaces of both, in place of installed ones."""
    for name in loaded():
        monkeypatch.delitem(sys.modules, name)
    shutil.copytree(Path(__file__).parent / "stand_ins", tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield
    for name in loaded():
        del sys.modules[name]


def loaded() -> list[str]:
    return [name for name in sys.modules if name.split(".")[0] in ("moge", "depth_anything_3")]


@pytest.fixture
def absent(monkeypatch) -> None:
    """Neither package can be found."""
    for name in ("moge", "depth_anything_3"):
        monkeypatch.setitem(sys.modules, name, None)


def make_frame(height: int, width: int, seed: int = 0, source: CameraSource = CameraSource.ASSUMED) -> Frame:
    rgb = np.random.default_rng(seed).integers(0, 200, (height, width, 3), dtype=np.uint8)
    return Frame(rgb, Camera.from_fov(width, height, 70, source), name=f"{width}x{height}")


def moge_file(folder: Path, scale_head: bool = True, **changes) -> Path:
    config = {"encoder": {"backbone": "tiny"}, "scale_head": {} if scale_head else None}
    content = {"model_config": config, "model": {"bias": torch.zeros(1)}, **changes}
    folder.mkdir(exist_ok=True)
    torch.save(content, folder / "model.pt")
    return folder / "model.pt"


def da3_folder(folder: Path, name: str = "da3-small", weights: dict[str, torch.Tensor] | None = None) -> Path:
    parts = ("da3.", "da3_metric.") if "nested" in name else ("",)
    folder.mkdir(exist_ok=True)
    save_file(weights or {f"model.{part}bias": torch.zeros(1) for part in parts}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_name": name}))
    return folder


def moge_backend(folder: Path, **settings) -> MogeDepth:
    return MogeDepth(str(moge_file(folder)), settings.pop("kind", "metric"), device="cpu", **settings)


def da3_backend(folder: Path, name: str = "da3-small", **settings) -> DepthAnything3Depth:
    model, kind = str(da3_folder(folder, name)), settings.pop("kind", DA3_KINDS[name])
    return DepthAnything3Depth(model, kind, device="cpu", **settings)


BACKENDS = pytest.mark.parametrize("make", [moge_backend, da3_backend])


@pytest.mark.parametrize(
    "option, command",
    [
        ("moge_2", "pip install --no-deps dlr-moge dlr-utils3d"),
        ("depth_anything_3", "pip install --no-deps depth-anything-3 addict einops"),
    ],
)
def test_without_the_package_the_error_says_how_to_install_it(absent, option, command, tmp_path):
    backend = instantiate(load_config([f"depth={option}"]).depth)
    for call in (lambda: backend.identity, lambda: backend.estimate([make_frame(8, 8)])):
        with pytest.raises(DependencyError) as caught:
            call()
        assert command in str(caught.value) and "\n" not in str(caught.value)
    assert isinstance(caught.value, FATAL)
    assert type(backend).model_status(backend.model) == "package not installed"


@BACKENDS
def test_with_the_package_alone_the_model_is_what_is_missing(packages, make, tmp_path):
    backend = make(tmp_path / "there")
    other = type(backend)("organisation/missing", backend.kind, device="cpu", size_gb=1.5)
    with refused(r"organisation/missing \(about 1\.5 GB\)"):
        other.estimate([make_frame(8, 8)])
    assert type(backend).model_status("organisation/missing") == "not downloaded"
    assert type(backend).model_status(backend.model) == "on disk"


@pytest.mark.parametrize("module", ["moge.model", "depth_anything_3.cfg"])
def test_a_package_that_cannot_be_imported_is_named_with_what_it_lacks(packages, tmp_path, module):
    (tmp_path / "site" / f"{module.replace('.', '/')}").with_suffix(".py").write_text("import no_such_module")
    (tmp_path / "site" / "moge" / "model" / "__init__.py").write_text("import no_such_module")
    backend = (moge_backend if module == "moge.model" else da3_backend)(tmp_path / "model")
    with pytest.raises(DependencyError, match=r"cannot be imported \(No module named 'no_such_module'\)"):
        backend.estimate([make_frame(8, 8)])


@BACKENDS
def test_maps_fit_their_frames(packages, tmp_path, make: Make):
    frames = [make_frame(40, 60), make_frame(60, 40, 1), make_frame(40, 60, 2, KNOWN), make_frame(40, 60, 3)]
    assert_maps_fit_their_frames(partial(make, tmp_path / "model"), frames)


@BACKENDS
@SPOT_SIZES
def test_every_point_comes_back_in_its_place(packages, tmp_path, make: Make, size):
    assert_spots_come_back_where_they_were(make(tmp_path / "model"), size, lambda values: values - 1)


@pytest.mark.parametrize("name", ["moge", *DA3_NAMES[2:]])
def test_the_sky_has_no_depth(packages, tmp_path, name):
    frame = make_frame(60, 80, source=KNOWN)
    rgb = frame.rgb.copy()
    rgb[:30] = 255
    make = moge_backend if name == "moge" else lambda folder: da3_backend(folder, name)
    depth = make(tmp_path / "model").estimate([replace(frame, rgb=rgb)])[0]
    assert not depth.valid[:28].any()
    assert depth.valid[32:].all()


@pytest.mark.parametrize("source", list(CameraSource))
@pytest.mark.parametrize("size", [(40, 60), (60, 40)])
def test_moge_gets_the_known_focal_length_and_gives_one_otherwise(packages, tmp_path, source, size):
    frame = make_frame(*size, source=source)
    depth = moge_backend(tmp_path / "model").estimate([frame])[0]
    known = source in (CameraSource.GIVEN, CameraSource.EXIF)
    assert depth.focal_px == pytest.approx(frame.camera.fx if known else 0.9 * frame.width, rel=1e-5)


def test_moge_batches_known_and_unknown_cameras_apart(packages, tmp_path):
    backend = moge_backend(tmp_path / "model", batch_size=4)
    sources = [CameraSource.ASSUMED, KNOWN, CameraSource.ASSUMED, CameraSource.EXIF]
    maps = backend.estimate([make_frame(20, 30, seed, source) for seed, source in enumerate(sources)])
    assert [count for count, *_ in backend._network.model.calls] == [2, 2]
    assert [depth.focal_px == pytest.approx(27) for depth in maps] == [True, False, True, False]


@pytest.mark.parametrize("settings, tokens", [({}, 400), ({"num_tokens": 100}, 100), ({"input_scales": [0.5]}, 100)])
def test_moge_takes_as_many_tokens_as_configured(packages, tmp_path, settings, tokens):
    backend = moge_backend(tmp_path / "model", **settings)
    backend.estimate([make_frame(20, 30)])
    assert backend._network.model.calls[0][1] == tokens


def test_moge_computes_in_formats_that_its_package_has(packages, tmp_path):
    for dtype, half in (("auto", False), ("float32", False), ("float16", True)):
        backend = moge_backend(tmp_path / "model", dtype=dtype)
        backend.estimate([make_frame(20, 30)])
        assert backend._network.model.calls[0][3] is half
    with pytest.raises(ConfigError, match="float32 or float16"):
        moge_backend(tmp_path / "model", dtype="bfloat16").estimate([make_frame(20, 30)])


def test_moge_refuses_frames_narrower_than_a_token(packages, tmp_path):
    with pytest.raises(DepthError, match="1x900 is too narrow"):
        moge_backend(tmp_path / "model").estimate([make_frame(900, 1)])


@pytest.mark.parametrize(("scale_head", "kind"), [(True, DepthKind.METRIC), (False, DepthKind.SCALE_INVARIANT)])
def test_moge_gives_the_kind_of_its_checkpoint_and_no_other(packages, tmp_path, scale_head, kind):
    model = str(moge_file(tmp_path / "model", scale_head))
    assert MogeDepth(model, kind, device="cpu").estimate([make_frame(8, 8)])[0].kind is kind
    with pytest.raises(ConfigError, match=rf"set depth\.kind={kind}"):
        MogeDepth(model, "depth_affine", device="cpu").estimate([make_frame(8, 8)])


@pytest.mark.parametrize(
    "backend, save, message",
    [
        (MogeDepth, partial(moge_file, model={}), "1 weights are missing, such as bias"),
        (MogeDepth, partial(moge_file, model={"bias": torch.zeros(2)}), "another network: size mismatch for bias"),
        (MogeDepth, partial(moge_file, model_config=None), "no model_config"),
        (
            DepthAnything3Depth,
            partial(da3_folder, weights={"model.other": torch.zeros(1)}),
            "1 weights .* such as bias",
        ),
        (DepthAnything3Depth, partial(da3_folder, weights={"model.bias": torch.zeros(2)}), "network: size mismatch"),
        (DepthAnything3Depth, partial(da3_folder, name="da4"), "network 'da4': the package knows da3-small"),
    ],
)
def test_wrong_checkpoints_are_refused_in_one_line(packages, tmp_path, backend, save, message):
    model = save(tmp_path / "model")
    with refused(message):
        backend(str(model), "scale_invariant", device="cpu").estimate([make_frame(8, 8)])


@pytest.mark.parametrize("size", [(40, 60), (60, 40), (504, 252)])
def test_da3_metric_is_the_output_times_the_focal_length_of_the_networks_input(packages, tmp_path, size):
    frame = make_frame(*size, source=KNOWN)
    frame = replace(frame, rgb=np.full_like(frame.rgb, 51))
    depth = da3_backend(tmp_path / "model", "da3metric-large").estimate([frame])[0]
    on_input = frame.camera.fx * 504 / max(size)
    assert depth.values == pytest.approx(1.2 * on_input / 300, rel=0.01)
    assert (depth.kind, depth.scale_source) == (DepthKind.METRIC, ScaleSource.MODEL)


def test_da3_metric_refuses_an_assumed_camera(packages, tmp_path):
    backend = da3_backend(tmp_path / "model", "da3metric-large")
    with pytest.raises(DepthError, match=r"the camera of 60x40 is not known: .*depth=depth_anything_3/nested"):
        backend.estimate([make_frame(40, 60)])


@pytest.mark.parametrize("source, factor", [(CameraSource.ASSUMED, 1.0), (KNOWN, 1.5)])
def test_da3_nested_takes_a_known_focal_length_in_place_of_its_own(packages, tmp_path, source, factor):
    """The network's own focal length is 0.8 of the width, and metres grow with it."""
    camera = Camera(1.2 * 80, 1.2 * 80, 39.5, 29.5, 80, 60, source)
    frame = Frame(np.full((60, 80, 3), 51, np.uint8), camera)
    depth = da3_backend(tmp_path / "model", "da3nested-giant-large").estimate([frame])[0]
    assert depth.values == pytest.approx(1.2 * factor, rel=0.01)
    assert depth.focal_px == pytest.approx(0.8 * 80)


def test_da3_nested_says_when_there_is_nothing_but_sky(packages, tmp_path):
    frame = make_frame(40, 60)
    backend = da3_backend(tmp_path / "model", "da3nested-giant-large")
    with pytest.raises(DepthError, match="no depth for 60x40: Insufficient non-sky"):
        backend.estimate([replace(frame, rgb=np.full_like(frame.rgb, 255))])


@pytest.mark.parametrize("name", DA3_NAMES)
def test_da3_depth_is_of_the_kind_of_its_series_and_no_other(packages, tmp_path, name):
    depth = da3_backend(tmp_path / "model", name).estimate([make_frame(40, 60, source=KNOWN)])[0]
    assert depth.kind == DA3_KINDS[name] == Series.of(name).kind
    wrong = next(kind for kind in DA3_KINDS.values() if kind != depth.kind)
    with pytest.raises(ConfigError, match=rf"not {wrong}: set depth\.kind={depth.kind}"):
        da3_backend(tmp_path / "model", name, kind=wrong).estimate([make_frame(8, 8, source=KNOWN)])


def test_da3_networks_are_built_without_their_gaussians():
    part = {"net": 1, "gs_head": 2, "gs_adapter": 3}
    assert without_gaussians(OmegaConf.create(part)) == {"net": 1}
    nested = OmegaConf.create({"anyview": part, "metric": {"net": 1}})
    assert without_gaussians(nested) == {"anyview": {"net": 1}, "metric": {"net": 1}}
    assert nested.anyview.gs_head == 2


def test_the_key_of_a_frame_names_the_focal_length_that_its_depth_depends_on(packages, tmp_path):
    frames = [make_frame(8, 12, source=source) for source in (CameraSource.ASSUMED, KNOWN)]
    longer = replace(frames[1].camera, fx=99)
    frames.append(replace(frames[1], camera=longer))
    makes = [
        (moge_backend(tmp_path / "a"), 3),
        (da3_backend(tmp_path / "b", "da3metric-large"), 3),
        (da3_backend(tmp_path / "c", "da3mono-large"), 1),
    ]
    for backend, count in makes:
        assert len({backend.frame_key(frame) for frame in frames}) == count


@BACKENDS
def test_the_identity_names_all_that_the_output_depends_on(packages, tmp_path, make: Make):
    size = {"num_tokens": 50} if make is moge_backend else {"input_size_px": 140}
    settings = [{}, {"dtype": "float16"}, size, {"flip": True}, {"batch_size": 3}]
    assert len({make(tmp_path / "model", **changes).identity for changes in settings}) == 4


def test_a_model_of_one_file_is_found_by_path_by_folder_and_in_the_cache(tmp_path, monkeypatch):
    path = moge_file(tmp_path / "model")
    by_path, by_folder = locate_hub_file(str(path), "model.pt"), locate_hub_file(str(path.parent), "model.pt")
    assert by_path.file("model.pt") == by_folder.file("model.pt") == path
    assert by_path.revision == by_folder.revision
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert hub_file_status(NAME, "model.pt") == "not downloaded"
    moge_file(empty_snapshot(tmp_path / "hub"))
    found = locate_hub_file(NAME, "model.pt")
    assert (found.file("model.pt").parent.name, found.revision) == (COMMIT, COMMIT)
    (tmp_path / "empty").mkdir()
    for wrong, message in (
        (str(tmp_path / "empty"), r"has no model\.pt"),
        ("no such/name!", "model folder .* does not exist"),
    ):
        with pytest.raises(ModelUnavailableError, match=message):
            locate_hub_file(wrong, "model.pt")


@pytest.fixture
def real_moge(tmp_path):
    """A checkpoint of the real MoGe-2 with a small backbone and random weights."""
    from pipeline.models.torchvision_fix import ensure_torchvision

    ensure_torchvision()
    network = pytest.importorskip("moge.model.v2")

    def stack(entering: list[int], leaving: list[int | None]) -> dict:
        norms = {"res_block_in_norm": "none", "res_block_hidden_norm": "none"}
        return {
            "dim_in": entering,
            "dim_res_blocks": [8] * 5,
            "dim_out": leaving,
            "resamplers": ["bilinear"] * 4,
            **norms,
        }

    config = {
        "encoder": {"backbone": "dinov2_vits14", "intermediate_layers": 2, "dim_out": 6},
        "neck": stack([8, 2, 2, 2, 2], [8] * 5),
        "points_head": stack([8] * 5, [None] * 4 + [3]),
        "mask_head": stack([8] * 5, [None] * 4 + [1]),
        "scale_head": {"dims": [384, 8, 1]},
        "remap_output": "exp",
        "num_tokens_range": [12, 60],
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = network.MoGeModel(**config)
    torch.save({"model_config": config, "model": model.state_dict()}, tmp_path / "model.pt")
    return tmp_path / "model.pt"


@pytest.mark.parametrize("source", [CameraSource.ASSUMED, KNOWN])
@pytest.mark.parametrize("size", [(60, 90), (90, 50)])
def test_the_real_moge_gives_back_the_depth_and_focal_length_of_planted_points(real_moge, size, source):
    """Points of a slanted plane without their shift and scale, as the network would give them."""
    height, width = size
    v, u = np.mgrid[:height, :width] + 0.5
    z, focal_px = (2 + 3 * u / width + v / height).astype(np.float32), 0.8 * width
    points = np.stack([(u - width / 2) * z / focal_px, (v - height / 2) * z / focal_px, z - 1.2], axis=-1) / 3
    mask = np.ones(size, np.float32)
    mask[:5] = 0

    def planted(image: torch.Tensor, num_tokens: int) -> dict[str, torch.Tensor]:
        tensors = {"points": points, "mask": mask, "metric_scale": np.float32(3)}
        return {name: torch.from_numpy(np.asarray(value, np.float32))[None] for name, value in tensors.items()}

    backend = MogeDepth(str(real_moge), "metric", device="cpu")
    backend._loaded().model.forward = planted
    camera = Camera(focal_px, focal_px, (width - 1) / 2, (height - 1) / 2, width, height, source)
    depth = backend.estimate([Frame(np.zeros((*size, 3), np.uint8), camera)])[0]
    np.testing.assert_allclose(depth.values[5:], z[5:], rtol=1e-5)
    assert not depth.valid[:5].any() and depth.valid[5:].all()
    assert depth.focal_px == pytest.approx(focal_px, rel=1e-5)


@pytest.mark.parametrize("name", ["da3-small", "da3metric-large", "da3mono-large", "da3nested-giant-large"])
def test_the_real_depth_anything_3_runs_and_repeats_itself(tmp_path, monkeypatch, name):
    """Its own code with its smallest backbone and random weights."""
    registry, factory = (pytest.importorskip(f"depth_anything_3.{part}") for part in ("registry", "cfg"))
    small = OmegaConf.load(registry.MODEL_REGISTRY["da3-small"])
    metric = OmegaConf.load(registry.MODEL_REGISTRY["da3metric-large"])
    metric.net.update(name="vits", out_layers=[2, 5, 8, 11])
    metric.head.update(dim_in=384, features=64, out_channels=[48, 96, 192, 384])
    nested = OmegaConf.load(registry.MODEL_REGISTRY["da3nested-giant-large"])
    nested.update(anyview=small, metric=metric)
    config = {"da3-small": small, "da3nested-giant-large": nested}.get(name, metric)
    OmegaConf.save(config, tmp_path / "network.yaml")
    monkeypatch.setitem(registry.MODEL_REGISTRY, name, str(tmp_path / "network.yaml"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = factory.create_object(factory.load_config(registry.MODEL_REGISTRY[name]))
    weights = {f"model.{key}": value.clone() for key, value in model.state_dict().items()}
    folder = da3_folder(tmp_path / "model", name, weights)
    for dtype in ("float32", "bfloat16"):
        backend = DepthAnything3Depth(str(folder), DA3_KINDS[name], device="cpu", input_size_px=70, dtype=dtype)
        frames = [make_frame(40, 60, source=KNOWN), make_frame(90, 40, 1, KNOWN)]
        maps = backend.estimate(frames)
        assert [depth.shape for depth in maps] == [(40, 60), (90, 40)]
        assert all(depth.valid.all() and depth.values.std() > 0 for depth in maps)
        assert (maps[0].focal_px is not None) == (name in ("da3-small", "da3nested-giant-large"))
        assert backend.estimate(frames[1:])[0].digest == maps[1].digest
