"""MiDaS v2.1, the convolutional networks, from checkpoint files.

Source: R. Ranftl, K. Lasinger, D. Hafner, K. Schindler, V. Koltun, "Towards Robust Monocular Depth Estimation: Mixing
Datasets for Zero-shot Cross-dataset Transfer", TPAMI 2020. The output is disparity up to scale and shift: larger is
nearer. There is no model folder on the hub: the weights are one file of github.com/isl-org/MiDaS, which torch.hub
keeps in its folder of checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from pipeline.models.depth.inputs import nearest_multiple, normalised, size_within
from pipeline.models.depth.midas_v21_network import LARGE, SMALL, Architecture, disparity, with_weights
from pipeline.models.depth.network import Prediction, SizedInputDepth
from pipeline.models.depth.weight_files import RemoteFile, content_digest, fetch, read_weights
from pipeline.models.hub import ModelLocation
from pipeline.records import Frame
from pipeline.records.errors import ModelUnavailableError

if TYPE_CHECKING:
    import torch

_STRIDE_PX = 32
_RELEASE = "https://github.com/isl-org/MiDaS/releases/download/v2_1"


PUBLISHED: Mapping[str, RemoteFile] = {
    LARGE.name: RemoteFile(
        f"{_RELEASE}/midas_v21-f6b98070.pt",
        "f6b98070",
        0.42,
        ("midas_v21_384.pt", "midas_v21-f6b98070.pt", "model-f6b98070.pt"),
    ),
    SMALL.name: RemoteFile(
        f"{_RELEASE}/midas_v21_small-70d6b9c8.pt",
        "70d6b9c8",
        0.086,
        ("midas_v21_small_256.pt", "midas_v21_small-70d6b9c8.pt", "model-small-70d6b9c8.pt"),
    ),
}


def pixel_values(frames: Sequence[Frame], size: tuple[int, int]) -> np.ndarray:
    """The network's input for frames of one size, float32 (N, 3, h, w): cubic resizing, mean and deviation of ImageNet.

    Args:
        frames: The frames.
        size: (h, w) of the input [px].
    """
    resized = [
        cv2.resize(frame.rgb.astype(np.float32) / 255, size[::-1], interpolation=cv2.INTER_CUBIC) for frame in frames
    ]
    return normalised(np.stack(resized))


@dataclass(frozen=True)
class _Network:
    """A loaded checkpoint, and the input that it takes."""

    model: Any
    device: torch.device
    dtype: torch.dtype
    side: int

    def predict(self, frames: Sequence[Frame], input_scale: float) -> Prediction:
        import torch

        side = nearest_multiple(self.side * input_scale, _STRIDE_PX)
        values = pixel_values(frames, size_within(frames[0].height, frames[0].width, side, _STRIDE_PX))
        with torch.inference_mode():
            output = disparity(self.model, torch.from_numpy(values).to(self.device, self.dtype))
        return Prediction(output.cpu().numpy())


class MidasV21Depth(SizedInputDepth):
    """Relative depth of single frames from a MiDaS v2.1 checkpoint file.

    Args:
        model: Path of a ``.pt``, ``.pth`` or ``.safetensors`` file, or a published name: ``midas_v21_384``
            (ResNeXt-101) or ``midas_v21_small_256`` (EfficientNet-Lite3). The weights of a file tell which network it
            holds. A published file lies in the checkpoint folder of torch.hub; it is downloaded if missing.
        kind: What the output means; ``disparity_affine`` for the published weights.
        input_size_px: Length of the longer side of the network's input [px], a multiple of 32; None takes the one it
            was trained on.
        **settings: Those of ``NetworkDepth``.

    Raises:
        ConfigError: If a setting is out of its range.
    """

    backend = "midas_v21"
    stride_px = _STRIDE_PX

    @classmethod
    def model_status(cls, model: str, revision: str | None = None) -> str:
        """``on disk`` or ``not downloaded``; never asks the network."""
        return "on disk" if _on_disk(model) is not None else "not downloaded"

    @cached_property
    def _location(self) -> ModelLocation:
        path = _on_disk(self.model)
        if path is None and self.model not in PUBLISHED:
            raise ModelUnavailableError(
                f"The checkpoint file {self.model} does not exist: set depth.model to the path of a file, or to one of "
                f"{', '.join(PUBLISHED)}."
            )
        path = path or fetch(PUBLISHED[self.model], checkpoints_folder(), self.model)
        return ModelLocation(str(path), True, content_digest(path), self.model)

    def _load(self, device: torch.device, dtype: torch.dtype) -> _Network:
        model, architecture = read_network(Path(self._location.path_or_name))
        model = model.to(device, dtype)
        model.scratch.output_conv.float()
        return _Network(model, device, dtype, self.input_size_px or architecture.side_px)


def checkpoints_folder() -> Path:
    """Where torch.hub keeps checkpoint files."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints"


def read_network(path: Path) -> tuple[Any, Architecture]:
    """The network that a checkpoint file holds, in evaluation mode on the CPU, and which one it is.

    Raises:
        ModelUnavailableError: If the file holds no complete network of MiDaS v2.1.
    """
    weights = read_weights(path)
    architecture = next((each for each in (LARGE, SMALL) if each.mark in weights), None)
    if architecture is None:
        hint = ""
        if "pretrained.model.cls_token" in weights or "pretrained.model.patch_embed.proj.weight" in weights:
            hint = ", but of a later MiDaS: choose one of depth=midas/dpt_..."
        raise ModelUnavailableError(f"The file {path} is not a checkpoint of MiDaS v2.1{hint}.")
    return with_weights(architecture, weights, f"The file {path}"), architecture


def _on_disk(model: str) -> Path | None:
    """The checkpoint file of a path or published name, if it is there."""
    path = Path(model).expanduser()
    if path.is_file():
        return path
    published = PUBLISHED.get(model)
    candidates = [] if published is None else [checkpoints_folder() / name for name in published.names]
    return next((candidate for candidate in candidates if candidate.is_file()), None)
