"""Tiny checkpoints of depth networks with random weights, of the real architectures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

DEPTH_ANYTHING_SIDE_PX = 56
ZOEDEPTH_SIZE_PX = (64, 96)
DEPTH_PRO_SIDE_PX = 128
DEPTH_PRO_FOV_DEG = 50.0

_STAGES = ["stage1", "stage2", "stage3", "stage4"]
_NECK = {"neck_hidden_sizes": [8, 8, 16, 16], "fusion_hidden_size": 16}
_VIT = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2}
_IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


def build_tiny_depth_anything(folder: Path, estimation_type: str = "relative", max_depth: int = 20) -> Path:
    """Save a seeded random Depth Anything and its image processor.

    Args:
        folder: Where to; made if it is not there.
        estimation_type: ``relative`` or ``metric``.
        max_depth: Largest metric depth [m].

    Returns:
        The folder.
    """
    transformers = _transformers()
    config = transformers.DepthAnythingConfig(
        **_depth_anything(),
        depth_estimation_type=estimation_type,
        max_depth=max_depth if estimation_type == "metric" else 1,
    )
    model = _seeded(transformers.DepthAnythingForDepthEstimation, config)
    _lift(model.head.conv3, 0.0 if estimation_type == "metric" else 1.0)
    processor = transformers.DPTImageProcessor(**_processor_14(), **_IMAGENET)
    return _saved(model, processor, folder)


def build_tiny_prompt_depth_anything(folder: Path) -> Path:
    """Save a seeded random Prompt Depth Anything and its image processor; returns the folder."""
    transformers = _transformers()
    config = transformers.PromptDepthAnythingConfig(**_depth_anything(), depth_estimation_type="metric", max_depth=None)
    model = _seeded(transformers.PromptDepthAnythingForDepthEstimation, config)
    _lift(model.head.conv3, 0.0)
    processor = transformers.PromptDepthAnythingImageProcessor(**_processor_14(), **_IMAGENET)
    return _saved(model, processor, folder)


def build_tiny_zoedepth(folder: Path, domains: int = 1) -> Path:
    """Save a seeded random ZoeDepth with a BEiT backbone and its image processor.

    Args:
        folder: Where to; made if it is not there.
        domains: Number of heads; with two, the network chooses one.

    Returns:
        The folder.
    """
    transformers = _transformers()
    beit = transformers.BeitConfig(
        **_VIT,
        intermediate_size=64,
        image_size=64,
        patch_size=16,
        use_relative_position_bias=True,
        reshape_hidden_states=False,
        out_features=_STAGES,
    )
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
    config = transformers.ZoeDepthConfig(
        backbone_config=beit,
        **_NECK,
        bottleneck_features=16,
        num_relative_features=8,
        num_attractors=[4, 4, 2, 1],
        bin_embedding_dim=16,
        bin_configurations=bins[:domains],
        **(several if domains > 1 else {}),
    )
    model = _seeded(transformers.ZoeDepthForDepthEstimation, config)
    height, width = ZOEDEPTH_SIZE_PX
    processor = transformers.ZoeDepthImageProcessor(
        size={"height": height, "width": width}, ensure_multiple_of=32, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    return _saved(model, processor, folder)


def build_tiny_depth_pro(folder: Path, has_field_of_view: bool = True) -> Path:
    """Save a seeded random Depth Pro, whose field of view is about 50 degrees, and its image processor.

    Args:
        folder: Where to; made if it is not there.
        has_field_of_view: Whether it estimates a field of view.

    Returns:
        The folder.
    """
    transformers = _transformers()
    # As in the published one, a patch is a quarter of the input and the map as large as the input.
    vit = {"model_type": "dinov2", **_VIT, "num_hidden_layers": 2, "image_size": DEPTH_PRO_SIDE_PX // 4}
    config = transformers.DepthProConfig(
        patch_size=DEPTH_PRO_SIDE_PX // 4,
        fusion_hidden_size=16,
        intermediate_hook_ids=[1, 0],
        intermediate_feature_dims=[16, 16],
        scaled_images_feature_dims=[16, 16, 16],
        image_model_config={**vit, "patch_size": 16},
        patch_model_config={**vit, "patch_size": 16},
        fov_model_config={**vit, "patch_size": 16},
        use_fov_model=has_field_of_view,
    )
    model = _seeded(transformers.DepthProForDepthEstimation, config)
    _lift(model.head.layers[4], 1.0)
    if has_field_of_view:
        _lift(model.fov_model.head.layers[-1], DEPTH_PRO_FOV_DEG)
    processor = transformers.DepthProImageProcessor(
        size={"height": DEPTH_PRO_SIDE_PX, "width": DEPTH_PRO_SIDE_PX}, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    return _saved(model, processor, folder)


def _transformers() -> Any:
    from pipeline.models.torchvision_fix import ensure_torchvision

    ensure_torchvision()
    import transformers

    return transformers


def _depth_anything() -> dict[str, Any]:
    dinov2 = _transformers().Dinov2Config(
        **_VIT,
        image_size=DEPTH_ANYTHING_SIDE_PX,
        patch_size=14,
        out_features=_STAGES,
        reshape_hidden_states=False,
    )
    return {
        "backbone_config": dinov2,
        "reassemble_hidden_size": 32,
        "patch_size": 14,
        **_NECK,
        "head_hidden_size": 8,
    }


def _processor_14() -> dict[str, Any]:
    return {
        "size": {"height": DEPTH_ANYTHING_SIDE_PX, "width": DEPTH_ANYTHING_SIDE_PX},
        "ensure_multiple_of": 14,
        "keep_aspect_ratio": True,
    }


def _seeded(kind: Any, config: Any) -> Any:
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = kind(config)
        for parameter in model.parameters():
            if parameter.ndim > 1:  # The usual tiny deviations would let the input's share vanish.
                torch.nn.init.xavier_normal_(parameter)
    return model


def _lift(layer: Any, bias: float) -> None:
    """Let a layer give values around a bias, which a ReLU after it keeps."""
    import torch

    with torch.no_grad():
        layer.weight.mul_(0.3)
        layer.bias.fill_(bias)


def _saved(model: Any, processor: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
