"""Small scenes and results that tests of views share."""

from __future__ import annotations

import numpy as np

from pipeline.export.stored_scene import StoredScene
from pipeline.records import Camera, Claim, DepthMap, Evidence, Frame, Region, Result, Scene, Verdict
from pipeline.records.error_budget import DepthErrors

CAMERA = Camera(80.0, 80.0, 39.5, 29.5, width=80, height=60)
REGIONS = (Region("cup", (10, 20, 30, 40)), Region("wall", (40, 5, 75, 55)), Region("cup", (60, 40, 70, 50)))


def frame(pose: np.ndarray | None = None, name: str = "photo.png") -> Frame:
    """A frame with a red cup before a grey wall."""
    rgb = np.full((60, 80, 3), 120, np.uint8)
    rgb[20:40, 10:30] = (200, 0, 0)
    return Frame(rgb, CAMERA, pose=pose, name=name)


def values() -> np.ndarray:
    """A cup at 1 before a wall at 2, float32 (60, 80)."""
    depth = np.full((60, 80), 2.0, np.float32)
    depth[20:40, 10:30] = 1.0
    return depth


def depth_map(kind: str = "metric") -> DepthMap:
    """The depth of a frame."""
    return DepthMap.from_values(values(), kind, "sensor" if kind == "metric" else "none")


def stored(kind: str | None = "metric", poses: tuple[np.ndarray | None, ...] = (None,)) -> StoredScene:
    """A scene with one frame per pose; without depth where the kind is None."""
    frames = tuple(frame(pose, f"photo-{number}.png") for number, pose in enumerate(poses))
    depth = () if kind is None else (depth_map(kind),) * len(frames)
    return StoredScene(Scene("item", frames, depth=depth), (DepthErrors(scale=0.01),) * len(depth))


def result(question: str | None = None, **more: object) -> Result:
    """A result with one measured distance between the cup and the wall."""
    evidence = Evidence(
        0,
        (0, 1),
        {"nearest_visible_m": 1.25, "nearest_sigma_relative": 0.02},
        {"nearest_subject": (-0.125, 0.0, 1.0), "nearest_object": (0.5, 0.0, 2.0)},
    )
    claim = Claim("distance_between", "cup", "wall", value=1.2, unit="m", measure="nearest")
    verdict = Verdict(claim, "supported", "The nearest points are 1.25 m apart.", 0.97, evidence=(evidence,))  # type: ignore[arg-type]
    return Result("item", question, (), None, (verdict,), REGIONS, **more)  # type: ignore[arg-type]
