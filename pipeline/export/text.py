"""Texts from users, made safe for terminals, file names and spreadsheets."""

from __future__ import annotations

import re
from hashlib import sha256

_LONGEST_LINE = 600
# Text that begins so is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def one_line(text: str) -> str:
    """The text on one line, without control characters."""
    return " ".join("".join(part if part.isprintable() else " " for part in text).split())


def short_line(text: str) -> str:
    """The text on one line; of a very long one, its beginning and its end.

    >>> len(short_line("a" * 5000))
    605
    """
    line = one_line(text)
    half = _LONGEST_LINE // 2
    return line if len(line) <= _LONGEST_LINE else f"{line[:half]} ... {line[-half:]}"


def file_stem(name: str, otherwise: str = "item") -> str:
    """A safe file name without suffix; different names may give the same one.

    >>> file_stem("../a b.png")
    'a_b.png'
    """
    # File systems limit names in bytes.
    return re.sub(r"[^\w.-]+", "_", name).encode()[:80].decode(errors="ignore").strip("._-") or otherwise


def file_name(item_id: str, question: str | None) -> str:
    """A file name that is safe everywhere and differs for every item and question."""
    unique = sha256(f"{item_id}\0{question or ''}".encode()).hexdigest()[:8]
    return f"{file_stem(item_id)}-{unique}"


def csv_text(text: str) -> str:
    """The text, quoted if a spreadsheet would compute it."""
    return f"'{text}" if text.startswith(_FORMULA) else text
