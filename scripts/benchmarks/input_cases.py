"""The small inputs of ../shared/cases that once failed, each by the command line as a user types it.

What is expected is what the README of that folder says.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[2]
Said = tuple[int, str, list[dict]]


@dataclass(frozen=True)
class Case:
    """A command and what its exit code, its output and its results must be."""

    name: str
    arguments: Sequence[str]
    expected: Callable[[Said], bool]
    command: str = "verify"


def outcomes(shared: Path) -> Iterator[tuple[str, bool, str]]:
    """Name of each case, whether it ended as expected, and the end of what was printed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case in _all(shared, folder):
            said = _run(case, folder / "out")
            yield case.name, case.expected(said), said[1].strip()[-400:]
            shutil.rmtree(folder / "out", ignore_errors=True)


def _run(case: Case, output: Path) -> Said:
    if case.name == "resume":
        output.mkdir(parents=True)
        shutil.copy(case.arguments[0], output / "results.jsonl")
    arguments = [argument for argument in case.arguments if "=" in argument]
    command = [sys.executable, "-m", "pipeline", case.command, *arguments, f"output_dir={output}", "cache_dir=null"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "COLUMNS": "400"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=_ROOT, env=environment, check=False)
    file = output / "results.jsonl"
    results = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
    return done.returncode, done.stdout + done.stderr, results


def _statuses(said: Said) -> list[str]:
    return [verdict["status"] for result in said[2] for verdict in result["verdicts"]]


def _notes(said: Said) -> str:
    return " ".join(note for result in said[2] for note in result["errors"])


def _refused(*words: str) -> Callable[[Said], bool]:
    return lambda said: said[0] != 0 and "Traceback" not in said[1] and all(word in said[1] for word in words)


def _all(shared: Path, folder: Path) -> Iterator[Case]:
    cases = shared / "cases"
    tum = [f"input={shared}/rgbd/tum/rgb.png", "input.camera={fx: 525, fy: 525, cx: 319.5, cy: 239.5}"]
    camera = [f"{key}={cases}/camera/{name}" for key, name in (("input", "rgb.png"), ("input.depth", "depth.exr"))]
    camera.append(f"claims={cases}/camera/claims.json")
    all_supported = lambda said: _statuses(said) == ["supported"] * 5  # noqa: E731
    for name, numbers, note in (
        ("camera, right", "{fx: 260, fy: 260, cx: 159.5, cy: 119.5}", ""),
        ("camera, shares", "{fx: 0.8125, fy: 1.08333, cx: 0.5, cy: 0.5}", "shares"),
        ("camera, double", "{fx: 520, fy: 520, cx: 319.5, cy: 239.5}", "640 x 480"),
    ):
        yield Case(
            name,
            [*camera, f"input.camera={numbers}"],
            lambda said, note=note: all_supported(said) and note in _notes(said),
        )
    turned = [f"input={cases}/turned/portrait_noexif.jpg", "input.depth_scale=0.001"]
    turned.append(f"claims={cases}/turned/pclaims.json")
    for name, file, note in (("sideways", "lidar_256x192.png", "sideways"), ("upright", "lidar_turned.png", "")):
        yield Case(
            f"turned, {name}",
            [*turned, f"input.depth={cases}/turned/{file}"],
            lambda said, note=note: "supported" not in _statuses(said)[:1] and note in _notes(said),
        )
    yield Case(
        "video, mirrored",
        [f"input={cases}/video/hflip.mp4", "input.video_frames=1", "depth=none", f"claims={cases}/video/hc.json"],
        lambda said: said[0] == 0 and _is_mirrored(cases / "video"),
    )
    # A folder of the user's, as the shared one is read only.
    claims = folder / "none.json"
    claims.write_text(
        '{"regions": [{"label": "a", "box_px": [1, 1, 9, 9]}], "claims": '
        '[{"relation": "left_of", "subject": "a", "object": "a"}]}'
    )
    yield Case(
        "folder",
        [f"input={cases}/folder", "depth=none", f"claims={claims}"],
        lambda said: {result["item_id"] for result in said[2]} == {"good", "photo"},
    )
    yield Case(
        "small",
        [f"input={cases}/small/s1x1.png", "depth=nano", f"claims={claims}"],
        lambda said: "Unexpected" not in said[1] and "Traceback" not in said[1],
    )
    unit = [*tum, f"input.depth={cases}/depth_unit/mm_f32_small.npy", f"claims={folder}/far.json"]
    (folder / "far.json").write_text(
        json.dumps(
            {
                "regions": [{"label": "a", "box_px": [100, 100, 200, 200]}],
                "claims": [{"relation": "distance_to_camera", "subject": "a", "value": 2, "unit": "m"}],
            }
        )
    )
    yield Case("depth_unit", unit, _refused("millimetres"))
    for name in ("semi", "sp"):
        shutil.copy(cases / "text_files" / f"{name}.csv", folder / f"{name}.csv")
        shutil.copy(shared / "rgbd" / "tum" / "rgb.png", folder / "rgb.png")
        yield Case(
            f"text_files, {name}.csv",
            [f"input={folder}/{name}.csv", "depth=none", f"claims={claims}"],
            lambda said: said[0] == 0 and len(said[2]) >= 1,
        )
    for name, scale in (("mid.pgm", "0.001"), ("f16.tif", "1")):
        file = cases / "text_files" / name
        yield Case(
            f"text_files, {name}",
            [*tum, f"input.depth={file}", f"input.depth_scale={scale}", "input.trust_input=true", *unit[-1:]],
            lambda said: len(_statuses(said)) == 1,
        )
    yield Case(
        "resume",
        [
            str(cases / "resume" / "results_before.jsonl"),
            f"input={cases}/resume/three.jsonl",
            "vlm=recorded",
            f"vlm.path={cases}/resume/a3.jsonl",
            "depth=none",
            "resume=true",
        ],
        lambda said: len(said[2]) == 3 and all(result.get("answer") for result in said[2]),
        "run",
    )
    yield Case(
        "sky",
        [
            f"input={cases}/sky/rgb.png",
            f"input.depth={cases}/sky/sky1e10.exr",
            f"claims={cases}/sky/claims.json",
            "input.camera={fx: 260, fy: 260, cx: 159.5, cy: 119.5}",
        ],
        lambda said: "refuted" not in _statuses(said) and _cloud_span_m(folder / "out") < 1000,
    )


def _is_mirrored(folder: Path) -> bool:
    import numpy as np

    from pipeline.ingest.video import read_video

    plain, mirrored = (read_video(folder / name, frames=1)[0][0] for name in ("plain.mp4", "hflip.mp4"))
    return bool(np.abs(plain[:, ::-1].astype(int) - mirrored).mean() < 5)


def _cloud_span_m(folder: Path) -> float:
    import numpy as np
    import open3d

    (file,) = (folder / "clouds").iterdir()
    return float(np.ptp(np.asarray(open3d.io.read_point_cloud(str(file)).points), axis=0).max())
