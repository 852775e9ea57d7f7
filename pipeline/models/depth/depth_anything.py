"""Depth Anything through transformers: relative and metric depth.

Source: L. Yang, B. Kang, Z. Huang, X. Xu, J. Feng, H. Zhao, "Depth Anything", CVPR 2024; the same and Z. Zhao, "Depth
Anything V2", NeurIPS 2024. Relative checkpoints give disparity up to scale and shift: larger is nearer. Metric ones
give z in metres, up to the largest depth of their training: 20 m indoors, 80 m outdoors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.models.depth.checkpoint import CheckpointDepth, CheckpointNetwork, keep_in_float32
from pipeline.records import DepthKind

if TYPE_CHECKING:
    import torch

_KINDS = {"relative": DepthKind.DISPARITY_AFFINE, "metric": DepthKind.METRIC}


class DepthAnythingDepth(CheckpointDepth):
    """Depth of single frames from a checkpoint of Depth Anything, of either version.

    Frames keep their aspect ratio.

    Args:
        model: Name on the hub or local folder.
        kind: ``disparity_affine`` for relative checkpoints, ``metric`` for metric ones.
        **settings: Those of ``CheckpointDepth`` and ``NetworkDepth``.

    Raises:
        ConfigError: If a setting is out of its range.
    """

    backend = "depth_anything"
    model_type = "depth_anything"
    kinds = (DepthKind.DISPARITY_AFFINE, DepthKind.METRIC)
    stride_px = 14

    def _network_of(self, model: Any, processor: Any, device: torch.device, dtype: torch.dtype) -> CheckpointNetwork:
        self._require_kind(_KINDS[model.config.depth_estimation_type])
        keep_in_float32(model.head)
        side = self.input_size_px or int(processor.size["height"])
        return CheckpointNetwork(model, processor, device, dtype, side, self.stride_px)
