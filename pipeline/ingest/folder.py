"""Which files of a folder, or of those that a wildcard matches, are pictures; none is left out in silence."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from pipeline.ingest.depth_files import DEPTH_SUFFIXES
from pipeline.ingest.files import (
    IMAGE_SUFFIXES,
    MANIFEST_SUFFIXES,
    VIDEO_SUFFIXES,
    is_image,
    is_video,
    natural_key,
    printable,
)
from pipeline.records.errors import InputError

_CONVERT = "convert it to JPEG or PNG"
_RAW = "is a raw photo, which is not read; export it as JPEG, PNG or TIFF"
_RAW_SUFFIXES = {
    ".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".srw", ".raf", ".orf", ".rw2", ".pef",
    ".raw", ".rwl", ".3fr", ".fff", ".iiq", ".mos", ".mrw", ".x3f", ".erf", ".kdc", ".dcr", ".gpr",
}  # fmt: skip
# Pictures, or documents and textures that hold one.
_PICTURE_SUFFIXES = {
    ".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".j2k", ".j2c", ".jpf", ".jpx", ".jxr", ".wdp", ".hdp",
    ".bpg", ".psd", ".psb", ".xcf", ".kra", ".svg", ".svgz", ".ai", ".eps", ".ico", ".icns", ".tga", ".dds", ".pcx",
    ".sgi", ".qoi", ".hdr", ".rgbe", ".exr",
}  # fmt: skip
_RADIANCE_SUFFIXES = frozenset((".hdr", ".rgbe"))
# The start of each format that is read, with a suffix of it. Longer ones first where one begins like another.
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", ".jpg"),
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"GIF87a", ".gif"),
    (b"GIF89a", ".gif"),
    (b"II*\0", ".tif"),
    (b"MM\0*", ".tif"),
    *((b"P%d" % number + blank, ".ppm") for number in range(1, 7) for blank in (b"\n", b" ", b"\t", b"\r")),
)
# Brands of ISO/IEC 23008-12 (HEIF) and of AVIF, which follow "ftyp".
_BRANDS = {b"heic": ".heic", b"heix": ".heic", b"mif1": ".heic", b"avif": ".avif"}


@dataclass(frozen=True)
class Entries:
    """The files of a folder, or those that a wildcard matches.

    Args:
        pictures: What becomes an item or a frame, in natural order of names: each path, with the reason why it cannot
            be read, or None.
        others: Everything else that is not hidden, such as texts and subfolders.
    """

    pictures: tuple[tuple[Path, str | None], ...]
    others: tuple[Path, ...]

    @property
    def images(self) -> list[Path]:
        """The images that can be read."""
        return [path for path, reason in self.pictures if reason is None]

    @property
    def reasons(self) -> list[str]:
        """Why the other pictures cannot be read."""
        return [reason for _, reason in self.pictures if reason is not None]


def sort_entries(
    paths: Iterable[Path], *, scene: bool = False, chosen: bool = False, is_depth: Callable[[Path], bool] | None = None
) -> Entries:
    """Tell pictures from other files.

    Args:
        paths: Files and folders; those whose name begins with a dot are left out.
        scene: Whether the images are the frames of one scene; videos and depth files are then no pictures.
        chosen: Whether the user chose the files by a wildcard; videos are then items like images.
        is_depth: Which files are known to be depth of the images; they are left out.
    """
    pictures: list[tuple[Path, str | None]] = []
    others: list[Path] = []
    visible = (path for path in paths if path.name[:1] != "." and not (is_depth and is_depth(path)))
    for path in sorted(visible, key=_order):
        reason = _unread(path, scene)
        if not path.is_dir() and (looks_like_image(path) or (chosen and is_video(path) and not scene)):
            pictures.append((path, None))
        elif reason is not None and not path.is_dir():
            pictures.append((path, f"{path} {reason}."))
        else:
            others.append(path)
    return Entries(tuple(pictures), tuple(others))


def looks_like_image(path: Path) -> bool:
    """Whether a path has the suffix of an image, or no known suffix and the first bytes of an image that is read."""
    if is_image(path):
        return True
    known = VIDEO_SUFFIXES | MANIFEST_SUFFIXES | DEPTH_SUFFIXES | _RAW_SUFFIXES | _PICTURE_SUFFIXES
    if path.suffix.lower() in known or not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            return _suffix_of(stream.read(32)) in IMAGE_SUFFIXES
    except OSError:
        return False


def what_to_do(path: Path) -> str | None:
    """Why a file of pictures or depth is no image that can be read, and what to do, for the end of a sentence."""
    return _unread(path, scene=False)


def is_wildcard(path: str | PathLike[str]) -> bool:
    """Whether a path has wildcards and is not itself the name of a file or folder."""
    try:
        return glob.has_magic(os.fspath(path)) and not Path(path).exists()
    except (OSError, ValueError):
        return False


def matches(pattern: str | PathLike[str]) -> list[Path]:
    """The absolute paths that a pattern of ``glob`` matches, in natural order; ``**`` stands for any folders.

    Raises:
        InputError: If there is none.
    """
    found = [Path(path).absolute() for path in glob.glob(os.fspath(pattern), recursive=True)]
    if not found:
        raise InputError(f"{printable(str(pattern))} matches no file; check the folder, the suffix and their case.")
    return sorted(found, key=_order)


def _order(path: Path) -> tuple[list[list[tuple[bool, int, str]]], str]:
    return [natural_key(Path(part)) for part in path.parts], str(path)


def _unread(path: Path, scene: bool) -> str | None:
    suffix = path.suffix.lower()
    if suffix in _RAW_SUFFIXES:
        return _RAW
    if is_video(path):
        return None if scene else "is a video among images; give it as an input of its own"
    if suffix in DEPTH_SUFFIXES - IMAGE_SUFFIXES:
        return None if scene else "holds depth or radiance, no picture; give depth as input.depth, in its own folder"
    if suffix in _RADIANCE_SUFFIXES:
        return f"holds radiance, which is not read; {_CONVERT}"
    return f"is a {suffix} file, which is not read; {_CONVERT}" if suffix in _PICTURE_SUFFIXES else None


def _suffix_of(start: bytes) -> str | None:
    """The suffix of the image format that begins with these bytes, or None."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return ".webp"
    if start[:2] == b"BM" and start[6:10] == bytes(4) and start[14:18] in _BMP_HEADERS:
        return ".bmp"
    if start[4:8] == b"ftyp":
        return _BRANDS.get(start[8:12])
    return next((suffix for magic, suffix in _STARTS if start.startswith(magic)), None)


# Sizes of the headers that follow a BMP's file header: those of OS/2 1 and of Windows 3, 4 and 5.
_BMP_HEADERS = tuple(size.to_bytes(4, "little") for size in (12, 40, 52, 56, 108, 124))
