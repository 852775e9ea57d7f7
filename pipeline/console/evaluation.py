"""The commands ``eval-claims`` and ``eval-depth``, from a composed configuration to a printed report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from pipeline.records.errors import ConfigError, InputError

if TYPE_CHECKING:
    from omegaconf import DictConfig

ProgressOf = Callable[[int | None, Any], tuple[Any, Callable[[str], None]]]


def measure_claims(config: DictConfig, console: Console, progress_of: ProgressOf) -> int:
    """Judge the claims of a data set, write the report and print its figures.

    Args:
        config: The configuration of ``eval-claims``.
        console: Where the figures go.
        progress_of: Takes the number of steps and the limit; gives a progress bar and the function that advances it.

    Returns:
        The exit code.
    """
    from hydra.core.hydra_config import HydraConfig

    from pipeline.config.build import check_flags
    from pipeline.config.build_evaluation import build_dataset, build_subjects
    from pipeline.console.claims_report import print_report
    from pipeline.evaluate.claims.evaluate import evaluate_claims

    check_flags(config)
    if config.vlm.get("show_prompt"):
        raise ConfigError("eval-claims shows no prompts; leave out vlm.show_prompt, or use the command run.")
    dataset, subjects = build_dataset(config), build_subjects(config)
    folder = Path(HydraConfig.get().runtime.output_dir)
    progress, on_case = progress_of(len(dataset), config.limit)
    with progress:
        options = {key: config[key] for key in ("limit", "draws", "seed")}
        report = evaluate_claims(dataset, subjects, folder, configuration=_plain(config), on_case=on_case, **options)
    print_report(console, report, folder)
    return 1 if report["failures"]["count"] else 0


def measure_depth(config: DictConfig, console: Console, progress_of: ProgressOf) -> tuple[Path, int]:
    """Measure depth on a data set, write the report and print its figures.

    Returns:
        The folder of the report, and the exit code; the arguments are those of ``measure_claims``.
    """
    from hydra.core.hydra_config import HydraConfig

    from pipeline.config.build import check_flags
    from pipeline.config.build_evaluation import build_depth_dataset, build_depth_subject, build_protocol
    from pipeline.console.depth_report import print_report
    from pipeline.evaluate.depth.evaluate import evaluate_depth

    check_flags(config)
    folder = Path(HydraConfig.get().runtime.output_dir)
    path = config.dataset.get("path")
    if isinstance(path, str) and Path(path).resolve() == folder.resolve():
        raise ConfigError(f"The data set is in {folder}, where the results go; choose another output_dir.")
    protocol, dataset, subject = build_protocol(config), build_depth_dataset(config), build_depth_subject(config)
    progress, on_image = progress_of(len(dataset), config.limit)
    with progress:
        options = {key: config[key] for key in ("resume", "limit", "worst", "worst_by", "draws", "seed")}
        report = evaluate_depth(
            dataset, subject, protocol, folder, configuration=_plain(config), on_image=on_image, **options
        )
    print_report(console, report, folder)
    return folder, 1 if report["problems"]["count"] else 0


def compare_depth(folders: Sequence[Path], sweep: Path, console: Console) -> None:
    """Write and print a table of a sweep's runs, and their paired differences.

    Args:
        folders: The folders of the runs.
        sweep: The folder of the sweep.
        console: Where the table is printed.
    """
    from omegaconf import OmegaConf

    from pipeline.console.depth_report import print_comparison
    from pipeline.evaluate.depth.compare import compare_runs, run_names, write_comparison

    overrides = [list(map(str, OmegaConf.load(folder / ".hydra" / "overrides.yaml"))) for folder in folders]
    config = OmegaConf.load(folders[0] / ".hydra" / "config.yaml")
    runs = dict(zip(run_names(overrides), folders, strict=True))
    try:
        comparison = compare_runs(runs, draws=config.draws, seed=config.seed)
    except InputError as error:
        console.print(f"\nNo comparison: {escape(str(error))}")
        return
    write_comparison(sweep, comparison)
    print_comparison(console, comparison, sweep)


def _plain(config: DictConfig) -> dict[str, Any]:
    """The configuration as dicts, lists, texts and numbers, interpolations resolved."""
    from omegaconf import OmegaConf

    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    return plain
