"""Files of the server that requests may name: those in folders that the configuration lists, and no other."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from pipeline.serve.intake.sink import Sink
from pipeline.serve.problems import ForbiddenError, UnfitError
from pipeline.serve.settings import MB

_REFUSAL = "The server does not allow this path; upload the file, or add its folder to serve.read_paths."


def copy_local(path: str, folders: Sequence[str], sink: Sink) -> None:
    """Copy a file of the server.

    Without folders, nothing is looked at. A path outside of them is refused whether it exists or not.

    Args:
        path: An absolute path.
        folders: Folders in which it may lie; links in it may lead to nowhere else.
        sink: Where its bytes go.

    Raises:
        ForbiddenError: If it lies in none of them.
        UnfitError: If it is no file that can be read.
    """
    if not folders:
        raise ForbiddenError(_REFUSAL)
    if "\0" in path or not os.path.isabs(path):
        raise ForbiddenError(_REFUSAL)
    try:
        file = Path(path).resolve()
        allowed = any(file.is_relative_to(Path(folder).resolve()) for folder in folders)
    except (OSError, RuntimeError, ValueError):
        allowed = False
    if not allowed:
        raise ForbiddenError(_REFUSAL)
    try:
        # Not through a link that came since, and without waiting for a pipe.
        opened = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with open(opened, "rb") as stream:
            state = os.fstat(stream.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise UnfitError(f"{sink.name} is no file; name a file.")
            sink.check_size(state.st_size)
            while piece := stream.read(MB):
                sink.write(piece)
    except OSError:
        raise UnfitError(f"{sink.name} cannot be opened; check the path.") from None
