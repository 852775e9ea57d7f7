r"""The file of one stored output: a header with its key and a checksum, then the output.

All numbers are little-endian.

====== ===== ==================================================
offset bytes content
====== ===== ==================================================
0      8     ``\x93THDC2\r\n``
8      32    SHA-256 of the key
40     8     length of the output [bytes]
48     16    BLAKE2b of everything before it and of the output
64           the output
====== ===== ==================================================
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import stat
import struct
import time
from collections.abc import Sequence
from contextlib import suppress

MAGIC = b"\x93THDC2\r\n"
_START = struct.Struct("<8s32sQ")
_CHECKSUM_BYTES = 16
HEADER_BYTES = _START.size + _CHECKSUM_BYTES
# Far above any output; what claims to be larger is not read into memory.
MOST_BYTES = 2**31
# A use renews the time of a file at most this often, so that most reads write nothing.
_RENEWED_S = 3600.0

# Windows has no such flags, and changes line ends without the last one.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
# A pipe in place of the file would be waited for.
_READ = os.O_RDONLY | _NO_LINK | getattr(os, "O_NONBLOCK", 0)
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, getattr(errno, "ESTALE", errno.ENOENT)})
_LINK = frozenset({errno.ELOOP, getattr(errno, "EMLINK", errno.ELOOP)})

_counter = itertools.count()


class BadEntryError(Exception):
    """A file is not the stored output that its name says."""


def write_entry(path: str, digest: str, payload: Sequence[bytes | memoryview]) -> int:
    """Write a stored output: a temporary file beside it that replaces it.

    The file is not forced to disk, which would take longer than most outputs take to compute. What a power failure
    tears fails its checksum.

    Args:
        path: The file; its folder exists.
        digest: Digest of the key, 64 hexadecimal digits.
        payload: The output, in parts.

    Returns:
        Size of the file [bytes].

    Raises:
        OSError: If it cannot be written; there is no temporary file then.
    """
    length = sum(len(part) for part in payload)
    start = _START.pack(MAGIC, bytes.fromhex(digest), length)
    content = b"".join([start, _checksum(start, *payload), *payload])
    token = f"{os.getpid():x}{next(_counter):x}{os.urandom(4).hex()}"
    temporary = os.path.join(os.path.dirname(path), f".{digest[:16]}.{token}.tmp")
    descriptor = os.open(temporary, _WRITE, 0o666)
    try:
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    return len(content)


def read_entry(path: str, digest: str, *, is_use: bool = True) -> memoryview | None:
    """Read a stored output.

    Args:
        path: The file.
        digest: Digest of the key, 64 hexadecimal digits.
        is_use: Whether this counts as a use, which may renew the time of the file.

    Returns:
        The output; None if there is no such file.

    Raises:
        BadEntryError: If the file is another one, incomplete or damaged.
        OSError: If it cannot be read.
    """
    try:
        descriptor = os.open(path, _READ)
    except OSError as error:
        if error.errno in _GONE:
            return None
        if error.errno in _LINK:
            raise BadEntryError("it is a link") from error
        raise
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise BadEntryError("it is no file")
        if not HEADER_BYTES <= state.st_size <= HEADER_BYTES + MOST_BYTES:
            raise BadEntryError(f"it has {state.st_size} bytes")
        content = _read(descriptor, state.st_size)
        if is_use and abs(time.time() - state.st_mtime) > _RENEWED_S:
            with suppress(OSError, NotImplementedError):
                os.utime(descriptor if os.utime in os.supports_fd else path)
    finally:
        os.close(descriptor)
    magic, key, length = _START.unpack_from(content)
    payload = content[HEADER_BYTES:]
    if magic != MAGIC:
        raise BadEntryError("it has another format")
    if length != len(payload):
        raise BadEntryError("it is incomplete")
    if key != bytes.fromhex(digest):
        raise BadEntryError("it belongs to another key")
    if _checksum(content[: _START.size], payload) != content[_START.size : HEADER_BYTES]:
        raise BadEntryError("its checksum is wrong")
    return payload


def _read(descriptor: int, size_bytes: int) -> memoryview:
    """The whole file, and what was added to it since its size was read up to one byte."""
    parts = []
    left = size_bytes + 1
    while left and (part := os.read(descriptor, left)):
        parts.append(part)
        left -= len(part)
    content = memoryview(parts[0] if len(parts) == 1 else b"".join(parts))
    if len(content) != size_bytes:
        raise BadEntryError("it is incomplete")
    return content


def _checksum(*parts: bytes | memoryview) -> bytes:
    digest = hashlib.blake2b(digest_size=_CHECKSUM_BYTES)
    for part in parts:
        digest.update(part)
    return digest.digest()
