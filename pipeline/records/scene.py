"""Frames with their cameras, depth maps, and the scene that holds them."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

import numpy as np

from pipeline.records.anchor import Anchor
from pipeline.records.camera import Camera
from pipeline.records.checks import member, require, text
from pipeline.records.claim import Claim, Region
from pipeline.records.errors import RecordError
from pipeline.records.message import Message


class DepthKind(StrEnum):
    """What the numbers of a depth map mean; it fixes what may be concluded from them.

    ``metric``: z in metres. ``scale_invariant``: z up to one positive factor. ``depth_affine``: z up to
    a positive factor and a shift. ``disparity_affine``: 1/z up to a positive factor and a shift, larger
    is nearer (MiDaS).
    """

    METRIC = "metric"
    SCALE_INVARIANT = "scale_invariant"
    DEPTH_AFFINE = "depth_affine"
    DISPARITY_AFFINE = "disparity_affine"

    @property
    def larger_is_nearer(self) -> bool:
        """Whether a larger value lies nearer to the camera."""
        return self is DepthKind.DISPARITY_AFFINE

    @property
    def has_shape(self) -> bool:
        """Whether points can be back-projected, at least up to one common scale factor."""
        return self in (DepthKind.METRIC, DepthKind.SCALE_INVARIANT)


class ScaleSource(StrEnum):
    """Where the metric scale came from."""

    SENSOR = "sensor"
    MODEL = "model"
    ANCHOR = "anchor"
    NONE = "none"


@dataclass(frozen=True, eq=False)
class DepthMap:
    """Depth of one frame, pixel by pixel.

    Convention: z-depth along the optical axis (not ray length), one value per pixel of the upright frame.

    Args:
        values: float32 (H, W); the unit follows from ``kind``.
        valid: bool (H, W); where the values mean something. Pixels with values that are not finite, or
            not positive where the kind demands it, are removed from it.
        kind: What the numbers mean.
        scale_source: Where the scale came from; ``none`` unless the kind is metric.
        backend: Name of the backend, which chooses the noise model.
        confidence: Optional float32 (H, W) in [0, 1].
        focal_px: Focal length that the network estimated along with the depth [px of the frame], if any.
        scale_error: Relative standard deviation of the metric scale where anchors gave it; None leaves it to
            the error budget.

    Raises:
        RecordError: If shapes differ, a metric map names no scale source, or the scale's error is not a share.
    """

    values: np.ndarray
    valid: np.ndarray
    kind: DepthKind
    scale_source: ScaleSource = ScaleSource.NONE
    backend: str = "unknown"
    confidence: np.ndarray | None = None
    focal_px: float | None = None
    scale_error: float | None = None

    def __post_init__(self) -> None:
        """Check shapes and remove meaningless pixels from the mask."""
        kind = member(DepthKind, self.kind, "Depth kind")
        scale_source = member(ScaleSource, self.scale_source, "Scale source")
        values = np.asarray(self.values)
        require(
            values.ndim == 2 and values.size > 0 and values.dtype.kind in "fiu",
            f"Depth values must be a two-dimensional array of numbers, not {values.dtype} of shape {values.shape}.",
        )
        with np.errstate(over="ignore", invalid="ignore"):
            # Values too large for float32 become infinite and thereby invalid.
            values = np.ascontiguousarray(values, dtype=np.float32)
        valid = np.asarray(self.valid, dtype=bool)
        for name, array in (("valid mask", valid), ("confidence", self.confidence)):
            require(
                array is None or array.shape == values.shape,
                f"The {name} must have the depth's shape {values.shape}, not {getattr(array, 'shape', None)}.",
            )
        require(
            (scale_source is ScaleSource.NONE) == (kind is not DepthKind.METRIC),
            f"Depth of kind {kind} cannot have scale source {scale_source}; "
            "metric depth names sensor, model or anchor, every other kind names none.",
        )
        if self.scale_error is not None:
            require(
                kind is DepthKind.METRIC and math.isfinite(self.scale_error) and self.scale_error >= 0,
                f"The scale's error of {kind} depth must be a share >= 0 of metric depth, not {self.scale_error!r}.",
            )
        valid = valid & np.isfinite(values)
        if kind.has_shape:
            valid &= values > 0
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "valid", valid)
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "scale_source", scale_source)

    @classmethod
    def from_values(
        cls,
        values: np.ndarray,
        kind: DepthKind | str,
        scale_source: ScaleSource | str = ScaleSource.NONE,
        backend: str = "unknown",
    ) -> DepthMap:
        """Depth map that is valid wherever its values mean something."""
        values = np.asarray(values)
        return cls(values, np.ones(values.shape, dtype=bool), kind, scale_source, backend)  # type: ignore[arg-type]

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) [px]."""
        return self.values.shape[0], self.values.shape[1]

    @cached_property
    def digest(self) -> str:
        """SHA-256 over values, mask and kind."""
        digest = hashlib.sha256(f"{self.shape}|{self.kind}|{self.scale_source}|{self.backend}".encode())
        digest.update(self.values.tobytes())
        digest.update(np.packbits(self.valid).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Frame:
    """One upright image.

    Args:
        rgb: uint8 (H, W, 3), EXIF orientation already applied.
        camera: Intrinsics of exactly this image.
        timestamp_s: Time within its video [s].
        pose: Optional camera-to-world matrix, float64 (4, 4), metres.
        given_depth: Depth that came with the image, of the same size.
        name: What to call the frame in reports: a file name, or a file name and a time.

    Raises:
        RecordError: If shapes or types differ from the above.
    """

    rgb: np.ndarray
    camera: Camera
    timestamp_s: float | None = None
    pose: np.ndarray | None = None
    given_depth: DepthMap | None = None
    name: str = "frame"

    def __post_init__(self) -> None:
        """Check shapes."""
        rgb = self.rgb
        require(
            isinstance(rgb, np.ndarray) and rgb.dtype == np.uint8 and rgb.ndim == 3 and rgb.shape[2] == 3,
            f"A frame must be uint8 of shape (H, W, 3), not {getattr(rgb, 'dtype', type(rgb))} "
            f"of shape {getattr(rgb, 'shape', None)}.",
        )
        size = (self.camera.height, self.camera.width)
        require(rgb.shape[:2] == size, f"The camera is for {size}, but the frame {self.name} is {rgb.shape[:2]}.")
        require(
            self.timestamp_s is None or math.isfinite(self.timestamp_s),
            f"A timestamp must be a finite number of seconds, not {self.timestamp_s!r}.",
        )
        if self.pose is not None:
            pose = np.asarray(self.pose, dtype=np.float64)
            require(
                pose.shape == (4, 4) and bool(np.isfinite(pose).all()),
                f"A pose must be a finite 4 x 4 camera-to-world matrix, not of shape {pose.shape}.",
            )
            rotation = pose[:3, :3]
            require(
                bool(np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3)) and np.linalg.det(rotation) > 0,
                "The upper left 3 x 3 of a pose must be a rotation.",
            )
            object.__setattr__(self, "pose", pose)
        if self.given_depth is not None:
            require(
                self.given_depth.shape == size,
                f"The depth of frame {self.name} is {self.given_depth.shape}, the frame is {size}.",
            )

    @property
    def width(self) -> int:
        """Width [px]."""
        return self.camera.width

    @property
    def height(self) -> int:
        """Height [px]."""
        return self.camera.height

    @cached_property
    def digest(self) -> str:
        """SHA-256 over size and pixels."""
        digest = hashlib.sha256(repr(self.rgb.shape).encode())
        digest.update(np.ascontiguousarray(self.rgb).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Scene:
    """One item before a model answers.

    Args:
        id: The item's id; used in file names after making it safe.
        frames: At least one frame, in the order of time or of the user.
        questions: Questions to ask about the frames; may be empty where only claims are judged.
        regions: Regions that came with the item.
        claims: Claims that came with the item.
        depth: One depth map per frame, or empty before the depth stage.
        text_regions: Lines of text that OCR read.
        anchors: Known lengths and distances that came with the item.
        unanchored_depth: The original depth maps where anchors changed ``depth``; else empty.
        problems: Parts of the item that could not be used.

    Raises:
        RecordError: If there is no frame, or depth, regions or anchors do not fit the frames.
    """

    id: str
    frames: tuple[Frame, ...]
    questions: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()
    claims: tuple[Claim, ...] = ()
    depth: tuple[DepthMap, ...] = ()
    text_regions: tuple[Region, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    unanchored_depth: tuple[DepthMap, ...] = ()
    problems: tuple[Message, ...] = ()

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        object.__setattr__(self, "id", text(self.id, "The id of an item"))
        require(len(self.frames) > 0, f"Item {self.id} has no frames.")
        require(
            len(self.depth) in (0, len(self.frames)),
            f"Item {self.id} has {len(self.frames)} frames but {len(self.depth)} depth maps.",
        )
        for frame, depth in zip(self.frames, self.depth, strict=False):
            if depth.shape != (frame.height, frame.width):
                raise RecordError(f"The depth of frame {frame.name} is {depth.shape}, not as large as the frame.")
        for region in (*self.regions, *self.text_regions):
            require(
                region.frame < len(self.frames),
                f"Region {region.label!r} names frame {region.frame}, but item {self.id} has {len(self.frames)}.",
            )

        for anchor in self.anchors:
            require(
                (anchor.frame or 0) < len(self.frames),
                f"The anchor {anchor.in_words()!r} names frame {anchor.frame}, but item {self.id} has "
                f"{len(self.frames)}; frames are counted from 0.",
            )
            frame = self.frames[anchor.frame or 0]
            for u, v in anchor.points_px:
                require(
                    -0.5 <= u <= frame.width - 0.5 and -0.5 <= v <= frame.height - 0.5,
                    f"The anchor {anchor.in_words()!r} names a pixel outside its frame of {frame.width} x "
                    f"{frame.height} px.",
                )

    def with_depth(self, depth: tuple[DepthMap, ...]) -> Scene:
        """The same scene with one depth map per frame."""
        return replace(self, depth=depth)
