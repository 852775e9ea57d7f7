"""Commands whose configuration Hydra composes, alone or as a sweep over several of them."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config.logs import set_up_logging
from pipeline.console.output import console, errors, refuse
from pipeline.records.errors import ConfigError

if TYPE_CHECKING:
    from omegaconf import DictConfig

logger = logging.getLogger(__name__)


class Job:
    """Runs one configuration; other processes run a pickled copy.

    Args:
        job: Runs it; its exit code.
        sweep: Whether it is one of several, whose errors do not end the others.
    """

    def __init__(self, job: Callable[[DictConfig], int], sweep: bool) -> None:
        self._job, self._sweep = job, sweep
        self.code = 0
        self.error: Exception | None = None

    def __call__(self, config: DictConfig) -> None:
        """Run it. Hydra would print further lines if this raised."""
        is_verbose = logger.isEnabledFor(logging.DEBUG) or bool(config.verbose)
        set_up_logging(is_verbose, str(config.log_format), errors)
        try:
            self.code, self.error = self._job(config), None
        except Exception as error:
            self.code, self.error = 2, error
            if self._sweep:
                refuse(error, is_verbose)
        if self._sweep:
            from hydra.core.hydra_config import HydraConfig

            from pipeline.console.sweep_jobs import tell

            tell(HydraConfig.get(), self.code, None if self.error is None else str(self.error))


def compose_and_run(
    arguments: Sequence[str], config_name: str, job: Callable[[DictConfig], int], compared: str | None = None
) -> int:
    """Compose the configuration with Hydra, run the job, and compare what the runs of a sweep gave.

    Args:
        arguments: Overrides, and ``-m`` for a sweep.
        config_name: The configuration to compose.
        job: Runs it; a function of a module, as launchers send it to other processes.
        compared: What is compared, see ``sweep_jobs.concluded``; None compares nothing.

    Returns:
        The exit code; the largest one of a sweep.

    Raises:
        ConfigError: If the configuration cannot be composed.
        ExportError: If a file cannot be written.
        Exception: Whatever the job raises, unless it is one of a sweep.
    """
    import hydra
    import yaml
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from pipeline.config.addresses import check_addresses
    from pipeline.config.mistakes import describe
    from pipeline.config.overrides import translate
    from pipeline.config.user_folder import use_user_folder
    from pipeline.export.files import write_error
    from pipeline.records.resources import resource_dir

    sweep = any(argument in ("-m", "--multirun") for argument in arguments)
    run = Job(job, sweep)
    typed = [argument.lstrip("+").partition("=")[::2] for argument in arguments]
    check_addresses(typed, sweep=sweep)
    if dict(typed).get("vlm.show_prompt", "").strip().casefold() == "true":
        if sweep:
            raise ConfigError("vlm.show_prompt=true shows the prompts of one configuration; leave out -m.")
        # Hydra creates a folder for every run; showing prompts must leave no files.
        arguments = [*arguments, "hydra.run.dir=.", "hydra.output_subdir=null"]
    if sweep:
        from pipeline.console.sweep_jobs import CALLBACK, concluded

        arguments = [*arguments, CALLBACK]
    use_user_folder()
    # Hydra then raises errors instead of printing them over many lines.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    program, sys.argv = sys.argv, ["theodolite", *translate(arguments, sweep=sweep)]
    folder = str(resource_dir("conf").resolve())
    try:
        hydra.main(version_base="1.3", config_path=folder, config_name=config_name)(run)()
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
    if sweep:
        return concluded(console, compared)
    if run.error is not None:
        raise run.error
    return run.code
