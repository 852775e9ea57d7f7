"""Names that clients give to their files, for display."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

_LONGEST = 80
_LONGEST_SUFFIX = 12
# What paths, shells and wildcards read as something else.
_MARKS = frozenset('<>:"|?*[]`\\/')


def clean_name(name: str, default: str = "file") -> str:
    r"""The name of a file without folders, control and formatting characters, and marks that mean something elsewhere.

    Args:
        name: The client's name, with ``/`` or ``\`` between folders.
        default: What to call it if nothing is left.

    Returns:
        One line of at most 80 characters, with its suffix; it begins with no dot.

    >>> clean_name("../../etc/passwd"), clean_name("C:\\photos\\my cat.jpg"), clean_name("a\u202egpj.exe\n")
    ('passwd', 'my cat.jpg', 'agpj.exe')
    """
    last = unicodedata.normalize("NFC", name.replace("\\", "/").rstrip("/").rpartition("/")[2])
    kept = "".join(c for c in last if c.isspace() or (c not in _MARKS and unicodedata.category(c)[0] != "C"))
    kept = " ".join(kept.split()).strip(". ")
    suffix = PurePosixPath(kept).suffix if len(kept) > _LONGEST else ""
    suffix = suffix if len(suffix) <= _LONGEST_SUFFIX else ""
    return kept[: _LONGEST - len(suffix)].rstrip(". ") + suffix if len(kept) > _LONGEST else kept or default
