"""What the commands write."""

from __future__ import annotations

import pytest

from pipeline.console.output import print_error, printable, progress_of, refuse
from pipeline.records.errors import ConfigError


def test_an_error_is_one_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_error("one\ntwo [bold]") == 2
    output, error = capsys.readouterr()
    assert output == "" and error.count("\n") == 1 and "[bold]" in error


@pytest.mark.parametrize(
    ("error", "said"), [(ConfigError("Choose one."), "Choose one."), (KeyError("a"), "Unexpected KeyError")]
)
def test_only_errors_of_other_packages_are_unexpected(
    error: Exception, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refuse(error, verbose=False) == 2
    shown = capsys.readouterr().err
    assert said in shown and ("Unexpected" in shown) == ("Unexpected" in said) and "Traceback" not in shown


def test_control_characters_are_shown_as_spaces() -> None:
    assert printable("a\x1b[31m\nb") == "a [31m\nb"


@pytest.mark.parametrize(("total", "limit", "expected"), [(10, 3, 3), (10, None, 10), (None, 4, 4), (None, "x", None)])
def test_progress_counts_what_will_be_done(total: int | None, limit: object, expected: int | None) -> None:
    progress, _ = progress_of(total, limit)
    assert progress._total == expected
