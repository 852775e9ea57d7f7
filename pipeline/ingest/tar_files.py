"""The files of one sample of an archive, for as long as they are read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import IO

from pipeline.ingest.files import one_line
from pipeline.ingest.item import Item, TarItem
from pipeline.ingest.tar_members import Member
from pipeline.records.errors import InputError


@contextmanager
def unpacked(item: TarItem) -> Iterator[Item]:
    """The item with its members as files of a temporary folder, which is removed after the block.

    Decoders of EXR and HDF5 need files. Unpacking a photo takes about a tenth of the time of decoding it.

    Raises:
        InputError: If the archive cannot be read. What the block cannot read is named by its place in the archive.
    """
    with tempfile.TemporaryDirectory(prefix="theodolite-sample-") as name:
        folder = Path(name)
        try:
            paths = {path: folder / path.name for path in item.members}
            with item.tar.open("rb") as stream:
                for path, member in item.members.items():
                    stream.seek(member.start)
                    with paths[path].open("wb") as file:
                        _copy(stream, file, member)
        except (OSError, ValueError) as error:
            raise InputError(f"{item.tar} cannot be unpacked: {one_line(error)}.") from error
        values = {one.name: getattr(item, one.name) for one in fields(Item)}
        for key in ("frames", "depth"):
            values[key] = tuple(paths.get(path, path) for path in values[key])
        try:
            yield Item(**values)
        except InputError as error:
            place = next(iter(item.members)).parent
            raise InputError(str(error).replace(str(folder), str(place))) from error


def _copy(stream: IO[bytes], file: IO[bytes], member: Member) -> None:
    left = member.size
    while left:
        part = stream.read(min(left, 1 << 20))
        if not part:
            raise ValueError("it was cut off while it was read")
        file.write(part)
        left -= len(part)
