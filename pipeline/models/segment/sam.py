"""Segment Anything (SAM and SAM 2) through transformers, prompted with boxes.

Source: A. Kirillov et al., "Segment Anything", ICCV 2023; N. Ravi et al., "SAM 2: Segment Anything in Images and
Videos", ICLR 2025. Each box gives one mask (``multimask_output=False``), as both papers' code does for boxes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.geometry.regions import box_window
from pipeline.models.device import DeviceName, DtypeName, choose_device, choose_dtype
from pipeline.models.hub import ModelLocation, locate_model
from pipeline.models.loading_errors import check_complete, is_out_of_memory
from pipeline.models.pretrained import read_pretrained
from pipeline.models.segment.base import Segmenter
from pipeline.models.segment.masks import MaskLimits
from pipeline.records import Box, Frame, Region
from pipeline.records.errors import ConfigError, ModelUnavailableError
from pipeline.records.settings import Count, NonNegative, Share, Text, checked

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

# Names of model and processor in transformers by the type that a checkpoint's configuration gives. The published
# checkpoints of SAM 2 are those of its video model, which holds the image model.
_CLASSES = {
    "sam": ("SamModel", "SamProcessor"),
    "sam2": ("Sam2Model", "Sam2Processor"),
    "sam2_video": ("Sam2Model", "Sam2Processor"),
}
_PURPOSE = "SAM or SAM 2"


@dataclass(frozen=True)
class _Network:
    """A loaded checkpoint.

    Args:
        embed: Pixel values of one frame to its image embedding.
        decode: Image embedding and boxes (1, N, 4) [px of the network's input] to logits (1, N, 1, h, w).
        processor: Makes the network's input of a frame and its boxes, and masks of the frame's size of its output.
        device: Where it runs.
        dtype: Number format of the image encoder.
    """

    embed: Callable[[torch.Tensor], Any]
    decode: Callable[[Any, torch.Tensor], torch.Tensor]
    processor: Any
    device: torch.device
    dtype: torch.dtype

    def prepare(self, frame: Frame, boxes_px: Sequence[Box]) -> Any:
        """Pixel values, boxes and sizes, as the processor gives them for boxes (x1, y1, x2, y2) [px of the frame]."""
        return self.processor(
            images=frame.rgb,
            input_boxes=[[list(box) for box in boxes_px]],
            input_data_format="channels_last",
            return_tensors="pt",
        )

    def full_size(self, logits: torch.Tensor, inputs: Any) -> np.ndarray:
        """The mask of one box, bool (H, W), from its logits (1, 1, h, w)."""
        sizes = [inputs[key] for key in ("original_sizes", "reshaped_input_sizes") if key in inputs]
        mask: np.ndarray = self.processor.post_process_masks([logits], *sizes)[0][0, 0].numpy()
        return mask


@checked
@dataclass(eq=False)
class SamSegmenter(Segmenter):
    """Masks from a checkpoint of SAM or SAM 2; one image embedding serves all boxes of a frame.

    Args:
        model: Name on the hub or local folder of a checkpoint of SAM or SAM 2.
        revision: Branch, tag or commit on the hub; None takes the main branch.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:INDEX`` or ``mps``.
        dtype: Number format of the image encoder: ``auto``, ``float32``, ``bfloat16`` or ``float16``. Boxes and masks
            are always computed in float32, because bfloat16 would move a box by up to four pixels.
        batch_size: Boxes that go through the mask decoder together.
        grow_px: How far a mask may reach beyond each edge of its box [px].
        least_share: Least share of the box's area that a mask must fill, in [0, 1].
        size_gb: Size of the download [GB], for messages.

    Raises:
        ConfigError: If a setting is out of its range.
    """

    model: Text
    revision: Text | None = None
    device: DeviceName = "auto"
    dtype: DtypeName = "auto"
    batch_size: Count = 64
    grow_px: NonNegative = 3.0
    least_share: Share = 0.05
    size_gb: NonNegative | None = None

    def __post_init__(self) -> None:
        """Nothing is loaded yet."""
        self._limits = MaskLimits(self.grow_px, self.least_share)
        self._network: _Network | None = None
        self._embedded: tuple[str, Any] | None = None  # Digest and embedding of the last frame.
        self._lock = threading.Lock()

    @property
    def identity(self) -> str:
        """Model, revision, number format and limits.

        Raises:
            ModelUnavailableError: If the model is neither on disk nor reachable.
        """
        dtype = str(self._device_and_dtype[1]).removeprefix("torch.")
        return (
            f"sam {self.model}@{self._location.revision} {dtype} grow_px={self.grow_px:g} "
            f"least_share={self.least_share:g}"
        )

    @property
    def version(self) -> str:
        """Model and revision.

        Raises:
            ModelUnavailableError: If the model is neither on disk nor reachable.
        """
        return f"{self.model}@{self._location.revision}"

    def masks(self, frame: Frame, regions: Sequence[Region]) -> list[np.ndarray | None]:
        """One mask per region; None for boxes outside the frame, and where the mask fills too little of its box.

        Raises:
            ModelUnavailableError: If the model is neither on disk nor reachable.
            ConfigError: If memory runs out.
        """
        shape = (frame.height, frame.width)
        asked = [index for index, region in enumerate(regions) if 0 not in box_window(region.box_px, shape).shape]
        masks: list[np.ndarray | None] = [None] * len(regions)
        if not asked:
            return masks
        boxes = [_within(regions[index].box_px, shape) for index in asked]
        for index, mask in zip(asked, self._predict(frame, boxes), strict=True):
            masks[index] = self._limits.apply(mask, regions[index].box_px)
        return masks

    def _predict(self, frame: Frame, boxes_px: Sequence[Box]) -> Iterator[np.ndarray]:
        """The network's mask of each box, bool (H, W)."""
        import torch

        with self._lock, self._memory(), torch.inference_mode():
            network = self._loaded()
            inputs = network.prepare(frame, boxes_px)
            embedding = self._embedding(network, frame, inputs["pixel_values"])
            boxes = inputs["input_boxes"].to(network.device, torch.float32)
            logits = torch.cat(
                [network.decode(embedding, part).float().cpu()[0] for part in boxes.split(self.batch_size, dim=1)]
            )
        if not torch.isfinite(logits).all():
            logger.warning("%s gave masks that are not finite; set segment.dtype=float32.", self.model)
        # One by one, because the logits of a large frame take far more memory than its mask.
        return (network.full_size(logits[index, None], inputs) for index in range(len(boxes_px)))

    def _embedding(self, network: _Network, frame: Frame, pixel_values: torch.Tensor) -> Any:
        """The image embedding of a frame, kept for the next call with the same frame."""
        if self._embedded is None or self._embedded[0] != frame.digest:
            self._embedded = None  # Frees its memory first.
            self._embedded = (frame.digest, network.embed(pixel_values.to(network.device, network.dtype)))
        return self._embedded[1]

    @contextmanager
    def _memory(self) -> Iterator[None]:
        """Turn a lack of memory into an error that names the key to change.

        Every frame needs the same memory, so the error is not one of a single frame.
        """
        try:
            yield
        except RuntimeError as error:  # torch.OutOfMemoryError is one; MPS and the CPU raise RuntimeError itself.
            if not is_out_of_memory(error):
                raise
            raise ConfigError(
                f"{self.model} does not fit into the memory of {self._device_and_dtype[0]}: lower "
                f"segment.batch_size (now {self.batch_size}), set segment.device=cpu, or choose a smaller model."
            ) from None

    @cached_property
    def _location(self) -> ModelLocation:
        return locate_model(self.model, revision=self.revision, size_gb=self.size_gb, group="segment")

    @cached_property
    def _device_and_dtype(self) -> tuple[torch.device, torch.dtype]:
        device = choose_device(self.device)
        return device, choose_dtype(device, self.dtype)

    def _loaded(self) -> _Network:
        """The network, loaded at the first call."""
        if self._network is None:
            device, dtype = self._device_and_dtype
            model, processor = _read_checkpoint(self._location)
            model.to(device)
            model.vision_encoder.to(dtype)
            model.vision_encoder.register_forward_hook(_as_float32)
            self._network = _Network(
                embed=model.get_image_embeddings,
                decode=lambda embedding, boxes: (
                    model(image_embeddings=embedding, input_boxes=boxes, multimask_output=False).pred_masks
                ),
                processor=processor,
                device=device,
                dtype=dtype,
            )
        return self._network


def _within(box_px: Box, shape: tuple[int, int]) -> Box:
    """The part of a box within an image of (height, width) [px]."""
    left, top, right, bottom = np.clip(box_px, 0, (*shape[::-1], *shape[::-1])).tolist()
    return left, top, right, bottom


def _as_float32(_module: Any, _inputs: Any, output: Any) -> Any:
    """Hand the features of the image encoder on in float32."""
    for name, value in output.items():
        if isinstance(value, tuple | list):
            output[name] = tuple(part.float() for part in value)
        else:
            output[name] = value.float()
    return output


def _read_checkpoint(location: ModelLocation) -> tuple[Any, Any]:
    """Model in evaluation mode and float32, and its processor.

    Raises:
        ModelUnavailableError: If the files are not a complete checkpoint of SAM or SAM 2.
    """
    model, processor, missing = read_pretrained(location, _PURPOSE, _chosen, _try_out, dtype="float32")
    check_complete(location.name, "checkpoint of SAM", missing)
    return model, processor


def _chosen(config: Any, name: str) -> tuple[Any, Any, Any]:
    import transformers

    if config.model_type not in _CLASSES:
        raise ModelUnavailableError(
            f"{name} cannot be loaded as {_PURPOSE}: its type is {config.model_type}, not one of "
            f"{', '.join(_CLASSES)}; choose another segment.model."
        )
    model_class, processor_class = (getattr(transformers, each) for each in _CLASSES[config.model_type])
    if config.model_type == "sam2_video":  # It holds the image model.
        config = transformers.Sam2Config(
            vision_config=config.vision_config,
            prompt_encoder_config=config.prompt_encoder_config.to_dict(),
            mask_decoder_config=config.mask_decoder_config.to_dict(),
        )
    return config, model_class, processor_class


def _try_out(processor: Any, _config: Any) -> None:
    black = np.zeros((32, 32, 3), np.uint8)
    processor(images=black, input_boxes=[[[0.0, 0.0, 9.0, 9.0]]], return_tensors="pt")
