"""Tiny DPT checkpoints with random weights, of the real architectures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

BACKBONES = ("vit", "hybrid", "beit", "swinv2")
IMAGE_SIZE_PX = 64

_NECK = {"neck_hidden_sizes": [8, 8, 16, 16], "fusion_hidden_size": 16}
_VIT = {
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "image_size": IMAGE_SIZE_PX,
    "patch_size": 16,
}


def build_tiny_dpt(folder: Path, backbone: str) -> Path:
    """Save a seeded random DPT and its image processor.

    Args:
        folder: Where to; made if it is not there.
        backbone: One of ``BACKBONES``.

    Returns:
        The folder.
    """
    import torch

    from pipeline.models.torchvision_fix import ensure_torchvision

    ensure_torchvision()
    from transformers import DPTForDepthEstimation, DPTImageProcessor

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = DPTForDepthEstimation(_config(backbone))
        for parameter in model.parameters():
            if parameter.ndim > 1:  # The usual tiny deviations would let the input's share vanish.
                torch.nn.init.xavier_normal_(parameter)
        torch.nn.init.ones_(model.head.head[-2].bias)
    model.save_pretrained(folder)
    keeps = backbone == "beit"
    DPTImageProcessor(
        size={"height": IMAGE_SIZE_PX, "width": IMAGE_SIZE_PX},
        keep_aspect_ratio=keeps,
        ensure_multiple_of=32 if keeps else 1,
    ).save_pretrained(folder)
    return folder


def _config(backbone: str) -> Any:
    from transformers import BeitConfig, BitConfig, DPTConfig, Swinv2Config

    if backbone == "vit":
        return DPTConfig(**_VIT, **_NECK, backbone_out_indices=[0, 1, 2, 3])
    if backbone == "hybrid":
        bit = BitConfig(
            embedding_size=8,
            hidden_sizes=[8, 8, 16],
            depths=[1, 1, 1],
            num_groups=2,
            global_padding="same",
            layer_type="bottleneck",
            out_features=["stage1", "stage2", "stage3"],
            embedding_dynamic_padding=True,
        )
        return DPTConfig(
            **_VIT,
            **_NECK,
            is_hybrid=True,
            backbone_config=bit,
            backbone_featmap_shape=[1, 16, 4, 4],
            backbone_out_indices=[0, 1, 2, 3],
        )
    if backbone == "beit":
        stages = ["stage1", "stage2", "stage3", "stage4"]
        beit = BeitConfig(
            **_VIT,
            use_relative_position_bias=True,
            reshape_hidden_states=False,
            out_features=stages,
        )
        return DPTConfig(**_NECK, backbone_config=beit)
    swinv2 = Swinv2Config(
        image_size=IMAGE_SIZE_PX,
        patch_size=4,
        window_size=8,
        embed_dim=8,
        depths=[2, 2, 2, 2],
        num_heads=[1, 2, 2, 2],
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    return DPTConfig(neck_hidden_sizes=[8, 16, 32, 64], fusion_hidden_size=16, backbone_config=swinv2)
