"""MiDaS (DPT) through transformers.

Source: R. Ranftl, A. Bochkovskiy, V. Koltun, "Vision Transformers for Dense Prediction", ICCV 2021; R. Birkl,
D. Wofk, M. Müller, "MiDaS v3.1", 2023. The output of MiDaS is disparity up to scale and shift: larger is nearer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.depth.checkpoint import CheckpointDepth, keep_in_float32, nearest_multiple, network_size, pixel_values
from pipeline.depth.network import Prediction
from pipeline.errors import ConfigError
from pipeline.records import DepthKind, Frame

if TYPE_CHECKING:
    import torch

# Plain ViT and hybrid DPT reshape their tokens into a square, so they take nothing else.
_SQUARE_ONLY = frozenset({"vit", "hybrid"})
# Swinv2 was trained on squares and pads other inputs with zeros that its attention does not mask.
_KEEPS_ASPECT_RATIO = {"vit": False, "hybrid": False, "swinv2": False, "beit": True}


@dataclass(frozen=True)
class _Network:
    """A loaded checkpoint, and the input that it takes."""

    model: Any
    processor: Any
    device: torch.device
    dtype: torch.dtype
    side: int
    keep_aspect_ratio: bool
    takes_other_sides: bool

    def predict(self, frames: Sequence[Frame], input_scale: float) -> Prediction:
        import torch

        if input_scale != 1 and not self.takes_other_sides:
            raise ConfigError("This checkpoint takes input of one size only: set depth.input_scales=[1.0].")
        side = nearest_multiple(self.side * input_scale, MidasDepth.stride_px)
        size = network_size(frames[0].height, frames[0].width, side, self.keep_aspect_ratio)
        values = pixel_values(self.processor, frames, size).to(self.device, self.dtype)
        with torch.inference_mode():
            output = self.model(pixel_values=values).predicted_depth
        return Prediction(output.float().cpu().numpy())


class MidasDepth(CheckpointDepth):
    """Relative depth of single frames from a DPT checkpoint.

    Args:
        model: Name on the hub or local folder of a DPT checkpoint with a ViT, hybrid, BEiT or Swinv2 backbone.
        kind: What the checkpoint's output means; ``disparity_affine`` for every MiDaS.
        keep_aspect_ratio: Whether frames keep their shape on the way into the network; ``auto`` keeps it for
            BEiT, which was trained for it.
        **settings: Those of ``CheckpointDepth`` and ``NetworkDepth``.

    Raises:
        ConfigError: If a setting is out of its range.
    """

    backend = "midas"

    def __init__(
        self, model: str, kind: DepthKind | str, *, keep_aspect_ratio: bool | str = "auto", **settings: Any
    ) -> None:
        if keep_aspect_ratio not in (True, False, "auto"):
            raise ConfigError(f"depth.keep_aspect_ratio must be auto, true or false, not {keep_aspect_ratio!r}.")
        super().__init__(model, kind, **settings)
        self.keep_aspect_ratio = keep_aspect_ratio

    def _settings(self) -> str:
        return f"{super()._settings()} keep_aspect_ratio={self.keep_aspect_ratio}"

    def _network_of(self, model: Any, processor: Any, device: torch.device, dtype: torch.dtype) -> _Network:
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
        return _Network(model, processor, device, dtype, side, keep, backbone != "hybrid")


def _backbone(config: Any) -> str:
    """Family of the backbone of a DPT configuration; of another model its type."""
    if config.model_type != "dpt":
        return str(config.model_type)
    if config.is_hybrid:
        return "hybrid"
    return "vit" if config.backbone_config is None else str(config.backbone_config.model_type)
