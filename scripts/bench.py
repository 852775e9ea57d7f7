"""Benchmarks: one door for all of them.

Usage: python scripts/bench.py NAME [--check]

Prints one JSON object a line: figure, value, unit, baseline, ratio, reach, ok. Every number is the median of
several runs of this call, baseline and subject in turn. With --check the exit code is 1 where a figure misses
its reach.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One measured figure; the smaller the better."""

    figure: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    reach: float | None = None
    ok: bool = True


def in_turn(runs: int, *tasks: Callable[[], object], repeats: int = 1) -> list[float]:
    """Median time of each task [ms]; the tasks take turns, after one round that does not count.

    Args:
        runs: Number of turns.
        tasks: What to time.
        repeats: How often a task is done in one turn; more than once for those far below a millisecond.
    """
    times: list[list[float]] = [[] for _ in tasks]
    for run in range(runs + 1):
        for task, found in zip(tasks, times, strict=True):
            start = time.perf_counter()
            for _ in range(repeats):
                task()
            if run:
                found.append((time.perf_counter() - start) * 1e3 / repeats)
    return [statistics.median(found) for found in times]


def overhead() -> Iterator[Figure]:
    """What an item costs outside the models: ingest, verification and JSON; no pictures are written."""
    import cv2
    import numpy as np

    from pipeline.claims.answer import parse_answer
    from pipeline.ingest.source import FileSource
    from pipeline.records import Answer, Result, to_json
    from pipeline.stages.verify import VerifyStage

    cv2.setNumThreads(1)
    generator = np.random.default_rng(0)
    height, width, count = 480, 640, 10
    depth = np.full((height, width), 4.0)
    objects = []
    for index in range(count):
        left, top = int(generator.integers(0, 480)), int(generator.integers(0, 340))
        right, bottom = left + int(generator.integers(60, 150)), top + int(generator.integers(60, 130))
        depth[top:bottom, left:right] = generator.uniform(1, 3)
        box = [left * 1000 // width, top * 1000 // height, right * 1000 // width, bottom * 1000 // height]
        objects.append({"label": f"object {index}", "bbox_2d": box})
    relations = ("left_of", "closer", "occludes", "above", "behind", "taller", "touching", "between")
    claims = []
    for index in range(20):
        relation = relations[index % len(relations)]
        claim = {"relation": relation, "subject": f"object {index % count}", "object": f"object {(index + 3) % count}"}
        if relation == "between":
            claim["other_object"] = f"object {(index + 5) % count}"
        claims.append(claim)
    text = "```json\n" + json.dumps({"objects": objects, "claims": claims}) + "\n```"
    verify = VerifyStage()
    with tempfile.TemporaryDirectory() as folder:
        picture, depth_file = Path(folder) / "photo.jpg", Path(folder) / "depth.png"
        noise = generator.integers(0, 60, (height // 8, width // 8, 3), dtype=np.uint8)
        cv2.imwrite(str(picture), cv2.resize(noise, (width, height)))
        cv2.imwrite(str(depth_file), (depth * 1000 + generator.normal(0, 4, depth.shape)).astype(np.uint16))
        source = FileSource(str(picture), depth=str(depth_file), depth_scale=0.001)

        def ingest() -> None:
            nonlocal scene
            item = next(source.items())
            scene = source.scene(item)
            scene = scene.with_depth(tuple(frame.given_depth for frame in scene.frames))

        def judge() -> None:
            nonlocal result
            parsed = parse_answer(text, [frame.camera for frame in scene.frames])
            answer = Answer(parsed.text, regions=parsed.regions, claims=parsed.claims)
            regions, verdicts = verify(scene, answer)
            assert len(regions) == count and len(verdicts) == 20
            result = Result("item", "?", (), answer, verdicts, regions)

        scene = result = None
        whole, *parts = in_turn(
            15,
            lambda: (ingest(), judge(), to_json(result)),
            ingest,
            judge,
            lambda: to_json(result),
        )
    yield Figure("overhead per item", whole, "ms", reach=60.0, ok=whole <= 60.0)
    for name, value in zip(("ingest", "parse and verify", "json"), parts, strict=True):
        yield Figure(f"of it {name}", value, "ms")


def geometry() -> Iterator[Figure]:
    """Back-projection of a frame, whole and where a quarter of it is needed, against Open3D's."""
    import numpy as np
    import open3d

    from pipeline.camera import Camera
    from pipeline.geometry.backprojection import back_project

    for width, height, reach in ((640, 480, 0.5), (1920, 1080, 4.6)):
        camera = Camera.from_fov(width, height, 60)
        depth = np.random.default_rng(0).uniform(0.5, 5, (height, width)).astype(np.float32)
        mask = np.zeros(depth.shape, bool)
        # A disc: the mask of an object, not a mere rectangle.
        rows, columns = np.mgrid[:height, :width]
        mask |= ((rows - height / 2) / height) ** 2 + ((columns - width / 2) / width) ** 2 < 0.08
        intrinsics = open3d.core.Tensor(camera.matrix)
        image = open3d.t.geometry.Image(depth)

        def theirs(image=image, intrinsics=intrinsics) -> object:
            return open3d.t.geometry.PointCloud.create_from_depth_image(
                image, intrinsics, depth_scale=1.0, depth_max=100.0
            )

        baseline, masked, whole32, whole64 = in_turn(
            25,
            theirs,
            lambda depth=depth, camera=camera, mask=mask: back_project(depth, camera, mask),
            lambda depth=depth, camera=camera: back_project(depth, camera, dtype=np.float32),
            lambda depth=depth, camera=camera: back_project(depth, camera),
            repeats=5,
        )
        for name, value in (("with a mask", masked), ("whole, float32", whole32)):
            figure = f"back-projection {width} x {height} {name}"
            yield Figure(figure, value, "ms", baseline, value / baseline, reach, value <= reach)
        figure = f"back-projection {width} x {height} whole, float64"
        yield Figure(figure, whole64, "ms", baseline, whole64 / baseline)


BENCHMARKS: dict[str, Callable[[], Iterator[Figure]]] = {"overhead": overhead, "geometry": geometry}


def main() -> int:
    """Run one benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=BENCHMARKS)
    parser.add_argument("--check", action="store_true", help="exit with 1 where a figure misses its reach")
    arguments = parser.parse_args()
    # One core, and no thread that waits for another; the benchmarks import NumPy only after this.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    figures = list(BENCHMARKS[arguments.name]())
    for figure in figures:
        rounded = {key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(figure).items()}
        print(json.dumps(rounded))
    return int(arguments.check and not all(figure.ok for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
