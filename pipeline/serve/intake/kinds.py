"""Which kind of file an upload is, by its content and never by its name.

Signatures: JPEG (ITU-T T.81), PNG (ISO/IEC 15948), GIF89a, RIFF with WEBP
(https://developers.google.com/speed/webp/docs/riff_container) or AVI, TIFF 6.0, BMP
(https://learn.microsoft.com/en-us/windows/win32/gdi/bitmap-storage), Netpbm, ISO/IEC 14496-12 (brands of HEIF in
23008-12, of AVIF in https://aomediacodec.github.io/av1-avif/), Matroska (RFC 9559), MPEG-TS and MPEG-PS (ITU-T
H.222.0), FLV, ASF, npy (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html), PFM, OpenEXR
(https://openexr.com/en/latest/OpenEXRFileLayout.html), ZIP
(https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

HEAD_BYTES = 512


class Role(StrEnum):
    """What a file may be used for."""

    IMAGE = "image"
    VIDEO = "video"
    EXPORT = "export"
    DEPTH = "depth"


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Args:
        suffix: What its readers know it by.
        roles: What it may be used for; PNG, TIFF, PGM and ZIP may hold depth too.
        names: What people call it.
    """

    suffix: str
    roles: frozenset[Role]
    names: tuple[str, ...]


def _kind(names: str, suffix: str, *roles: Role) -> Kind:
    return Kind(suffix, frozenset(roles), tuple(names.split()))


_JPEG = _kind("JPEG", ".jpg", Role.IMAGE)
_PNG = _kind("PNG", ".png", Role.IMAGE, Role.DEPTH)
_WEBP = _kind("WebP", ".webp", Role.IMAGE)
_TIFF = _kind("TIFF", ".tif", Role.IMAGE, Role.DEPTH)
_BMP = _kind("BMP", ".bmp", Role.IMAGE)
_GIF = _kind("GIF", ".gif", Role.IMAGE)
_PPM = _kind("PPM", ".ppm", Role.IMAGE)
_PGM = _kind("PGM", ".pgm", Role.IMAGE, Role.DEPTH)
_HEIC = _kind("HEIC", ".heic", Role.IMAGE)
_AVIF = _kind("AVIF", ".avif", Role.IMAGE)
_MP4 = _kind("MP4 MOV", ".mp4", Role.VIDEO)
# Recordings of Azure Kinect are Matroska files, too.
_MKV = _kind("MKV WebM", ".mkv", Role.VIDEO, Role.EXPORT)
_AVI = _kind("AVI", ".avi", Role.VIDEO)
_TS, _MPG = (_kind("MPEG", suffix, Role.VIDEO) for suffix in (".ts", ".mpg"))
_FLV = _kind("FLV", ".flv", Role.VIDEO)
_WMV = _kind("WMV", ".wmv", Role.VIDEO)
_NPY = _kind("npy", ".npy", Role.DEPTH)
_PFM = _kind("PFM", ".pfm", Role.DEPTH)
_EXR = _kind("EXR", ".exr", Role.DEPTH)
ZIP = _kind("npz r3d zip", ".zip", Role.EXPORT, Role.DEPTH)
KINDS = (
    *(_JPEG, _PNG, _WEBP, _TIFF, _BMP, _GIF, _PPM, _PGM, _HEIC, _AVIF),
    *(_MP4, _MKV, _AVI, _TS, _MPG, _FLV, _WMV),
    *(_NPY, _PFM, _EXR, ZIP),
)
"""All kinds, for people: images, videos, then depth and exports."""
_STARTS: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", _JPEG),
    (b"\x89PNG\r\n\x1a\n", _PNG),
    (b"GIF87a", _GIF),
    (b"GIF89a", _GIF),
    (b"II*\0", _TIFF),
    (b"MM\0*", _TIFF),
    (b"II+\0", _TIFF),
    (b"PK\x03\x04", ZIP),
    (b"\x93NUMPY", _NPY),
    (b"\x76\x2f\x31\x01", _EXR),
    (b"\x1a\x45\xdf\xa3", _MKV),
    (b"\0\0\x01\xba", _MPG),
    (b"FLV\x01", _FLV),
    (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), _WMV),
)
_BLANKS = b" \t\r\n"
_HEIF_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))
_AVIF_BRANDS = frozenset((b"avif", b"avis"))
# Boxes with which films of QuickTime without a type begin.
_OLD_BOXES = frozenset((b"moov", b"mdat", b"wide", b"free", b"skip"))
_TS_PACKET = 188


def kind_of(head: bytes) -> Kind | None:
    """The kind of a file by its first bytes; None if it is none that is read.

    Args:
        head: The first ``HEAD_BYTES``, or all of a shorter file.
    """
    if head[:4] == b"RIFF":
        return {b"WEBP": _WEBP, b"AVI ": _AVI}.get(head[8:12])
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return _BMP
    if head[4:8] == b"ftyp":
        brands = {head[8:12], *(head[at : at + 4] for at in range(16, min(_size_of_box(head), len(head)), 4))}
        if head[8:12] in _AVIF_BRANDS or (head[8:12] in (b"mif1", b"msf1") and brands & _AVIF_BRANDS):
            return _AVIF
        return _HEIC if head[8:12] in _HEIF_BRANDS else _MP4
    if head[4:8] in _OLD_BOXES:
        return _MP4
    if head[:1] == b"P" and head[2:3] and head[2] in _BLANKS:
        return {b"1": _PPM, b"2": _PGM, b"3": _PPM, b"4": _PPM, b"5": _PGM, b"6": _PPM, b"F": _PFM, b"f": _PFM}.get(
            head[1:2]
        )
    if len(head) > 2 * _TS_PACKET and {head[at] for at in (0, _TS_PACKET, 2 * _TS_PACKET)} == {0x47}:
        return _TS
    return next((kind for start, kind in _STARTS if head.startswith(start)), None)


def kind_of_file(path: Path) -> Kind | None:
    """The kind of a file by its content; None if it is none that is read."""
    with path.open("rb") as stream:
        return kind_of(stream.read(HEAD_BYTES))


def _size_of_box(head: bytes) -> int:
    return int.from_bytes(head[:4], "big")
