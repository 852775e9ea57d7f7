"""Tiny SAM and SAM 2 checkpoints with random weights, of the real architectures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FAMILIES = ("sam", "sam2", "sam2_video")
SIDE_PX = 64
MASK_SIDE_PX = 16

_DECODER = {"hidden_size": 32, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 16}
_PROMPT = {"hidden_size": 32, "image_size": SIDE_PX, "patch_size": 16, "mask_input_channels": 8}


def build_tiny_sam(folder: Path, family: str) -> Path:
    """Save a seeded random checkpoint and its processor.

    Args:
        folder: Where to; made if it is not there.
        family: One of ``FAMILIES``; ``sam2_video`` is what the published checkpoints of SAM 2 are stored as.

    Returns:
        The folder.
    """
    import torch

    from pipeline.models.torchvision_fix import ensure_torchvision

    ensure_torchvision()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = _model(family)
        for parameter in model.parameters():
            if parameter.ndim > 1:  # The usual tiny deviations would let the prompt's share vanish.
                torch.nn.init.xavier_normal_(parameter)
    model.save_pretrained(folder)
    _image_processor(family).save_pretrained(folder)
    if family == "sam2_video":
        _name_processors_as_published(folder)
    return folder


def _name_processors_as_published(folder: Path) -> None:
    """Write what the published checkpoints say about their processors: names of the video model."""
    path = folder / "preprocessor_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings |= {"image_processor_type": "Sam2ImageProcessorFast", "processor_class": "Sam2VideoProcessor"}
    path.write_text(json.dumps(settings), encoding="utf-8")
    processor = {"point_pad_value": -10, "processor_class": "Sam2VideoProcessor", "target_size": SIDE_PX}
    (folder / "processor_config.json").write_text(json.dumps(processor), encoding="utf-8")


def _model(family: str) -> Any:
    import transformers

    if family == "sam":
        vision = transformers.SamVisionConfig(
            hidden_size=32,
            output_channels=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=SIDE_PX,
            patch_size=16,
            window_size=2,
            global_attn_indexes=[1],
            num_pos_feats=16,
            initializer_range=0.02,
        )
        return transformers.SamModel(
            transformers.SamConfig(
                vision_config=vision.to_dict(), prompt_encoder_config=_PROMPT, mask_decoder_config=_DECODER
            )
        )
    backbone = transformers.Sam2HieraDetConfig(
        hidden_size=8,
        image_size=[SIDE_PX, SIDE_PX],
        window_positional_embedding_background_size=[2, 2],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[4, 4, 2, 2],
        global_attention_blocks=[3],
    )
    vision = transformers.Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=[64, 32, 16, 8],
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
        fpn_hidden_size=32,
    )
    if family == "sam2":
        return transformers.Sam2Model(
            transformers.Sam2Config(vision_config=vision, prompt_encoder_config=_PROMPT, mask_decoder_config=_DECODER)
        )
    return transformers.Sam2VideoModel(
        transformers.Sam2VideoConfig(
            vision_config=vision,
            prompt_encoder_config=_PROMPT,
            mask_decoder_config=_DECODER,
            image_size=SIDE_PX,
            memory_attention_hidden_size=32,
            memory_attention_num_layers=1,
            memory_attention_feed_forward_hidden_size=32,
            memory_attention_rope_feat_sizes=[4, 4],
            memory_encoder_hidden_size=32,
            memory_encoder_output_channels=16,
            mask_downsampler_embed_dim=32,
            memory_fuser_embed_dim=32,
            memory_fuser_intermediate_dim=32,
            memory_fuser_num_layers=1,
        )
    )


def _image_processor(family: str) -> Any:
    import transformers

    square = {"height": SIDE_PX, "width": SIDE_PX}
    masks = {"height": MASK_SIDE_PX, "width": MASK_SIDE_PX}
    if family == "sam":
        return transformers.SamImageProcessor(
            size={"longest_edge": SIDE_PX},
            mask_size={"longest_edge": MASK_SIDE_PX},
            pad_size=square,
            mask_pad_size=masks,
        )
    return transformers.Sam2ImageProcessor(size=square, mask_size=masks)
