"""``python -m pipeline query RUN ... SQL``: asks the tables of runs."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from pipeline.console.named_queries import NAMED
from pipeline.export.jsonl import RESULTS_NAME
from pipeline.export.run_folder import run_folder
from pipeline.ingest.files import natural_key, suggestion
from pipeline.records.errors import ConfigError, InputError

FORMATS = ("csv", "json", "parquet")
_SETTING = re.compile(r"(?s)(\w+)=(.*)")
_KEYS = ("format", "output")
_EXAMPLE = 'python -m pipeline query RUN "SELECT relation, count(*) FROM verdicts GROUP BY relation"'


@dataclass(frozen=True)
class Request:
    """What is asked of which runs.

    Args:
        runs: The folders of runs, by the name of the run.
        query: SQL, or the name of a query.
        format: One of ``FORMATS``; None is a table to read.
        output: Where it goes; None is the console.
    """

    runs: dict[str, Path]
    query: str
    format: str | None = None
    output: Path | None = None


def query(arguments: Sequence[str], console: Console) -> int:
    """Answer a query.

    Args:
        arguments: Folders of runs, the query and ``KEY=VALUE``, as typed.
        console: Where the rows are printed.

    Returns:
        The exit code 0.

    Raises:
        ConfigError: If an argument or the SQL is not understood.
        InputError: If there is no such run, or it cannot be read.
        DependencyError: If DuckDB is not installed.
        ExportError: If the output cannot be written.
    """
    from pipeline.console.query_database import batches_of, opened
    from pipeline.console.query_output import print_table, write_rows
    from pipeline.export.run_tables import run_tables

    request = parsed(arguments)
    named = NAMED.get(request.query)
    sql = request.query if named is None else named.of(len(request.runs))
    with tempfile.TemporaryDirectory(prefix="theodolite-query-") as temporary:
        tables = {}
        for number, (name, folder) in enumerate(request.runs.items()):
            place = Path(temporary) / str(number)
            place.mkdir()
            tables[name] = run_tables(folder, place)
        with opened(tables, Path(temporary)) as database:
            rows = database.rows(sql)
            batches = batches_of(rows, database, sql)
            if request.format is None:
                print_table(console, rows.schema, batches)
            else:
                write_rows(request.format, request.output or console.file, rows.schema, batches)
    return 0


def parsed(arguments: Sequence[str]) -> Request:
    """The request that arguments make.

    Raises:
        ConfigError: If a key, a format or a named query is unknown, or an argument is missing.
        InputError: If there is no such run.
    """
    values: dict[str, str] = {}
    others: list[str] = []
    for argument in arguments:
        setting = _SETTING.fullmatch(argument)
        if setting is not None and setting[1] in _KEYS and setting[1] not in values:
            values[setting[1]] = setting[2]
        elif argument.startswith("-"):
            raise ConfigError(f"query has no option {argument!r}; its keys are format= and output=.")
        else:
            others.append(argument)
    if len(others) < 2:
        raise ConfigError(f"query takes a RUN, and SQL or one of {', '.join(NAMED)}: {_EXAMPLE}.")
    *folders, asked = others
    if asked not in NAMED and not re.search(r"\s", asked.strip()):
        closest = suggestion(asked, NAMED) or "."
        raise ConfigError(f"There is no query named {asked!r}; the names are {', '.join(NAMED)}{closest}")
    runs = runs_of(folders)
    output = _output(values["output"], runs) if "output" in values else None
    kind = values.get("format") or ("" if output is None else output.suffix[1:].lower()) or None
    if kind not in (None, *FORMATS):
        where = "format" if "format" in values else "the suffix of output"
        raise ConfigError(f"{where} must be one of {', '.join(FORMATS)}, not {kind!r}.")
    if output is not None and kind is None:
        raise ConfigError(f"The format of {output} is not known; add format=csv, json or parquet.")
    if kind == "parquet" and output is None:
        raise ConfigError("Parquet is not text; add output=FILE.parquet.")
    return Request(runs, asked, kind, output)


def runs_of(folders: Sequence[str]) -> dict[str, Path]:
    """The runs that folders of runs and of sweeps hold, by name.

    Runs are named after their folders, those of a sweep after the overrides that differ.

    Raises:
        InputError: If a folder holds no run.
    """
    found: list[tuple[str, str, Path]] = []
    for typed in folders:
        path = Path(typed)
        combinations = [] if (path / RESULTS_NAME).exists() or not path.is_dir() else _combinations(path)
        if combinations:
            names = _names(combinations)
            found += [(name, f"{typed}/{name}", one) for name, one in zip(names, combinations, strict=True)]
        else:
            folder = run_folder(path)
            found.append((folder.resolve().name, typed, folder))
    names = [name for name, *_ in found]
    runs = {name if names.count(name) == 1 else longer: folder for name, longer, folder in found}
    if len(runs) < len(found):
        raise InputError("The same run is named twice; name each RUN once.")
    return runs


def _combinations(sweep: Path) -> list[Path]:
    """The runs in the folder of a sweep, in the order of their numbers; those of an earlier sweep are left out."""
    from pipeline.console.sweep_jobs import files_of

    told = {path.parent for path in files_of(sweep)}
    folders = [path.parent for path in files_of(sweep, RESULTS_NAME)]
    kept = [folder for folder in folders if not told or folder in told]
    return sorted(kept, key=lambda folder: (natural_key(folder.parent), natural_key(folder)))


def _names(folders: Sequence[Path]) -> list[str]:
    import yaml

    from pipeline.evaluate.depth.compare import run_names

    try:
        overrides = [yaml.safe_load((one / ".hydra" / "overrides.yaml").read_text("utf-8")) or [] for one in folders]
        return run_names([list(map(str, each)) for each in overrides])
    except (OSError, ValueError, TypeError, yaml.YAMLError):
        return [folder.name for folder in folders]


def _output(typed: str, runs: dict[str, Path]) -> Path:
    path = Path(typed)
    if not typed.strip() or path.is_dir():
        raise ConfigError("output= must name a file.")
    inside = [folder for folder in runs.values() if path.resolve().is_relative_to(folder.resolve())]
    if inside and path.exists():
        raise ConfigError(f"{path} is a file of the run {inside[0]}; choose another output=.")
    return path
