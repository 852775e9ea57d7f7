"""Finished runs of rendered scenes, which the benchmark of reports looks at."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

SCENES = 10
SIZE_PX = (640, 480)
CLAIMS = 8


def make_run(folder: Path, items: int, first_seed: int = 91_000) -> None:
    """Write a run of judged claims on rendered scenes with the depth of a simulated sensor.

    Every item has its own stored scene; the scenes repeat after ten, since rendering takes longer than what is timed.

    Args:
        folder: Where ``results.jsonl`` and ``scenes/`` go.
        items: Number of results.
        first_seed: Seed of the first scene.
    """
    import numpy as np

    from pipeline.export.jsonl import ResultWriter
    from pipeline.export.stored_scene import write_scene
    from pipeline.records import Answer, Result
    from pipeline.records.error_budget import ErrorBudget
    from pipeline.stages.verify import VerifyStage
    from pipeline.synthetic.claims import claims_of
    from pipeline.synthetic.depth_errors import sensor_depth
    from pipeline.synthetic.scenes import rendered_scene

    verify, budget = VerifyStage(), ErrorBudget()
    made: list[tuple[Path, Result]] = []
    for index in range(min(SCENES, items)):
        rendered = rendered_scene(first_seed + index, size_px=SIZE_PX)
        frame = rendered.scene.frames[0]
        assert frame.given_depth is not None
        scene = rendered.scene.with_depth((sensor_depth(frame.given_depth.values, frame.camera, index),))
        claims = claims_of(rendered.view, np.random.default_rng(index), CLAIMS)
        answer = Answer("The answer.", regions=scene.regions, claims=claims, model="benchmark")
        judged = verify(replace(scene, regions=()), answer)
        path = folder / "made" / f"{index}.zip"
        write_scene(path, scene, [budget.depth_errors(scene.depth[0], frame.camera.source)])
        made.append((path, Result("item", "Where?", (), answer, judged.verdicts, judged.regions)))
    with ResultWriter(folder) as writer:
        (folder / "scenes").mkdir()
        for index in range(items):
            path, result = made[index % len(made)]
            name = f"scenes/item-{index:05d}.zip"
            shutil.copyfile(path, folder / name)
            writer.append(replace(result, item_id=f"item-{index:05d}", artefacts={"scene": name}))
    shutil.rmtree(folder / "made")
