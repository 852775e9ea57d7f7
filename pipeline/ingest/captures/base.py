"""What the readers of captures give: frames as the device stored them, with everything it knew about them.

A capture is a recording of a device or a project of a tool, a file or a folder. A reader lists the times of its frames
without decoding them, and decodes only those that are asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from pipeline.geometry.lens import Lens
from pipeline.records import Camera, DepthMap
from pipeline.records.checks import require
from pipeline.records.errors import InputError
from pipeline.records.message import Message


@dataclass(frozen=True, eq=False)
class CapturedFrame:
    """One image of a capture in the orientation in which it is stored.

    Args:
        rgb: uint8 (H, W, 3).
        name: What to call the frame.
        camera: Intrinsics of the image [px], for its size or another one; None where the capture states none.
        lens: Distortion of the image; None without.
        depth: z-depth at its own resolution; None without. Where ``depth_camera`` is None, it shows the view of the
            image, through the same lens, edge to edge.
        depth_camera: Intrinsics of the depth, where another camera measured it.
        depth_lens: Distortion of the depth, where another camera measured it.
        depth_to_image: float (4, 4), from the depth camera's frame into the image camera's [m]; needed with
            ``depth_camera``.
        pose: Camera-to-world matrix, float64 (4, 4), OpenCV camera axes, metres; None where unknown.
        world_down: float (3,), direction of gravity in the world; None where unknown. With a pose, the image is turned
            upright by it.
        notes: What the reader changed or could not use.

    Raises:
        RecordError: If the parts do not fit together.
    """

    rgb: np.ndarray
    name: str
    camera: Camera | None = None
    lens: Lens | None = None
    depth: DepthMap | None = None
    depth_camera: Camera | None = None
    depth_lens: Lens | None = None
    depth_to_image: np.ndarray | None = None
    pose: np.ndarray | None = None
    world_down: np.ndarray | None = None
    notes: tuple[Message, ...] = ()

    def __post_init__(self) -> None:
        """Check that a depth camera comes with its place."""
        if self.depth_camera is not None:
            complete = self.depth is not None and self.camera is not None and self.depth_to_image is not None
            require(complete, f"The depth camera of {self.name} needs depth, the image's camera, and its place to it.")
        require(self.lens is None or self.camera is not None, f"The lens of {self.name} needs the image's camera.")


class Capture(ABC):
    """A recording, or a project of a tool.

    Args:
        path: Its file or folder.

    Attributes:
        format: Name of the format, as its makers write it.
        left_out: Number of its frames that lack a part and are therefore none of ``times_s``.

    Raises:
        InputError: If it is damaged or holds no frame; says which file is concerned.
    """

    format: ClassVar[str]
    left_out = 0

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    @abstractmethod
    def recognises(cls, path: Path) -> bool:
        """Whether the file or folder is of this format, by names and first bytes; cheap, and never raises."""

    @property
    @abstractmethod
    def times_s(self) -> Sequence[float]:
        """Time of every frame from the first [s], not descending; frame numbers where the capture has no times."""

    @property
    def has_times(self) -> bool:
        """Whether ``times_s`` are times, and not numbers of frames."""
        return True

    @abstractmethod
    def frames(self, indices: Sequence[int]) -> Iterator[CapturedFrame]:
        """Decode the frames of these positions in ``times_s``, ascending.

        Raises:
            InputError: If one is damaged.
        """


def within(folder: Path, name: object, what: str) -> Path:
    """The path of a file that a capture names, inside its folder.

    Args:
        folder: Folder of the capture.
        name: Path relative to it.
        what: What names it, for the message.

    Raises:
        InputError: If it is not a path or leads outside of the folder.
    """
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        raise InputError(f"{what} must name a file, not {name!r:.80}.")
    try:
        path = (folder / name).resolve()
        path.is_file()
    except (OSError, RuntimeError, ValueError):
        # Names that are too long or no text, and links in a circle.
        raise InputError(f"{what} names {name!r:.80}, which cannot be opened; rename the file.") from None
    if not path.is_relative_to(folder.resolve()):
        raise InputError(f"{what} names {name!r:.80}, outside of {folder}; only files of the capture are read.")
    return path


def nearest_indices(times_s: Sequence[float], wanted_s: Sequence[float]) -> list[int]:
    """Positions of the times nearest to those wanted, ascending, each once.

    >>> nearest_indices([0.0, 1.0, 2.0], [0.1, 0.2, 1.9])
    [0, 2]
    """
    times = np.asarray(times_s, dtype=np.float64)
    after = np.searchsorted(times, wanted_s).clip(0, len(times) - 1)
    before = (after - 1).clip(0)
    wanted = np.asarray(wanted_s, dtype=np.float64)
    nearer = np.where(np.abs(times[before] - wanted) <= np.abs(times[after] - wanted), before, after)
    return sorted(set(nearer.tolist()))
