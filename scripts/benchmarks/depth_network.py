"""What a depth backend costs around its network, and what batches gain: random weights of the real architecture."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, in_turn

_HYBRID_SIDE_PX, _TINY_SIDE_PX = 384, 64
_HYBRID_RUNS, _TINY_RUNS = 3, 15
_SHARE_REACH, _BATCH = 0.05, 8


def network_figures() -> Iterator[Figure]:
    """Share of everything around the forward pass, then a batch against one by one."""
    from pipeline.models.torchvision_fix import ensure_torchvision

    ensure_torchvision()
    with tempfile.TemporaryDirectory() as name:
        hybrid = _saved(Path(name) / "hybrid", _hybrid(), _HYBRID_SIDE_PX)
        for width, height in ((640, 480), (1920, 1080)):
            yield _around_the_network(hybrid, width, height)
        for width, height in ((64, 64), (640, 480)):
            yield _batch(_saved(Path(name) / "tiny", _tiny(), _TINY_SIDE_PX), width, height)


def _around_the_network(folder: Path, width: int, height: int) -> Figure:
    """Median share over runs, each run's own forward pass taken from its own whole."""
    from pipeline.models.depth.midas import MidasDepth

    backend = MidasDepth(str(folder), "disparity_affine", device="cpu", dtype="float32")
    frames = _frames(_HYBRID_RUNS + 1, width, height)
    shares, wholes, forwards = [], [], []
    with _timed_forward() as forward_ms:
        for run, frame in enumerate(frames):
            forward_ms.clear()
            start = time.perf_counter()
            backend.estimate([frame])
            whole = (time.perf_counter() - start) * 1e3
            if run:  # The first one loads the checkpoint.
                wholes.append(whole)
                forwards.append(sum(forward_ms))
                shares.append((whole - sum(forward_ms)) / sum(forward_ms))
    around = statistics.median(whole - forward for whole, forward in zip(wholes, forwards, strict=True))
    share = statistics.median(shares)
    return Figure(
        f"around the forward pass of dpt-hybrid, {width} x {height}",
        around, "ms", statistics.median(forwards), share, _SHARE_REACH, share <= _SHARE_REACH,
    )  # fmt: skip


@contextmanager
def _timed_forward() -> Iterator[list[float]]:
    """Times of the model's forward passes [ms], measured where transformers defines them."""
    from transformers import DPTForDepthEstimation

    plain, times_ms = DPTForDepthEstimation.__call__, []

    def timed(self: Any, *inputs: Any, **named: Any) -> Any:
        start = time.perf_counter()
        output = plain(self, *inputs, **named)
        times_ms.append((time.perf_counter() - start) * 1e3)
        return output

    DPTForDepthEstimation.__call__ = timed
    try:
        yield times_ms
    finally:
        del DPTForDepthEstimation.__call__  # It is inherited.


def _batch(folder: Path, width: int, height: int) -> Figure:
    """Eight frames together against one by one; their maps are compared as well."""
    import numpy as np

    from pipeline.models.depth.midas import MidasDepth

    single, together = (
        MidasDepth(str(folder), "disparity_affine", device="cpu", dtype="float32", batch_size=size)
        for size in (1, _BATCH)
    )
    frames = _frames(_BATCH, width, height)
    for one, other in zip(single.estimate(frames), together.estimate(frames), strict=True):
        np.testing.assert_allclose(one.values, other.values, rtol=1e-3, atol=1e-4)
    one_by_one, batch = in_turn(_TINY_RUNS, lambda: single.estimate(frames), lambda: together.estimate(frames))
    return Figure(
        f"{_BATCH} frames {width} x {height} in one batch against one by one, tiny DPT",
        batch, "ms", one_by_one, batch / one_by_one, 1.0, batch <= one_by_one,
    )  # fmt: skip


def _frames(count: int, width: int, height: int) -> list[Any]:
    """Frames of smooth random colours."""
    import cv2
    import numpy as np

    from pipeline.records import Frame
    from pipeline.records.camera import Camera

    camera, generator = Camera.from_fov(width, height, 60.0), np.random.default_rng(0)
    colours = generator.integers(0, 256, (count, 12, 16, 3), dtype=np.uint8)
    return [
        Frame(cv2.resize(colour, (width, height), interpolation=cv2.INTER_CUBIC), camera, name=f"frame {number}")
        for number, colour in enumerate(colours)
    ]


def _saved(folder: Path, config: Any, side_px: int) -> Path:
    """A checkpoint with seeded random weights, and its image processor."""
    import torch
    from transformers import DPTForDepthEstimation, DPTImageProcessor

    torch.manual_seed(0)
    DPTForDepthEstimation(config).save_pretrained(folder)
    size = {"height": side_px, "width": side_px}
    DPTImageProcessor(size=size, keep_aspect_ratio=False, ensure_multiple_of=1).save_pretrained(folder)
    return folder


def _hybrid() -> Any:
    """The architecture of dpt-hybrid-midas: ViT-B/16 on the features of a ResNetV2-50 (123 million weights)."""
    from transformers import BitConfig, DPTConfig

    backbone = BitConfig(
        depths=[3, 4, 9],
        layer_type="bottleneck",
        global_padding="same",
        out_features=["stage1", "stage2", "stage3"],
        embedding_dynamic_padding=True,
    )
    return DPTConfig(
        is_hybrid=True,
        backbone_config=backbone,
        image_size=_HYBRID_SIDE_PX,
        backbone_featmap_shape=[1, 1024, 24, 24],
        backbone_out_indices=[2, 5, 8, 11],
        neck_ignore_stages=[0, 1],
        neck_hidden_sizes=[256, 512, 768, 768],
        fusion_hidden_size=256,
    )


def _tiny() -> Any:
    from transformers import DPTConfig

    return DPTConfig(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=_TINY_SIDE_PX,
        patch_size=16,
        neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=16,
        backbone_out_indices=[0, 1, 2, 3],
    )
