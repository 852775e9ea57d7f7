"""Files of a depth evaluation beside its report: drawings of the worst images, tables, noise models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.datasets.base import DepthDataset, Skipped
from pipeline.evaluate.depth.image_lines import ImageLine, Outcome
from pipeline.evaluate.depth.images import save_comparison
from pipeline.evaluate.depth.metrics import METRICS
from pipeline.evaluate.depth.pixels import compared_pixels
from pipeline.evaluate.depth.protocol import EvaluationProtocol
from pipeline.evaluate.depth.run import DepthSubject, estimated_depth
from pipeline.evaluate.depth.score import fit_pixels
from pipeline.evaluate.noise_fit import write_noise
from pipeline.export.files import make_folder, replacing, write_csv
from pipeline.export.html import counted
from pipeline.export.text import csv_text, file_stem
from pipeline.records.errors import TheodoliteError
from pipeline.records.noise import NoiseModel


def remove_files(folder: Path, report: Mapping[str, Any]) -> None:
    """Remove the drawings and noise models that an earlier run lists in its report, and nothing else.

    Args:
        folder: The folder of that run.
        report: Its report; a damaged or foreign one removes nothing.
    """
    worst, noise = report.get("worst"), report.get("noise")
    images = [str(item.get("image")) for item in worst if isinstance(item, dict)] if isinstance(worst, list) else []
    models = [f"noise/{file_stem(str(name))}.yaml" for name in noise] if isinstance(noise, dict) else []
    for name in (*images, *models):
        path = folder / name
        is_own = path.parent in (folder / "worst", folder / "noise") and not path.parent.is_symlink()
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
    """Draw the worst images, which are read and estimated again because the run keeps no images."""
    drawn = []
    make_folder(folder / "worst")
    for rank, (line, value) in enumerate(found, start=1):
        sample = dataset.read(line.index)
        if isinstance(sample, Skipped):  # The file may be gone by now.
            continue
        try:
            depth = estimated_depth([sample.frame], subject.depth, protocol)[0]
        except TheodoliteError:
            continue
        image = f"worst/{rank:02d}_{file_stem(line.name)}.png"
        aligned_m = np.full(depth.shape, np.nan)
        fit = fit_pixels(compared_pixels(depth, sample.truth, protocol), depth, protocol)
        aligned_m[depth.valid] = fit.depth_m(depth.values[depth.valid].astype(np.float64))
        truth_m = np.where(sample.truth.valid, sample.truth.values, np.nan)
        title = f"{line.name}: {METRICS[metric].label} {value:.4g}"
        save_comparison(folder / image, sample.frame.rgb, aligned_m, truth_m, title)
        drawn.append({"name": line.name, "value": value, "metric": metric, "image": image})
    return drawn


def write_noise_models(folder: Path, report: Mapping[str, Any]) -> None:
    """Write a configuration per backend, which ``noise=NAME`` finds through ``hydra.searchpath``."""
    make_folder(folder / "noise")
    for name, found in report["noise"].items():
        images, places = counted(found["images"], "image"), counted(found["places"], "place")
        origin = f"{images} of {report['dataset']['name']}, {places}"
        if found["reversed"]:
            origin += f"; depth is reversed or useless in {found['reversed']}"
        with replacing(folder / "noise" / f"{file_stem(name, 'backend')}.yaml") as temporary:
            write_noise(temporary, name, NoiseModel(**found["model"]), origin)


def write_tables(
    folder: Path, lines: Iterable[ImageLine], unreadable: Mapping[str, str], report: Mapping[str, Any]
) -> None:
    """Write ``summary.csv``, a line per figure, and ``images.csv``, a line per image or unreadable part."""
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
        yield ("", csv_text(name), "", Outcome.UNREADABLE, csv_text(reason), "", *[""] * len(names))
