"""One evaluation of depth from its parts to its files."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import ConfigError, TheodoliteError
from pipeline.evaluate.depth.alignment import align
from pipeline.evaluate.depth.datasets.base import DepthDataset, DepthSample, Skipped
from pipeline.evaluate.depth.image_lines import IMAGES_NAME, ImageLine, Outcome, read_lines
from pipeline.evaluate.depth.metrics import METRICS
from pipeline.evaluate.depth.page import page_of
from pipeline.evaluate.depth.pictures import save_comparison
from pipeline.evaluate.depth.pixels import compared_pixels
from pipeline.evaluate.depth.protocol import EvaluationProtocol
from pipeline.evaluate.depth.report import REPORT_NAME, report_of, worst_images
from pipeline.evaluate.depth.run import DepthSubject, estimated_depth, run_depth
from pipeline.evaluate.noise_fit import write_noise
from pipeline.export.files import make_folder, only_writer, replacing
from pipeline.export.line_file import LineFile
from pipeline.noise import NoiseModel
from pipeline.records import DepthMap, to_json

SETTINGS_NAME = "settings.json"
# What may change between a run and its continuation.
_FREE_KEYS = frozenset(
    {"output_dir", "resume", "cache_dir", "limit", "num_workers", "worst", "worst_by", "draws", "seed"}
)


def evaluate_depth(
    dataset: DepthDataset,
    subject: DepthSubject,
    protocol: EvaluationProtocol,
    folder: Path,
    *,
    configuration: Mapping[str, Any],
    resume: bool = False,
    limit: int | None = None,
    worst: int = 0,
    worst_by: str = "abs_rel",
    draws: int = 1000,
    seed: int = 0,
    on_image: Callable[[str], None] = lambda name: None,
) -> dict[str, Any]:
    """Measure a data set and write what came out.

    ``images.jsonl`` gets a line as soon as an image is done, so that a killed run can go on; the other files are
    written at the end.

    Args:
        dataset: The data set.
        subject: What is evaluated.
        protocol: How.
        folder: Where the files go; older ones are replaced.
        configuration: The whole configuration, for the report and to see whether a run may be resumed.
        resume: Whether images that have their line in the folder are left as they are.
        limit: Most images; None takes all.
        worst: How many of the worst images are drawn.
        worst_by: Figure that they are worst by.
        draws: Bootstrap draws of every interval; 0 gives none.
        seed: Seed of the draws.
        on_image: Called with the name of each image that is done.

    Returns:
        The report, as ``report.json`` holds it.

    Raises:
        ConfigError: If a number is out of range, or a run of another configuration would be resumed.
        ExportError: If the folder cannot be written, or another run writes there.
        InputError: If no image could be scored.
        TheodoliteError: An error that concerns all images alike.
    """
    for name, value, least in (("limit", limit, 1), ("worst", worst, 0), ("draws", draws, 0), ("seed", seed, 0)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise ConfigError(f"{name} must be a whole number from {least}, not {value!r}.")
    if worst_by not in METRICS:
        raise ConfigError(f"worst_by must be one of {', '.join(METRICS)}, not {worst_by!r}.")
    with only_writer(folder):
        _check_settings(folder, configuration, resume)
        with closing(LineFile(folder / IMAGES_NAME, resume)) as file:
            done = {line.name for line in read_lines(folder / IMAGES_NAME)}
            for name in done:
                on_image(name)
            for line in run_depth(dataset, subject, protocol, done=done, limit=limit):
                file.append(to_json(line))
                on_image(line.name)
        names = frozenset(dataset.names()[:limit])
        report = report_of(
            _lines(folder, names),
            dataset=dataset.name,
            unreadable=dataset.unreadable,
            protocol=protocol,
            configuration=configuration,
            draws=draws,
            seed=seed,
        )
        report["worst"] = _draw_worst(
            worst_images(_lines(folder, names), worst_by, worst), dataset, subject, protocol, folder, worst_by
        )
        _write_noise(folder, report)
        _write_tables(folder, _lines(folder, names), report)
        with replacing(folder / REPORT_NAME) as temporary:
            temporary.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        with replacing(folder / "report.html") as temporary:
            temporary.write_text(page_of(report) + "\n", encoding="utf-8")
    return report


def _check_settings(folder: Path, configuration: Mapping[str, Any], resume: bool) -> None:
    """Refuse to go on with a run of other settings; keep those of a new one."""
    settings = json.loads(json.dumps({key: configuration[key] for key in configuration if key not in _FREE_KEYS}))
    path = folder / SETTINGS_NAME
    if resume and path.is_file():
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            before = None
        if before != settings:
            changed = sorted(
                key for key in settings if not isinstance(before, dict) or before.get(key) != settings[key]
            )
            raise ConfigError(
                f"The run in {folder} had another {' and '.join(changed) or 'configuration'}; "
                "set resume=false, or choose another output_dir."
            )
        return
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _lines(folder: Path, names: frozenset[str]) -> Iterator[ImageLine]:
    """The lines of these images, one by one, so that their number does not matter."""
    return (line for line in read_lines(folder / IMAGES_NAME) if line.name in names)


def _draw_worst(
    found: Sequence[tuple[ImageLine, float]],
    dataset: DepthDataset,
    subject: DepthSubject,
    protocol: EvaluationProtocol,
    folder: Path,
    metric: str,
) -> list[dict[str, Any]]:
    """Pictures of the worst images; they are read and estimated again, so that none had to be kept."""
    drawn = []
    pictures = folder / "worst"
    make_folder(pictures)
    for old in pictures.glob("*.png"):
        old.unlink()
    for rank, (line, value) in enumerate(found, start=1):
        sample = dataset.read(line.index)
        if isinstance(sample, Skipped):  # What was there a while ago may be gone.
            continue
        try:
            depth = estimated_depth([sample.frame], subject.depth, protocol)[0]
        except TheodoliteError:
            continue
        path = pictures / f"{rank:02d}_{re.sub(r'[^A-Za-z0-9._-]+', '_', line.name)[:80]}.png"
        truth = np.where(sample.truth.valid, sample.truth.values, np.nan)
        label = METRICS[metric].label
        save_comparison(
            path, sample.frame.rgb, _aligned_m(sample, depth, protocol), truth, f"{line.name}: {label} {value:.4g}"
        )
        drawn.append({"name": line.name, "value": value, "metric": metric, "picture": f"{pictures.name}/{path.name}"})
    return drawn


def _aligned_m(sample: DepthSample, depth: DepthMap, protocol: EvaluationProtocol) -> np.ndarray:
    """The whole prediction in metres, aligned as for the figures, float64 (H, W); NaN where there is none."""
    pixels = compared_pixels(depth, sample.truth, protocol)
    mask = np.zeros(sample.truth.shape, dtype=bool)
    mask[pixels.window] = pixels.known
    return align(
        depth,
        sample.truth,
        mask,
        protocol.alignment,
        least_m=protocol.min_depth_m,
        most_m=protocol.max_depth_m,
        seed=protocol.seed,
    ).depth_m


def _write_noise(folder: Path, report: Mapping[str, Any]) -> None:
    """A configuration per backend, that ``noise=NAME`` takes with ``hydra.searchpath``."""
    for name, numbers in report["noise"].items():
        origin = f"{report['dataset']['scored']} images of {report['dataset']['name']}"
        safe = re.sub(r"\W+", "_", name)
        make_folder(folder / "noise")
        with replacing(folder / "noise" / f"{safe}.yaml") as temporary:
            write_noise(temporary, name, NoiseModel(**numbers), origin)


def _write_tables(folder: Path, lines: Iterable[ImageLine], report: Mapping[str, Any]) -> None:
    """``summary.csv``, a line per figure, and ``images.csv``, a line per image."""
    with replacing(folder / "summary.csv") as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("figure", "label", "unit", "value", "low", "high", "images"))
        for name, found in report["metrics"].items():
            numbers = ("" if found[key] is None else repr(found[key]) for key in ("value", "low", "high"))
            writer.writerow((name, METRICS[name].label, METRICS[name].unit, *numbers, found["images"]))
    names = list(report["metrics"])
    with replacing(folder / "images.csv") as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("index", "name", "group", "outcome", "reason", "seconds", *names))
        for line in lines:
            figures = line.score.metrics if line.outcome is Outcome.SCORED and line.score is not None else {}
            numbers = (repr(figures[name]) if name in figures else "" for name in names)
            writer.writerow((line.index, line.name, line.group, line.outcome, line.reason, line.seconds, *numbers))
