"""theodolite-depth-nano: a DPT-hybrid, as MiDaS v3's, of three million parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

INPUT_PX = 192
_CONVOLUTIONS: dict[str, Any] = {
    "embedding_size": 32,
    "hidden_sizes": [48, 96, 192],
    "depths": [2, 2, 2],
    "num_groups": 8,
}
_TRANSFORMER: dict[str, Any] = {
    "hidden_size": 192,
    "num_hidden_layers": 4,
    "num_attention_heads": 3,
    "intermediate_size": 512,
    "neck_hidden_sizes": [48, 96, 96, 96],
    "fusion_hidden_size": 48,
}


def build() -> tuple[Any, Any]:
    """A new network with its image processor."""
    from pipeline.torchvision_fix import ensure_torchvision

    ensure_torchvision()
    from transformers import BitConfig, DPTConfig, DPTForDepthEstimation, DPTImageProcessor

    side = INPUT_PX // 16
    backbone = BitConfig(
        **_CONVOLUTIONS,
        global_padding="same",
        layer_type="bottleneck",
        embedding_dynamic_padding=True,
        out_features=["stage1", "stage2", "stage3"],
    )
    config = DPTConfig(
        **_TRANSFORMER,
        is_hybrid=True,
        backbone_config=backbone,
        backbone_featmap_shape=[1, _CONVOLUTIONS["hidden_sizes"][-1], side, side],
        backbone_out_indices=[0, 1, 2, 3],
        image_size=INPUT_PX,
        neck_ignore_stages=[0, 1],
        readout_type="project",
        reassemble_factors=[1, 1, 1, 0.5],
    )
    model = DPTForDepthEstimation(config)
    # The network ends in a rectifier: begin where it lets everything through.
    last: Any = model.head.head[-2]
    torch.nn.init.constant_(last.bias, 4.0)
    processor = DPTImageProcessor(
        size={"height": INPUT_PX, "width": INPUT_PX},
        keep_aspect_ratio=False,
        ensure_multiple_of=1,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    return model, processor


def save(model: Any, processor: Any, folder: Path) -> None:
    """Write both as an ordinary transformers folder."""
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
