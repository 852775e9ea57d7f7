"""Prompt Depth Anything through transformers: a sensor's depth made sharp and dense by the image.

Source: H. Lin, S. Peng, J. Chen, S. Peng, J. Sun, M. Liu, H. Bao, J. Feng, X. Zhou, B. Kang, "Prompting Depth Anything
for 4K Resolution Accurate Metric Depth Estimation", CVPR 2025. The output is z in metres, at the
scale of the prompt and within about its range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from pipeline.models.depth.checkpoint import CheckpointDepth, CheckpointNetwork, keep_in_float32, run
from pipeline.models.depth.network import Prediction, Side
from pipeline.records import DepthKind, DepthMap, Frame, ScaleSource
from pipeline.records.errors import DepthError
from pipeline.records.settings import checked

if TYPE_CHECKING:
    import torch


def prompt_size(height: int, width: int, side_px: int) -> tuple[int, int]:
    """(height, width) of the prompt for a depth map of this size [px]; the width is at least two."""
    scale = min(1.0, side_px / max(height, width))
    return max(1, round(height * scale)), max(2, round(width * scale))


def prompt_of(depth: DepthMap, side_px: int) -> np.ndarray:
    """The prompt for a depth map: small, and without holes.

    The network samples the prompt at coarse points, so a large one is averaged over areas first, over the valid pixels
    of each. An area without a valid pixel takes the value of the nearest area with one.

    Args:
        depth: Metric depth with at least one valid pixel.
        side_px: The longest side of the prompt [px]; smaller maps keep their size.

    Returns:
        float32 (h, w) [m].
    """
    size = prompt_size(*depth.shape, side_px)[::-1]
    share = cv2.resize(depth.valid.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(np.where(depth.valid, depth.values, np.float32(0)), size, interpolation=cv2.INTER_AREA)
    known = share > 0
    values = np.divide(total, share, out=np.zeros_like(total), where=known)
    return values if known.all() else _filled(values, known)


def _filled(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    from scipy.ndimage import distance_transform_edt

    rows, columns = distance_transform_edt(~known, return_distances=False, return_indices=True)
    filled: np.ndarray = values[rows, columns]
    return filled


@dataclass(frozen=True)
class _Network(CheckpointNetwork):
    """A loaded checkpoint, and the longest side of its prompts [px]."""

    prompt_side_px: int = 256

    def predict(self, frames: Sequence[Frame], input_scale: float) -> Prediction:
        import torch

        prompts = [self._prompt(frame) for frame in frames]
        least = np.array([prompt.min() for prompt in prompts], np.float32)[:, None, None]
        span = np.array([np.ptp(prompt) for prompt in prompts], np.float32)[:, None, None]
        # The network scales prompts to 0..1 and its output back: done here, low precision does not round metres.
        shares = (np.stack(prompts) - least) / np.where(span > 0, span, 1)
        shares[span[:, 0, 0] == 0, 0, 0] = 1  # A prompt without any range would be divided by zero.
        values = run(
            self.model,
            pixel_values=self._input(frames, input_scale),
            prompt_depth=torch.from_numpy(shares[:, None]).to(self.device, self.dtype),
        ).predicted_depth.numpy()
        return Prediction(values * span + least)

    def _prompt(self, frame: Frame) -> np.ndarray:
        """The prompt; NaN, which gives no depth, for a part of an image that has no valid pixel."""
        assert frame.given_depth is not None
        if frame.given_depth.valid.any():
            return prompt_of(frame.given_depth, self.prompt_side_px)
        return np.full(prompt_size(frame.height, frame.width, self.prompt_side_px), np.nan, np.float32)


@checked
@dataclass(eq=False, kw_only=True)
class PromptDepthAnythingDepth(CheckpointDepth):
    """Refines the metric depth that single frames came with.

    Args:
        model: Name on the hub or local folder.
        kind: ``metric``.
        prompt_side_px: Longest side to which given depth is shrunk for the network [px]; it was trained on 192 x 256.
        **settings: Those of ``CheckpointDepth`` and ``NetworkDepth``.

    Raises:
        ConfigError: If a setting is out of its range.
    """

    backend = "prompt_depth_anything"
    usual_kind = DepthKind.METRIC
    model_type = "prompt_depth_anything"
    kinds = (DepthKind.METRIC,)
    stride_px = 14

    prompt_side_px: Side = 256

    def frame_key(self, frame: Frame) -> str:
        """The image and the depth that came with it."""
        return frame.digest if frame.given_depth is None else f"{frame.digest} prompt={frame.given_depth.digest}"

    def _settings(self) -> str:
        return f"{super()._settings()} prompt_side_px={self.prompt_side_px}"

    def _check(self, frames: Sequence[Frame]) -> None:
        for frame in frames:
            given = frame.given_depth
            if given is None or given.kind is not DepthKind.METRIC or not given.valid.any():
                raise DepthError(
                    f"The frame {frame.name} came without metric depth, which {self.model} refines: give it with "
                    "input.depth=PATH input.depth_scale=METRES_PER_NUMBER (in eval-depth, dataset=pairs with "
                    "dataset.prediction_source=sensor), or choose another depth=."
                )

    def _scale_source(self, frame: Frame) -> ScaleSource:
        assert frame.given_depth is not None
        return frame.given_depth.scale_source

    def _network_of(self, model: Any, processor: Any, device: torch.device, dtype: torch.dtype) -> _Network:
        keep_in_float32(model.head)
        side = self.input_size_px or int(processor.size["height"])
        return _Network(model, processor, device, dtype, side, self.stride_px, prompt_side_px=self.prompt_side_px)
