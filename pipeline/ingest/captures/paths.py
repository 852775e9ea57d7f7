"""The captures that a path names: itself, or those in a folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.ingest.captures.registry import capture_format
from pipeline.ingest.files import CAPTURE_SUFFIXES, is_image, is_video, natural_key


def captures_among(paths: Sequence[Path]) -> list[Path]:
    """The paths themselves if all of them are captures; else those that a single folder without images holds.

    Videos are none here, whatever they contain. The order is the natural one of names.
    """
    if len(paths) == 1 and paths[0].is_dir() and capture_format(paths[0]) is None:
        entries = [entry for entry in paths[0].iterdir() if entry.name[0] != "."]
        if any(is_image(entry) and entry.is_file() for entry in entries):
            return []
        found = [entry for entry in entries if capture_format(entry) is not None]
        return sorted(found, key=lambda entry: (natural_key(entry), entry.name))
    return list(paths) if all(is_capture(path) for path in paths) else []


def is_capture(path: Path) -> bool:
    """Whether a path is a capture, or a file with the suffix of one; JSON is mostly something else and must be one."""
    if is_video(path):
        return False
    if path.is_dir() or path.suffix.lower() == ".json":
        return capture_format(path) is not None
    return path.suffix.lower() in CAPTURE_SUFFIXES


def capture_names(captures: Sequence[Path]) -> Iterator[str]:
    """Unique names: of folders their own, of files without suffix where this is unique."""
    stems = [capture.resolve().name if capture.is_dir() else capture.stem for capture in captures]
    counts = Counter(stems)
    return (stem if counts[stem] == 1 else capture.name for stem, capture in zip(stems, captures, strict=True))
