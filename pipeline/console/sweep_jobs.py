"""What the runs of a sweep tell the command that began it: a file each, as they may run on other machines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from hydra.experimental.callback import Callback
from rich.console import Console

from pipeline.evaluate.sweep import Combination
from pipeline.export.files import write_text

OUTCOME_NAME = "combination.json"
CALLBACK = f"+hydra.callbacks.sweep._target_={__name__}.SweepFolder"
"""The override with which Hydra tells ``SweepFolder`` of a sweep."""


class SweepFolder(Callback):
    """Knows the folder of the latest sweep, and empties it of what an earlier one told."""

    path: ClassVar[Path | None] = None

    def on_multirun_start(self, config: Any, **_: Any) -> None:
        """Called by Hydra before the first run."""
        SweepFolder.path = Path(config.hydra.sweep.dir)
        for earlier in files_of(SweepFolder.path):
            earlier.unlink()


@dataclass(frozen=True)
class Outcome:
    """How a run of a sweep ended.

    Args:
        number: Its place in the sweep.
        overrides: What it sets, in Hydra's grammar.
        code: Its exit code.
        error: Why it could not run; None if it did.
    """

    number: int
    overrides: Sequence[str]
    code: int
    error: str | None


def tell(run: Any, code: int, error: str | None) -> None:
    """Leave a run's outcome in its folder.

    Args:
        run: Hydra's own configuration of the run.
        code: Its exit code.
        error: Why it could not run; None if it did.

    Raises:
        ExportError: If it cannot be written.
    """
    outcome = Outcome(run.job.num, list(run.overrides.task), code, error)
    write_text(Path(run.runtime.output_dir) / OUTCOME_NAME, json.dumps(asdict(outcome)))


def concluded(console: Console, compared: str | None) -> int:
    """The largest exit code of the latest sweep; print and write the comparison of its runs.

    Args:
        console: Where it is printed.
        compared: ``results`` of runs, ``cases`` of evaluations, or ``depth``; None compares nothing.

    Raises:
        ExportError: If the comparison cannot be written.
    """
    sweep = SweepFolder.path
    if sweep is None:
        return 0
    found = sorted(
        ((Outcome(**json.loads(file.read_text(encoding="utf-8"))), file.parent) for file in files_of(sweep)),
        key=lambda one: one[0].number,
    )
    measured = [folder for outcome, folder in found if outcome.error is None]
    if compared == "depth":
        if len(measured) > 1:
            from pipeline.console.evaluation import compare_depth

            compare_depth(measured, sweep, console)
    elif compared is not None and len(found) > 1:
        from pipeline.console.sweep_report import compare

        combinations = [Combination(tuple(one.overrides), folder, one.error) for one, folder in found]
        compare(combinations, sweep, console, compared)
    return max((outcome.code for outcome, _ in found), default=0)


def files_of(sweep: Path, name: str = OUTCOME_NAME) -> Iterator[Path]:
    """The files of one name in the folders of the runs of a sweep."""
    # Folders of runs may be named by two keys; deeper ones are those of results.
    for depth in ("*", "*/*"):
        yield from sweep.glob(f"{depth}/{name}")
