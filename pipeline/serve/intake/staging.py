"""A folder in which the uploads of a scene lie under names that their readers know, while they are read."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.records.message import Message
from pipeline.serve.intake.names import clean_name
from pipeline.serve.records import Upload


class Staging:
    """The folder; each upload lies in a folder of its own, under the client's name for it and the suffix of its kind.

    Args:
        folder: The folder.
        hidden: Further paths that no client sees, such as that of the store.
    """

    def __init__(self, folder: Path, hidden: tuple[Path, ...] = ()) -> None:
        self.folder = folder
        roots = {str(path) for root in (folder, *hidden) for path in (root.absolute(), root.resolve())}
        # The number of a staged file's folder belongs to its path.
        self._paths = [
            re.compile(re.escape(root) + r"(?:/\d+(?=/))?/?") for root in sorted(roots, key=len, reverse=True)
        ]
        self._count = 0
        self._names: dict[str, str] = {}

    def place(self, upload: Upload, suffixes: tuple[str, ...], called: str | None = None) -> Path:
        """Put an upload into the folder.

        Args:
            upload: The upload.
            suffixes: Of its kind; the first is added to a name with none of them.
            called: Its name there, where readers log it and the scene does not show it; ``words`` puts the client's
                name in its place. None takes the client's name.
        """
        name = clean_name(upload.name)
        if not name.lower().endswith(suffixes):
            name += suffixes[0]
        folder = self.new_folder()
        if called is not None:
            suffix = next(each for each in suffixes if name.lower().endswith(each))
            staged = f"{called} {self._count}{suffix}"
            self._names[staged], name = name, staged
        path = folder / name
        try:
            os.link(upload.path, path)
        except OSError:
            # Another disk.
            path.symlink_to(upload.path.resolve())
        return path

    def new_folder(self) -> Path:
        """A new, empty folder in it."""
        self._count += 1
        folder = self.folder / str(self._count)
        folder.mkdir()
        return folder

    def words(self, text: str) -> str:
        """A text without the paths of the server: names of files stay."""
        for path in self._paths:
            text = path.sub("", text)
        for staged, name in self._names.items():
            text = text.replace(staged, name)
        return text

    def note(self, note: Message) -> Message:
        """A note without the paths of the server."""
        values: Mapping[str, Any] = {key: self._value(value) for key, value in note.values.items()}
        return replace(note, values=values, more=tuple(map(self.note, note.more)))

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.words(value)
        if isinstance(value, Message):
            return self.note(value)
        if isinstance(value, Exception):
            return self.words(str(value))
        return tuple(map(self._value, value)) if isinstance(value, tuple | list) else value


@contextmanager
def staging(hidden: tuple[Path, ...] = ()) -> Iterator[Staging]:
    """A folder that is gone after the block, whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="theodolite-"))
    try:
        yield Staging(folder, hidden)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
