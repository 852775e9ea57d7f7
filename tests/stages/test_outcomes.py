from __future__ import annotations

import pytest

from pipeline.records.errors import ConfigError, DepthError, GenerationError, ModelUnavailableError
from pipeline.stages.outcomes import attempt, for_each


def fail(error: Exception) -> None:
    raise error


def test_a_known_error_is_what_comes_out() -> None:
    error = DepthError("No depth.")
    assert attempt(fail, error) is error
    assert attempt(str.upper, "a") == "A"


def test_an_unknown_error_is_named_and_kept_as_the_cause() -> None:
    error = ZeroDivisionError("division by zero")
    outcome = attempt(fail, error)
    assert isinstance(outcome, GenerationError)
    assert str(outcome) == "Unexpected ZeroDivisionError: division by zero"
    assert outcome.__cause__ is error


@pytest.mark.parametrize("error", [ConfigError("It cannot work."), ModelUnavailableError("There is none.")])
def test_what_concerns_all_is_raised(error: Exception) -> None:
    with pytest.raises(type(error)):
        attempt(fail, error)
    with pytest.raises(type(error)):
        for_each(lambda _: fail(error), ["a row"])


def test_a_row_with_an_error_gives_that_error_and_calls_nothing() -> None:
    calls: list[tuple[str, str]] = []

    def join(first: str, second: str) -> str:
        calls.append((first, second))
        if second == "?":
            raise GenerationError("It is unclear.")
        return first + second

    broken = DepthError("No depth.")
    outcomes = for_each(join, ["a", broken, "c"], ["1", "2", "?"])
    assert outcomes[:2] == ["a1", broken]
    assert isinstance(outcomes[2], GenerationError)
    assert calls == [("a", "1"), ("c", "?")]
    assert for_each(join, [], []) == []
