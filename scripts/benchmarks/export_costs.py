"""Time that the files of an item cost, in the checkout that PYTHONPATH names.

Usage: PYTHONPATH=CHECKOUT python export_costs.py

Prints one JSON object: milliseconds per item at 640 x 480 for the overlay and the cloud, and for all that is written by
default.
"""

from __future__ import annotations

import inspect
import json
import statistics
import tempfile
import time
from pathlib import Path

ITEMS = 12
MOST_POINTS = 200_000


def main() -> None:
    """Measure the checkout."""
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    from pipeline.records import Camera, DepthMap, Frame, Region, Result, Scene
    from pipeline.stages.export import ExportStage

    generator = np.random.default_rng(0)
    width, height = 640, 480

    def scene(index: int) -> Scene:
        noise = generator.integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
        depth = (
            2
            + cv2.resize(generator.uniform(0, 2, (6, 8)), (width, height))
            + generator.normal(0, 0.004, (height, width))
        )
        frame = Frame(cv2.resize(noise, (width, height)), Camera.from_fov(width, height, 60.0))
        return Scene(f"item {index}", (frame,), depth=(DepthMap.from_values(depth, "metric", "sensor", "file"),))

    scenes = [scene(index) for index in range(ITEMS)]
    regions = (Region("cup", (60.0, 60.0, 260.0, 240.0)), Region("box", (300.0, 150.0, 580.0, 430.0)))
    known = set(inspect.signature(ExportStage).parameters)
    few = {"overlay": True, "ply": True, "page": False, "report": False, "scenes": False, "max_points": MOST_POINTS}
    stages = {
        "overlay_and_cloud": ExportStage(**{key: value for key, value in few.items() if key in known}),
        "default": ExportStage(),
    }
    found = {}
    for name, stage in stages.items():
        times = []
        with tempfile.TemporaryDirectory() as folder:
            for one in scenes:
                start = time.perf_counter()
                stage(one, Result(one.id, "Where?", (), None, regions=regions), Path(folder))
                times.append((time.perf_counter() - start) * 1e3)
        found[name] = statistics.median(times[2:])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
