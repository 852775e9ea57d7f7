"""Depth Anything 3, through its authors' package, one frame at a time.

Source: H. Lin, S. Chen, J. H. Liew, D. Y. Chen, Z. Li, G. Shi, J. Feng, B. Kang, "Depth Anything 3: Recovering the
Visual Space from Any Views", 2025; github.com/ByteDance-Seed/Depth-Anything-3. Four series of checkpoints:

- any view (DA3-SMALL to -GIANT): depth up to scale, and intrinsics;
- mono (DA3MONO-LARGE): depth up to scale and shift, and the sky; trained with pseudo-labels of such depth;
- metric (DA3METRIC-LARGE): the output times f / 300 is metres, with f the focal length in pixels of the network's
  input; and the sky;
- nested (DA3NESTED-GIANT-LARGE): any view, brought to metres by metric with the intrinsics that it estimates itself.

The package cannot be an extra, because it demands numpy < 2, xformers and much that inference does not need. Its
networks work with two small ones of its dependencies alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from pipeline.models.depth.inputs import nearest_multiple, normalised, size_within
from pipeline.models.depth.network import Prediction, SizedInputDepth, known_focal_shares
from pipeline.models.depth.optional import PackagedDepth
from pipeline.models.depth.weight_files import load_complete, read_weights
from pipeline.models.hub import ModelLocation, locate_model, model_status
from pipeline.records import DepthKind, Frame
from pipeline.records.camera import CameraSource
from pipeline.records.errors import DependencyError, DepthError, ModelUnavailableError
from pipeline.records.settings import checked

if TYPE_CHECKING:
    import torch
    from omegaconf import DictConfig

_PATCH_PX = 14
_SIDE_PX = 504  # Longer side of the input, as the package has it.
_CANONICAL_FOCAL_PX = 300.0
_SKY = 0.3  # The package overwrites the depth of what is sky to this degree.
_DEFAULT_NAME = "da3-large"  # Of the package, for a config.json that names none.


class Series(StrEnum):
    """What a checkpoint was trained for."""

    ANY_VIEW = "any view"
    MONO = "mono"
    METRIC = "metric"
    NESTED = "nested"

    @classmethod
    def of(cls, name: str) -> Series:
        """The series of a network's name in the package, such as ``da3metric-large``."""
        prefixes = {"da3mono": cls.MONO, "da3metric": cls.METRIC, "da3nested": cls.NESTED}
        return prefixes.get(name.split("-")[0], cls.ANY_VIEW)

    @property
    def kind(self) -> DepthKind:
        """What its depth means."""
        if self is Series.MONO:
            return DepthKind.DEPTH_AFFINE
        return DepthKind.SCALE_INVARIANT if self is Series.ANY_VIEW else DepthKind.METRIC


def pixel_values(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image as the network's input, float32 (3, h, w): averaged over areas where it shrinks, cubic where it grows.

    Args:
        rgb: uint8 (H, W, 3).
        size: (h, w) [px].
    """
    shrinks = size[0] < rgb.shape[0] or size[1] < rgb.shape[1]
    resized = cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return normalised(resized.astype(np.float32) / 255)


def without_gaussians(config: DictConfig) -> DictConfig:
    """A network's configuration without its parts for Gaussian splatting, which need further packages."""
    kept = config.copy()
    for part in (kept, kept.get("anyview")):
        for name in ("gs_head", "gs_adapter"):
            if part is not None and name in part:
                del part[name]
    return kept


def depth_and_focal_share(output: Mapping[str, Any], series: Series, frame: Frame) -> tuple[np.ndarray, float]:
    """Depth and focal length of what the package's network returns for one frame.

    Args:
        output: ``depth`` (1, 1, h, w); ``sky`` of the same shape but for any view; ``intrinsics`` (1, 1, 3, 3)
            [px of the network's input] for any view and nested.
        series: Which network.
        frame: The frame; its focal length fixes the scale of metric, and of nested where it is known.

    Returns:
        Values (h, w) of the series' kind, NaN in the sky; and the focal length as a share of the width, NaN where the
        network estimates none.
    """
    values = _array(output["depth"])[0, 0]
    height, width = values.shape
    scale_y, scale_x = height / frame.height, width / frame.width
    focal_px = (frame.camera.fx * scale_x + frame.camera.fy * scale_y) / 2
    estimated = np.nan
    if output.get("intrinsics") is not None:
        matrix = _array(output["intrinsics"])[0, 0]
        estimated = matrix[0, 0] / width
        if series is Series.NESTED and not np.isnan(known_focal_shares([frame])):
            values = values * np.float32(focal_px / ((matrix[0, 0] + matrix[1, 1]) / 2))
    if series is Series.METRIC:
        values = values * np.float32(focal_px / _CANONICAL_FOCAL_PX)
    if output.get("sky") is not None:
        values = np.where(_array(output["sky"])[0, 0] < _SKY, values, np.float32(np.nan))
    return values, estimated


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().float().cpu().numpy()


@dataclass(frozen=True)
class _Network:
    """A loaded checkpoint."""

    model: Any
    series: Series
    device: torch.device
    dtype: torch.dtype
    side: int

    def predict(self, frames: Sequence[Frame], input_scale: float) -> Prediction:
        side = nearest_multiple(self.side * input_scale, _PATCH_PX)
        # Several images in one call would be views of one scene.
        values, shares = zip(*(self._predict_one(frame, side) for frame in frames), strict=True)
        return Prediction(np.stack(values), np.array(shares, np.float32))

    def _predict_one(self, frame: Frame, side: int) -> tuple[np.ndarray, float]:
        import torch

        values = pixel_values(frame.rgb, size_within(frame.height, frame.width, side, _PATCH_PX))
        image = torch.from_numpy(values).to(self.device)[None, None]
        half = self.dtype is not torch.float32
        devices = [self.device] if self.device.type == "cuda" else []
        # The network samples pixels at random where it brings one depth to the scale of another.
        with torch.random.fork_rng(devices), torch.inference_mode():
            torch.manual_seed(0)
            with torch.autocast(self.device.type, self.dtype if half else torch.bfloat16, enabled=half):
                output = self._output(image, frame)
        return depth_and_focal_share(output, self.series, frame)

    def _output(self, image: torch.Tensor, frame: Frame) -> Mapping[str, Any]:
        if self.series is not Series.NESTED:
            whole: Mapping[str, Any] = self.model(image)
            return whole
        # Nested does not return the sky that its metric part finds.
        metric: dict[str, Any] = {}
        hook = self.model.da3_metric.register_forward_hook(lambda _module, _inputs, output: metric.update(output))
        try:
            return {**self.model(image), "sky": metric["sky"]}
        except AssertionError as error:  # An image that is all sky.
            raise DepthError(f"Depth Anything 3 gives no depth for {frame.name}: {error}.") from None
        finally:
            hook.remove()


def _network_name(path: Path, model: str) -> str:
    """The name of the network in a ``config.json``."""
    try:
        name = json.loads(path.read_bytes()).get("model_name", _DEFAULT_NAME)
    except (OSError, ValueError, AttributeError, RecursionError):
        name = None
    if not isinstance(name, str):
        raise ModelUnavailableError(
            f"{model} is damaged: its {path.name} is not a JSON object whose model_name is a text; copy it again."
        )
    return name


@checked
@dataclass(eq=False, kw_only=True)
class DepthAnything3Depth(SizedInputDepth, PackagedDepth):
    """Depth of single frames from a checkpoint of Depth Anything 3.

    Each frame is a scene of its own, so its depth does not depend on the others. Where the checkpoint detects the sky,
    its pixels are invalid.

    Args:
        model: Name on the hub or local folder, with ``config.json`` and ``model.safetensors``.
        kind: ``scale_invariant`` for any view, ``depth_affine`` for mono, ``metric`` for metric and nested.
        input_size_px: Length of the longer side of the network's input [px], a multiple of 14; None takes 504.
        **settings: Those of ``PackagedDepth`` and ``NetworkDepth``; frames go through the network one by one, whatever
            ``batch_size`` is.

    Raises:
        ConfigError: If a setting is out of its range.
    """

    backend = "depth_anything_3"
    usual_kind = DepthKind.SCALE_INVARIANT
    stride_px = _PATCH_PX
    option = "depth=depth_anything_3"
    package = "depth_anything_3"
    install = "pip install --no-deps depth-anything-3 addict einops"

    def frame_key(self, frame: Frame) -> str:
        """The image, and for metric depth the focal lengths and whether they are known."""
        if self.kind is not DepthKind.METRIC:
            return frame.digest
        camera = frame.camera
        return f"{frame.digest} focal_px={camera.fx!r},{camera.fy!r} {camera.source}"

    @classmethod
    def _status(cls, model: str, revision: str | None) -> str:
        return model_status(model, revision)

    def _locate(self) -> ModelLocation:
        return locate_model(self.model, revision=self.revision, size_gb=self.size_gb, group="depth")

    def _check(self, frames: Sequence[Frame]) -> None:
        network = self._loaded()
        if not isinstance(network, _Network) or network.series is not Series.METRIC:
            return
        for frame in frames:
            if frame.camera.source in (CameraSource.ASSUMED, CameraSource.DOUBTFUL):
                raise DepthError(
                    f"{self.model} needs the focal length, and the camera of {frame.name} is not known: give it with "
                    "input.camera={fx: ..., fy: ..., cx: ..., cy: ...}, or choose depth=depth_anything_3/nested."
                )

    def _load(self, device: torch.device, dtype: torch.dtype) -> _Network:
        # Its messages go to the standard output, where answers belong.
        self._imported("utils.logger").logger.level = 0
        registry = self._imported("registry")
        factory = self._imported("cfg")
        name = _network_name(self._location.file("config.json"), self.model)
        if name not in registry.MODEL_REGISTRY:
            known = ", ".join(registry.MODEL_REGISTRY)
            raise ModelUnavailableError(f"{self.model} names the network {name!r}: the package knows {known}.")
        series = Series.of(name)
        self._require_kind(series.kind)
        config = without_gaussians(factory.load_config(registry.MODEL_REGISTRY[name]))
        try:
            model = factory.create_object(config)
        except ImportError as error:
            raise DependencyError(
                f"{self.model} needs a package that is missing ({error}): run '{self.install}'."
            ) from error
        weights = read_weights(self._location.file("model.safetensors"))
        # The package saves its network as the attribute ``model`` of another module.
        load_complete(model, {key.removeprefix("model."): value for key, value in weights.items()}, self.model)
        model = model.to(device).eval().requires_grad_(False)
        return _Network(model, series, device, dtype, self.input_size_px or _SIDE_PX)
