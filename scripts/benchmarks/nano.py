"""The two small models that ship, on held-out rendered scenes, through the stages of the pipeline.

Training takes seeds from 1 000 000 on; seeds below are held out. Intervals hold 95 % of draws of whole scenes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import cv2
from benchmarks.figures import Figure
from benchmarks.nano_cases import SEQUENCE_FRAMES, nano_case
from benchmarks.nano_figures import Measured, measured, sample_figure
from benchmarks.nano_measures import Answered, Located, Measures, Subjects, measure
from rich.console import Console
from rich.progress import track

from pipeline.api import load_config
from pipeline.config.build import build, query_stage, stage_cache, stages_without_model
from pipeline.evaluate.claims.scores import figure_intervals, scores
from pipeline.records.message import Language
from pipeline.stages.query import QueryStage
from pipeline.synthetic.questions import WORDINGS

MODELS = Path(__file__).parents[2] / "data" / "models"
VLM, DEPTH = MODELS / "theodolite-vl-nano", MODELS / "theodolite-depth-nano"
_LANGUAGE_NAMES: dict[Language, str] = {"en": "English", "zh": "Chinese"}
# One sequence for so many scenes.
_SCENES_PER_SEQUENCE = 10
# Scenes whose questions are asked together; images and masks of no more are in memory.
_BLOCK = 16
# Scenes from here on belong to the noise model and to training.
_FIRST_TAKEN_SEED = 900_000
_CORNER_PX, _IOU, _ONE_STEP, _TWO_STEPS = 3.0, 0.80, 0.75, 0.93
_ABS_REL, _ORDER, _RIGHT, _COVERAGE = 0.06, 0.97, 0.97, 0.75


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--scenes", type=int, default=500, help="scenes of one image; a tenth as many of three")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first scene")
    parser.add_argument("--vlm", type=Path, default=VLM, help="folder of the vision-language model")
    parser.add_argument("--depth", type=Path, default=DEPTH, help="folder of the depth network")
    parser.add_argument("--output", type=Path, help="JSON file for the figures, for the model cards")


def figures(scenes: int, seed: int, vlm: Path, depth: Path, output: Path | None = None) -> Iterator[Figure]:
    """All figures, and then what they took."""
    if scenes < 1 or seed < 0 or seed + scenes > _FIRST_TAKEN_SEED:
        raise SystemExit(f"Give at least one scene, with seeds below {_FIRST_TAKEN_SEED}: others are trained on.")
    if output is not None and not output.parent.is_dir():
        raise SystemExit(f"There is no folder {output.parent} to write {output.name} into.")
    start = time.perf_counter()
    found = measures_of(shipped_subjects(vlm, depth), range(seed, seed + scenes))
    done: list[Figure] = [*figures_of(found), *_cost(found, time.perf_counter() - start)]
    yield from done
    if output is not None:
        report = {
            "scenes": scenes,
            "sequences": len(_sequence_seeds(range(seed, seed + scenes))),
            "seed": seed,
            "weights": {folder.name: weights_digest(folder) for folder in (vlm, depth)},
            "figures": [asdict(figure) for figure in done],
        }
        output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def weights_digest(folder: Path) -> str:
    """SHA-256 of a model's weights."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def shipped_subjects(vlm: Path = VLM, depth: Path = DEPTH) -> Subjects:
    """Everything that is measured, as ``vlm=nano depth=nano`` build it, with other folders if given."""
    chosen = ["vlm=nano", f"vlm.model='{vlm}'", "depth=nano", f"depth.model='{depth}'", "cache_dir=null"]
    # Larger batches change no answer and are quicker for so small a model.
    config = load_config([*chosen, "vlm.batch_tokens=32768"])
    cache, model = stage_cache(config), build(config.vlm)
    stages = stages_without_model(config, cache)

    def asker(hints: str, steps: str) -> QueryStage:
        return query_stage(config, model, stages.verify, cache, hints=hints, steps=steps)

    return Subjects(
        stages.depth,
        stages.verify,
        asker("none", "one"),
        asker("table", "two"),
        asker("table", "one"),
    )


def measures_of(subjects: Subjects, seeds: Sequence[int]) -> Measures:
    """Measure the scenes of some seeds, and sequences of the first tenth of them."""
    cv2.setNumThreads(1)
    wanted = [*((seed, 1) for seed in seeds), *((seed, SEQUENCE_FRAMES) for seed in _sequence_seeds(seeds))]
    found = Measures()
    starts = range(0, len(wanted), _BLOCK)
    for start in track(starts, "Measuring", console=Console(file=sys.stderr), transient=True):
        with found.timed("render"):
            cases = [nano_case(seed, frames) for seed, frames in wanted[start : start + _BLOCK]]
        measure(subjects, cases, found)
    return found


def _sequence_seeds(seeds: Sequence[int]) -> Sequence[int]:
    return seeds[: len(seeds) // _SCENES_PER_SEQUENCE]


def figures_of(found: Measures) -> Iterator[Measured]:
    """What the measures say; figures of nothing are left out."""
    parts = (_grounding(found.located), _answers(found.answered), _depth(found), _claims(found))
    return (figure for part in parts for figure in part if figure.count)


def _grounding(everything: Sequence[Located]) -> Iterator[Measured]:
    single = [item for item in everything if item.frames == 1]
    yield from _boxes("", "one image", single, _CORNER_PX, _IOU)
    for language, name in _LANGUAGE_NAMES.items():
        yield from _boxes(f".{language}", f"in {name}", [item for item in single if item.language == language])
    yield from _boxes(".three_frames", "three images", [item for item in everything if item.frames > 1])


def _boxes(
    suffix: str, name: str, items: Sequence[Located], corner_px: float | None = None, iou: float | None = None
) -> Iterator[Measured]:
    groups = [item.case for item in items]
    errors, ious = [item.corner_error_px for item in items], [item.iou for item in items]
    key, name = f"vl.grounding{suffix}", f"grounding, {name}"
    yield sample_figure(
        f"{key}.corner_error_px", f"{name}: median corner error", errors, groups, corner_px,
        statistic="median", unit="px", larger_is_better=False,
    )  # fmt: skip
    yield sample_figure(f"{key}.iou", f"{name}: mean IoU over asked objects", ious, groups, iou, unit="IoU")
    above = [float(value > 0.5) for value in ious]
    yield sample_figure(f"{key}.iou_above_half", f"{name}: IoU above 0.5", above, groups, statistic="share")


def _answers(everything: Sequence[Answered]) -> Iterator[Measured]:
    single = [item for item in everything if item.frames == 1]
    ways = {
        "one_step": ("one step, no hints", _ONE_STEP),
        "two_steps": ("two steps, table of depths", _TWO_STEPS),
        "told": ("one step, table of the true boxes and depths", None),
    }
    for way, (name, reach) in ways.items():
        yield _right(f"vl.answers.{way}", f"yes or no, {name}", single, way, reach)
    gains = [float(item.right["two_steps"]) - float(item.right["one_step"]) for item in single]
    cases = [item.case for item in single]
    gain = sample_figure("vl.answers.gain", "yes or no: two steps better than one by", gains, cases)
    # The interval, not the mean alone, has to be above zero.
    yield replace(gain, reach=0.0, ok=gain.low is not None and gain.low > 0)
    for way in ("one_step", "two_steps"):
        for language, name in _LANGUAGE_NAMES.items():
            chosen = [item for item in single if item.language == language]
            yield _right(f"vl.answers.{way}.{language}", f"yes or no, {ways[way][0]}, in {name}", chosen, way)
        for relation in WORDINGS:
            chosen = [item for item in single if item.relation == relation]
            yield _right(f"vl.answers.{way}.{relation}", f"yes or no, {ways[way][0]}, {relation}", chosen, way)
        several = [item for item in everything if item.frames > 1]
        yield _right(f"vl.answers.{way}.three_frames", f"yes or no, {ways[way][0]}, three images", several, way)


def _right(key: str, name: str, items: Sequence[Answered], way: str, reach: float | None = None) -> Measured:
    asked = [item for item in items if way in item.right]
    right, cases = [float(item.right[way]) for item in asked], [item.case for item in asked]
    return sample_figure(key, name, right, cases, reach, statistic="share")


def _depth(found: Measures) -> Iterator[Measured]:
    names, values = [name for name, _ in found.abs_rel], [value for _, value in found.abs_rel]
    name = "depth: AbsRel, aligned in disparity"
    yield sample_figure("depth.abs_rel", name, values, names, _ABS_REL, unit="", larger_is_better=False)
    names, right = [name for name, _ in found.ordered], [float(value) for _, value in found.ordered]
    name = "depth: pairs of objects in the correct order"
    yield sample_figure("depth.object_order", name, right, names, _ORDER, statistic="share")


def _claims(found: Measures) -> Iterator[Measured]:
    own, intervals = scores(found.judgements), figure_intervals(found.judgements)
    shown: tuple[tuple[str, str, float, float | None, bool], ...] = (
        ("accuracy", "decided ones right", own.accuracy, _RIGHT, True),
        ("coverage", "decided", own.coverage, _COVERAGE, True),
        ("calibration_error", "expected calibration error", own.calibration_error, None, False),
    )
    for key, name, value, reach, larger in shown:
        yield measured(
            f"depth.claims.{key}", f"claims judged with this depth: {name}", value, intervals[key], own.claims, reach,
            larger_is_better=larger,
        )  # fmt: skip


def _cost(found: Measures, seconds: float) -> Iterator[Figure]:
    yield Figure("time", seconds, "s")
    for part, taken in found.seconds.items():
        yield Figure(f"time: {part}", taken, "s")
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield Figure("peak memory", peak_kib / 2**20, "GiB")
