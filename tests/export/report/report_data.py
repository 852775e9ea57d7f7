"""Results with everything that a report shows, and folders of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import scenes

from pipeline.export.report.index import write_index
from pipeline.export.report.item_page import write_item_page
from pipeline.export.stored_scene import StoredScene
from pipeline.records import (
    Answer,
    Attempt,
    Claim,
    Evidence,
    FrameSummary,
    Origin,
    Region,
    Result,
    Scene,
    SpatialTag,
    Status,
    Verdict,
    to_json,
)
from pipeline.records.error_budget import DepthErrors
from pipeline.records.result import CalibrationNote

HOSTILE = "<script>alert('{{ 7 * 7 }}')</script> & \"quoted\" </title>\u202etxet\u2028"
TEXT = "The cup is left of the lamp, and the screen hides the cabinet.\n```json\n{}\n```"
POINTS = {
    "nearest_subject": (-0.3, -0.2, 0.8),
    "nearest_object": (0.5, -0.2, 1.5),
    "centre_subject": (-0.32, -0.2, 0.8),
    "centre_object": (0.55, -0.2, 1.5),
}
NUMBERS = {"nearest_visible_m": 1.06, "centres_m": 1.12, "nearest_sigma_relative": 0.05, "centre_sigma_relative": 0.05}


def stored(scene: Scene | None = None) -> StoredScene:
    scene = scenes.scene() if scene is None else scene
    return StoredScene(scene, (DepthErrors(0.01, scale=0.02),) * len(scene.depth))


def summaries(scene: Scene) -> tuple[FrameSummary, ...]:
    return tuple(
        FrameSummary(frame.name, "ab" * 32, frame.camera, None, depth.kind, depth.scale_source, "given")
        for frame, depth in zip(scene.frames, scene.depth, strict=True)
    )


def result(name: str = "item", scene: Scene | None = None, **changes: Any) -> Result:
    """Four claims about the analytic scene, a model's answer to them, and an earlier one."""
    scene = scenes.scene() if scene is None else scene
    mask = scenes.inside(scenes.OBJECTS["cabinet"][0])
    contour = tuple((74.0, float(v)) for v in range(50, 95))
    claims = (
        Claim("left_of", "cup", "lamp", text_span=(0, 27), truth=True),
        Claim("occludes", "screen", "cabinet", text_span=(33, 61), truth=False),
        Claim("distance_between", "cup", "lamp", value=1.06, unit="m", measure="nearest"),  # type: ignore[arg-type]
        Claim("on", "cup", "screen", truth=None),
    )
    note = CalibrationNote("default", "occlusion/measured", 900, 300, 7)
    verdicts = (
        Verdict(claims[0], Status.SUPPORTED, "It is 110 px left.", 0.9999, 117, "px", evidence=(Evidence(0, (3, 2)),)),
        Verdict(
            claims[1], Status.SUPPORTED, "Along 45 px.", 0.97, 0.4, "of certainty",
            evidence=(Evidence(0, (1, 0), {"owned": 0.9}, contour_px=contour),), calibration=note,
        ),
        Verdict(
            claims[2], Status.REFUTED, "Far.", 0.02, -0.3, "m", evidence=(Evidence(0, (3, 2), NUMBERS, POINTS, 0.02),),
        ),
        Verdict(claims[3], Status.UNDECIDED, "No step.", 0.5, needs="a clearer step"),
    )  # fmt: skip
    tags = (SpatialTag("left of", 11, 18, "left_of"), SpatialTag("hides", 44, 49, "occludes"))  # type: ignore[arg-type]
    answer = Answer(
        TEXT, "Let me see.", scenes.regions(), claims[:3], tags, prompt_tokens=200, completion_tokens=80,
        timings={"decode_s": 0.5}, model="some-vlm", revision="r1", generation={"do_sample": False},
        prompting={"hints": "table", "steps": 2}, seed=3, grounding="[cup, lamp]",
    )  # fmt: skip
    first = Attempt(
        replace(answer, text="The cup is right of the lamp."), verdicts[:1], scenes.regions(), "refuted: cup"
    )
    sign = Region("EXIT", (100, 5, 120, 12), origin=Origin.OCR)
    made = Result(
        name, "Is the cup left of the lamp?", summaries(scene), answer, verdicts,
        (*scenes.regions(cabinet=mask), sign), {"depth": 0.25, "query": 0.5}, {"theodolite": "0.1.0"},
        attempts=(first,), errors=("Lens distortion was undone.",), correct_answer="yes", is_correct=True,
    )  # fmt: skip
    return replace(made, **changes)


def bare(name: str = "item", **changes: Any) -> Result:
    """A result with one frame and nothing else."""
    return replace(Result(name, "Where?", summaries(scenes.scene()), Answer("There.", model="m")), **changes)


def noisy_scene(frames: int = 1) -> Scene:
    """The analytic scene with a photo that shows something."""
    scene = scenes.scene(frames=frames)
    rng = np.random.default_rng(0)
    photo = np.clip(scenes.depth_m()[..., None] * (60, 50, 40) + rng.normal(0, 4, (*scenes.depth_m().shape, 3)), 0, 255)
    return replace(scene, frames=tuple(replace(frame, rgb=photo.astype(np.uint8)) for frame in scene.frames))


def write_results(folder: Path, *results: Result, failures: tuple[tuple[str, str, str], ...] = ()) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{to_json(one)}\n" for one in results)
    (folder / "results.jsonl").write_text(lines, encoding="utf-8", errors="replace")
    failed = [json.dumps(dict(zip(("item_id", "stage", "reason"), one, strict=True))) for one in failures]
    (folder / "failures.jsonl").write_text("".join(f"{line}\n" for line in failed), encoding="utf-8")


def write_report(
    folder: Path, *results: Result, scene: Scene | None = None, failures: tuple[tuple[str, str, str], ...] = ()
) -> list[Result]:
    """Write pages and index as a run does; returns the results with the paths of their pages."""
    scene = noisy_scene() if scene is None else scene
    paged = []
    for number, one in enumerate(results):
        artefacts = {"scene": "scenes/shared-0123.zip", **one.artefacts}
        one = replace(one, artefacts=artefacts)
        page = write_item_page(folder, stored(scene), one, f"page-{number}", 5000)
        paged.append(replace(one, artefacts={**artefacts, "page": page}))
    write_results(folder, *paged, failures=failures)
    assert write_index(folder) == folder / "report" / "index.html"
    return paged
