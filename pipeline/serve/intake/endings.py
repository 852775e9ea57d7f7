"""Where an image ends, and whether what follows is known: other programs may read the rest as something else.

Formats: PNG (ISO/IEC 15948, 5), JPEG (ITU-T T.81, B.1), GIF89a (https://www.w3.org/Graphics/GIF/spec-gif89a.txt), RIFF
(https://developers.google.com/speed/webp/docs/riff_container), boxes of films (ISO/IEC 14496-12, 4.2). What phones
append to JPEG: https://developer.android.com/media/platform/motion-photo-format, and for Samsung, Vivo and OnePlus
https://github.com/exiftool/exiftool (lib/Image/ExifTool/Samsung.pm and Trailer.pm).
"""

from __future__ import annotations

import mmap
import re
import struct

Data = bytes | mmap.mmap

# A marker in the coded data of JPEG: what follows FF is neither stuffing nor a restart (ITU-T T.81, B.1.1.2).
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_END, _SCAN = 0xD9, 0xDA
# Parts of one image; files of this size have far fewer.
_MOST_PARTS = 100_000
_MOST_GIF_PARTS = 1_000_000
# Images, films and blocks that follow an image.
_MOST_RESTS = 100
_GIF_HEADER_BYTES, _GIF_IMAGE, _GIF_EXTENSION, _GIF_END = 13, 0x2C, 0x21, 0x3B
_PADDING = re.compile(rb"[\0\s]*")
# Boxes of the top level (ISO/IEC 14496-12, table 1), and those of QuickTime.
_BOXES = frozenset(b"ftyp styp pdin moov moof mfra mdat free skip meta meco sidx ssix prft emsg uuid udta wide".split())
# What Huawei writes after the film.
_LIVE = re.compile(rb"[\w:.\s\0-]{0,100}LIVE_\d{1,12}[\s\0]*\Z")
_VIVO_STARTS, _VIVO_END = (b"streamdata", b'vivo{"'), b"\xff\xff\xff\xff\x1b*9HWfu\x84\x93\xa2\xb1"
_ONEPLUS_END = re.compile(rb"jxrs[\s\S]{3}\0\Z")


def end_of_image(data: Data) -> int | None:
    """Where an image ends.

    Args:
        data: The file, which begins as PNG, JPEG, GIF or WebP; of others, all counts.

    Returns:
        The index after its last byte; None if it is cut off or damaged.
    """
    if data[:3] == b"\xff\xd8\xff":
        return scans_of(data)[0]
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return _end_of_png(data)
    if data[:4] == b"GIF8":
        return _end_of_gif(data)
    if data[:4] == b"RIFF":
        # Readers find out themselves that the rest is missing.
        size = int.from_bytes(data[4:8], "little")
        return min(8 + size + size % 2, len(data))
    return len(data)


def is_known_rest(data: Data, at: int) -> bool:
    """Whether all that follows an image is padding, or what cameras and phones are known to append.

    Args:
        data: The file.
        at: Where its image ends.
    """
    is_jpeg, samsung = data[:3] == b"\xff\xd8\xff", _samsung_start(data)
    for _ in range(_MOST_RESTS):
        after = _after_padding(data, at)
        # Films and the blocks of Samsung begin with zeros, too.
        if after == len(data) or (samsung is not None and at <= samsung <= after):
            return True
        if not is_jpeg:
            return False
        # Second images of MPO and of gain maps, and films.
        film = data.find(b"ftyp", max(after, at + 4), after + 8) - 4
        if data[after : after + 3] == b"\xff\xd8\xff":
            end = scans_of(data, after)[0]
            if end is None:
                return False
        elif film >= 0:
            end = _end_of_film(data, film)
            if _LIVE.match(data, end, len(data)):
                return True
        else:
            return _is_of_phone(data, after)
        at = end
    return False


def scans_of(data: Data, start: int = 0) -> tuple[int | None, int]:
    """Follow the markers of a JPEG to its end.

    Args:
        data: The file.
        start: Where the JPEG begins.

    Returns:
        The index after its end, None if it has none; and the number of scans before.
    """
    at, scans = start + 2, 0
    for _ in range(_MOST_PARTS):
        marker = _MARKER.search(data, at)
        if marker is None:
            break
        code = data[marker.start() + 1]
        if code == _END:
            return marker.end(), scans
        scans += code == _SCAN
        at = marker.end() + max(int.from_bytes(data[marker.end() : marker.end() + 2], "big"), 2)
    return None, scans


def _end_of_png(data: Data) -> int | None:
    at = 8
    for _ in range(_MOST_PARTS):
        kind, end = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data) or len(kind) < 4:
            return None
        if kind == b"IEND":
            return end
        at = end
    return None


def _end_of_gif(data: Data) -> int | None:
    """GIF without its last byte is whole for readers."""
    if len(data) < _GIF_HEADER_BYTES:
        return None
    at, is_within = _GIF_HEADER_BYTES + _colours(data[10]), False
    for _ in range(_MOST_GIF_PARTS):
        if at >= len(data):
            return None if is_within or at > len(data) else at
        mark = data[at]
        if is_within:
            at, is_within = at + 1 + mark, mark > 0
        elif mark == _GIF_END:
            return at + 1
        elif mark == _GIF_IMAGE and at + 10 <= len(data):
            at, is_within = at + 11 + _colours(data[at + 9]), True
        elif mark == _GIF_EXTENSION:
            at, is_within = at + 2, True
        else:
            # What is no block follows the image.
            return at
    return None


def _colours(flags: int) -> int:
    """Bytes of a table of colours by its flags."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _end_of_film(data: Data, at: int) -> int:
    """The index after the last box of a film; one that is cut off ends with the file."""
    for _ in range(_MOST_PARTS):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind not in _BOXES or 1 < size < 8:
            break
        size = int.from_bytes(data[at + 8 : at + 16], "big") if size == 1 else size
        if size == 0 or at + size >= len(data):
            return len(data)
        at += max(size, 8)
    return at


def _samsung_start(data: Data) -> int | None:
    """Where the blocks of Samsung begin, by the directory at the end of the file; None if there is none."""
    size = int.from_bytes(data[-8:-4], "little")
    directory = len(data) - 8 - size
    if data[-4:] != b"SEFT" or directory < 0 or size < 12 or data[directory : directory + 4] != b"SEFH":
        return None
    count = int.from_bytes(data[directory + 8 : directory + 12], "little")
    if count > _MOST_RESTS or size < 12 + 12 * count:
        return None
    offsets = [offset for _, _, offset, _ in struct.iter_unpack("<HHLL", data[directory + 12 :][: 12 * count])]
    start = directory - max(offsets, default=0)
    # Each block begins with two zeros and its type, which its entry repeats.
    return start if start >= 0 and (not offsets or data[start : start + 2] == b"\0\0") else None


def _is_of_phone(data: Data, at: int) -> bool:
    if data[-len(_VIVO_END) :] == _VIVO_END:
        return data[at : at + 10].startswith(_VIVO_STARTS)
    return _ONEPLUS_END.search(data, max(len(data) - 8, at)) is not None


def _after_padding(data: Data, at: int) -> int:
    padding = _PADDING.match(data, at)
    return at if padding is None else padding.end()
