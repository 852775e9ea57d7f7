"""Files in base64, plain or as data URLs (RFC 2397)."""

from __future__ import annotations

import binascii
import re

from pipeline.serve.intake.sink import Sink
from pipeline.serve.problems import UnfitError

_DATA_URL = re.compile(r"data:[\w.+/-]{0,100}(?:;[\w.+-]{1,50}=[\w.+-]{0,50}){0,4};base64,", re.IGNORECASE | re.ASCII)
# No base64 of a file that is read begins like these; that of a JPEG begins with /9j/.
_URL = re.compile(r"[a-z][a-z0-9+.-]{1,20}://", re.IGNORECASE | re.ASCII)
_PATH = re.compile(r"/(?!9j/)|~|\.{1,2}[/\\]|[a-z]:[/\\]|.{0,4096}\.[a-z0-9]{2,5}\Z", re.IGNORECASE | re.ASCII)
_LONGEST_PATH = 4096
# Four characters are three bytes.
_PIECE_CHARS = 4 * 262_144


def is_data_url(text: str) -> bool:
    """Whether a text is a data URL, of whatever form."""
    return text[:5].lower() == "data:"


def write_base64(text: str, sink: Sink) -> None:
    """Decode a text piece by piece; its size is checked before.

    Args:
        text: Base64 with padding and without blanks (RFC 4648, 4), or a data URL with it.
        sink: Where the bytes go.

    Raises:
        UnfitError: If it is neither; says so where it is the address or the path of a file.
        TooLargeError: If the file is larger than allowed.
    """
    start = 0
    if is_data_url(text):
        head = _DATA_URL.match(text)
        if head is None:
            raise UnfitError(f"{sink.name} is no data URL in base64; send data:image/jpeg;base64,...")
        start = head.end()
    else:
        _check_is_content(text, sink.name)
    sink.check_size((len(text) - start) // 4 * 3 - text.count("=", max(start, len(text) - 2)))
    try:
        for at in range(start, len(text), _PIECE_CHARS):
            piece = text[at : at + _PIECE_CHARS]
            if "=" in piece and at + _PIECE_CHARS < len(text):
                raise ValueError
            sink.write(binascii.a2b_base64(piece.encode("ascii"), strict_mode=True))
    except ValueError:
        raise UnfitError(f"{sink.name} is not valid base64 (RFC 4648, with padding and without blanks).") from None


def _check_is_content(text: str, name: str) -> None:
    if _URL.match(text):
        raise UnfitError(
            f'{name} is a URL, not base64; send {{"url": ...}}, which works where serve.fetch_hosts lists its host.'
        )
    if len(text) <= _LONGEST_PATH and _PATH.match(text):
        raise UnfitError(
            f"{name} is a path, not base64; send the file itself, or the path of a file on the server as "
            '{"path": ...}, which works where serve.read_paths lists its folder.'
        )
