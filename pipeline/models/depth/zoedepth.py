"""ZoeDepth through transformers: metric depth of single frames.

Source: S. F. Bhat, R. Birkl, D. Wofk, P. Wonka, M. Müller, "ZoeDepth: Zero-shot Transfer by Combining Relative and
Metric Depth", 2023. The output is z in metres.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.models.depth.checkpoint import CheckpointDepth, LoadedCheckpoint, keep_in_float32, pixel_values, run
from pipeline.models.depth.inputs import nearest_multiple, network_size
from pipeline.models.depth.network import Prediction, reflected
from pipeline.records import DepthKind, Frame

if TYPE_CHECKING:
    import torch

_MARGIN_FACTOR = 3.0


def margin_px(height: int, width: int) -> tuple[int, int]:
    """Rows and columns by which a frame is padded at each side: ``3 * sqrt(side / 2)``, rounded down.

    The network was trained on images with a border and is inaccurate at the edges of images without one.
    """
    return int(math.sqrt(height / 2) * _MARGIN_FACTOR), int(math.sqrt(width / 2) * _MARGIN_FACTOR)


@dataclass(frozen=True)
class _Network(LoadedCheckpoint):
    """A loaded checkpoint, the (height, width) of its usual input [px], and whether it chooses among several heads."""

    sides: tuple[int, int]
    has_domains: bool

    def predict(self, frames: Sequence[Frame], input_scale: float) -> Prediction:
        margin = margin_px(frames[0].height, frames[0].width)
        images = [reflected(frame.rgb, margin) for frame in frames]
        height, width = images[0].shape[:2]
        stride = ZoeDepthDepth.stride_px
        sides = tuple(nearest_multiple(side * input_scale, stride) for side in self.sides)
        size = network_size(height, width, (sides[0], sides[1]), keep_aspect_ratio=True, multiple=stride)
        values = pixel_values(self.processor, images, size).to(self.device, self.dtype)
        # transformers lets a whole batch vote for one domain; a frame's depth must not depend on its neighbours.
        parts = values.split(1 if self.has_domains else len(values))
        maps = [run(self.model, pixel_values=part).predicted_depth.numpy() for part in parts]
        return Prediction(np.concatenate(maps), margin_px=margin)


class ZoeDepthDepth(CheckpointDepth):
    """Metric depth of single frames from a checkpoint of ZoeDepth.

    As in the authors' code, a frame is padded by its reflection, keeps its aspect ratio, and the map is cut to the
    frame again. Checkpoints with one head per domain choose a head for each frame.

    Args:
        model: Name on the hub or local folder.
        kind: ``metric``.
        input_size_px: Height of the network's usual input [px], a multiple of 32; the width follows in the proportion
            of the checkpoint's own. None takes the checkpoint's own.
        **settings: Those of ``CheckpointDepth`` and ``NetworkDepth``.

    Raises:
        ConfigError: If a setting is out of its range.
    """

    backend = "zoedepth"
    usual_kind = DepthKind.METRIC
    model_type = "zoedepth"
    kinds = (DepthKind.METRIC,)

    def _network_of(self, model: Any, processor: Any, device: torch.device, dtype: torch.dtype) -> _Network:
        # Its bins are computed with exponents of up to 1000 and logarithms of differences.
        keep_in_float32(model.relative_head)
        keep_in_float32(model.metric_head)
        height, width = int(processor.size["height"]), int(processor.size["width"])
        if self.input_size_px is not None:
            width = nearest_multiple(width * self.input_size_px / height, self.stride_px)
            height = self.input_size_px
        return _Network(model, processor, device, dtype, (height, width), len(model.config.bin_configurations) > 1)
