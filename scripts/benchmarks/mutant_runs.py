"""Runs tests against mutants: each in a forked process, in a copy of the repository, with the tests that can see it."""

from __future__ import annotations

import ast
import contextlib
import importlib
import json
import multiprocessing
import os
import re
import shutil
import signal
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.mutant_sample import Mutant

_COPIED = ("pipeline", "tests", "scripts", "pyproject.toml")
_LINKED = ("conf", "data")
# Loaded once, before the processes part; nothing of the package, which every mutant loads anew.
_WARM = (
    "numpy", "scipy.optimize", "scipy.spatial.transform", "scipy.ndimage", "scipy.stats", "cv2", "PIL.Image", "pytest",
    "hypothesis", "hydra", "omegaconf", "pydantic", "open3d", "rich.console",
)  # fmt: skip
# A mutant may take so many times as long as the tests do without it, and so much more [s].
_PATIENCE, _PATIENCE_S = 5.0, 60.0


def warm_up() -> None:
    """Load what every run of tests needs."""
    for name in _WARM:
        importlib.import_module(name)


class Plugin:
    """Of pytest: runs chosen tests from quick to slow, or notes which lines each one reaches.

    Args:
        chosen: Tests to run and their order; all where empty.
        coverage: Is told which test runs.
    """

    def __init__(self, chosen: Sequence[str] = (), coverage: Any = None) -> None:
        self.order = {test: place for place, test in enumerate(chosen)}
        self.coverage = coverage
        self.seconds: dict[str, float] = defaultdict(float)
        self.failed: set[str] = set()

    def pytest_sessionstart(self) -> None:
        """A counterexample need not be a small one."""
        import hypothesis

        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile("mutants", hypothesis.settings(), phases=phases)
        hypothesis.settings.load_profile("mutants")

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Keep the chosen tests, in their order."""
        if self.order:
            kept = [item for item in items if item.nodeid in self.order]
            items[:] = sorted(kept, key=lambda item: self.order[item.nodeid])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Lines that fixtures reach belong to the file: other tests use them too."""
        self._switch(nodeid.split("::")[0])

    def pytest_pyfunc_call(self, pyfuncitem: Any) -> None:
        """From here on a line belongs to the test."""
        self._switch(pyfuncitem.nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note how long it took, and whether it failed."""
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.add(report.nodeid)

    def _switch(self, context: str) -> None:
        if self.coverage is not None:
            self.coverage.switch_context(context)


class Bench:
    """One copy of the repository, in which mutants are planted.

    Args:
        root: The repository.
        folder: Where the copy goes.
        tests: Folders of tests to run.
    """

    def __init__(self, root: Path, folder: Path, tests: Sequence[str]) -> None:
        self.folder, self.tests = folder, list(tests)
        folder.mkdir()
        for name in _LINKED:
            (folder / name).symlink_to(root / name)
        for name in _COPIED:
            copy = shutil.copytree if (root / name).is_dir() else shutil.copy
            copy(root / name, folder / name)

    def reached(self, sources: Sequence[str]) -> tuple[dict[str, dict[int, list[str]]], dict[str, float]]:
        """Tests by the lines (of each file) that they reach, and the seconds of each test, without any mutant.

        A test that fails all the same, such as one of speed on a busy machine, is named on standard error and left out.

        Raises:
            RuntimeError: if most tests fail.
        """
        found = self.folder / "reached.json"
        self._forked(3600.0, _reach, self.folder, self.tests, list(sources), found)
        if not found.exists():
            raise RuntimeError("The tests do not run: " + (self.folder / "output").read_text()[-2000:])
        lines, seconds, failed = json.loads(found.read_text())
        for test in failed:
            print(f"fails without any mutant and is left out: {test}", file=sys.stderr, flush=True)
        if len(failed) > len(seconds) / 2:
            raise RuntimeError("Most tests fail without any mutant.")
        seconds = {test: taken for test, taken in seconds.items() if test not in failed}
        return {file: {int(line): tests for line, tests in by_line.items()} for file, by_line in lines.items()}, seconds

    def kills(self, mutant: Mutant, tests: Sequence[str], seconds: float) -> bool:
        """Whether one of the tests notices the mutant; one that takes far too long is noticed too."""
        if not tests:
            return False
        path = self.folder / mutant.file
        original = path.read_bytes()
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
            compiled.unlink()
        path.write_text(mutant.source, encoding="utf-8")
        try:
            return self._forked(_PATIENCE_S + _PATIENCE * seconds, _run, self.folder, list(tests)) != 0
        finally:
            path.write_bytes(original)

    def _forked(self, limit_s: float, *call: Any) -> int:
        process = multiprocessing.get_context("fork").Process(target=_in_group, args=(self.folder, *call))
        process.start()
        process.join(limit_s)
        if process.exitcode is None and process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.join()
        return -1 if process.exitcode is None else process.exitcode


def _in_group(folder: Path, call: Any, *arguments: Any) -> None:
    """Call in a process group of its own, in the copy, with the output in a file."""
    os.setsid()
    os.chdir(folder)
    with (folder / "output").open("wb") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ["PYTHONPATH"] = str(folder)
    code = call(*arguments)
    sys.stdout.flush()
    os._exit(int(code))


def _pytest(folder: Path, files: Sequence[str], plugin: Plugin, *options: str) -> int:
    import pytest

    # Benchmarks are on the path already, those of the checkout: the copy's tests may need their own.
    paths = "pythonpath=. tests tests/datasets scripts"
    return int(pytest.main(["-q", "--rootdir", str(folder), "-o", paths, *options, *files], [plugin]))


def _reach(folder: Path, tests: Sequence[str], sources: Sequence[str], found: Path) -> int:
    import coverage

    measured = coverage.Coverage(data_file=None, source=[str(folder / source) for source in sources])
    plugin = Plugin(coverage=measured)
    measured.start()
    code = _pytest(folder, tests, plugin)
    measured.stop()
    data = measured.get_data()
    lines = {Path(file).relative_to(folder).as_posix(): data.contexts_by_lineno(file) for file in data.measured_files()}
    found.write_text(json.dumps((lines, plugin.seconds, sorted(plugin.failed))))
    return code


def _run(folder: Path, tests: Sequence[str]) -> int:
    sys.dont_write_bytecode = True
    return _pytest(folder, sorted({test.split("::")[0] for test in tests}), Plugin(tests), "-x")


class Choice:
    """Which tests can see a change of a line.

    Args:
        root: The repository.
        reached: Tests by file and line.
        seconds: Of each test.
    """

    def __init__(self, root: Path, reached: dict[str, dict[int, list[str]]], seconds: dict[str, float]) -> None:
        self.reached, self.seconds = reached, seconds
        self.sources = {file: (root / file).read_text("utf-8") for file in reached}
        self.by_file: dict[str, list[str]] = defaultdict(list)
        for test in seconds:
            self.by_file[test.split("::")[0]].append(test)

    def tests(self, file: str, line: int) -> list[str]:
        """Those that reach the statement, from quick to slow.

        What is computed when a module is loaded, such as a constant, is seen by those that reach a use of its name.
        """
        tree = ast.parse(self.sources[file])
        statements = [
            node for node in ast.walk(tree)
            if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or 0)
        ]  # fmt: skip
        functions = [node for node in statements if isinstance(node, ast.FunctionDef)]
        inner = max(statements, key=lambda node: node.lineno)
        if not functions:
            return self._sorted(self._users(inner))
        last = inner.end_lineno or line
        if isinstance(inner, ast.FunctionDef):
            places = range(inner.body[0].lineno, last + 1)
        else:
            # A compound statement is reached where its head is.
            body = getattr(inner, "body", None)
            places = range(inner.lineno, max(inner.lineno, body[0].lineno - 1 if body else last) + 1)
        return self._sorted({test for place in places for test in self._at(file, place)})

    def _at(self, file: str, line: int) -> list[str]:
        found = []
        for context in self.reached.get(file, {}).get(line, ()):
            found += [context] if "::" in context else self.by_file.get(context, [])
        return found

    def _users(self, statement: ast.stmt) -> set[str]:
        targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
        names = [node.id for target in targets if target for node in ast.walk(target) if isinstance(node, ast.Name)]
        used = re.compile(rf"\b({'|'.join(map(re.escape, names)) or '.'})\b")
        return {
            test
            for file, source in self.sources.items()
            for line, text in enumerate(source.splitlines(), 1)
            if used.search(text)
            for test in self._at(file, line)
        }

    def _sorted(self, tests: set[str]) -> list[str]:
        return sorted(tests & self.seconds.keys(), key=lambda test: (self.seconds[test], test))
