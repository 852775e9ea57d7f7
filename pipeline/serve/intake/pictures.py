"""What the headers of an image say, checked before a pixel of it is decoded."""

from __future__ import annotations

import mmap
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from pipeline.ingest.images import open_image
from pipeline.records.errors import InputError
from pipeline.serve.intake.endings import end_of_image, is_known_rest, scans_of
from pipeline.serve.intake.zip_ends import has_end
from pipeline.serve.problems import TooLargeError, UnfitError, UnsupportedError
from pipeline.serve.settings import Limits

MEGA = 10**6
# Cameras write at most about ten scans; each may cost a pass over all pixels. libjpeg-turbo's own tools stop at 500
# (``-maxscans`` in https://github.com/libjpeg-turbo/libjpeg-turbo/blob/main/doc/usage.txt).
_MOST_SCANS = 100
# Markup that browsers and servers run, and the header that readers of PDF look for in the first kilobyte.
_MARKUP = re.compile(
    rb"<(?:script|iframe|!doctype html|\?php\s|[a-z]{1,12}[\s/][^<>\0]{0,100}?\bon[a-z]{3,20}+\s{0,9}+=)", re.IGNORECASE
)
_LONGEST_MARKUP, _PIECE_BYTES = 200, 10**6
_PDF, _PDF_WITHIN = b"%PDF-", 1024
_TIFF_TILES = (322, 323)
_lock = threading.Lock()
_users = 0
_before: int | None = None


def check_picture(path: Path, name: str, limits: Limits) -> int:
    """Check an image by its headers.

    Args:
        path: The file.
        name: What to call it.
        limits: ``megapixels`` and ``aspect`` count.

    Returns:
        Its number of pixels.

    Raises:
        TooLargeError: If it has too many pixels.
        UnsupportedError: If it is something else as well, such as an archive or a page.
        UnfitError: If it is too long for its width, or the other way round.
        InputError: If it is no image, or cut off.
    """
    _check_alone(path, name)
    try:
        with open_image(path) as image:
            width, height = image.size
            pixels = width * height
            tags = getattr(image, "tag_v2", {})
            tiles = [tags[tag] for tag in _TIFF_TILES if isinstance(tags.get(tag), int)]
    except InputError as error:
        if "has more pixels than" in str(error):
            raise _too_large(name, limits) from None
        raise InputError(f"{name} is not an image that can be read; it may be damaged: send it again.") from None
    if max(pixels, tiles[0] * tiles[1] if len(tiles) == 2 else 0) > limits.megapixels * MEGA:
        raise _too_large(name, limits)
    if pixels == 0:
        raise InputError(f"{name} has no pixels; send another image.")
    check_aspect(width, height, name, limits)
    return pixels


def check_aspect(width: int, height: int, name: str, limits: Limits) -> None:
    """Check that an image is no strip, of which models see nothing at great cost.

    Args:
        width: Its width [px].
        height: Its height [px].
        name: What to call it.
        limits: ``aspect`` counts.

    Raises:
        UnfitError: If one side is too long for the other.
    """
    if max(width, height) > limits.aspect * min(width, height):
        raise UnfitError(
            f"{name} is {width} x {height} pixels, but no side may be longer than {limits.aspect:g} times the other; "
            "crop it."
        )


def _too_large(name: str, limits: Limits) -> TooLargeError:
    return TooLargeError(f"{name} has more than {limits.megapixels:g} million pixels; shrink it.")


def _check_alone(path: Path, name: str) -> None:
    """Refuse files that other programs read as something else, and JPEG that is made to take forever."""
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:3] == b"\xff\xd8\xff" and scans_of(data)[1] > _MOST_SCANS:
            raise TooLargeError(f"{name} is a JPEG of more than {_MOST_SCANS} scans; save it again.")
        end = end_of_image(data)
        if end is None:
            raise InputError(f"{name} is not a whole image; it is cut off or damaged: send it again.")
        is_other = not is_known_rest(data, end) or _has_markup(data) or data.find(_PDF, 0, _PDF_WITHIN) >= 0
    if is_other or has_end(path):
        raise UnsupportedError(f"{name} is an image and something else at once; save it again as an image.")


def _has_markup(data: mmap.mmap) -> bool:
    """Whether markup is within a file; piece by piece, so that other threads go on."""
    pieces = range(0, len(data), _PIECE_BYTES)
    return any(_MARKUP.search(data, at, at + _PIECE_BYTES + _LONGEST_MARKUP) for at in pieces)


@contextmanager
def limited_pixels(limits: Limits) -> Iterator[None]:
    """Limit every image that Pillow opens within the block, those inside of other files too.

    Pillow has one limit for the whole process; it is put back when the last block ends.
    """
    global _users, _before
    with _lock:
        if _users == 0:
            _before = Image.MAX_IMAGE_PIXELS
        _users += 1
        # Pillow raises an error at twice its limit, and warns at it.
        Image.MAX_IMAGE_PIXELS = int(limits.megapixels * MEGA / 2)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                Image.MAX_IMAGE_PIXELS = _before
