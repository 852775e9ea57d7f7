"""MiDaS (DPT) through transformers.

Source: R. Ranftl, A. Bochkovskiy, V. Koltun, "Vision Transformers for Dense Prediction", ICCV 2021; R. Birkl,
D. Wofk, M. Müller, "MiDaS v3.1", 2023. The output of MiDaS is disparity up to scale and shift: larger is nearer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pipeline.models.depth.checkpoint import CheckpointDepth, CheckpointNetwork, keep_in_float32
from pipeline.records.errors import ConfigError
from pipeline.records.settings import checked

if TYPE_CHECKING:
    import torch

# ViT and hybrid DPT reshape their tokens into a square, so they take nothing else.
_SQUARE_ONLY = frozenset({"vit", "hybrid"})
# Swinv2 was trained on squares and pads other inputs with zeros that its attention does not mask.
_KEEPS_ASPECT_RATIO = {"vit": False, "hybrid": False, "swinv2": False, "beit": True}


@checked
@dataclass(eq=False, kw_only=True)
class MidasDepth(CheckpointDepth):
    """Relative depth of single frames from a DPT checkpoint.

    Args:
        model: Name on the hub or local folder of a DPT checkpoint with a ViT, hybrid, BEiT or Swinv2 backbone.
        kind: What the checkpoint's output means; ``disparity_affine`` for every MiDaS.
        keep_aspect_ratio: Whether frames keep their aspect ratio in the network's input; ``auto`` keeps it for BEiT,
            which was trained for it.
        **settings: Those of ``CheckpointDepth`` and ``NetworkDepth``.

    Raises:
        ConfigError: If a setting is out of its range.
    """

    backend = "midas"
    model_type = "dpt"

    keep_aspect_ratio: Literal["auto"] | bool = "auto"

    def _settings(self) -> str:
        return f"{super()._settings()} keep_aspect_ratio={self.keep_aspect_ratio}"

    def _network_of(self, model: Any, processor: Any, device: torch.device, dtype: torch.dtype) -> CheckpointNetwork:
        backbone = _backbone(model.config)
        if backbone not in _KEEPS_ASPECT_RATIO:
            known = ", ".join(_KEEPS_ASPECT_RATIO)
            raise ConfigError(f"{self.model} has the backbone {backbone}: choose a DPT checkpoint with one of {known}.")
        keep = _KEEPS_ASPECT_RATIO[backbone] if self.keep_aspect_ratio == "auto" else bool(self.keep_aspect_ratio)
        if keep and backbone in _SQUARE_ONLY:
            raise ConfigError(f"{self.model} takes square input only: set depth.keep_aspect_ratio=auto.")
        if backbone == "hybrid" and self.input_size_px not in (None, model.config.image_size):
            raise ConfigError(f"{self.model} takes no other input: set depth.input_size_px={model.config.image_size}.")
        keep_in_float32(model.head)
        side = self.input_size_px or int(processor.size["height"])
        return CheckpointNetwork(model, processor, device, dtype, side, self.stride_px, keep, backbone != "hybrid")


def _backbone(config: Any) -> str:
    """Family of the backbone of a DPT configuration."""
    if config.is_hybrid:
        return "hybrid"
    return "vit" if config.backbone_config is None else str(config.backbone_config.model_type)
