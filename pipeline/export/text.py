"""Texts of users made safe for the places where they are written."""

from __future__ import annotations

import re

# What a spreadsheet takes for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def one_line(text: str) -> str:
    """The text on one line, without characters that a terminal would obey."""
    return " ".join("".join(part if part.isprintable() else " " for part in text).split())


def file_stem(name: str, otherwise: str = "item") -> str:
    """A file name without suffix that is safe everywhere; different names may give equal ones.

    >>> file_stem("../a b.png")
    'a_b.png'
    """
    # Names are limited in bytes.
    return re.sub(r"[^\w.-]+", "_", name).encode()[:80].decode(errors="ignore").strip("._-") or otherwise


def csv_text(text: str) -> str:
    """A text that a spreadsheet shows and does not compute."""
    return f"'{text}" if text.startswith(_FORMULA) else text
