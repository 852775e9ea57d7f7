"""What all depth networks share: batches of one size, views that are averaged, tiles, upsampling, memory, results."""

from __future__ import annotations

import logging
import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol

import numpy as np
from annotated_types import Interval, MinLen

from pipeline.models.base import Backend
from pipeline.models.depth.augment import combine, disagreement, flipped, unflipped
from pipeline.models.depth.tiling import TileOverlap, TileSide, Tiling, crop, merge, tiles_of
from pipeline.models.depth.upsampling import UpsamplingMethod, upsample
from pipeline.models.device import DeviceName, DtypeName, choose_device, choose_dtype
from pipeline.models.loading_errors import is_out_of_memory
from pipeline.models.stopping import check_goes_on
from pipeline.records import DepthKind, DepthMap, Frame, Sampling, ScaleSource
from pipeline.records.camera import CameraSource
from pipeline.records.errors import ConfigError, DepthError
from pipeline.records.settings import Count, NonNegative, SettingError, Text, checked

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

Side = Annotated[int, Interval(ge=1, le=65536)]
"""Side of an image [px]."""

_InputScale = Annotated[float, Interval(ge=0.25, le=4.0)]


@dataclass(frozen=True, eq=False)
class Prediction:
    """A network's output for frames of one size.

    Args:
        values: float32 (N, h, w) at the network's own resolution, whose outer edges are those of the frames; of the
            backend's kind; NaN where there is no depth.
        focal_share: float (N,), the estimated focal length as a share of the frame's width, where the network
            estimates one; NaN where it does not.
        margin_px: Rows and columns of reflected image around the frame that the values cover too [px of the frame].
        finish: Converts values at the frame's size to the backend's kind, where the network's own are of another kind.
    """

    values: np.ndarray
    focal_share: np.ndarray | None = None
    margin_px: tuple[int, int] = (0, 0)
    finish: Callable[[np.ndarray], np.ndarray] | None = None


@dataclass(frozen=True, eq=False)
class _Averaged:
    """The average of all views of frames of one size.

    Args:
        values: float32 (N, H, W).
        focal_px: Focal lengths (N,) [px], where the network estimates them.
        sampling: That of the finest view.
        disagreement: See ``DepthMap``, one per frame; None for a single view.
    """

    values: np.ndarray
    focal_px: np.ndarray | None
    sampling: Sampling
    disagreement: list[float] | None = None


def _sampling(prediction: Prediction, size: tuple[int, int]) -> Sampling:
    """What one value of a prediction covers of frames of this (height, width)."""
    seen = tuple(side + 2 * margin for side, margin in zip(size, prediction.margin_px, strict=True))
    return Sampling.of_resized(prediction.values.shape[1:], (seen[0], seen[1]))


class Network(Protocol):
    """A loaded network."""

    def predict(self, frames: Sequence[Frame], input_scale: float) -> Prediction:
        """Depth of frames of one size.

        Args:
            frames: The frames.
            input_scale: Side of the network's input as a share of its usual one.
        """
        ...


def known_focal_shares(frames: Sequence[Frame]) -> np.ndarray:
    """Focal lengths along x as shares of the frames' widths, float64 (N,); NaN where neither given nor from EXIF."""
    known = [frame.camera.source in (CameraSource.GIVEN, CameraSource.EXIF) for frame in frames]
    return np.where(known, [frame.camera.fx / frame.width for frame in frames], np.nan)


def focal_key(frame: Frame) -> str:
    """The image, and the focal length where it is known, as a key for the cache."""
    (share,) = known_focal_shares([frame]).tolist()
    return frame.digest if np.isnan(share) else f"{frame.digest} focal_share={share!r}"


class _OutOfMemoryError(DepthError):
    """The memory does not suffice for the frames of one batch."""


def batches(frames: Sequence[Frame], batch_size: int) -> Iterator[list[int]]:
    """Indices of frames that share one size, at most ``batch_size`` at a time."""
    by_size: dict[tuple[int, int], list[int]] = {}
    for index, frame in enumerate(frames):
        by_size.setdefault((frame.height, frame.width), []).append(index)
    for indices in by_size.values():
        for start in range(0, len(indices), batch_size):
            yield indices[start : start + batch_size]


def reflected(image: np.ndarray, margin_px: tuple[int, int]) -> np.ndarray:
    """An image (H, W, 3) padded by its reflection, by any number of rows and columns at each side."""
    rows, columns = margin_px
    return np.pad(image, ((rows, rows), (columns, columns), (0, 0)), mode="reflect") if any(margin_px) else image


@checked
@dataclass(eq=False)
class NetworkDepth(Backend):
    """Depth of single frames from a network; each architecture is a subclass.

    Args:
        model: Name of the model, for messages.
        kind: What the network's output means.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:INDEX`` or ``mps``.
        dtype: ``auto``, ``float32``, ``bfloat16`` or ``float16``.
        batch_size: Frames of equal size that go through the network together.
        map_name: Name of its maps, which selects their noise model; None takes that of the backend, followed by the
            kind if that is unusual.
        upsampling: How the map is brought to the frame's size: ``bilinear``, ``bicubic`` or ``edge_aware``.
        flip: Whether to average with the depth of the mirrored frame.
        input_scales: Sides of the network's input as shares of its usual one; the maps of all are averaged.
        tile_px: Side of the tiles that are estimated besides the whole of larger frames [px]; None estimates no tiles.
        tile_overlap: Least share of a tile that its neighbour covers too, in [0, 0.9].
        size_gb: Size of the download [GB], for messages and lists.
        licence: Licence of the weights, for lists.

    Raises:
        ConfigError: If a setting is out of its range.
    """

    backend: ClassVar[str]
    """Name of the architecture."""
    usual_kind: ClassVar[DepthKind] = DepthKind.DISPARITY_AFFINE
    """Kind of most of its checkpoints; maps of another kind have a noise model of their own."""
    takes_input_scales: ClassVar[bool] = True
    """Whether the network takes inputs of another size than its usual one."""
    masks_pixels: ClassVar[bool] = False
    """Whether the network itself says where there is no depth, as in the sky."""

    model: Text
    kind: DepthKind
    _: KW_ONLY
    device: DeviceName = "auto"
    dtype: DtypeName = "auto"
    batch_size: Count = 1
    map_name: Text | None = None
    upsampling: UpsamplingMethod = "bicubic"
    flip: bool = False
    input_scales: Annotated[Sequence[_InputScale], MinLen(1)] = (1.0,)
    tile_px: TileSide | None = None
    tile_overlap: TileOverlap = 0.25
    size_gb: NonNegative | None = None
    licence: str | None = None

    def __post_init__(self) -> None:
        """Check the input's sizes."""
        if not self.takes_input_scales and set(self.input_scales) != {1.0}:
            raise ConfigError(f"{self.model} takes input of one size only: set depth.input_scales=[1.0].")
        if self.map_name is None:
            self.map_name = self.backend if self.kind is self.usual_kind else f"{self.backend}_{self.kind}"
        self.tiling = None if self.tile_px is None else Tiling(self.tile_px, self.tile_overlap)
        self._network: Network | None = None
        self._lock = threading.Lock()

    @abstractmethod
    def _load(self, device: torch.device, dtype: torch.dtype) -> Network:
        """Load the network.

        Raises:
            ModelUnavailableError: If it is neither on disk nor reachable.
            DependencyError: If its package is missing.
            ConfigError: If it does not take the configured input.
        """

    @abstractmethod
    def _settings(self) -> str:
        """The subclass's settings that the output depends on, as ``name=value`` parts."""

    @property
    @abstractmethod
    def _location(self) -> Any:
        """Where the model is, with its ``revision``.

        Raises:
            ModelUnavailableError: If it is neither on disk nor reachable.
        """

    def frame_key(self, frame: Frame) -> str:
        """Key for the cache: all parts of a frame that its depth depends on."""
        return frame.digest

    @property
    def identity(self) -> str:
        """Backend, model, revision, number format, kind and all settings that change the output.

        Raises:
            ModelUnavailableError: If the model is neither on disk nor reachable.
        """
        dtype = str(self._device_and_dtype[1]).removeprefix("torch.")
        tiles = "none" if self.tiling is None else f"{self.tiling.side_px}/{self.tiling.overlap:g}"
        return (
            f"{self.backend} {self.map_name} {self.model} {dtype} {self.kind} revision={self._location.revision} "
            f"{self._settings()} upsampling={self.upsampling} flip={self.flip} input_scales={list(self.input_scales)} "
            f"tiles={tiles}"
        )

    @property
    def version(self) -> str:
        """Model and revision; see ``identity``."""
        return f"{self.model}@{self._location.revision}"

    def estimate(self, frames: Sequence[Frame]) -> list[DepthMap]:
        """One depth map per frame, of the frame's size, in the same order.

        Raises:
            StoppedError: If nobody waits for them any more; see ``stoppable``.
            DepthError: If memory does not suffice for a single frame, or the network gives no finite value for a frame.
            ModelUnavailableError: If the model is neither on disk nor reachable.
            DependencyError: If its package is missing.
            ConfigError: If the model does not take the configured input.
        """
        if not frames:
            return []
        self._check(frames)
        network = self._loaded()
        maps: dict[int, DepthMap] = {}
        waiting = list(batches(frames, self.batch_size))
        while waiting:
            indices = waiting.pop(0)
            try:
                found = self._predicted(network, [frames[index] for index in indices])
            except _OutOfMemoryError:
                if len(indices) == 1:
                    raise
                half = len(indices) // 2
                waiting[:0] = [indices[:half], indices[half:]]
                logger.warning("Memory does not suffice for %d frames at once; they are halved.", len(indices))
                continue
            for position, index in enumerate(indices):
                maps[index] = self._depth_map(found, position, frames[index])
        return [maps[index] for index in range(len(frames))]

    def _require_kind(self, kind: DepthKind) -> None:
        """Refuse a checkpoint that gives depth of another kind than the configured one."""
        if self.kind is not kind:
            raise ConfigError(f"{self.model} gives {kind} depth, not {self.kind}: set depth.kind={kind}.")

    def _check(self, frames: Sequence[Frame]) -> None:
        """Refuse frames that the network cannot take."""

    def _predicted(self, network: Network, frames: Sequence[Frame]) -> _Averaged:
        """The average of all views of frames of one size, from tiles where they are large."""
        try:
            whole = self._averaged(network, frames)
            if self.tiling is None:
                return whole
            tiles = tiles_of(frames[0].height, frames[0].width, self.tiling)
            if len(tiles) < 2:
                return whole
            parts = [self._averaged(network, [crop(frame, tile) for frame in frames]) for tile in tiles]
        except RuntimeError as error:  # torch.OutOfMemoryError is one; MPS and the CPU raise RuntimeError itself.
            if not is_out_of_memory(error):
                raise
            raise self._memory_error() from None
        merged = [
            merge(whole.values[position], tiles, [part.values[position] for part in parts], self.kind)
            for position in range(len(frames))
        ]
        return replace(whole, values=np.stack(merged), sampling=parts[0].sampling)

    def _averaged(self, network: Network, frames: Sequence[Frame]) -> _Averaged:
        """The average over all views of the frames; the focal length is that of the first view."""
        size = (frames[0].height, frames[0].width)
        views: list[np.ndarray] = []
        focal_px = None
        finest = Sampling(*size[::-1])
        for scale in self.input_scales:
            for mirrored in (False, True) if self.flip else (False,):
                seen = [flipped(frame) for frame in frames] if mirrored else frames
                check_goes_on()
                prediction = network.predict(seen, scale)
                values = self._at_frame_size(prediction, seen)
                finest = min(finest, _sampling(prediction, size), key=lambda sampling: sampling.width_px)
                if not views and prediction.focal_share is not None:
                    focal_px = np.asarray(prediction.focal_share) * size[1]
                views.append(unflipped(values) if mirrored else values)
        if len(views) == 1:
            return _Averaged(views[0], focal_px, finest)
        averages, apart = [], []
        for position in range(len(frames)):
            seen_values = [view[position] for view in views]
            averages.append(combine(seen_values, self.kind))
            apart.append(disagreement(seen_values, averages[-1], self.kind))
        return _Averaged(np.stack(averages), focal_px, finest, apart)

    def _at_frame_size(self, prediction: Prediction, frames: Sequence[Frame]) -> np.ndarray:
        """Values of the backend's kind, float32 (N, H, W)."""
        images = [reflected(frame.rgb, prediction.margin_px) for frame in frames]
        height, width = images[0].shape[:2]
        rows, columns = prediction.margin_px
        values = upsample(prediction.values, images, (height, width), self.upsampling)
        values = values[:, rows : height - rows, columns : width - columns]
        return values if prediction.finish is None else prediction.finish(values)

    def _memory_error(self) -> _OutOfMemoryError:
        remedy = f"lower depth.batch_size (now {self.batch_size})" if self.batch_size > 1 else "set depth.device=cpu"
        return _OutOfMemoryError(
            f"{self.model} does not fit into the memory of {self._device_and_dtype[0]}: {remedy}, or choose a smaller "
            "model, such as depth=midas/dpt_swinv2_tiny_256."
        )

    def _depth_map(self, found: _Averaged, position: int, frame: Frame) -> DepthMap:
        values = found.values[position]
        focal_px = None if found.focal_px is None or np.isnan(found.focal_px[position]) else found.focal_px[position]
        finite = np.isfinite(values)
        if not finite.any():
            remedy = "" if self.masks_pixels else ": set depth.dtype=float32"
            raise DepthError(f"The model {self.model} gave no finite depth for {frame.name}{remedy}.")
        if not self.masks_pixels and not finite.all():
            logger.warning("%s: %d pixels without finite depth.", frame.name, finite.size - int(finite.sum()))
        return DepthMap(
            values,
            finite,
            self.kind,
            self._scale_source(frame),
            str(self.map_name),
            focal_px=None if focal_px is None else float(focal_px),
            sampling=found.sampling,
            disagreement=None if found.disagreement is None else found.disagreement[position],
        )

    def _scale_source(self, frame: Frame) -> ScaleSource:
        """Where the scale of the frame's depth comes from."""
        return ScaleSource.MODEL if self.kind is DepthKind.METRIC else ScaleSource.NONE

    @cached_property
    def _device_and_dtype(self) -> tuple[torch.device, torch.dtype]:
        device = choose_device(self.device)
        return device, choose_dtype(device, self.dtype)

    def _loaded(self) -> Network:
        """The network, loaded at the first call."""
        with self._lock:
            if self._network is None:
                self._network = self._load(*self._device_and_dtype)
            return self._network


@checked
@dataclass(eq=False, kw_only=True)
class SizedInputDepth(NetworkDepth):
    """Depth from a network whose input has a size in pixels.

    Args:
        model: Name of the model, for messages.
        kind: What the network's output means.
        input_size_px: Side of the network's input [px], a multiple of its stride; None takes its usual one.
        **settings: Those of ``NetworkDepth``.

    Raises:
        ConfigError: If a setting is out of its range.
    """

    stride_px: ClassVar[int] = 32
    """Sides of the network's input are multiples of it [px]."""

    input_size_px: Side | None = None

    def __post_init__(self) -> None:
        """Check the input's side."""
        super().__post_init__()
        if self.input_size_px is not None and self.input_size_px % self.stride_px:
            raise SettingError(
                "input_size_px", f"must be a multiple of {self.stride_px}, or null, not {self.input_size_px}."
            )

    def _settings(self) -> str:
        return f"input_size_px={self.input_size_px}"
