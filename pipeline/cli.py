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
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from pipeline.config.logs import KEY, set_up_logging, typed_format, writes_json
from pipeline.records.errors import ConfigError, TheodoliteError

if TYPE_CHECKING:
    from omegaconf import DictConfig

logger = logging.getLogger(__name__)
_MOST_DIFFERENCES = 5


class _Console(Console):
    """A console that leaves a broken pipe to the caller."""

    def on_broken_pipe(self) -> None:
        """Raise the error again, instead of ending the process as rich does."""
        raise BrokenPipeError


console = _Console(soft_wrap=True, highlight=False)
errors = _Console(stderr=True, soft_wrap=True, highlight=False)


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
        return _refuse(error, verbose)
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
        kept = " Results so far are kept; add resume=true to continue." if resumes else ""
        errors.print(f"Stopped.{kept}")
        return 130
    except Exception as error:
        return _refuse(error, verbose)


def _refuse(error: Exception, verbose: bool) -> int:
    if verbose and not writes_json():
        errors.print_exception()
    known = isinstance(error, TheodoliteError)
    text = str(error) if known else f"Unexpected {type(error).__name__}: {error}; try -v."
    return _print_error(text, error if verbose else None)


def _print_error(text: str, cause: Exception | None = None) -> int:
    from pipeline.export.text import one_line

    if writes_json():
        logger.error("%s", one_line(text), exc_info=cause)
    else:
        errors.print("[red]Error:[/red] " + escape(one_line(text)))
    return 2


def _run(arguments: Sequence[str]) -> int:
    from pipeline.config.overrides import with_quickstart

    return _hydra(with_quickstart(arguments), "run", _run_job, "results")


def _verify(arguments: Sequence[str]) -> int:
    return _hydra(["vlm=none", *arguments], "run", _run_job, "results")


def _eval_claims(arguments: Sequence[str]) -> int:
    from pipeline.console.evaluation import measure_claims

    return _hydra(arguments, "eval_claims", lambda config: measure_claims(config, console, _progress), "cases")


def _eval_depth(arguments: Sequence[str]) -> int:
    from pipeline.console.evaluation import compare_depth, measure_depth

    folders: list[Path] = []

    def job(config: DictConfig) -> int:
        folder, code = measure_depth(config, console, _progress)
        folders.append(folder)
        return code

    code = _hydra(arguments, "eval_depth", job)
    if len(folders) > 1:
        compare_depth(folders, console)
    return code


def _fit(arguments: Sequence[str]) -> int:
    from pipeline.console.fit import fit_all

    return _hydra(arguments, "fit", lambda config: fit_all(config, console, _progress))


def _retry(arguments: Sequence[str]) -> int:
    from pipeline.console.retry import retry, run_argument
    from pipeline.console.summary import print_summary

    (folder,) = run_argument(arguments, "retry")
    summary = retry(Path(folder), _progress)
    if summary is None:
        console.print("Nothing failed.")
        return 0
    print_summary(console, summary)
    return 1 if summary.failures else 0


def _reproduce(arguments: Sequence[str]) -> int:
    from pipeline.console.reproduce import reproduce
    from pipeline.console.retry import run_argument

    folder, item_id = run_argument(arguments, "reproduce", "ITEM")
    found = reproduce(Path(folder), item_id, _progress)
    lines = [f"different: {line}" for line in found.differences[:_MOST_DIFFERENCES]] or [f"same: {found.results}"]
    more = len(found.differences) - _MOST_DIFFERENCES
    lines += [f"and {more} more"] if more > 0 else []
    for line in (*lines, *found.versions):
        console.out(_printable(line), highlight=False)
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

    return export_run(arguments, console, _progress)


def _query(arguments: Sequence[str]) -> int:
    from pipeline.console.query import query

    return query(arguments, console)


def _hydra(
    arguments: Sequence[str], config_name: str, job: Callable[[DictConfig], int], compared: str | None = None
) -> int:
    """Compose the configuration with Hydra, run the job, and compare what the runs of a sweep gave, where it says."""
    import hydra
    import yaml
    from hydra.core.hydra_config import HydraConfig
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from pipeline.config.addresses import check_addresses
    from pipeline.config.mistakes import describe
    from pipeline.config.overrides import translate
    from pipeline.config.user_folder import use_user_folder
    from pipeline.export.files import write_error
    from pipeline.records.resources import resource_dir

    sweep = any(argument in ("-m", "--multirun") for argument in arguments)
    codes: list[int] = []
    refused: list[Exception] = []
    combinations: list[tuple[Sequence[str], str, str | None]] = []

    def guarded(config: DictConfig) -> None:
        # Hydra would end the sweep and print further lines if a job raised.
        set_up_logging(logger.isEnabledFor(logging.DEBUG) or bool(config.verbose), str(config.log_format), errors)
        problem = None
        try:
            codes.append(job(config))
        except Exception as error:
            codes.append(_refuse(error, logger.isEnabledFor(logging.DEBUG)) if sweep else 2)
            refused.append(error)
            problem = str(error)
        done = HydraConfig.get()
        combinations.append((done.overrides.task, done.runtime.output_dir, problem))

    typed = [argument.lstrip("+").partition("=")[::2] for argument in arguments]
    check_addresses(typed, sweep=sweep)
    if dict(typed).get("vlm.show_prompt", "").strip().casefold() == "true":
        if sweep:
            raise ConfigError("vlm.show_prompt=true shows the prompts of one configuration; leave out -m.")
        # Hydra creates a folder for every run; showing prompts must leave no files.
        arguments = [*arguments, "hydra.run.dir=.", "hydra.output_subdir=null"]
    use_user_folder()
    # Hydra then raises errors instead of printing them over many lines.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    program, sys.argv = sys.argv, ["theodolite", *translate(arguments, sweep=sweep)]
    folder = str(resource_dir("conf").resolve())
    try:
        hydra.main(version_base="1.3", config_path=folder, config_name=config_name)(guarded)()
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(describe(error, config_name)) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"A configuration file is not valid YAML: {' '.join(str(error).split())}.") from error
    except BrokenPipeError:
        raise
    except OSError as error:
        raise write_error(Path(error.filename or "the folder of results"), error) from error
    finally:
        sys.argv = program
    if refused and not sweep:
        raise refused[0]
    if compared is not None and len(combinations) > 1:
        from pipeline.console.sweep_report import compare

        compare(combinations, console, compared)
    return max(codes, default=0)


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
            _print_error(f"{outcome} (item {item_id})")
        else:
            console.out("\n" * bool(shown) + _printable(outcome), highlight=False)
            shown += 1
    return 0 if not failed else 1 if shown else 2


def _printable(text: str) -> str:
    """The text without control characters, except line breaks."""
    return "".join(part if part.isprintable() or part == "\n" else " " for part in text)


def _run_job(config: DictConfig) -> int:
    """Run the stages over the input and print a summary."""
    from hydra.core.hydra_config import HydraConfig

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
    summary = execute(config, folder, _progress, overrides)
    has_results = summary.results or summary.skipped
    if len(summary.failures) == 1 and not has_results:
        item, stage, reason = summary.failures[0]
        return _print_error(f"{reason} (item {item}, stage {stage})")
    print_summary(console, summary)
    if has_results:
        print_shipped_models(console, [config[group].get("model") for group in ("vlm", "depth")])
    if summary.is_stopped:
        raise KeyboardInterrupt
    return 1 if summary.failures else 0


def _progress(total: int | None, limit: Any) -> tuple[Any, Callable[..., None]]:
    """A progress bar on a terminal, and elsewhere a line a minute; a limit that is not a number is refused later."""
    from pipeline.console.progress import ItemProgress

    counts = [count for count in (total, limit) if isinstance(count, int)]
    progress = ItemProgress(errors, min(counts, default=None))
    return progress, progress.advance


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
