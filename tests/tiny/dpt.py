"""Tiny DPT checkpoints with random weights, of the real architectures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tiny.checkpoints import LAYERS, NECK, STAGES, saved, seeded, square, transformers

BACKBONES = ("vit", "hybrid", "beit", "swinv2")
IMAGE_SIZE_PX = 64

_VIT = {**LAYERS, "intermediate_size": 64, "image_size": IMAGE_SIZE_PX, "patch_size": 16}
_TOKENS = {**_VIT, **NECK, "backbone_out_indices": [0, 1, 2, 3]}


def build_tiny_dpt(folder: Path, backbone: str) -> Path:
    """Save a seeded random DPT and its image processor.

    Args:
        folder: Where to save it; made if it does not exist.
        backbone: One of ``BACKBONES``.

    Returns:
        The folder.
    """
    library = transformers()
    model = seeded(lambda: library.DPTForDepthEstimation(library.DPTConfig(**_config(backbone))))
    model.head.head[-2].bias.data.fill_(1)
    keeps = backbone == "beit"
    processor = library.DPTImageProcessor(
        size=square(IMAGE_SIZE_PX), keep_aspect_ratio=keeps, ensure_multiple_of=32 if keeps else 1
    )
    return saved(folder, model, processor)


def tiny_beit() -> Any:
    """Configuration of a tiny BEiT backbone."""
    return transformers().BeitConfig(
        **_VIT, use_relative_position_bias=True, reshape_hidden_states=False, out_features=STAGES
    )


def _config(backbone: str) -> dict[str, Any]:
    if backbone == "vit":
        return _TOKENS
    if backbone == "hybrid":
        bit = transformers().BitConfig(
            embedding_size=8,
            hidden_sizes=[8, 8, 16],
            depths=[1, 1, 1],
            num_groups=2,
            global_padding="same",
            layer_type="bottleneck",
            out_features=STAGES[:3],
            embedding_dynamic_padding=True,
        )
        return {**_TOKENS, "is_hybrid": True, "backbone_config": bit, "backbone_featmap_shape": [1, 16, 4, 4]}
    if backbone == "beit":
        return {**NECK, "backbone_config": tiny_beit()}
    swinv2 = transformers().Swinv2Config(
        image_size=IMAGE_SIZE_PX,
        patch_size=4,
        window_size=8,
        embed_dim=8,
        depths=[2, 2, 2, 2],
        num_heads=[1, 2, 2, 2],
        out_features=STAGES,
    )
    return {"neck_hidden_sizes": [8, 16, 32, 64], "fusion_hidden_size": 16, "backbone_config": swinv2}
