"""Logs for people, or as one JSON object a line for programs."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from pipeline.records.errors import ConfigError
from pipeline.stages.timing import work_of_thread

if TYPE_CHECKING:
    from rich.console import Console

LogFormat = Literal["text", "json"]
KEY = "log_format"
# What records of this program say besides their message.
_FIELDS = ("item", "stage", "seconds", "done", "total", "failures")
_LONGEST = 4000
_SHORTEST_SECRET = 8
_HIDDEN = "<hidden>"


class JsonFormatter(logging.Formatter):
    """Makes one line of JSON of a record: time, level, logger and message, and item and stage where they are known.

    Values of variables of the environment that hold secrets are left out, and long messages are cut.

    Args:
        environment: The variables.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        from pipeline.config.run_file import SECRET_NAME

        super().__init__()
        long = {name: value for name, value in environment.items() if len(value) >= _SHORTEST_SECRET}
        secrets = [re.escape(value) for name, value in long.items() if SECRET_NAME.search(name)]
        self._secrets = re.compile("|".join(secrets)) if secrets else None

    def format(self, record: logging.LogRecord) -> str:
        """See ``logging.Formatter``."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self._shown(record.getMessage()),
        }
        if (work := work_of_thread()) is not None:
            entry["stage"] = work.stage
            if work.items:
                entry |= {"item": work.items[0]} if len(work.items) == 1 else {"items": list(work.items)}
        entry |= {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        if record.exc_info:
            entry["traceback"] = self._shown(self.formatException(record.exc_info))
        return json.dumps(entry, default=str)

    def _shown(self, text: str) -> str:
        if self._secrets is not None:
            text = self._secrets.sub(_HIDDEN, text)
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


class JsonStream(io.TextIOBase):
    """A stream for what others write: each line becomes a record of the logger ``stderr``.

    Args:
        stream: Where the records go.
        formatter: Makes their lines.
    """

    def __init__(self, stream: Any, formatter: logging.Formatter) -> None:
        self.stream, self._formatter = stream, formatter
        self._begun = ""

    def write(self, text: str) -> int:
        """Take a text; whole lines are written."""
        *lines, self._begun = (self._begun + text).replace("\r", "\n").split("\n")
        for line in filter(str.strip, lines):
            record = logging.LogRecord("stderr", logging.INFO, "", 0, "%s", (line.rstrip(),), None)
            self.stream.write(f"{self._formatter.format(record)}\n")
        if lines:
            self.stream.flush()
        return len(text)

    def writable(self) -> bool:
        """Yes."""
        return True

    def fileno(self) -> int:
        """That of the stream."""
        descriptor: int = self.stream.fileno()
        return descriptor


def set_up_logging(verbose: bool, form: str = "text", console: Console | None = None) -> None:
    """Set up the logs of this process on standard error.

    Args:
        verbose: Whether details are logged too.
        form: ``json`` makes everything on standard error one JSON object a line; otherwise it is text.
        console: The console of a terminal, which colours text.
    """
    level = logging.WARNING
    if isinstance(sys.stderr, JsonStream):
        sys.stderr = sys.stderr.stream
    if form == "json":
        level, formatter = logging.INFO, JsonFormatter()
        handler: logging.Handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(formatter)
        sys.stderr = JsonStream(sys.stderr, formatter)
    elif console is not None and console.is_terminal:
        from rich.logging import RichHandler

        handler = RichHandler(console=console, show_time=False, show_path=verbose, markup=False)
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(form == "json")
    if console is None or not console.is_terminal:
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    logging.getLogger("pipeline").setLevel(logging.DEBUG if verbose else level)
    if not verbose:
        # Their warnings concern GPU kernels and their own developers.
        for name in ("torchao", "torch.utils._pytree"):
            logging.getLogger(name).setLevel(logging.ERROR)


def writes_json() -> bool:
    """Whether standard error takes one JSON object a line."""
    return isinstance(sys.stderr, JsonStream)


def log_format() -> LogFormat:
    """The format of this process."""
    return "json" if writes_json() else "text"


def typed_format(arguments: list[str]) -> LogFormat:
    """The format that arguments ask for, before a configuration is composed.

    Raises:
        ConfigError: If there is no such format.
    """
    typed = [value for key, _, value in (argument.lstrip("+").partition("=") for argument in arguments) if key == KEY]
    if typed and typed[-1] not in ("text", "json"):
        raise ConfigError(f"{KEY} must be text or json, not {typed[-1]!r}.")
    return "json" if typed[-1:] == ["json"] else "text"
