"""Depth Pro through transformers: metric depth, and the focal length, of single frames.

Source: A. Bochkovskii, A. Delaunoy, H. Germain, M. Santos, Y. Zhou, S. R. Richter, V. Koltun, "Depth Pro: Sharp
Monocular Metric Depth in Less Than a Second", ICLR 2025. The network sees the frame squeezed into a square and gives
the canonical inverse depth C, which knows no camera; with the frame's width w and focal length f, both in pixels,
``1 / z = C * w / f`` in 1/m. Where f is not known, it follows from the horizontal field of view, which the network
estimates: ``f / w = 0.5 / tan(fov / 2)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.models.depth.checkpoint import CheckpointDepth, LoadedCheckpoint, keep_in_float32, run
from pipeline.models.depth.network import Prediction, focal_key, known_focal_shares
from pipeline.records import DepthKind, Frame
from pipeline.records.errors import ConfigError, DepthError

if TYPE_CHECKING:
    import torch

# Inverse depth [1/m] is clamped to 0.1 mm to 10 km before it is inverted.
_LEAST_INVERSE, _LARGEST_INVERSE = 1e-4, 1e4


def depth_of(inverse_depth: np.ndarray) -> np.ndarray:
    """Depth z [m] of 1/z [1/m], float32, within 0.1 mm and 10 km."""
    return np.float32(1) / np.clip(inverse_depth, np.float32(_LEAST_INVERSE), np.float32(_LARGEST_INVERSE))


class _Network(LoadedCheckpoint):
    """A loaded checkpoint."""

    def predict(self, frames: Sequence[Frame], input_scale: float) -> Prediction:
        del input_scale
        inputs = self.processor(
            images=[frame.rgb for frame in frames], input_data_format="channels_last", return_tensors="pt"
        )
        output = run(self.model, pixel_values=inputs["pixel_values"].to(self.device, self.dtype))
        known = known_focal_shares(frames)
        estimated = np.full(len(frames), np.nan)
        for index in np.flatnonzero(np.isnan(known)).tolist():
            fov_deg = np.nan if output.field_of_view is None else float(output.field_of_view[index])
            if not 0 < fov_deg < 180:
                raise DepthError(
                    f"The model gave no field of view for {frames[index].name}, and its camera is not known: "
                    "give it with input.camera={fx: ..., fy: ..., cx: ..., cy: ...}."
                )
            estimated[index] = 0.5 / np.tan(np.deg2rad(fov_deg) / 2)
        shares = np.where(np.isnan(known), estimated, known).astype(np.float32)
        return Prediction(output.predicted_depth.numpy() / shares[:, None, None], estimated, finish=depth_of)


class DepthProDepth(CheckpointDepth):
    """Metric depth of single frames from a checkpoint of Depth Pro.

    A focal length that is given or read from EXIF fixes the scale; otherwise the network estimates it, and the map
    holds it.

    Args:
        model: Name on the hub or local folder.
        kind: ``metric``.
        **settings: Those of ``CheckpointDepth`` and ``NetworkDepth``; the network takes input of one size only.

    Raises:
        ConfigError: If a setting is out of its range.
    """

    backend = "depth_pro"
    usual_kind = DepthKind.METRIC
    model_type = "depth_pro"
    kinds = (DepthKind.METRIC,)
    takes_input_scales = False

    def frame_key(self, frame: Frame) -> str:
        """The image, and the focal length where it is known."""
        return focal_key(frame)

    def _network_of(self, model: Any, processor: Any, device: torch.device, dtype: torch.dtype) -> _Network:
        side = int(processor.size["height"])
        if self.input_size_px not in (None, side):
            raise ConfigError(f"{self.model} takes no other input: set depth.input_size_px={side}.")
        keep_in_float32(model.head)
        if model.fov_model is not None:
            keep_in_float32(model.fov_model.head)
        return _Network(model, processor, device, dtype)
