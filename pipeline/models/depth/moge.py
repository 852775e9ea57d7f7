"""MoGe and MoGe-2, through their authors' package.

Source: R. Wang, S. Xu, C. Dai, J. Xiang, Y. Deng, X. Tong, J. Yang, "MoGe: Unlocking Accurate Monocular Geometry
Estimation for Open-Domain Images with Optimal Training Supervision", CVPR 2025; R. Wang and others, "MoGe-2: Accurate
Monocular Geometry with Metric Scale and Sharp Details", 2025; github.com/microsoft/MoGe.

The package cannot be an extra, because it depends on another one that is also called ``pipeline``. It works without
its dependencies: Theodolite has all that inference needs.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Interval

from pipeline.models.depth.network import Prediction, focal_key, known_focal_shares
from pipeline.models.depth.optional import PackagedDepth
from pipeline.models.depth.weight_files import hub_file_status, load_complete, locate_hub_file, read_file
from pipeline.models.device import choose_device, choose_dtype
from pipeline.models.hub import ModelLocation
from pipeline.models.torchvision_fix import ensure_torchvision
from pipeline.records import DepthKind, Frame
from pipeline.records.errors import ConfigError, DepthError, ModelUnavailableError
from pipeline.records.settings import checked

if TYPE_CHECKING:
    import torch

_FILE = "model.pt"
_MOST_TOKENS = 1 << 20


def prediction_of(output: Mapping[str, torch.Tensor]) -> Prediction:
    """Depth and focal lengths of what the package's ``infer`` returns for a batch.

    Args:
        output: ``depth`` (N, H, W), z with infinity where there is none, and ``intrinsics`` (N, 3, 3) in shares of the
            image's width and height.

    Returns:
        NaN where there is no depth.
    """
    depth = output["depth"].float().cpu().numpy()
    values = np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(np.nan))
    return Prediction(values, output["intrinsics"][:, 0, 0].float().cpu().numpy())


def token_grid(height: int, width: int, num_tokens: int) -> tuple[int, int]:
    """Rows and columns of square tokens that cover an image, about ``num_tokens`` of them.

    >>> token_grid(480, 640, 1200)
    (30, 40)
    """
    return int((num_tokens * height / width) ** 0.5), int((num_tokens * width / height) ** 0.5)


@dataclass(frozen=True)
class _Network:
    """A loaded checkpoint."""

    model: Any
    device: torch.device
    use_fp16: bool
    num_tokens: int

    def predict(self, frames: Sequence[Frame], input_scale: float) -> Prediction:
        num_tokens = round(self.num_tokens * input_scale**2)
        if min(token_grid(frames[0].height, frames[0].width, num_tokens)) < 1:
            raise DepthError(f"The frame {frames[0].name} is too narrow for MoGe: crop it, or choose another depth=.")
        shares = known_focal_shares(frames)
        values = np.empty((len(frames), frames[0].height, frames[0].width), np.float32)
        focal_share = np.empty(len(frames), np.float32)
        # Frames with and without a known focal length are different calls of the package.
        for chosen in (np.isnan(shares), ~np.isnan(shares)):
            if chosen.any():
                seen = [frame for frame, is_chosen in zip(frames, chosen, strict=True) if is_chosen]
                part = self._infer(seen, num_tokens, shares[chosen])
                values[chosen], focal_share[chosen] = part.values, part.focal_share
        return Prediction(values, focal_share)

    def _infer(self, frames: Sequence[Frame], num_tokens: int, shares: np.ndarray) -> Prediction:
        import torch

        fov_deg = torch.from_numpy(np.degrees(2 * np.arctan(0.5 / shares))).float().to(self.device)
        images = torch.from_numpy(np.stack([frame.rgb for frame in frames])).to(self.device)
        with warnings.catch_warnings():
            # The package asks the CPU for an autocast to float32, which is what it computes in anyway.
            warnings.filterwarnings("ignore", message="In CPU autocast")
            output = self.model.infer(
                images.permute(0, 3, 1, 2).float() / 255,
                num_tokens=num_tokens,
                fov_x=None if fov_deg.isnan().any() else fov_deg,
                force_projection=False,
                use_fp16=self.use_fp16,
            )
        return prediction_of(output)


@checked
@dataclass(eq=False, kw_only=True)
class MogeDepth(PackagedDepth):
    """Depth and focal length of single frames from a checkpoint of MoGe.

    A focal length that is given or read from EXIF fixes the shift of depth; otherwise both follow from the point map
    of the network. Pixels that the network masks, such as the sky, are invalid. The network computes in float32, or
    in the package's mixture of float16 and float32.

    Args:
        model: Name on the hub, path of a ``model.pt``, or of a folder with one.
        kind: ``metric`` for MoGe-2, ``scale_invariant`` for MoGe.
        num_tokens: Tokens of 14 x 14 px that a frame becomes; None takes the most that the checkpoint was trained on.
        **settings: Those of ``PackagedDepth`` and ``NetworkDepth``.

    Raises:
        ConfigError: If a setting is out of its range.
    """

    backend = "moge"
    usual_kind = DepthKind.METRIC
    option = "depth=moge_2"
    package = "moge"
    install = "pip install --no-deps dlr-moge dlr-utils3d"

    num_tokens: Annotated[int, Interval(ge=1, le=_MOST_TOKENS)] | None = None

    def frame_key(self, frame: Frame) -> str:
        """The image, and the focal length where it is known."""
        return focal_key(frame)

    def _settings(self) -> str:
        return f"num_tokens={self.num_tokens}"

    @classmethod
    def _status(cls, model: str, revision: str | None) -> str:
        return hub_file_status(model, _FILE, revision)

    def _locate(self) -> ModelLocation:
        return locate_hub_file(self.model, _FILE, revision=self.revision, size_gb=self.size_gb)

    @cached_property
    def _device_and_dtype(self) -> tuple[torch.device, torch.dtype]:
        import torch

        device = choose_device(self.device)
        if self.dtype == "auto":
            return device, torch.float32 if device.type == "cpu" else torch.float16
        dtype = choose_dtype(device, self.dtype)
        if dtype is torch.bfloat16:
            raise ConfigError("MoGe computes in float32 or float16: set depth.dtype to one of them, or to auto.")
        return device, dtype

    def _load(self, device: torch.device, dtype: torch.dtype) -> _Network:
        import torch

        ensure_torchvision()
        versions = self._imported("model")
        checkpoint = read_file(self._location.file(_FILE))
        config = checkpoint.get("model_config") if isinstance(checkpoint, Mapping) else None
        if not isinstance(config, Mapping) or not isinstance(checkpoint.get("model"), Mapping):
            raise ModelUnavailableError(f"{self.model} is not a checkpoint of MoGe: it has no model_config.")
        version = "v2" if isinstance(config.get("encoder"), Mapping) else "v1"
        try:
            model = versions.import_model_class_by_version(version)(**config)
        except (ImportError, MemoryError):
            raise
        except Exception as error:  # The package does not check the settings.
            raise ModelUnavailableError(
                f"{self.model} is not a checkpoint of MoGe: its model_config does not fit the package; copy it again."
            ) from error
        load_complete(model, checkpoint["model"], self.model)
        self._require_kind(DepthKind.METRIC if hasattr(model, "scale_head") else DepthKind.SCALE_INVARIANT)
        num_tokens = self.num_tokens or int(model.num_tokens_range[1])
        model = model.to(device).eval().requires_grad_(False)
        return _Network(model, device, dtype is torch.float16, num_tokens)
