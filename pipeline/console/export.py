"""The command ``export``: writes further formats of a finished run, from its results and stored scenes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from rich.cells import set_cell_size
from rich.console import Console
from rich.markup import escape

from pipeline.console.evaluation import ProgressOf
from pipeline.export.formats import ITEM_FORMATS, RUN_FORMATS, FormatSettings, is_format, require_packages
from pipeline.export.jsonl import RESULTS_NAME
from pipeline.export.points import shaped
from pipeline.export.run_items import run_items, scene_path
from pipeline.export.text import file_name, one_line
from pipeline.export.timed_results import read_results
from pipeline.records import Scene
from pipeline.records.errors import ConfigError, InputError
from pipeline.records.settings import Count, Text, check_value, shown

_FORMATS = (*ITEM_FORMATS, *RUN_FORMATS)
_KEYS = ("format", "item", "max_points", "mesh")
_SETTING = re.compile(r"(?s)([A-Za-z_.]+)=(.*)")
_EXAMPLE = "python -m pipeline export outputs/DATE/TIME format=glb"
_MOST_ITEMS = 5


@dataclass(frozen=True)
class Request:
    """What is to be exported.

    Args:
        folder: The folder of the run.
        formats: Names of formats, in order.
        settings: Their settings.
    """

    folder: Path
    formats: tuple[str, ...]
    settings: FormatSettings


@dataclass
class _Outcome:
    """What became of the results.

    Args:
        results: Number of results that were wanted.
        unstored: Number of them without a stored scene, where a format needs it.
        damaged: Number of them whose scene cannot be read.
        handled: Number of them whose scene could be read.
        files: Number of files by format.
        left_out: Number of results without a file, by format and reason.
        written: Paths and what they are.
    """

    results: int = 0
    unstored: int = 0
    damaged: int = 0
    handled: int = 0
    files: Counter[str] = field(default_factory=Counter)
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    written: list[tuple[Path, str]] = field(default_factory=list)


def export_run(arguments: Sequence[str], console: Console, progress_of: ProgressOf) -> int:
    """Write the formats that the arguments name.

    Args:
        arguments: The folder of a run and ``KEY=VALUE``, as typed.
        console: Where the paths are printed.
        progress_of: See ``measure_claims``.

    Returns:
        The exit code: 1 where a scene is missing or damaged or nothing could be written, else 0.

    Raises:
        ConfigError: If an argument is not understood.
        InputError: If the folder is not that of a run with stored scenes, or lacks the item.
        DependencyError: If a format needs a package that is not installed.
        ExportError: If a file cannot be read or written.
    """
    request = parsed(arguments)
    for name in request.formats:
        require_packages(name)
    outcome = _counted(request)
    of_items = [name for name in request.formats if name in ITEM_FORMATS]
    if of_items:
        _write_items(request, of_items, outcome, progress_of)
    for name in request.formats:
        if name in RUN_FORMATS:
            run_format = RUN_FORMATS[name]
            path = run_format.write(request.folder / run_format.name, request.folder, request.settings)
            if path is not None:
                outcome.files[name] += 1
                if (path, run_format.words) not in outcome.written:
                    outcome.written.append((path, run_format.words))
            else:
                outcome.left_out[name, "there is nothing to write"] += outcome.results
    if of_items:
        outcome.damaged = outcome.results - outcome.unstored - outcome.handled
    _print(console, request, outcome)
    return 0 if outcome.written and not outcome.unstored and not outcome.damaged else 1


def parsed(arguments: Sequence[str]) -> Request:
    """The request that arguments make.

    Raises:
        ConfigError: If a key or a format is unknown, or a value not allowed.
        InputError: If there is no such folder.
    """
    folders: list[str] = []
    values: dict[str, str] = {}
    for argument in arguments:
        if argument.startswith("-") and not Path(argument).exists():
            raise ConfigError(f"export has no option {shown(argument)}; write KEY=VALUE, as in {_EXAMPLE}.")
        setting = _SETTING.fullmatch(argument)
        if setting is None or (not folders and Path(argument).is_dir()):
            folders.append(argument)
        elif setting[1] not in _KEYS:
            raise ConfigError(f"export has no key {setting[1]!r}; choose one of {', '.join(_KEYS)}.")
        elif setting[1] in values:
            raise ConfigError(f"{setting[1]} is given twice.")
        else:
            values[setting[1]] = setting[2]
    if not folders:
        raise ConfigError(f"export needs the folder of a run: {_EXAMPLE}.")
    if len(folders) > 1:
        raise ConfigError(f"export takes one folder of a run and KEY=VALUE, not also {shown(folders[1])}.")
    formats = _formats(values.get("format"))
    is_mesh = _truth("mesh", values.get("mesh", "false"))
    if is_mesh and "glb" not in formats:
        raise ConfigError("mesh=true belongs to format=glb, the only one that holds a mesh.")
    most = values.get("max_points")
    max_points = FormatSettings.max_points if most is None else check_value("max_points", _number(most), Count)
    item = None if "item" not in values else check_value("item", values["item"], Text)
    return Request(_folder(folders[0]), formats, FormatSettings(max_points, is_mesh, item=item))


def _formats(typed: str | None) -> tuple[str, ...]:
    """The names in ``glb``, ``glb,coco`` or ``[glb,coco]``."""
    names = [name.strip().strip("'\"") for name in (typed or "").strip().removeprefix("[").removesuffix("]").split(",")]
    wanted = tuple(dict.fromkeys(name for name in names if name))
    if not wanted:
        raise ConfigError(f"format= is missing; choose one or more of {', '.join(_FORMATS)}: {_EXAMPLE}.")
    for name in wanted:
        if not is_format(name):
            raise ConfigError(f"There is no format {name!r}; choose one or more of {', '.join(_FORMATS)}.")
    return wanted


def _truth(key: str, typed: str) -> bool:
    value = {"true": True, "false": False}.get(typed.strip().casefold(), typed)
    truth: bool = check_value(key, value, bool)
    return truth


def _number(typed: str) -> Any:
    try:
        return int(typed.replace("_", ""))
    except ValueError:
        return typed


def _folder(typed: str) -> Path:
    path = Path(typed)
    if path.name == RESULTS_NAME and path.is_file():
        path = path.parent
    if not path.is_dir():
        raise InputError(f"There is no folder {path}; give the output_dir of a run.")
    if not (path / RESULTS_NAME).is_file():
        raise InputError(f"{path} holds no {RESULTS_NAME}; give the output_dir of a run.")
    return path


def _counted(request: Request) -> _Outcome:
    """Count the results that are wanted, and refuse where nothing can be made from them."""
    outcome, items = _Outcome(), dict[str, None]()
    needs_scenes = [name for name in request.formats if name in ITEM_FORMATS or RUN_FORMATS[name].needs_scenes]
    for result in read_results(request.folder / RESULTS_NAME):
        items[result.item_id] = None
        if request.settings.item in (None, result.item_id):
            outcome.results += 1
            path = scene_path(request.folder, result) if needs_scenes else None
            outcome.unstored += bool(needs_scenes) and path is None
            outcome.damaged += path is not None and not is_zipfile(path)
    if not items:
        raise InputError(f"{request.folder / RESULTS_NAME} holds no result.")
    if not outcome.results:
        raise InputError(f"There is no item {request.settings.item!r}; the run has {_some(items)}.")
    if needs_scenes and outcome.unstored == outcome.results:
        raise InputError(
            f"{request.folder} has no stored scenes, from which {needs_scenes[0]} is made; run again with "
            "export.scenes=true."
        )
    return outcome


def _some(items: Iterable[str]) -> str:
    names = list(items)
    more = len(names) - _MOST_ITEMS
    return ", ".join(names[:_MOST_ITEMS]) + (f" and {more} more" if more > 0 else "")


def _write_items(request: Request, formats: Sequence[str], outcome: _Outcome, progress_of: ProgressOf) -> None:
    """Write the formats with one file per result."""
    progress, on_item = progress_of(outcome.results - outcome.unstored, None)
    with progress:
        for item in run_items(request.folder, request.settings.item):
            for result in item.results:
                outcome.handled += 1
                for name in formats:
                    item_format = ITEM_FORMATS[name]
                    path = request.folder / item_format.folder / file_name(result.item_id, result.question)
                    path = path.with_name(path.name + item_format.suffix)
                    if item_format.write(path, item.stored, result, request.settings) is None:
                        outcome.left_out[name, _why_not(item.stored.scene)] += 1
                    else:
                        outcome.files[name] += 1
                on_item(result.item_id)
    for name in formats:
        if outcome.files[name]:
            outcome.written.append((request.folder / ITEM_FORMATS[name].folder, ITEM_FORMATS[name].words))


def _why_not(scene: Scene) -> str:
    if not scene.depth:
        return "there is no depth"
    if not shaped(scene):
        return f"depth of kind {scene.depth[0].kind} has no shape"
    return "no pixel has usable depth"


def _print(console: Console, request: Request, outcome: _Outcome) -> None:
    """Print the paths, and what was left out and why, one line each."""
    counts = {name: f"{outcome.files[name]} file{'s' if outcome.files[name] > 1 else ''}" for name in ITEM_FORMATS}
    folders = {request.folder / ITEM_FORMATS[name].folder: count for name, count in counts.items()}
    lines = [("Results", str(outcome.results))]
    for index, (path, words) in enumerate(outcome.written):
        of_items = f": {folders[path]}" if path in folders else ""
        lines.append(("" if index else "Written", f"{path} ({words}){of_items}"))
    if not outcome.written:
        lines.append(("Written", "nothing"))
    for (name, reason), count in outcome.left_out.items():
        lines.append(("Left out", f"{count} of {outcome.results} as {name}: {reason}"))
    if outcome.unstored:
        lines.append(("Left out", f"{outcome.unstored} of {outcome.results}: they have no stored scene"))
    if outcome.damaged:
        lines.append(("Failed", f"{outcome.damaged} of {outcome.results}: their stored scenes cannot be read"))
    for title, text in lines:
        console.print(f"[bold]{set_cell_size(title, 8)}[/bold] {escape(one_line(text))}", soft_wrap=True)
