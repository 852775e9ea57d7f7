"""Depth networks that are checkpoints of transformers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pipeline.models.depth.inputs import nearest_multiple, network_size
from pipeline.models.depth.network import Network, Prediction, SizedInputDepth
from pipeline.models.hub import ModelLocation, locate_model
from pipeline.models.loading_errors import check_complete, loading
from pipeline.models.pretrained import read_pretrained
from pipeline.records import DepthKind, Frame
from pipeline.records.errors import ConfigError, ModelUnavailableError
from pipeline.records.settings import Text, checked

if TYPE_CHECKING:
    import torch

_PURPOSE = "a depth model"
_CHANNELS = 3
_TRIAL_PX = 64  # Side of the image for trying out an image processor [px].
# The first fusion layer has no second input, so checkpoints leave out its weights. Mask tokens serve only
# pre-training.
_UNUSED_WEIGHTS = (
    "fusion_stage.layers.0.residual_layer1.",
    "fusion_stage.intermediate.0.residual_layer1.",
    ".mask_token",
)
# What to choose for a checkpoint, by its type in transformers.
_CHOICES = {
    "depth_anything": "depth_anything_v2/small",
    "depth_pro": "depth_pro",
    "dpt": "midas",
    "prompt_depth_anything": "prompt_depth_anything/small",
    "zoedepth": "zoedepth/nyu_kitti",
}


@dataclass(frozen=True)
class LoadedCheckpoint:
    """A loaded checkpoint.

    Args:
        model: The model, in evaluation mode on its device.
        processor: Its image processor.
        device: Where the model is.
        dtype: In which number format it computes.
    """

    model: Any
    processor: Any
    device: torch.device
    dtype: torch.dtype


@dataclass(frozen=True)
class CheckpointNetwork(LoadedCheckpoint):
    """A loaded checkpoint that takes images of about one size and gives one map each.

    Args:
        side: Side of its usual input [px].
        stride_px: What the sides of its input are multiples of [px].
        keep_aspect_ratio: Whether it takes other shapes than squares.
        takes_other_sides: Whether it takes input of another size than its usual one.
    """

    side: int
    stride_px: int
    keep_aspect_ratio: bool = True
    takes_other_sides: bool = True

    def predict(self, frames: Sequence[Frame], input_scale: float) -> Prediction:
        """See ``Network``."""
        return Prediction(run(self.model, pixel_values=self._input(frames, input_scale)).predicted_depth.numpy())

    def _input(self, frames: Sequence[Frame], input_scale: float) -> torch.Tensor:
        if input_scale != 1 and not self.takes_other_sides:
            raise ConfigError("This checkpoint takes input of one size only: set depth.input_scales=[1.0].")
        side = nearest_multiple(self.side * input_scale, self.stride_px)
        size = network_size(frames[0].height, frames[0].width, side, self.keep_aspect_ratio, self.stride_px)
        return pixel_values(self.processor, [frame.rgb for frame in frames], size).to(self.device, self.dtype)


def run(model: Any, **inputs: torch.Tensor) -> Any:
    """The outputs of a model, as float32 tensors on the CPU.

    Args:
        model: The model.
        **inputs: Its inputs.

    Returns:
        An object with the attributes ``predicted_depth`` (N, h, w) and ``field_of_view`` (N,), which is None where the
        model has none.
    """
    import torch

    with torch.inference_mode():
        output = model(**inputs)
    field_of_view = getattr(output, "field_of_view", None)
    return SimpleNamespace(
        predicted_depth=output.predicted_depth.float().cpu(),
        field_of_view=None if field_of_view is None else field_of_view.float().cpu(),
    )


@checked
@dataclass(eq=False, kw_only=True)
class CheckpointDepth(SizedInputDepth):
    """Depth from a checkpoint of transformers, found on disk or on the hub.

    Args:
        model: Name on the hub or local folder.
        kind: What the checkpoint's output means.
        revision: Branch, tag or commit on the hub; None takes the main branch.
        input_size_px: Side of the network's input [px], a multiple of its stride; None takes the checkpoint's own.
        **settings: Those of ``NetworkDepth``.

    Raises:
        ConfigError: If a setting is out of its range.
    """

    model_type: ClassVar[str]
    """Type of the checkpoints in transformers."""
    kinds: ClassVar[tuple[DepthKind, ...]] = tuple(DepthKind)
    """What the output of such checkpoints can mean."""

    revision: Text | None = None

    def __post_init__(self) -> None:
        """Check the kind."""
        super().__post_init__()
        if self.kind not in self.kinds:
            raise ConfigError(
                f"{self.model} cannot give {self.kind} depth: set depth.kind={' or depth.kind='.join(self.kinds)}."
            )

    @abstractmethod
    def _network_of(self, model: Any, processor: Any, device: torch.device, dtype: torch.dtype) -> Network:
        """The network of a loaded model in evaluation mode on its device, and its image processor.

        Raises:
            ConfigError: If it does not take the configured input, or its output is of another kind.
        """

    @cached_property
    def _location(self) -> ModelLocation:
        return locate_model(self.model, revision=self.revision, size_gb=self.size_gb, group="depth")

    def _load(self, device: torch.device, dtype: torch.dtype) -> Network:
        model, processor = read_checkpoint(self._location, dtype)
        found = str(model.config.model_type)
        if found != self.model_type:
            raise ConfigError(
                f"{self.model} is a checkpoint of the type {found}, not {self.model_type}: {_remedy(found)}."
            )
        model = model.to(device)
        with loading(self._location, _PURPOSE, f"its config.json does not describe a whole {self.model_type}"):
            return self._network_of(model, processor, device, dtype)


def _remedy(model_type: str) -> str:
    choice = _CHOICES.get(model_type)
    if choice is None:
        return f"choose a checkpoint of {', '.join(sorted(_CHOICES))}"
    return f"choose depth={choice} and set depth.model to it"


def read_checkpoint(location: ModelLocation, dtype: torch.dtype) -> tuple[Any, Any]:
    """Model in evaluation mode, and its image processor.

    Raises:
        ModelUnavailableError: If the files are not a complete depth model.
    """
    model, processor, missing = read_pretrained(location, _PURPOSE, _chosen, _try_out, dtype=dtype)
    learned = {name for name, _ in model.named_parameters() if not any(part in name for part in _UNUSED_WEIGHTS)}
    check_complete(location.name, "depth model", learned & set(missing))
    return model, processor


def _chosen(config: Any, name: str) -> tuple[Any, Any, Any]:
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation
    from transformers.models.auto.modeling_auto import MODEL_FOR_DEPTH_ESTIMATION_MAPPING_NAMES as KNOWN

    if config.model_type not in KNOWN:
        raise ModelUnavailableError(
            f"{name} cannot be loaded as {_PURPOSE}: its type is {config.model_type}; {_remedy(config.model_type)}."
        )
    for part in (config, getattr(config, "backbone_config", None)):
        channels = getattr(part, "num_channels", _CHANNELS)
        if channels != _CHANNELS:
            raise ValueError(f"num_channels is {channels!r}")
    return config, AutoModelForDepthEstimation, AutoImageProcessor


def _try_out(processor: Any, _config: Any) -> None:
    """Try an image processor out, because nothing else checks its settings."""
    if min(int(side) for side in (processor.size["height"], processor.size["width"])) < 1:
        raise ValueError("the size is not positive")
    images = [np.zeros((_TRIAL_PX, _TRIAL_PX, _CHANNELS), np.uint8)]
    size = {"height": _TRIAL_PX, "width": _TRIAL_PX}
    values = processor(images=images, size=size, input_data_format="channels_last", return_tensors="pt")["pixel_values"]
    if tuple(values.shape[:2]) != (1, _CHANNELS) or not np.isfinite(values.numpy()).all():
        raise ValueError("the input is not finite, or of another shape")


def keep_in_float32(module: Any) -> None:
    """Compute a module in float32: bfloat16 would round its output to eight bits, in visible steps."""
    import torch

    def to_float(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.float() if value.is_floating_point() else value
        return [to_float(item) for item in value] if isinstance(value, list | tuple) else value

    module.float()
    module.register_forward_pre_hook(
        lambda _module, args, kwargs: (
            tuple(to_float(arg) for arg in args),
            {key: to_float(value) for key, value in kwargs.items()},
        ),
        with_kwargs=True,
    )


def pixel_values(processor: Any, images: Sequence[np.ndarray], size: tuple[int, int]) -> torch.Tensor:
    """The network's input for images of one size, float32 (N, 3, h, w), as its image processor makes it.

    Args:
        processor: An image processor of the family of DPT.
        images: uint8 (H, W, 3).
        size: (height, width) of the input [px].
    """
    inputs = processor(
        images=list(images),
        size={"height": size[0], "width": size[1]},
        keep_aspect_ratio=False,
        ensure_multiple_of=1,
        do_pad=False,
        input_data_format="channels_last",
        return_tensors="pt",
    )
    values: torch.Tensor = inputs["pixel_values"]
    return values
