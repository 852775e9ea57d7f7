"""The command line: one console, one line per mistake, and an exit code.

0: success. 1: some items of a batch failed. 2: the command, an input or a model cannot be used.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config.logs import KEY, set_up_logging, typed_format
from pipeline.console.composed import compose_and_run
from pipeline.console.output import console, errors, print_error, printable, progress_of, refuse
from pipeline.records.errors import ConfigError, TheodoliteError

if TYPE_CHECKING:
    from omegaconf import DictConfig

logger = logging.getLogger(__name__)
_MOST_DIFFERENCES = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: What follows the program's name; by default the process's own.

    Returns:
        The exit code.
    """
    # Waiting threads that spin starve other processes on small machines; read when torch loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    given = list(sys.argv[1:] if arguments is None else arguments)
    verbose = any(argument in ("-v", "--verbose") for argument in given)
    given = [argument for argument in given if argument not in ("-v", "--verbose")]
    for stream in (sys.stdout, sys.stderr):
        # A console that cannot show a character shows a question mark.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    stderr = sys.stderr
    try:
        set_up_logging(verbose, typed_format(given), errors)
        return _command(given, verbose)
    except ConfigError as error:
        return refuse(error, verbose)
    finally:
        sys.stderr = stderr


def _command(given: list[str], verbose: bool) -> int:
    """Run a command; its exit code."""
    if not given or given[0] in ("-h", "--help", "help"):
        from pipeline.console.usage import COMMANDS

        console.print(COMMANDS, markup=False)
        return 0
    command, *rest = given
    if command == "--version":
        from pipeline import __version__

        console.print(__version__)
        return 0
    if command not in _COMMANDS:
        errors.print(f"There is no command {command!r}; choose one of {', '.join(_COMMANDS)}.", markup=False)
        return 2
    if command not in _COMPOSED:
        rest = [argument for argument in rest if not argument.startswith(f"{KEY}=")]
    try:
        if {"-h", "--help"} & set(rest):
            from pipeline.console.usage import usage_of

            console.print(usage_of(command), markup=False)
            return 0
        if command in _WITHOUT_ARGUMENTS and rest:
            raise ConfigError(f"{command} takes no arguments.")
        return _COMMANDS[command](rest)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        resumes = command in ("run", "verify", "eval-depth", "retry")
        way = "retry once more" if command == "retry" else "add resume=true"
        kept = f" Results so far are kept; {way} to continue." if resumes else ""
        errors.print(f"Stopped.{kept}")
        return 130
    except Exception as error:
        return refuse(error, verbose)


def _run(arguments: Sequence[str]) -> int:
    from pipeline.config.overrides import with_quickstart

    return compose_and_run(with_quickstart(arguments), "run", _run_job, "results")


def _verify(arguments: Sequence[str]) -> int:
    return compose_and_run(["vlm=none", *arguments], "run", _run_job, "results")


def _eval_claims(arguments: Sequence[str]) -> int:
    return compose_and_run(arguments, "eval_claims", _claims_job, "cases")


def _claims_job(config: DictConfig) -> int:
    from pipeline.console.evaluation import measure_claims

    return measure_claims(config, console, progress_of)


def _eval_depth(arguments: Sequence[str]) -> int:
    return compose_and_run(arguments, "eval_depth", _depth_job, "depth")


def _depth_job(config: DictConfig) -> int:
    from pipeline.console.evaluation import measure_depth

    return measure_depth(config, console, progress_of)[1]


def _fit(arguments: Sequence[str]) -> int:
    return compose_and_run(arguments, "fit", _fit_job)


def _fit_job(config: DictConfig) -> int:
    from pipeline.console.fit import fit_all

    return fit_all(config, console, progress_of)


def _retry(arguments: Sequence[str]) -> int:
    from pipeline.console.retry import retry, run_argument
    from pipeline.console.summary import print_summary

    (folder,) = run_argument(arguments, "retry")
    summary = retry(Path(folder), progress_of)
    if summary is None:
        console.print("Nothing failed.")
        return 0
    print_summary(console, summary)
    if summary.is_stopped:
        raise KeyboardInterrupt
    return 1 if summary.failures else 0


def _reproduce(arguments: Sequence[str]) -> int:
    from pipeline.console.reproduce import reproduce
    from pipeline.console.retry import run_argument

    folder, item_id = run_argument(arguments, "reproduce", "ITEM")
    found = reproduce(Path(folder), item_id, progress_of)
    lines = [f"different: {line}" for line in found.differences[:_MOST_DIFFERENCES]] or [f"same: {found.results}"]
    more = len(found.differences) - _MOST_DIFFERENCES
    lines += [f"and {more} more"] if more > 0 else []
    for line in (*lines, *found.versions):
        console.out(printable(line), highlight=False)
    return 1 if found.differences else 0


def _merge(arguments: Sequence[str]) -> int:
    from pipeline.console.merge import merge

    targets = [argument.partition("=")[2] for argument in arguments if argument.startswith("output_dir=")]
    folders = [argument for argument in arguments if not argument.startswith("output_dir=")]
    if len(targets) != 1 or not targets[0] or len(folders) < 2 or any(name.startswith("-") for name in folders):
        raise ConfigError("merge takes several RUNs and a new folder: python -m pipeline merge RUN RUN output_dir=OUT.")
    results, failures = merge([Path(folder) for folder in folders], Path(targets[0]))
    console.out(f"{results} results and {failures} failures in {targets[0]}", highlight=False)
    return 0


def _export(arguments: Sequence[str]) -> int:
    from pipeline.console.export import export_run

    return export_run(arguments, console, progress_of)


def _query(arguments: Sequence[str]) -> int:
    from pipeline.console.query import query

    return query(arguments, console)


def _show_prompts(config: DictConfig) -> int:
    """Print the prompts that a run would send."""
    from pipeline.config.build import build_source, build_stages
    from pipeline.records.settings import Count, check_value
    from pipeline.stages.show_prompt import shown_items

    shown = failed = 0
    limit = check_value("limit", config.limit, Count | None)
    for item_id, outcome in islice(shown_items(build_source(config), build_stages(config)), limit):
        if isinstance(outcome, TheodoliteError):
            failed += 1
            print_error(f"{outcome} (item {item_id})")
        else:
            console.out("\n" * bool(shown) + printable(outcome), highlight=False)
            shown += 1
    return 0 if not failed else 1 if shown else 2


def _run_job(config: DictConfig) -> int:
    """Run the stages over the input and print a summary."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from pipeline.config.build import check_flags
    from pipeline.console.running import execute
    from pipeline.console.summary import print_shipped_models, print_summary

    check_flags(config)
    if config.vlm.get("show_prompt"):
        return _show_prompts(config)
    folder = Path(HydraConfig.get().runtime.output_dir)
    path = str(config.input.get("path"))
    if path.endswith(".jsonl") and Path(path).absolute().parent == folder.absolute():
        raise ConfigError(f"The input is in {folder}, where the results go; choose another output_dir.")
    overrides = HydraConfig.get().overrides.task
    summary = execute(config, folder, progress_of, overrides)
    has_results = summary.results or summary.skipped
    if len(summary.failures) == 1 and not has_results:
        item, stage, reason = summary.failures[0]
        return print_error(f"{reason} (item {item}, stage {stage})")
    print_summary(console, summary)
    # A sweep's table would be buried below it.
    if summary.results and HydraConfig.get().mode is RunMode.RUN:
        print_shipped_models(console, [config[group].get("model") for group in ("vlm", "depth")])
    if summary.is_stopped:
        raise KeyboardInterrupt
    return 1 if summary.failures else 0


def _cache(arguments: Sequence[str]) -> int:
    from pipeline.console.cache import manage

    return manage(arguments, console)


def _schema(arguments: Sequence[str]) -> int:
    from pipeline.records import json_schema

    console.print(json.dumps(json_schema(), indent=2), markup=False)
    return 0


def _doctor(arguments: Sequence[str]) -> int:
    from pipeline.console.doctor import print_report

    print_report(console)
    return 0


def _view(arguments: Sequence[str]) -> int:
    from pipeline.console.view import view

    return view(arguments, console)


def _serve(arguments: Sequence[str]) -> int:
    from pipeline.console.serve import serve

    return serve(arguments, console)


_WITHOUT_ARGUMENTS = ("schema", "doctor")
_COMPOSED = ("run", "verify", "eval-claims", "eval-depth", "fit", "serve")
_COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "run": _run,
    "verify": _verify,
    "eval-claims": _eval_claims,
    "eval-depth": _eval_depth,
    "retry": _retry,
    "reproduce": _reproduce,
    "merge": _merge,
    "fit": _fit,
    "export": _export,
    "view": _view,
    "serve": _serve,
    "query": _query,
    "cache": _cache,
    "schema": _schema,
    "doctor": _doctor,
}
