"""MiDaS (DPT) through transformers.

Source: R. Ranftl, A. Bochkovskiy, V. Koltun, "Vision Transformers for Dense Prediction", ICCV 2021; R. Birkl,
D. Wofk, M. Müller, "MiDaS v3.1", 2023. The output of MiDaS is disparity up to scale and shift: larger is nearer.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.device import choose_device, choose_dtype
from pipeline.errors import ConfigError, DepthError, ModelUnavailableError
from pipeline.hub import ModelLocation, locate_model
from pipeline.records import DepthKind, DepthMap, Frame, ScaleSource
from pipeline.torchvision_fix import ensure_torchvision

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

BACKEND = "midas"
SIDE_MULTIPLE_PX = 32  # The coarsest features of every DPT have this stride.

# Plain ViT and hybrid DPT reshape their tokens into a square, so they take nothing else.
_SQUARE_ONLY = frozenset({"vit", "hybrid"})
# Swinv2 was trained on squares and pads other inputs with zeros that its attention does not mask.
_KEEPS_ASPECT_RATIO = {"vit": False, "hybrid": False, "swinv2": False, "beit": True}
_LONGEST_SIDE_RATIO = 4  # Bounds the memory that a panorama takes: attention is quadratic in its area.
# The first fusion layer has no second input, so checkpoints leave out the weights that would treat it.
_UNUSED_WEIGHTS = "neck.fusion_stage.layers.0.residual_layer1."
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory")


def network_size(height: int, width: int, side: int, keep_aspect_ratio: bool) -> tuple[int, int]:
    """Size to which a frame is resized for the network: multiples of 32.

    With the aspect ratio kept, the side that changes least becomes ``side`` (MiDaS' method "minimal"), and the
    other follows, up to four times as long.

    Args:
        height: Height of the frame [px].
        width: Width of the frame [px].
        side: Side of the squares that the network was trained on [px].
        keep_aspect_ratio: Whether the network takes other shapes than squares.

    Returns:
        (height, width) [px].

    >>> network_size(480, 640, 512, keep_aspect_ratio=True)
    (512, 672)
    >>> network_size(480, 640, 384, keep_aspect_ratio=False)
    (384, 384)
    """
    if not keep_aspect_ratio:
        return side, side
    scale = min(side / height, side / width, key=lambda candidate: abs(1 - candidate))
    limit = _LONGEST_SIDE_RATIO * side
    return _multiple(height * scale, limit), _multiple(width * scale, limit)


def _multiple(length_px: float, limit_px: int) -> int:
    """The nearest multiple of the coarsest stride, at least one and at most the limit."""
    return min(max(round(length_px / SIDE_MULTIPLE_PX) * SIDE_MULTIPLE_PX, SIDE_MULTIPLE_PX), limit_px)


def batches(frames: Sequence[Frame], batch_size: int) -> Iterator[list[int]]:
    """Indices of frames that share one size, at most ``batch_size`` at a time."""
    by_size: dict[tuple[int, int], list[int]] = {}
    for index, frame in enumerate(frames):
        by_size.setdefault((frame.height, frame.width), []).append(index)
    for indices in by_size.values():
        for start in range(0, len(indices), batch_size):
            yield indices[start : start + batch_size]


@dataclass(frozen=True)
class _Network:
    """A loaded checkpoint, and the input that it takes."""

    model: Any
    processor: Any
    device: torch.device
    dtype: torch.dtype
    side: int
    keep_aspect_ratio: bool

    def predict(self, frames: Sequence[Frame]) -> np.ndarray:
        """Raw output for frames of one size, float32 (N, H, W), resized to that size.

        The resize is bicubic with ``align_corners=False``, as in MiDaS' own ``run.py``.
        """
        import torch

        height, width = frames[0].height, frames[0].width
        input_height, input_width = network_size(height, width, self.side, self.keep_aspect_ratio)
        inputs = self.processor(
            images=[frame.rgb for frame in frames],
            size={"height": input_height, "width": input_width},
            keep_aspect_ratio=False,
            ensure_multiple_of=1,
            do_pad=False,
            input_data_format="channels_last",
            return_tensors="pt",
        )
        with torch.inference_mode():
            output = self.model(pixel_values=inputs["pixel_values"].to(self.device, self.dtype)).predicted_depth
            resized = torch.nn.functional.interpolate(
                output.float().cpu()[:, None], size=(height, width), mode="bicubic", align_corners=False
            )
        values: np.ndarray = resized[:, 0].numpy()
        return values


class MidasDepth:
    """Relative depth of single frames from a DPT checkpoint.

    Args:
        model: Name on the hub or local folder of a DPT checkpoint with a ViT, hybrid, BEiT or Swinv2 backbone.
        kind: What the checkpoint's output means; ``disparity_affine`` for every MiDaS.
        revision: Branch, tag or commit on the hub; None takes the main branch.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:INDEX`` or ``mps``.
        dtype: ``auto``, ``float32``, ``bfloat16`` or ``float16``.
        batch_size: Frames of equal size that go through the network together.
        input_size_px: Side of the network's input [px], a multiple of 32; None takes the checkpoint's own.
        keep_aspect_ratio: Whether frames keep their shape on the way into the network; ``auto`` keeps it for
            BEiT, which was trained for it.
        size_gb: Size of the download [GB], for messages.

    Raises:
        ConfigError: If a setting is out of its range.
    """

    def __init__(
        self,
        model: str,
        kind: DepthKind | str,
        revision: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int = 1,
        input_size_px: int | None = None,
        keep_aspect_ratio: bool | str = "auto",
        size_gb: float | None = None,
    ) -> None:
        if kind not in list(DepthKind):
            raise ConfigError(f"depth.kind must be one of {', '.join(DepthKind)}, not {kind!r}.")
        if batch_size < 1:
            raise ConfigError(f"depth.batch_size must be at least 1, not {batch_size}.")
        if input_size_px is not None and (input_size_px < 1 or input_size_px % SIDE_MULTIPLE_PX):
            raise ConfigError(f"depth.input_size_px must be a multiple of {SIDE_MULTIPLE_PX}, not {input_size_px}.")
        if keep_aspect_ratio not in (True, False, "auto"):
            raise ConfigError(f"depth.keep_aspect_ratio must be auto, true or false, not {keep_aspect_ratio!r}.")
        self.model = model
        self.kind = DepthKind(kind)
        self.revision = revision
        self.device = device
        self.dtype = dtype
        self.batch_size = batch_size
        self.input_size_px = input_size_px
        self.keep_aspect_ratio = keep_aspect_ratio
        self.size_gb = size_gb
        self._network: _Network | None = None
        self._lock = threading.Lock()

    @property
    def identity(self) -> str:
        """Model, revision, number format, kind and input size.

        Raises:
            ModelUnavailableError: If the model is neither on disk nor reachable.
        """
        dtype = str(self._device_and_dtype[1]).removeprefix("torch.")
        return (
            f"{BACKEND} {self.model}@{self._location.revision} {dtype} {self.kind} "
            f"input_size_px={self.input_size_px} keep_aspect_ratio={self.keep_aspect_ratio}"
        )

    def estimate(self, frames: Sequence[Frame]) -> list[DepthMap]:
        """One depth map per frame, of the frame's size, in the same order.

        Raises:
            DepthError: If memory does not suffice, or the network gives no finite value for a frame.
            ModelUnavailableError: If the model is neither on disk nor reachable.
            ConfigError: If the checkpoint does not take the configured input.
        """
        if not frames:
            return []
        network = self._load()
        maps: dict[int, DepthMap] = {}
        for indices in batches(frames, self.batch_size):
            batch = [frames[index] for index in indices]
            for index, values in zip(indices, self._predict(network, batch), strict=True):
                maps[index] = self._depth_map(values, frames[index])
        return [maps[index] for index in range(len(frames))]

    def _predict(self, network: _Network, frames: Sequence[Frame]) -> np.ndarray:
        try:
            return network.predict(frames)
        except RuntimeError as error:  # torch.OutOfMemoryError is one; MPS and the CPU raise the plain type.
            if not any(words in str(error).lower() for words in _OUT_OF_MEMORY):
                raise
            remedy = (
                f"lower depth.batch_size (now {self.batch_size})" if self.batch_size > 1 else "set depth.device=cpu"
            )
            raise DepthError(
                f"The memory of {network.device} does not suffice for {self.model}: {remedy}, or take a smaller "
                "model such as depth=dpt_swinv2_tiny_256."
            ) from None

    def _depth_map(self, values: np.ndarray, frame: Frame) -> DepthMap:
        finite = np.isfinite(values)
        if not finite.any():
            raise DepthError(f"The model {self.model} gave no finite depth for {frame.name}: set depth.dtype=float32.")
        if not finite.all():
            logger.warning("%s: %d pixels without finite depth.", frame.name, finite.size - int(finite.sum()))
        scale_source = ScaleSource.MODEL if self.kind is DepthKind.METRIC else ScaleSource.NONE
        return DepthMap(values, finite, self.kind, scale_source, BACKEND)

    @cached_property
    def _location(self) -> ModelLocation:
        return locate_model(self.model, revision=self.revision, size_gb=self.size_gb, group="depth")

    @cached_property
    def _device_and_dtype(self) -> tuple[torch.device, torch.dtype]:
        device = choose_device(self.device)
        return device, choose_dtype(device, self.dtype)

    def _load(self) -> _Network:
        """The network, loaded at the first call."""
        with self._lock:
            if self._network is None:
                device, dtype = self._device_and_dtype
                model, processor = _read_checkpoint(self._location, dtype)
                side, keep_aspect_ratio = self._input_shape(model, processor)
                self._network = _Network(model.to(device), processor, device, dtype, side, keep_aspect_ratio)
            return self._network

    def _input_shape(self, model: Any, processor: Any) -> tuple[int, bool]:
        """Side of the input [px], and whether the aspect ratio is kept."""
        backbone = _backbone(model.config)
        if backbone not in _KEEPS_ASPECT_RATIO:
            known = ", ".join(_KEEPS_ASPECT_RATIO)
            raise ConfigError(f"{self.model} has the backbone {backbone}: choose a DPT checkpoint with one of {known}.")
        keep = _KEEPS_ASPECT_RATIO[backbone] if self.keep_aspect_ratio == "auto" else bool(self.keep_aspect_ratio)
        if keep and backbone in _SQUARE_ONLY:
            raise ConfigError(f"{self.model} takes square input only: set depth.keep_aspect_ratio=auto.")
        if backbone == "hybrid" and self.input_size_px not in (None, model.config.image_size):
            raise ConfigError(f"{self.model} takes no other input: set depth.input_size_px={model.config.image_size}.")
        return self.input_size_px or int(processor.size["height"]), keep


def _backbone(config: Any) -> str:
    """Family of the backbone of a DPT configuration; of another model its type."""
    if config.model_type != "dpt":
        return str(config.model_type)
    if config.is_hybrid:
        return "hybrid"
    return "vit" if config.backbone_config is None else str(config.backbone_config.model_type)


def _read_checkpoint(location: ModelLocation, dtype: torch.dtype) -> tuple[Any, Any]:
    """Model in evaluation mode, and its image processor.

    Raises:
        ModelUnavailableError: If the files are no complete depth model.
    """
    ensure_torchvision()
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation

    source, revision = location.path_or_name, location.hub_revision or "main"
    try:
        processor = AutoImageProcessor.from_pretrained(source, revision=revision)
        model, report = AutoModelForDepthEstimation.from_pretrained(
            source, revision=revision, dtype=dtype, output_loading_info=True
        )
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".:")
        raise ModelUnavailableError(f"{location.name} cannot be loaded as a depth model: {reason}.") from error
    learned = {name for name, _ in model.named_parameters() if not name.startswith(_UNUSED_WEIGHTS)}
    missing = sorted(learned & set(report["missing_keys"]))
    if missing:
        raise ModelUnavailableError(
            f"{location.name} is no complete depth model: {len(missing)} weights are missing, such as {missing[0]}."
        )
    _keep_head_in_float32(model)
    return model.eval().requires_grad_(False), processor


def _keep_head_in_float32(model: Any) -> None:
    """Compute the last convolutions in float32: bfloat16 would round disparity to eight bits, in visible steps."""
    model.head.float()
    model.head.register_forward_pre_hook(lambda _head, inputs: ([features.float() for features in inputs[0]],))
