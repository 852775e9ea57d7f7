"""Frames with their cameras and depth, and the scene that holds them."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pipeline.records.anchor import Anchor
from pipeline.records.camera import Camera
from pipeline.records.checks import require, text
from pipeline.records.claim import Claim, Region
from pipeline.records.depth import DepthMap
from pipeline.records.errors import RecordError
from pipeline.records.message import Message


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
        if min(rgb.strides) < 0:
            # Torch takes no mirrored views.
            object.__setattr__(self, "rgb", rgb.copy())
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
            require(
                bool(np.allclose(pose[3], (0, 0, 0, 1), atol=1e-6)),
                "The last row of a pose must be 0 0 0 1; it may be transposed.",
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
        problems: Anchors that could not be used.
        notes: What was changed or left out on reading.

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
    notes: tuple[Message, ...] = ()

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
