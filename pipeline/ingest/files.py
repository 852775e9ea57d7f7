"""Small helpers for files and names from users."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any

from pipeline.records.errors import DependencyError, InputError, TheodoliteError

_COMMON_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".gif")
IMAGE_SUFFIXES = frozenset((*_COMMON_SUFFIXES, ".heic", ".heif", ".hif", ".avif", ".mpo"))
VIDEO_SUFFIXES = frozenset(
    (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".wmv", ".flv", ".3gp", ".h264")
)
# Files that may be captures; their content decides.
CAPTURE_SUFFIXES = frozenset((".r3d", ".bag", ".mcap", ".db3", ".mkv", ".json"))
# Files that hold nothing but points of a scanner; text, npy and npz may hold them too.
POINT_SUFFIXES = frozenset((".bin", ".pcd", ".ply", ".xyz", ".pts"))
MANIFEST_SUFFIXES = frozenset((".jsonl", ".csv", ".tsv", ".parquet"))
TAR_SUFFIX = ".tar"
_COMPRESSED_TAR = re.compile(r"(?i)\.(?:tgz|tbz2?|txz|tzst|tar\.(?:gz|bz2|xz|zst|lz4))\Z")


def is_image(path: Path) -> bool:
    """Whether the path has the suffix of an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def is_video(path: Path) -> bool:
    """Whether the path has the suffix of a video."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def may_be_recording(path: Path) -> bool:
    """Whether the path may hold several frames: a video, a folder, or a file of a capture."""
    return is_video(path) or path.suffix.lower() in CAPTURE_SUFFIXES or _is_folder(path)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        # Names that are too long, or hold what no name can.
        return False


def is_tar(path: Path) -> bool:
    """Whether the path is named like a tar archive and is not a folder.

    Raises:
        InputError: If it is named like a compressed one.
    """
    if _COMPRESSED_TAR.search(path.name) and not path.is_dir():
        raise InputError(f"{path} is a compressed archive; unpack it to a plain .tar, whose samples can be found.")
    return path.suffix.lower() == TAR_SUFFIX and not path.is_dir()


def natural_key(path: Path) -> list[tuple[bool, int, str]]:
    """Sort key that puts ``9`` before ``10``, and both before letters."""
    parts = re.findall(r"\d+|\D+", path.name.casefold())
    return [(False, int(part), "") if part.isdecimal() else (True, 0, part) for part in parts]


def printable(name: str) -> str:
    """The name with its line breaks, control characters and undecodable bytes escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name)


def one_line(error: BaseException) -> str:
    """The text of an error on one line, without a final full stop."""
    # Without the number of the error, and the path that the message names already.
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(text.split()).rstrip(".") or type(error).__name__


def suggestion(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` with the known name closest to a wrong one, or an empty text."""
    matches = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def check_keys(keys: Iterable[object], known: Iterable[str], what: str, kind: str = "key") -> None:
    """Check that all keys, or names of another kind, are known.

    Raises:
        InputError: If one is unknown; names its place, the known keys and the closest of them.
    """
    names = sorted(known)
    for key in keys:
        if key not in names:
            closest = suggestion(str(key), names) or "."
            raise InputError(f"{what} has an unknown {kind} {key!r}; known {kind}s: {', '.join(names)}{closest}")


def check_no_url(path: str) -> None:
    """Check that a path is not an address.

    Raises:
        InputError: If it is one.
    """
    if re.match(r"[a-z][a-z0-9+.-]+://", path, re.IGNORECASE):
        raise InputError(f"{path} is a URL; download the file and give its path.")


def existing_path(path: str | PathLike[str]) -> Path:
    """The absolute path of an existing file or folder.

    Raises:
        InputError: If it does not exist; names the absolute path and the closest name in its folder.
    """
    text = str(path)
    check_no_url(text)
    file = Path(text).absolute()
    try:
        if file.exists():
            return file
        if file.is_symlink():
            raise InputError(f"{file} is a link to nothing; make it again.")
        beside = [entry.name for entry in file.parent.iterdir()] if file.parent.is_dir() else []
        # Equal suffixes make unrelated names similar, so compare the stems first.
        beside = [name for name in beside if get_close_matches(file.stem, [Path(name).stem], cutoff=0.7)]
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be opened: {one_line(error)}.") from None
    raise InputError(f"{file} does not exist{suggestion(file.name, beside) or '.'}")


def existing_file(path: str | PathLike[str], what: str) -> Path:
    """The absolute path of an existing file that is not empty.

    Args:
        path: The path from the user.
        what: What the file should be, for the message: ``an image``, ``a video``.

    Raises:
        InputError: If it is missing, empty or not a regular file.
    """
    file = existing_path(path)
    if file.is_dir():
        raise InputError(f"{file} is a folder, but {what} is needed; name the file.")
    if not file.is_file():
        # Reading a pipe or a device may never end.
        raise InputError(f"{file} is a pipe or a device, but {what} is needed; save it as a file.")
    if file.stat().st_size == 0:
        raise InputError(f"{file} is an empty file, not {what}; write it again.")
    return file


def with_absolute_paths(value: Any) -> Any:
    """A path, or paths within lists, relative to the current folder, made absolute; JSON and other values stay."""
    if isinstance(value, str | PathLike):
        return value if str(value).lstrip().startswith("[") else Path(value).absolute()
    return [with_absolute_paths(part) for part in value] if isinstance(value, list | tuple) else value


@contextmanager
def decoding(file: Path, what: str) -> Iterator[None]:
    """Turn any error of a decoder within the block into an InputError of one line.

    Decoders raise errors of almost any type on damaged files: ``SyntaxError`` for PNG, ``struct.error`` for TIFF,
    ``BadZipFile`` for npz.
    """
    try:
        yield
    except TheodoliteError:
        raise
    except ImportError as error:
        raise DependencyError(f"A package for reading {file.name} is missing: {one_line(error)}.") from error
    except Exception as error:
        raise InputError(f"{file} cannot be read as {what} ({one_line(error)}); check that it is complete.") from error
