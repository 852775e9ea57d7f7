"""Tiny SAM and SAM 2 checkpoints with random weights, of the real architectures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tiny.checkpoints import saved, seeded, square, transformers

FAMILIES = ("sam", "sam2", "sam2_video")
SIDE_PX = 64
MASK_SIDE_PX = 16

_PARTS = {
    "prompt_encoder_config": {"hidden_size": 32, "image_size": SIDE_PX, "patch_size": 16, "mask_input_channels": 8},
    "mask_decoder_config": {"hidden_size": 32, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 16},
}


def build_tiny_sam(folder: Path, family: str) -> Path:
    """Save a seeded random checkpoint and its processor.

    Args:
        folder: Where to save it; made if it does not exist.
        family: One of ``FAMILIES``; ``sam2_video`` is what the published checkpoints of SAM 2 are stored as.

    Returns:
        The folder.
    """
    saved(folder, seeded(lambda: _model(family)), _image_processor(family))
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
    library = transformers()
    if family == "sam":
        vision = library.SamVisionConfig(
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
        return library.SamModel(library.SamConfig(vision_config=vision.to_dict(), **_PARTS))
    backbone = library.Sam2HieraDetConfig(
        hidden_size=8,
        image_size=[SIDE_PX, SIDE_PX],
        window_positional_embedding_background_size=[2, 2],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[4, 4, 2, 2],
        global_attention_blocks=[3],
    )
    vision = library.Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=[64, 32, 16, 8],
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
        fpn_hidden_size=32,
    )
    if family == "sam2":
        return library.Sam2Model(library.Sam2Config(vision_config=vision, **_PARTS))
    return library.Sam2VideoModel(
        library.Sam2VideoConfig(
            vision_config=vision,
            **_PARTS,
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
    if family == "sam":
        return transformers().SamImageProcessor(
            size={"longest_edge": SIDE_PX},
            mask_size={"longest_edge": MASK_SIDE_PX},
            pad_size=square(SIDE_PX),
            mask_pad_size=square(MASK_SIDE_PX),
        )
    return transformers().Sam2ImageProcessor(size=square(SIDE_PX), mask_size=square(MASK_SIDE_PX))
