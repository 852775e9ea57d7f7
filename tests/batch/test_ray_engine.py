"""Batches on Ray are batches in one process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from benchmarks.batch_kills import compared, contents
from commands import results_in
from console.batches import Batch
from stages.doubles import CountingDepth, ScriptedModel
from stages.runs import failures_in, item, make_stages, manifest

from pipeline.batch.local import Work
from pipeline.batch.ray_engine import RayEngine, cluster
from pipeline.batch.run import run
from pipeline.models.vlm.base import Request
from pipeline.records.errors import ConfigError, DependencyError
from pipeline.stages.depth import DepthStage
from pipeline.stages.query import QueryStage

MISSING = "the package ray is not installed: pip install 'theodolite[ray]'"
CLAIM = {"relation": "left_of", "subject": "x", "object": "y"}


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    """Ray on this machine, for all tests of this file; it takes ten seconds to start."""
    pytest.importorskip("ray.data", reason=MISSING)
    with pytest.MonkeyPatch.context() as patch:
        # Its processes import this file.
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        with cluster(None):
            yield


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    made = Batch(tmp_path_factory.mktemp("batch"), 28, "export.report=false")
    made.run("one")
    return made


@pytest.mark.slow
def test_ctrl_c_finishes_what_is_in_work_and_ends_ray(batch: Batch, repository: Path) -> None:
    pytest.importorskip("ray.data", reason=MISSING)
    out = batch.folder / "interrupted"
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "run", *batch.overrides, f"output_dir={out}", "engine=ray",
         "engine.task_items=1"],
        cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    wait(lambda: (out / "results.jsonl").exists() and len(results_in(out)) > 0)
    children = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Finishing what is in progress" in errors and "Traceback" not in errors and "ray" not in errors.lower()
    assert psutil.wait_procs(children, timeout=10)[1] == []
    written = len(results_in(out))
    assert 0 < written < len(results_in(batch.folder / "one"))
    batch.run("interrupted", "resume=true")
    assert list(compared(contents(batch.folder / "one"), contents(out))) == []


@pytest.mark.slow
def test_ray_writes_what_one_process_writes_even_if_a_process_is_killed(ray: None, batch: Batch) -> None:
    killer = threading.Thread(target=kill_a_worker, args=(batch.folder / "ray" / "results.jsonl",))
    killer.start()
    batch.run("ray", "engine=ray", "engine.task_items=2")
    killer.join()
    assert killed
    assert list(compared(contents(batch.folder / "one"), contents(batch.folder / "ray"))) == []
    assert [failure["item_id"] for failure in failures_in(batch.folder / "ray")] == ["item-0012", "item-0025"]


killed: list[int] = []


def kill_a_worker(results: Path) -> None:
    """End a process that takes items through the stages, once there are results."""
    wait(lambda: results.exists() and results.stat().st_size > 0)
    while not killed and len(results.read_bytes().splitlines()) < 42:
        for process in psutil.Process().children(recursive=True):
            # Ray names its processes by what they do.
            if "MapBatches" in process.name() or "MapBatches" in " ".join(process.cmdline()):
                process.kill()
                killed.append(process.pid)
                return


def dying(folder: Path) -> Work:
    class Dying(DepthStage):
        def all(self, scenes: Any) -> Any:
            name = scenes[0].id
            seen = folder / f"seen-{name}"
            if name == "deadly" or (name == "unlucky" and not seen.exists()):
                seen.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if name == "slow":
                time.sleep(60)
            return super().all(scenes)

    names = ("a", "unlucky", "deadly", "b", "slow", "c")
    return Work(
        manifest(folder, *(item(name, claims=[CLAIM]) for name in names)),
        make_stages(depth=Dying(make_stages().depth.backend)),
    )


@pytest.mark.slow
def test_an_item_whose_process_ends_twice_or_takes_too_long_fails_alone(ray: None, tmp_path: Path) -> None:
    factory = partial(dying, tmp_path)
    engine = RayEngine(task_items=3, item_s=3.0)
    run(factory().source, make_stages(), tmp_path / "out", engine=engine, factory=factory)
    assert [result.item_id for result in results_in(tmp_path / "out")] == ["a", "unlucky", "b", "c"]
    failures = {failure["item_id"]: failure for failure in failures_in(tmp_path / "out")}
    assert failures.keys() == {"deadly", "slow"}
    assert {failure["stage"] for failure in failures.values()} == {"worker"}
    assert "ended during this item" in failures["deadly"]["reason"]
    assert "longer than 3 s" in failures["slow"]["reason"]


class LoadedModel(ScriptedModel):
    """Counts as one that holds weights; the first process that asks it about "a" dies."""

    loads_model = True
    folder: Path | None = None

    def generate(self, requests: Any) -> Any:
        if self.folder is not None and not (seen := self.folder / "seen").exists():
            seen.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().generate(requests)


def answer(request: Request) -> str:
    return f"About {request.question}"


def modelled(folder: Path, dies: bool) -> Work:
    names = ("a", "b", "torn", "c", "d")
    lines = [
        item(name, questions=[f"{name}1?", f"{name}2?"], frames=[("none" if name == "torn" else "photo") + ".png"])
        for name in names
    ]
    model = LoadedModel(answer)
    model.folder = folder if dies else None
    query = QueryStage(model, "none", batch_size=2)
    return Work(manifest(folder, *lines), make_stages(model, depth=DepthStage(CountingDepth()), query=query))


@pytest.mark.slow
def test_models_are_actors_that_come_back(ray: None, tmp_path: Path) -> None:
    made = modelled(tmp_path, dies=False)
    run(made.source, made.stages, tmp_path / "one")
    stopped: list[str] = []
    for resume in (False, True):
        run(
            made.source,
            made.stages,
            tmp_path / "ray",
            engine=RayEngine(actor_items=2),
            factory=partial(modelled, tmp_path, dies=True),
            resume=resume,
            on_item=stopped.append,
            limit=5 if resume else 2,
        )
    assert list(compared(contents(tmp_path / "one"), contents(tmp_path / "ray"))) == []
    assert (tmp_path / "seen").exists()
    assert len(results_in(tmp_path / "ray")) == 8


def wait(until: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings, has_models, words",
    [
        ({"task_cpus": 1e6}, False, "engine.task_cpus"),
        ({"actors": 1000}, True, "engine.actor_cpus"),
        ({"actor_gpus": 1000.0}, True, "engine.actor_gpus"),
    ],
)
def test_more_than_this_machine_has_is_refused(
    ray: None, settings: dict[str, Any], has_models: bool, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        list(RayEngine(**settings).outcomes([], Work, None, has_models=has_models))  # type: ignore[arg-type]


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DependencyError, match=r"theodolite\[ray\]"), cluster(None):
        pass


def test_processes_need_a_factory(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="factory"):
        run(manifest(tmp_path, item("a")), make_stages(), tmp_path / "out", engine=RayEngine())
