"""Runs one evaluation of depth and writes its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Interval

from pipeline.datasets.base import DepthDataset
from pipeline.evaluate.depth.files import draw_worst, remove_files, write_noise_models, write_tables
from pipeline.evaluate.depth.image_lines import IMAGES_NAME, kept_lines
from pipeline.evaluate.depth.metrics import METRICS
from pipeline.evaluate.depth.page import page_of
from pipeline.evaluate.depth.protocol import EvaluationProtocol
from pipeline.evaluate.depth.report import REPORT_NAME, report_of, worst_images
from pipeline.evaluate.depth.run import DepthSubject, run_depth
from pipeline.export.files import only_writer, write_json, write_text
from pipeline.export.line_file import LineFile
from pipeline.export.text import one_line
from pipeline.records import to_json
from pipeline.records.errors import ConfigError
from pipeline.records.settings import Count, Natural, checked

_FEWEST_DRAWS, _MOST_DRAWS = 40, 100_000
_MOST_WORST = 1000
SETTINGS_NAME = "settings.json"
# Keys that may change between a run and its continuation.
_FREE_KEYS = frozenset(
    {
        "output_dir",
        "resume",
        "cache_dir",
        "cache_gb",
        "verbose",
        "log_format",
        "limit",
        "num_workers",
        "worst",
        "worst_by",
        "draws",
        "seed",
    }
)


@checked
def evaluate_depth(
    dataset: DepthDataset,
    subject: DepthSubject,
    protocol: EvaluationProtocol,
    folder: Path,
    *,
    configuration: Mapping[str, Any],
    resume: bool = False,
    limit: Count | None = None,
    worst: Annotated[int, Interval(ge=0, le=_MOST_WORST)] = 0,
    worst_by: str = "abs_rel",
    draws: Annotated[int, Interval(ge=0, le=_MOST_DRAWS)] = 1000,
    seed: Natural = 0,
    on_image: Callable[[str], None] = lambda name: None,
) -> dict[str, Any]:
    """Measure a data set and write the results.

    Each image adds a line to ``images.jsonl`` as soon as it is done, so a killed run can be resumed; the other files
    are written at the end.

    Args:
        dataset: The data set.
        subject: What is evaluated.
        protocol: How to compare.
        folder: Where the files go; older ones are replaced.
        configuration: The whole configuration, for the report and to check whether a run may be resumed.
        resume: Whether to keep the images that already have a line in the folder.
        limit: Most images; None takes all.
        worst: Number of worst images to draw.
        worst_by: Figure that ranks the worst images.
        draws: Bootstrap draws per interval; 0 gives no intervals.
        seed: Seed of the draws.
        on_image: Called with the name of each finished image.

    Returns:
        The report, as ``report.json`` holds it.

    Raises:
        ConfigError: If a number is out of range, or the resumed run had another configuration.
        ExportError: If the folder cannot be written, or another run writes there.
        InputError: If no image could be scored.
        TheodoliteError: If an error concerns all images.
    """
    if 0 < draws < _FEWEST_DRAWS:
        raise ConfigError(f"draws must be 0 or at least {_FEWEST_DRAWS}, not {draws}: fewer give no 95% interval.")
    if worst_by not in METRICS:
        raise ConfigError(f"worst_by must be one of {', '.join(METRICS)}, not {worst_by!r}.")
    with only_writer(folder):
        run = _check_settings(folder, configuration, resume)
        indices = {name: index for index, name in enumerate(dataset.names()[:limit])}
        lines = partial(kept_lines, folder / IMAGES_NAME, indices, run)
        with closing(LineFile(folder / IMAGES_NAME, resume)) as file:
            done = {line.name for line in lines()}
            for name in done:
                on_image(name)
            for line in run_depth(dataset, subject, protocol, done=done, limit=limit):
                file.append(to_json(replace(line, run=run)))
                on_image(line.name)
        unreadable = {one_line(name): one_line(reason) for name, reason in dataset.unreadable.items()}
        before = _report_before(folder)
        report = report_of(
            lines(),
            dataset=dataset.name,
            unreadable=unreadable,
            protocol=protocol,
            configuration=configuration,
            draws=draws,
            seed=seed,
        )
        remove_files(folder, before)
        report["worst"] = draw_worst(
            worst_images(lines(), worst_by, worst), dataset, subject, protocol, folder, worst_by
        )
        write_noise_models(folder, report)
        write_tables(folder, lines(), unreadable, report)
        write_json(folder / REPORT_NAME, report)
        write_text(folder / "report.html", page_of(report) + "\n")
    return report


def _check_settings(folder: Path, configuration: Mapping[str, Any], resume: bool) -> str:
    """Refuse to resume a run of other settings, save the settings of a new run, and return their digest."""
    settings = json.loads(json.dumps({key: configuration[key] for key in configuration if key not in _FREE_KEYS}))
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
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
        return digest
    write_json(path, settings)
    return digest


def _report_before(folder: Path) -> Mapping[str, Any]:
    """The report of an earlier run in the folder, which lists the files it wrote; empty without one."""
    try:
        report = json.loads((folder / REPORT_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return report if isinstance(report, dict) else {}
