"""What can go wrong, as types a caller can catch.

Every message is one sentence that says what is wrong and how to mend it; the command line prints it
as it stands.
"""


class TheodoliteError(Exception):
    """Base of all errors raised on purpose by this package."""


class RecordError(TheodoliteError, ValueError):
    """A record was built from values that break its rules."""


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


class DependencyError(TheodoliteError):
    """An optional package or a system library is missing."""


class ExportError(TheodoliteError):
    """A result cannot be written."""


FATAL = (ConfigError, DependencyError, ModelUnavailableError)
"""Errors that concern every item alike, so that a run stops instead of failing item by item."""
