"""Calls for many questions, in which an error of one question stays with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from pipeline.records.errors import FATAL, GenerationError, TheodoliteError

Value = TypeVar("Value")


def attempt(function: Callable[..., Value], *arguments: object) -> Value | TheodoliteError:
    """What the function returns, or the error that it raises; an unexpected error becomes a GenerationError.

    Raises:
        TheodoliteError: An error that concerns all questions.
    """
    try:
        return function(*arguments)
    except FATAL:
        raise
    except TheodoliteError as error:
        return error
    except Exception as error:
        unexpected = GenerationError(f"Unexpected {type(error).__name__}: {error}")
        unexpected.__cause__ = error
        return unexpected


def for_each(function: Callable[..., Value], *columns: Sequence[object]) -> list[Value | TheodoliteError]:
    """The function's outcome for each row of the columns; a row with an error gives that error.

    Raises:
        TheodoliteError: An error that concerns all questions.
    """
    outcomes: list[Value | TheodoliteError] = []
    for row in zip(*columns, strict=True):
        failed = next((value for value in row if isinstance(value, TheodoliteError)), None)
        outcomes.append(attempt(function, *row) if failed is None else failed)
    return outcomes
