"""A model in a Hugging Face cache."""

from __future__ import annotations

from pathlib import Path

NAME = "organisation/model"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def empty_snapshot(cache: Path) -> Path:
    """The folder for the files of ``NAME`` at ``COMMIT``, to which its main branch points."""
    repository = cache / "models--organisation--model"
    snapshot = repository / "snapshots" / COMMIT
    for folder in (repository / "refs", snapshot):
        folder.mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    return snapshot
