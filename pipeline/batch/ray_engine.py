"""The stages on Ray, on this machine or a cluster."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.batch.local import Work
from pipeline.batch.reading import Unfinished
from pipeline.batch.whole_items import Outcome, Recipe
from pipeline.batch.workers import THREAD_VARIABLES, environment
from pipeline.records.errors import ConfigError, DependencyError
from pipeline.records.settings import Count, NonNegative, Positive, checked

# Rows per process that may be begun and not yet written.
_AHEAD = 3


@checked
@dataclass(frozen=True)
class RayEngine:
    """Runs the stages on Ray Data.

    Where no stage holds a model, tasks take items through all stages. Otherwise tasks read the files and draw, and
    actors, each with its own models, do the rest. Results come back to this process, which writes them.

    Args:
        address: The cluster; None starts Ray on this machine for the time of the run.
        task_cpus: CPUs of a task.
        task_items: Items that a task takes at a time.
        actors: Processes with models.
        actor_cpus: CPUs of such a process.
        actor_gpus: GPUs of such a process; a part lets several share one.
        actor_items: Items that such a process takes at a time.
        item_s: Most time that a task may take for an item [s]; None sets no bound.
    """

    address: str | None = None
    task_cpus: Positive = 0.66
    task_items: Count = 8
    actors: Count = 1
    actor_cpus: NonNegative = 0.5
    actor_gpus: NonNegative = 0.0
    actor_items: Count = 8
    item_s: Positive | None = 600.0

    uses_processes = True

    def outcomes(
        self, unfinished: Iterable[Unfinished], factory: Callable[[], Work], recipe: Recipe, *, has_models: bool
    ) -> Generator[Outcome, None, None]:
        """The outcomes of items, in their order.

        Args:
            unfinished: The items.
            factory: Makes what a process has; pickled.
            recipe: What all items share.
            has_models: Whether a stage holds a model.

        Raises:
            DependencyError: If Ray is not installed.
            ConfigError: If Ray does not have what the settings ask for.
            StageError: If an item fails for a reason that concerns every item.
            WorkerError: If Ray fails again and again.
        """
        from pipeline.batch.ray_stream import Plan, stream

        with cluster(self.address) as resources:
            slots = self._slots(resources, has_models)
            steps = self._steps(pickle.dumps(factory), recipe, has_models)
            if has_models:
                plan = Plan(self.actor_items, _AHEAD * self.actors + 1, steps)
            else:
                plan = Plan(self.task_items, _AHEAD * slots, steps)
            yield from stream(unfinished, plan)

    def _slots(self, resources: dict[str, float], has_models: bool) -> int:
        """Tasks that run at a time."""
        cpus, gpus = resources.get("CPU", 0.0), resources.get("GPU", 0.0)
        needed = self.task_cpus + (self.actors * self.actor_cpus if has_models else 0)
        # A cluster may grow; this machine does not.
        if self.address is None and needed > cpus:
            raise ConfigError(
                f"engine=ray needs {needed:g} CPUs, and Ray has {cpus:g}; reduce engine.actors, engine.actor_cpus or "
                "engine.task_cpus."
            )
        if self.address is None and has_models and self.actors * self.actor_gpus > gpus:
            raise ConfigError(
                f"engine=ray needs {self.actors * self.actor_gpus:g} GPUs, and Ray has {gpus:g}; reduce "
                "engine.actors or engine.actor_gpus."
            )
        return max(1, int(cpus / self.task_cpus))

    def _steps(self, factory: bytes, recipe: Recipe, has_models: bool) -> Callable[[Any, Any], Any]:
        from pipeline.batch.ray_stream import in_actors, in_tasks
        from pipeline.batch.ray_work import Phase

        recipe = replace(recipe, folder=recipe.folder.absolute())

        def steps(dataset: Any, feed: Any) -> Any:
            def phase(name: str) -> Phase:
                return Phase(name, factory, recipe, Path.cwd(), self.item_s, feed)

            if not has_models:
                return in_tasks(dataset, phase("whole"), self.task_cpus)
            dataset = in_tasks(dataset, phase("read"), self.task_cpus)
            dataset = in_actors(dataset, phase("model"), self.actors, self.actor_cpus, self.actor_gpus)
            return in_tasks(dataset, phase("draw"), self.task_cpus)

        return steps


@contextmanager
def cluster(address: str | None) -> Iterator[dict[str, float]]:
    """Ray while the block runs, and its resources; one that runs in this process already stays as it is.

    Raises:
        DependencyError: If Ray is not installed.
        ConfigError: If there is no cluster at the address.
    """
    variables = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_BACKEND_LOG_LEVEL": "fatal",
        "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    }
    for name, value in variables.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError:
        raise DependencyError("engine=ray needs the package ray: pip install 'theodolite[ray]'.") from None
    was_there = ray.is_initialized()
    if not was_there:
        _start(ray, address)
    try:
        with _quiet(ray):
            yield ray.cluster_resources()
    finally:
        if not was_there:
            ray.shutdown()


def _start(ray: Any, address: str | None) -> None:
    # A checkout that is not installed is found from any folder.
    path = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
    # Of one thread each, as the processes of engine=local.
    threads = dict.fromkeys(THREAD_VARIABLES, "1")
    with _same_signals(), _without_stderr(), environment({"PYTHONPATH": path, **threads}):
        try:
            ray.init(
                address="local" if address is None else address,
                include_dashboard=False if address is None else None,
                logging_level=logging.ERROR,
                log_to_driver=False,
            )
        except Exception as error:  # Ray raises all kinds, where there is no cluster or this machine is too slow.
            place = "on this machine" if address is None else f"at engine.address={address}"
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise ConfigError(f"Ray does not start {place}: {reason}") from error


@contextmanager
def _same_signals() -> Iterator[None]:
    """Keep the handlers of this process; Ray sets its own for SIGTERM."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Send standard error nowhere: Ray's core reports there that it logs less."""
    sys.stderr.flush()
    before, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


@contextmanager
def _quiet(ray: Any) -> Iterator[None]:
    """No words and bars of Ray Data, and rows that stay as they are."""
    context = ray.data.DataContext.get_current()
    settings = {
        # One row per block, so that each is work of its own.
        "target_max_block_size": 1,
        "enable_progress_bars": False,
        "print_on_execution_start": False,
    }
    before = {name: getattr(context, name) for name in settings}
    named = [logging.getLogger(name) for name in ("ray", "ray.data")]
    levels = [each.level for each in named]
    for name, value in settings.items():
        setattr(context, name, value)
    for each in named:
        each.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(context, name, value)
        for each, level in zip(named, levels, strict=True):
            each.setLevel(level)
