"""What an evaluation of depth writes beside its report: images of the worst images, tables, noise models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.datasets.base import DepthDataset, DepthSample, Skipped
from pipeline.evaluate.depth.alignment import align
from pipeline.evaluate.depth.image_lines import ImageLine, Outcome
from pipeline.evaluate.depth.images import save_comparison
from pipeline.evaluate.depth.metrics import METRICS
from pipeline.evaluate.depth.pixels import compared_pixels
from pipeline.evaluate.depth.protocol import EvaluationProtocol
from pipeline.evaluate.depth.run import DepthSubject, estimated_depth
from pipeline.evaluate.noise_fit import write_noise
from pipeline.export.files import make_folder, replacing, write_csv
from pipeline.export.text import csv_text, file_stem
from pipeline.records import DepthMap
from pipeline.records.errors import TheodoliteError
from pipeline.records.noise import NoiseModel


def remove_files(folder: Path, report: Mapping[str, Any]) -> None:
    """Remove the images and noise models that an earlier run says it wrote, and nothing else.

    Args:
        folder: Where that run wrote.
        report: Its report; one that is damaged, or of another program, removes nothing.
    """
    worst, noise = report.get("worst"), report.get("noise")
    images = [str(item.get("image")) for item in worst if isinstance(item, dict)] if isinstance(worst, list) else []
    models = [f"noise/{file_stem(str(name))}.yaml" for name in noise] if isinstance(noise, dict) else []
    for name in (*images, *models):
        path = folder / name
        is_own = (
            path.parent.parent == folder and path.parent.name in ("worst", "noise") and not path.parent.is_symlink()
        )
        if is_own and path.suffix in (".png", ".yaml"):
            path.unlink(missing_ok=True)


def draw_worst(
    found: Sequence[tuple[ImageLine, float]],
    dataset: DepthDataset,
    subject: DepthSubject,
    protocol: EvaluationProtocol,
    folder: Path,
    metric: str,
) -> list[dict[str, Any]]:
    """Images of the worst images; they are read and estimated again, so that none had to be kept."""
    drawn = []
    images = folder / "worst"
    make_folder(images)
    for rank, (line, value) in enumerate(found, start=1):
        sample = dataset.read(line.index)
        if isinstance(sample, Skipped):  # What was there a while ago may be gone.
            continue
        try:
            depth = estimated_depth([sample.frame], subject.depth, protocol)[0]
        except TheodoliteError:
            continue
        path = images / f"{rank:02d}_{file_stem(line.name)}.png"
        truth = np.where(sample.truth.valid, sample.truth.values, np.nan)
        label = METRICS[metric].label
        save_comparison(
            path, sample.frame.rgb, _aligned_m(sample, depth, protocol), truth, f"{line.name}: {label} {value:.4g}"
        )
        drawn.append({"name": line.name, "value": value, "metric": metric, "image": f"{images.name}/{path.name}"})
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


def write_noise_models(folder: Path, report: Mapping[str, Any]) -> None:
    """A configuration per backend, that ``noise=NAME`` takes with ``hydra.searchpath``."""
    make_folder(folder / "noise")
    for name, found in report["noise"].items():
        origin = f"{found['images']} images of {report['dataset']['name']}"
        if found["reversed"]:
            origin += f", in {found['reversed']} of which nothing can be believed"
        with replacing(folder / "noise" / f"{file_stem(name, 'backend')}.yaml") as temporary:
            write_noise(temporary, name, NoiseModel(**found["model"]), origin)


def write_tables(
    folder: Path, lines: Iterable[ImageLine], unreadable: Mapping[str, str], report: Mapping[str, Any]
) -> None:
    """``summary.csv``, a line per figure, and ``images.csv``, a line per image or other part of the data set."""
    figures = report["metrics"]
    summary = (
        (name, METRICS[name].label, METRICS[name].unit, found["value"], found["low"], found["high"], found["images"])
        for name, found in figures.items()
    )
    write_csv(folder / "summary.csv", [("figure", "label", "unit", "value", "low", "high", "images"), *summary])
    write_csv(folder / "images.csv", _image_rows(lines, unreadable, list(figures)))


def _image_rows(
    lines: Iterable[ImageLine], unreadable: Mapping[str, str], names: Sequence[str]
) -> Iterator[tuple[object, ...]]:
    yield ("index", "name", "group", "outcome", "reason", "seconds", *names)
    for line in lines:
        figures = line.score.metrics if line.score is not None else {}
        texts = map(csv_text, (line.name, line.group, line.outcome, line.reason))
        yield (line.index, *texts, line.seconds, *map(figures.get, names))
    for name, reason in unreadable.items():
        yield ("", csv_text(name), "", Outcome.UNREADABLE, csv_text(reason), "", *("" for _ in names))
