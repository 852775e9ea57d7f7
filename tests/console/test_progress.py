from __future__ import annotations

import io

import pytest
from rich.console import Console

from pipeline.console.progress import ItemProgress, memory_text


class Clock:
    """Time that a test sets [s]."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    "total, seconds_each, failures, expected",
    [
        (100, 0.5, 0, ["120 of 100 items", "2.0/s"]),
        (600, 0.5, 3, ["120 of 600 items", "2.0/s", "0:04:00 left", "3 failed"]),
        (None, 0.5, 0, ["120 items", "2.0/s"]),
        (240, 4.0, 0, ["15 of 240 items", "4.0 s each", "0:15:00 left"]),
    ],
)
def test_a_line_a_minute_tells_rate_time_left_and_failures(
    total: int | None, seconds_each: float, failures: int, expected: list[str]
) -> None:
    text, clock = io.StringIO(), Clock()
    with ItemProgress(Console(file=text, width=200), total, now_s=clock) as progress:
        for _ in range(round(60 / seconds_each)):
            assert not text.getvalue()
            clock.now_s += seconds_each
            progress.advance("item", failures)
    (line,) = text.getvalue().splitlines()
    assert all(part in line for part in expected), line
    assert ("failed" in line) == (failures > 0)
    assert line.endswith("GB")


def test_a_terminal_gets_a_bar() -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=120)
    with ItemProgress(console, 3) as progress:
        for number in range(3):
            progress.advance(f"[bold]{number}", failures=number)
    assert "3/3" in text.getvalue()
    assert "[bold]2" in text.getvalue()


def test_memory_is_that_of_this_process_at_least() -> None:
    assert float(memory_text().split()[0]) > 0.01
