from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from benchmarks.batch_kills import make_batch
from commands import results_in

from pipeline.console.interrupts import INTERRUPTED, finishing_first


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_asks_to_stop_and_the_handlers_come_back(number: int) -> None:
    before, told = signal.getsignal(number), []
    with finishing_first(told.append) as is_stopped:
        assert not is_stopped()
        os.kill(os.getpid(), number)
        time.sleep(0.01)
        assert is_stopped()
    assert ["Ctrl-C again" in line for line in told] == [True]
    assert signal.getsignal(number) is before


def test_other_threads_leave_signals_alone() -> None:
    found: list[bool] = []

    def work() -> None:
        with finishing_first(lambda text: None) as is_stopped:
            found.append(is_stopped())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]


def begun(folder: Path, *overrides: str) -> subprocess.Popen[bytes]:
    """A batch in a process of its own, with the first results there."""
    command = [sys.executable, "-m", "pipeline", "run", *make_batch(folder, 400), f"output_dir={folder / 'out'}"]
    process = subprocess.Popen([*command, *overrides], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    results, end = folder / "out" / "results.jsonl", time.monotonic() + 60
    while not results.exists() or not results.stat().st_size:
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.01)
    return process


@pytest.mark.slow
@pytest.mark.parametrize("signals", [1, 2])
def test_results_so_far_are_kept_however_a_run_is_interrupted(tmp_path: Path, signals: int) -> None:
    process = begun(tmp_path)
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    _, said = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert b"Traceback" not in said
    results = results_in(tmp_path / "out")
    assert 0 < len(results) < 500
    if signals == 1:
        assert b"Results so far are kept; add resume=true" in said
