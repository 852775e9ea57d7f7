"""Analytic scenes for exports: a wall, a screen before it and a cup, with known points, results and run folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.export.stored_scene import StoredScene, write_scene
from pipeline.records import (
    Answer,
    Claim,
    DepthKind,
    DepthMap,
    Evidence,
    Frame,
    FrameSummary,
    Region,
    Result,
    Scene,
    Status,
    Verdict,
    to_json,
)
from pipeline.records.camera import Camera
from pipeline.records.error_budget import DepthErrors

WIDTH, HEIGHT = 120, 90
# Pixels that are not square, and a principal point off the centre.
CAMERA = Camera(110.0, 131.0, 52.3, 49.1, WIDTH, HEIGHT)
WALL_M, SCREEN_M, CUP_M = 3.0, 1.2, 0.9
SCREEN_BOX, CUP_BOX = (20, 15, 60, 55), (75, 50, 95, 80)
KNOWN_PX = (33, 41)
"""A pixel (u, v) of the screen."""
ERRORS = DepthErrors(relative=0.002, pixel=0.001, scale=0.005, focal=0.005)


def rgb(seed: int = 3) -> np.ndarray:
    """A smooth photo, which JPEG keeps, uint8 (HEIGHT, WIDTH, 3)."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack((columns * 2, rows * 2, np.full_like(rows, 40 * seed % 255)), axis=-1).astype(np.uint8)


def depth_m() -> np.ndarray:
    """z of a wall with a screen and a cup before it, float64 (HEIGHT, WIDTH) [m]."""
    values = np.full((HEIGHT, WIDTH), WALL_M)
    for (left, top, right, bottom), z in ((SCREEN_BOX, SCREEN_M), (CUP_BOX, CUP_M)):
        values[top:bottom, left:right] = z
    return values


def known_point() -> np.ndarray:
    """The point of ``KNOWN_PX`` in the camera frame, by hand, float64 (3,) [m]."""
    u, v = KNOWN_PX
    return np.array(((u - 52.3) / 110.0 * SCREEN_M, (v - 49.1) / 131.0 * SCREEN_M, SCREEN_M))


def pose(angle_rad: float = 0.6, shift_m: tuple[float, float, float] = (1.0, -2.0, 3.0)) -> np.ndarray:
    """Camera-to-world, turned about the camera's y axis and moved, float64 (4, 4)."""
    matrix = np.eye(4)
    sine, cosine = np.sin(angle_rad), np.cos(angle_rad)
    matrix[:3, :3] = [[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]]
    matrix[:3, 3] = shift_m
    return matrix


def mask(box: tuple[int, int, int, int]) -> np.ndarray:
    """The pixels of a box without its top-left corner, bool (HEIGHT, WIDTH)."""
    inside = np.zeros((HEIGHT, WIDTH), dtype=bool)
    left, top, right, bottom = box
    inside[top:bottom, left:right] = True
    inside[top : top + 3, left : left + 3] = False
    return inside


def regions(frame: int = 0) -> tuple[Region, ...]:
    """The screen with a mask, and the cup with a box."""
    return (
        Region("screen", tuple(map(float, SCREEN_BOX)), frame, mask=mask(SCREEN_BOX), score=0.9),
        Region("cup", tuple(map(float, CUP_BOX)), frame),
    )


def stored(
    kind: DepthKind | str | None = "metric", poses: tuple[np.ndarray | None, ...] = (None,), item: str = "item"
) -> StoredScene:
    """The scene, once for each pose, with depth of a kind; None is without depth."""
    frames = tuple(
        Frame(rgb(index + 3), CAMERA, timestamp_s=index / 2, pose=each, name=f"photo {index + 1}.jpg")
        for index, each in enumerate(poses)
    )
    if kind is None:
        return StoredScene(Scene(item, frames))
    values = depth_m()
    if kind == "disparity_affine":
        values = 2 / values + 0.1
    depth = DepthMap.from_values(values, kind, "sensor" if kind == "metric" else "none", "sensor")
    return StoredScene(Scene(item, frames, depth=(depth,) * len(poses)), (ERRORS,) * len(poses))


def verdicts(frame: int = 0) -> tuple[Verdict, ...]:
    """A distance that was measured between two points, and a claim that nothing decides."""
    ends = {"nearest_subject": tuple(known_point()), "nearest_object": (0.5, 0.25, CUP_M)}
    measured = Evidence(frame, (0, 1), {"nearest_sigma_relative": 0.1}, ends, 0.97, "0.8 m apart")
    distance = Claim("distance_between", "screen", "cup", value=0.8, unit="m", measure="nearest", truth=True)
    behind = Claim("above", "screen", "cup", truth=False)
    return (
        Verdict(distance, Status.SUPPORTED, "They are 0.8 m apart.", 0.97, 0.1, "m", evidence=(measured,)),
        Verdict(behind, Status.UNDECIDED, "It is within the error.", 0.5, needs="a larger view"),
    )


def result(
    scene: StoredScene, question: str | None = "Where is the cup?", of: tuple[Region, ...] | None = None
) -> Result:
    """A result of the scene's first frame."""
    summaries = tuple(
        FrameSummary(frame.name, frame.digest, frame.camera, frame.timestamp_s, depth and depth.kind)
        for frame, depth in zip(scene.scene.frames, scene.scene.depth or [None] * len(scene.scene.frames), strict=True)
    )
    held = regions() if of is None else of
    judged = verdicts() if len(held) > 1 else ()
    answer = Answer("In front of the screen.", model="test-model", revision="1")
    return Result(scene.scene.id, question, summaries, answer, judged, held, is_correct=True)


def run_folder(folder: Path, *parts: tuple[StoredScene, Result]) -> Path:
    """A folder of results as a run writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for index, (scene, each) in enumerate(parts):
        known = next((number for number in range(index) if parts[number][0] is scene), index)
        path = f"scenes/scene-{known}.zip"
        if known == index:
            write_scene(folder / path, scene.scene, scene.errors, lossless=True)
        lines.append(to_json(replace(each, artefacts={"scene": path})))
    (folder / "results.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder
