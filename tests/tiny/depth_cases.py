"""Every depth backend that runs checkpoints of transformers, with a tiny checkpoint and what it must give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tiny.depth_networks as networks
from tiny.dpt import BACKBONES, IMAGE_SIZE_PX, build_tiny_dpt

from pipeline.models.depth.checkpoint import CheckpointDepth
from pipeline.models.depth.depth_anything import DepthAnythingDepth
from pipeline.models.depth.depth_pro import DepthProDepth
from pipeline.models.depth.midas import MidasDepth
from pipeline.models.depth.prompt_depth_anything import PromptDepthAnythingDepth
from pipeline.models.depth.zoedepth import ZoeDepthDepth
from pipeline.records import DepthKind, DepthMap, Frame, ScaleSource
from pipeline.records.camera import Camera

PROMPT_RANGE_M = (1.0, 5.0)


@dataclass(frozen=True)
class DepthCase:
    """A backend with a tiny checkpoint.

    Args:
        save: Saves the checkpoint into a folder.
        backend: The backend's class.
        kind: What it gives.
        scale_source: Where its scale comes from.
        side_px: Longer side of the network's usual input [px].
        choice: What a user chooses to run such a checkpoint.
        settings: Further settings.
        takes_input_scales: Whether the network takes inputs of other sizes.
    """

    save: Callable[[Path], Path]
    backend: type[CheckpointDepth]
    kind: DepthKind
    scale_source: ScaleSource
    side_px: int
    choice: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    takes_input_scales: bool = True

    def build(self, folder: Path, **settings: Any) -> CheckpointDepth:
        """The backend on the CPU."""
        arguments = {"device": "cpu", **self.settings, **settings}
        return self.backend(str(folder), arguments.pop("kind", self.kind), **arguments)


_RELATIVE = (DepthKind.DISPARITY_AFFINE, ScaleSource.NONE)
_METRIC = (DepthKind.METRIC, ScaleSource.MODEL)
_PROMPTED = (DepthKind.METRIC, ScaleSource.SENSOR)
_ZOE = (*_METRIC, max(networks.ZOEDEPTH_SIZE_PX), "zoedepth/nyu_kitti")
_SIDE = networks.DEPTH_ANYTHING_SIDE_PX

CASES = {
    **{
        backbone: DepthCase(
            partial(build_tiny_dpt, backbone=backbone),
            MidasDepth,
            *_RELATIVE,
            IMAGE_SIZE_PX,
            "midas",
            takes_input_scales=backbone != "hybrid",
        )
        for backbone in BACKBONES
    },
    "depth_anything": DepthCase(
        networks.build_tiny_depth_anything, DepthAnythingDepth, *_RELATIVE, _SIDE, "depth_anything_v2/small"
    ),
    "depth_anything_metric": DepthCase(
        partial(networks.build_tiny_depth_anything, estimation_type="metric"),
        DepthAnythingDepth,
        *_METRIC,
        _SIDE,
        "depth_anything_v2/small",
    ),
    "zoedepth": DepthCase(networks.build_tiny_zoedepth, ZoeDepthDepth, *_ZOE),
    "zoedepth_domains": DepthCase(partial(networks.build_tiny_zoedepth, domains=2), ZoeDepthDepth, *_ZOE),
    "depth_pro": DepthCase(
        networks.build_tiny_depth_pro,
        DepthProDepth,
        *_METRIC,
        networks.DEPTH_PRO_SIDE_PX,
        "depth_pro",
        {"upsampling": "bilinear"},
        takes_input_scales=False,
    ),
    "prompt_depth_anything": DepthCase(
        networks.build_tiny_prompt_depth_anything,
        PromptDepthAnythingDepth,
        *_PROMPTED,
        _SIDE,
        "prompt_depth_anything/small",
    ),
}


def blocks(height: int, width: int, seed: int = 0) -> np.ndarray:
    """An image of 4 x 4 coloured blocks, uint8 (H, W, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    rows, columns = np.arange(height) * 4 // height, np.arange(width) * 4 // width
    return coarse[rows[:, None], columns]


def frame_of(rgb: np.ndarray) -> Frame:
    """A frame with an assumed camera and a sensor's depth that rises from left to right."""
    height, width = rgb.shape[:2]
    depth = np.tile(np.linspace(*PROMPT_RANGE_M, width, dtype=np.float32), (height, 1))
    given = DepthMap.from_values(depth, "metric", "sensor", "sensor")
    return Frame(rgb, Camera.from_fov(width, height, 60), given_depth=given, name=f"{width}x{height}")


def make_frame(height: int, width: int, seed: int = 0) -> Frame:
    """A frame of coloured blocks."""
    return frame_of(blocks(height, width, seed))
