"""A process that has imported what the command line needs and no state of its own; each command is a copy of it.

Starting Python and importing arrays, geometry and Hydra takes longer than most commands. A copy has its own folder,
environment and output, as a process that a user starts; consoles, logging and models are made in the copy.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path

_IMPORTED = (
    "hydra", "hydra._internal.hydra", "omegaconf", "yaml", "cv2", "PIL.Image", "scipy.spatial", "scipy.special",
    "rich.console", "pyarrow.parquet", "filelock", "jinja2",
    "pipeline.records", "pipeline.verify.verifier", "pipeline.ingest.build", "pipeline.stages.compose",
    "pipeline.config.build", "pipeline.export.report.index",
)  # fmt: skip


class WarmCommand:
    """Runs commands in copies of a process.

    Args:
        repository: The checkout whose command line is run.
    """

    def __init__(self, repository: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(repository)}
        self._process = subprocess.Popen(
            [sys.executable, __file__], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def __call__(
        self, arguments: tuple[str, ...], folder: Path, environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run one command; what it wrote, and its exit code."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            own = f"/proc/{os.getpid()}/fd/"
            request = [arguments, str(folder), environment, own + str(output.fileno()), own + str(errors.fileno())]
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            texts = []
            for file in (output, errors):
                file.seek(0)
                texts.append(file.read().decode().replace("\r\n", "\n"))
        return subprocess.CompletedProcess(["theodolite", *arguments], code, *texts)


def _serve() -> None:
    for name in _IMPORTED:
        __import__(name)
    from hydra.core.plugins import Plugins

    # It looks for plugins among all installed packages.
    Plugins.instance()
    for line in sys.stdin:
        request = json.loads(line)
        if (process := os.fork()) == 0:
            _run(*request)
        _, status = os.waitpid(process, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _run(arguments: list[str], folder: str, environment: dict[str, str], output: str, errors: str) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, target in ((0, nothing), (1, os.open(output, os.O_WRONLY)), (2, os.open(errors, os.O_WRONLY))):
        os.dup2(target, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["theodolite", *arguments]
    sys.path[0] = folder
    code = 70
    try:
        runpy.run_module("pipeline", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        # What Python does at its end, which a copy does not reach.
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
