"""The errors that a caller can catch.

Every message is one sentence that says what is wrong and how to fix it; the command line prints it unchanged.
"""

from __future__ import annotations

from typing import Any

from pipeline.records.message import message


class TheodoliteError(Exception):
    """Base of all errors raised on purpose by this package."""


class RecordError(TheodoliteError, ValueError):
    """A record was built from values that break its rules."""


class MessageError(Exception):
    """An exception with a reason that can be put into every language.

    Args:
        code: Code of the message that says why.
        **values: What it names.
    """

    def __init__(self, code: str, **values: Any) -> None:
        self.reason = message(code, **values)

    def __str__(self) -> str:
        """The reason in English."""
        return self.reason.text()


class UnreadableError(MessageError, RecordError):
    """A part of an answer cannot be read."""


class InputError(TheodoliteError):
    """An input file, manifest line or argument cannot be used."""


class ConfigError(TheodoliteError):
    """The configuration names something that does not exist or cannot be combined."""


class DepthError(TheodoliteError):
    """A depth backend cannot give a depth map for a frame."""


class ModelUnavailableError(TheodoliteError):
    """A model is neither on disk nor reachable."""


class GenerationError(TheodoliteError):
    """A vision-language model could not answer."""


class UnaskableError(GenerationError):
    """A prompt or its images are nothing that the model can take, so the same request fails again."""


class StoppedError(GenerationError):
    """Nobody waited for an answer any more."""


class DependencyError(TheodoliteError):
    """An optional package or a system library is missing."""


class ExportError(TheodoliteError):
    """A result cannot be written."""


FATAL = (ConfigError, DependencyError, ModelUnavailableError)
"""Errors that concern every item: a run stops instead of failing item by item."""
