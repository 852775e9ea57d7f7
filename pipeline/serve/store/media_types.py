"""Media types of uploads, told by how their content begins.

Names are those of IANA (https://www.iana.org/assignments/media-types/media-types.xhtml) where it has one.
"""

from __future__ import annotations

HEAD_BYTES = 512
"""How much of a file's beginning is needed."""

UNKNOWN = "application/octet-stream"

# Longer ones first where one begins like another.
_STARTS: tuple[tuple[bytes, str], ...] = (
    # https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    # TIFF 6.0, section 2; BigTIFF has 43 in place of 42.
    *((start, "image/tiff") for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    # https://netpbm.sourceforge.net/doc/ppm.html and pfm.html
    *((b"P%d" % number + blank, "image/x-portable-anymap") for number in range(1, 7) for blank in (b"\n", b" ", b"\t")),
    (b"PF\n", "image/x-portable-floatmap"),
    (b"Pf\n", "image/x-portable-floatmap"),
    # https://openexr.com/en/latest/OpenEXRFileLayout.html#magic-number
    (b"\x76\x2f\x31\x01", "image/x-exr"),
    # https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
    (b"\x93NUMPY", "application/x-npy"),
    # APPNOTE.TXT of PKWARE, section 4.3.7: npz and exports of devices are archives.
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    # https://mcap.dev/spec#magic
    (b"\x89MCAP0\r\n", "application/x-mcap"),
    # https://wiki.ros.org/Bags/Format/2.0
    (b"#ROSBAG V", "application/x-rosbag"),
    # https://www.sqlite.org/fileformat.html#magic_header_string
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
    (b"ply\n", "application/x-ply"),
    (b"ply\r\n", "application/x-ply"),
    (b"%PDF-", "application/pdf"),
    # ISO/IEC 13818-1: pack header of a program stream; H.264 annex B: start code and sequence parameter set.
    (b"\0\0\x01\xba", "video/mpeg"),
    (b"\0\0\x01\xb3", "video/mpeg"),
    (b"\0\0\0\x01\x67", "video/h264"),
    (b"FLV\x01", "video/x-flv"),
    (bytes.fromhex("3026b2758e66cf11"), "video/x-ms-asf"),
)
# Brands that follow "ftyp" (ISO/IEC 14496-12, 4.3): HEIF of ISO/IEC 23008-12, AVIF, QuickTime and 3GPP; else MP4.
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "image/heic"),
    **dict.fromkeys((b"mif1", b"msf1"), "image/heif"),
    b"qt  ": "video/quicktime",
    **dict.fromkeys((b"3gp4", b"3gp5", b"3gp6", b"3gp7"), "video/3gpp"),
}
# Atoms with which QuickTime files without "ftyp" begin (QuickTime File Format, "Overview of the file structure").
_ATOMS = (b"moov", b"mdat", b"wide", b"free", b"skip")
_TS_PACKET = 188
_RIFF = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
# Sizes of the headers that follow a BMP's file header: those of OS/2 1 and of Windows 3, 4 and 5.
_BMP_HEADERS = tuple(size.to_bytes(4, "little") for size in (12, 40, 52, 56, 108, 124))


def media_type(head: bytes) -> str:
    """The media type of a file.

    Args:
        head: Its first ``HEAD_BYTES``.

    Returns:
        The type; ``UNKNOWN`` for content that is none of those above.

    >>> media_type(b"GIF89a..."), media_type(b"<html>")
    ('image/gif', 'application/octet-stream')
    """
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], UNKNOWN)
    if head[:2] == b"BM":
        return "image/bmp" if head[14:18] in _BMP_HEADERS else UNKNOWN
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[4:8] in _ATOMS:
        return "video/quicktime"
    # https://www.rfc-editor.org/rfc/rfc8794#section-8.1: EBML; its DocType is "webm" or "matroska".
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "video/webm" if b"\x42\x82\x84webm" in head else "video/matroska"
    # ISO/IEC 13818-1: packets of 188 bytes, each of which begins with 0x47.
    if head[:1] == b"\x47" and head[_TS_PACKET : _TS_PACKET + 1] == b"\x47":
        return "video/mp2t"
    return next((name for start, name in _STARTS if head.startswith(start)), UNKNOWN)
