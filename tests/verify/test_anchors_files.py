"""Anchors given in a manifest or on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scenes
from commands import CommandLine, results_in
from PIL import Image

from pipeline.records import Status

CAMERA = "{fx: 150, fy: 150, cx: 79.5, cy: 59.5}"
CLAIMS = {
    "regions": [{"label": label, "box_px": box} for label, (box, _) in scenes.OBJECTS.items()],
    "claims": [
        {"relation": "distance_to_camera", "subject": "lamp", "value": 1.5, "unit": "m", "tolerance": 0.6},
        {"relation": "distance_to_camera", "subject": "lamp", "value": 4, "unit": "m"},
        {"relation": "closer", "subject": "cup", "object": "lamp"},
    ],
}


@pytest.fixture
def files(tmp_path: Path) -> None:
    """A photo, depth of it up to scale and up to scale and shift, claims, and a manifest with an anchor."""
    Image.fromarray(np.full((scenes.HEIGHT, scenes.WIDTH, 3), 120, np.uint8)).save(tmp_path / "photo.png")
    np.save(tmp_path / "shape.npy", (scenes.depth_m() * 0.37).astype(np.float32))
    np.save(tmp_path / "disparity.npy", (5 / scenes.depth_m() + 1).astype(np.float32))
    (tmp_path / "claims.json").write_text(json.dumps(CLAIMS))
    line = {"frames": "photo.png", "depth": "disparity.npy", "depth_kind": "disparity_affine"}
    anchor = {"to_camera": "cup", "measure": "z", "value": 0.8, "unit": "m"}
    (tmp_path / "items.jsonl").write_text(json.dumps({**line, "anchors": [anchor]}))


SHAPE = ("input.depth_backend=rendered", "input=photo.png", "input.depth=shape.npy", "input.depth_kind=scale_invariant")
ANCHORS = "[{size: lamp, measure: height, value: 40, unit: cm}, {to_camera: cup, measure: z, value: 0.8, unit: m}]"
LACKING = "One anchor fixes the scale but not the shift of disparity; give a second known distance or the camera's"


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("arguments", "statuses", "problem"),
    [
        (SHAPE, (Status.UNDECIDED, Status.UNDECIDED, Status.SUPPORTED), None),
        ((*SHAPE, f"input.anchors={ANCHORS}"), (Status.SUPPORTED, Status.REFUTED, Status.SUPPORTED), None),
        (("input=items.jsonl",), (Status.UNDECIDED, Status.UNDECIDED, Status.SUPPORTED), LACKING),
    ],
    ids=["none", "on the command line", "in a manifest"],
)
def test_anchors_and_what_they_lack_reach_the_result(
    command_line: CommandLine, tmp_path: Path, arguments: tuple[str, ...], statuses: tuple[Status], problem: str | None
) -> None:
    done = command_line(
        *("verify", "claims=claims.json", f"input.camera={CAMERA}", "output_dir=out", "cache_dir=null"),
        *("export.overlay=false", "export.ply=false", *arguments),
    )
    assert done.returncode == 0, done.stderr
    (result,) = results_in(tmp_path / "out")
    assert tuple(verdict.status for verdict in result.verdicts) == statuses
    assert (result.frames[0].scale_source == "anchor") is (statuses[0] is Status.SUPPORTED)
    assert (problem or "") in (result.verdicts[0].needs or "")
    assert problem in result.errors[0] if problem else result.errors == ()


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("anchors", "words"),
    [
        ("[{size: lamp, value: 40, unit: cm}]", "anchors: anchor 1: The anchor size needs a measure: height, width"),
        ("[{length: lamp, value: 40, unit: cm}]", "An anchor names one of size, between, between_px"),
        ("lamp", "anchors: they must be a list such as [{size, measure, value, unit}], not 'lamp'"),
    ],
)
def test_wrong_anchors_on_the_command_line_are_one_line(mistake: Callable[..., str], anchors: str, words: str) -> None:
    assert words in mistake("verify", "input=photo.png", "claims=claims.json", f"input.anchors={anchors}")
