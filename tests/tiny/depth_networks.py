"""Tiny checkpoints of depth networks with random weights, of the real architectures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tiny.checkpoints import LAYERS, NECK, STAGES, saved, seeded, square, transformers
from tiny.dpt import tiny_beit

DEPTH_ANYTHING_SIDE_PX = 56
ZOEDEPTH_SIZE_PX = (64, 96)
DEPTH_PRO_SIDE_PX = 128
DEPTH_PRO_FOV_DEG = 50.0

_HALVES = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
_PROCESSOR_14 = {
    "size": square(DEPTH_ANYTHING_SIDE_PX),
    "ensure_multiple_of": 14,
    "keep_aspect_ratio": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}


def build_tiny_depth_anything(folder: Path, estimation_type: str = "relative") -> Path:
    """Save a seeded random Depth Anything and its image processor.

    Args:
        folder: Where to save it; made if it does not exist.
        estimation_type: ``relative`` or ``metric``.

    Returns:
        The folder.
    """
    is_metric = estimation_type == "metric"
    config = transformers().DepthAnythingConfig(
        **_depth_anything(), depth_estimation_type=estimation_type, max_depth=20 if is_metric else 1
    )
    model = seeded(lambda: transformers().DepthAnythingForDepthEstimation(config))
    _lift(model.head.conv3, 0.0 if is_metric else 1.0)
    return saved(folder, model, transformers().DPTImageProcessor(**_PROCESSOR_14))


def build_tiny_prompt_depth_anything(folder: Path) -> Path:
    """Save a seeded random Prompt Depth Anything and its image processor; returns the folder."""
    library = transformers()
    config = library.PromptDepthAnythingConfig(**_depth_anything(), depth_estimation_type="metric", max_depth=None)
    model = seeded(lambda: library.PromptDepthAnythingForDepthEstimation(config))
    _lift(model.head.conv3, 0.0)
    return saved(folder, model, library.PromptDepthAnythingImageProcessor(**_PROCESSOR_14))


def build_tiny_zoedepth(folder: Path, domains: int = 1) -> Path:
    """Save a seeded random ZoeDepth with a BEiT backbone and its image processor.

    Args:
        folder: Where to save it; made if it does not exist.
        domains: Number of heads; with two, the network chooses one.

    Returns:
        The folder.
    """
    library = transformers()
    bins = [
        {"name": "nyu", "n_bins": 16, "min_depth": 1e-3, "max_depth": 10.0},
        {"name": "kitti", "n_bins": 16, "min_depth": 1e-3, "max_depth": 80.0},
    ]
    several = {
        "num_patch_transformer_layers": 4,
        "patch_transformer_hidden_size": 128,
        "patch_transformer_intermediate_size": 32,
        "patch_transformer_num_attention_heads": 2,
    }
    config = library.ZoeDepthConfig(
        backbone_config=tiny_beit(),
        **NECK,
        bottleneck_features=16,
        num_relative_features=8,
        num_attractors=[4, 4, 2, 1],
        bin_embedding_dim=16,
        bin_configurations=bins[:domains],
        **(several if domains > 1 else {}),
    )
    model = seeded(lambda: library.ZoeDepthForDepthEstimation(config))
    size = dict(zip(("height", "width"), ZOEDEPTH_SIZE_PX, strict=True))
    return saved(folder, model, library.ZoeDepthImageProcessor(size=size, ensure_multiple_of=32, **_HALVES))


def build_tiny_depth_pro(folder: Path, has_field_of_view: bool = True) -> Path:
    """Save a seeded random Depth Pro, whose field of view is about 50 degrees, and its image processor.

    Args:
        folder: Where to save it; made if it does not exist.
        has_field_of_view: Whether it estimates a field of view.

    Returns:
        The folder.
    """
    library = transformers()
    # As in the published one, a patch is a quarter of the input and the map as large as the input.
    part_px = DEPTH_PRO_SIDE_PX // 4
    vit = {"model_type": "dinov2", **LAYERS, "num_hidden_layers": 2, "image_size": part_px, "patch_size": 16}
    config = library.DepthProConfig(
        patch_size=part_px,
        fusion_hidden_size=16,
        intermediate_hook_ids=[1, 0],
        intermediate_feature_dims=[16, 16],
        scaled_images_feature_dims=[16, 16, 16],
        image_model_config=vit,
        patch_model_config=vit,
        fov_model_config=vit,
        use_fov_model=has_field_of_view,
    )
    model = seeded(lambda: library.DepthProForDepthEstimation(config))
    _lift(model.head.layers[4], 1.0)
    if has_field_of_view:
        _lift(model.fov_model.head.layers[-1], DEPTH_PRO_FOV_DEG)
    return saved(folder, model, library.DepthProImageProcessor(size=square(DEPTH_PRO_SIDE_PX), **_HALVES))


def _depth_anything() -> dict[str, Any]:
    dinov2 = transformers().Dinov2Config(
        **LAYERS, image_size=DEPTH_ANYTHING_SIDE_PX, patch_size=14, out_features=STAGES, reshape_hidden_states=False
    )
    sizes = {"reassemble_hidden_size": 32, "patch_size": 14, "head_hidden_size": 8}
    return {"backbone_config": dinov2, **sizes, **NECK}


def _lift(layer: Any, bias: float) -> None:
    """Let a layer give values around a bias, which a ReLU after it keeps."""
    layer.weight.data.mul_(0.3)
    layer.bias.data.fill_(bias)
