"""Small files of the formats that the server reads, whole and hostile, byte by byte where no library writes them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np
from PIL import Image


def pixels(width: int = 64, height: int = 48) -> np.ndarray:
    """A picture whose red grows to the right and whose green grows downwards, uint8 (H, W, 3)."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[..., 0] = np.linspace(0, 255, width)
    rgb[..., 1] = np.linspace(0, 255, height)[:, None]
    return rgb


def image(kind: str = "PNG", width: int = 64, height: int = 48, **options: object) -> bytes:
    """An image of a format."""
    stream = io.BytesIO()
    Image.fromarray(pixels(width, height)).save(stream, kind, **options)
    return stream.getvalue()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of PNG (ISO/IEC 15948, 5.3)."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of a few kB that declares so many pixels, all zero."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(1 << 20)) for _ in range(8)) + packer.flush()
    parts = (png_chunk(b"IHDR", header), png_chunk(b"IDAT", data), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def zip_of(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    """An archive, with symbolic links where given."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        for name, target in (links or {}).items():
            member = zipfile.ZipInfo(name)
            member.external_attr = 0o120777 << 16
            archive.writestr(member, target)
    return stream.getvalue()


def npy(shape: tuple[int, ...], content: bytes = b"", descr: str = "<f4") -> bytes:
    """An npy file (format 1.0) of a shape, with whatever content."""
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


def form(parts: list[tuple[str, bytes]], boundary: str = "xyzzy", *, ends: bool = True) -> bytes:
    """A form (RFC 7578) of parts, each with its headers and its content."""
    start = b"--" + boundary.encode() + b"\r\n"
    body = b"".join(
        start + headers.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + content + b"\r\n"
        for headers, content in parts
    )
    return body + (b"--" + boundary.encode() + b"--\r\n" if ends else b"")


def file_part(content: bytes, name: str = "image", filename: str = "photo.png") -> tuple[str, bytes]:
    """A part of a form that is a file."""
    return f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: image/png', content


def text_part(text: str, name: str = "question") -> tuple[str, bytes]:
    """A part of a form that is a text."""
    return f'Content-Disposition: form-data; name="{name}"', text.encode("utf-8", "surrogateescape")
