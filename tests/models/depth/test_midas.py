from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny.depth_cases import make_frame
from tiny.dpt import IMAGE_SIZE_PX

from pipeline.models.depth.midas import MidasDepth
from pipeline.models.depth.network import batches
from pipeline.records.errors import ConfigError, DepthError

KIND = "disparity_affine"


def midas(folder: Path, **settings) -> MidasDepth:
    return MidasDepth(str(folder), KIND, device="cpu", **settings)


@pytest.mark.parametrize("keep_aspect_ratio", ["auto", True, False])
@pytest.mark.parametrize("backbone", ["beit", "swinv2"])
def test_backbones_that_take_any_shape_run_either_way(checkpoints, backbone, keep_aspect_ratio):
    depth = midas(checkpoints[backbone], keep_aspect_ratio=keep_aspect_ratio).estimate([make_frame(40, 100)])[0]
    assert depth.shape == (40, 100)
    assert depth.valid.all()


def test_frames_are_batched_by_size_and_every_frame_once():
    frames = [make_frame(8, 8), make_frame(8, 9), make_frame(8, 8), make_frame(8, 8), make_frame(8, 9)]
    assert list(batches(frames, 2)) == [[0, 2], [3], [1, 4]]


def test_no_frames_give_no_maps_and_load_nothing():
    assert midas(Path("/nowhere")).estimate([]) == []


def test_a_smaller_input_gives_another_depth_of_the_same_size(checkpoints):
    frame = make_frame(64, 64)
    small, own = (midas(checkpoints["vit"], input_size_px=side).estimate([frame])[0] for side in (32, None))
    assert small.shape == own.shape
    assert small.digest != own.digest


def test_the_identity_names_aspect_ratio_and_kind(checkpoints):
    folder = checkpoints["vit"]
    metric = MidasDepth(str(folder), "metric", device="cpu")
    assert len({midas(folder).identity, midas(folder, keep_aspect_ratio=False).identity, metric.identity}) == 3


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


def with_model(backend: MidasDepth, model) -> MidasDepth:
    backend._network = dataclasses.replace(backend._loaded(), model=model)
    return backend


def test_too_little_memory_names_the_key_to_lower(checkpoints):
    def exhaust(pixel_values: torch.Tensor) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB.")

    backend = with_model(midas(checkpoints["vit"], batch_size=2), exhaust)
    with pytest.raises(DepthError, match=r"lower depth\.batch_size \(now 2\)"):
        backend.estimate([make_frame(32, 32)])


def test_a_batch_that_does_not_fit_is_halved_until_it_does(checkpoints):
    backend = midas(checkpoints["vit"], batch_size=5)
    frames = [make_frame(32, 32, seed=seed) for seed in range(5)]
    expected = [backend.estimate([frame])[0].values for frame in frames]
    model, sizes = backend._loaded().model, []

    def limited(pixel_values: torch.Tensor):
        sizes.append(len(pixel_values))
        if len(pixel_values) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return model(pixel_values)

    found = [depth.values for depth in with_model(backend, limited).estimate(frames)]
    assert sizes == [5, 2, 3, 1, 2]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def overflowing(share: float):
    """A model whose output is infinite in the upper share of the map."""

    def overflow(pixel_values: torch.Tensor) -> SimpleNamespace:
        depth = pixel_values.mean(1).clone()
        depth[:, : int(share * depth.shape[1])] = torch.inf
        return SimpleNamespace(predicted_depth=depth)

    return overflow


def test_values_that_are_not_finite_are_invalid_and_none_finite_is_an_error(checkpoints):
    depth = with_model(midas(checkpoints["vit"]), overflowing(0.5)).estimate([make_frame(64, 64)])[0]
    assert not depth.valid[:30].any()
    assert depth.valid[36:].all()
    with pytest.raises(DepthError, match=r"no finite depth for 64x64: set depth\.dtype=float32"):
        with_model(midas(checkpoints["vit"]), overflowing(1.0)).estimate([make_frame(64, 64)])
