"""Finds the depth that a photo carries: iPhone HEIC and JPEG, Android GDepth and Dynamic Depth."""

from __future__ import annotations

import mmap
from pathlib import Path

from PIL import ExifTags

from pipeline.ingest.captures.android_depth import DYNAMIC_DEPTH_MAP, GDEPTH, dynamic_depth, gdepth
from pipeline.ingest.captures.apple_depth import depth_picture, heic_depth, jpeg_depth
from pipeline.ingest.captures.jpeg_parts import Bytes, extended_xmp, main_xmp
from pipeline.ingest.captures.photo_record import PhotoDepth
from pipeline.ingest.captures.xmp import all_fields, parse_xmp
from pipeline.ingest.files import existing_file, one_line
from pipeline.ingest.heif_boxes import HeifError, is_heif, read_boxes
from pipeline.ingest.images import exif_focal_35mm, open_image
from pipeline.ingest.resampling import Size
from pipeline.records.camera import Camera
from pipeline.records.errors import InputError, TheodoliteError

__all__ = ["PhotoDepth", "photo_depth"]

_XMP_NOTE = "http://ns.adobe.com/xmp/note/"


def photo_depth(path: str | Path) -> PhotoDepth | None:
    """The depth that a photo carries, of its own resolution; None where it carries none.

    Of a photo without depth, only the headers are read. The depth is in the orientation of the stored image and must be
    turned with it, see ``PhotoDepth``.

    Args:
        path: A photo; formats are told apart by content.

    Raises:
        InputError: If the file is missing, or the depth in it is damaged, contradictory or of an unknown unit.
        DependencyError: If its depth is coded in a way that needs a further package.
    """
    file = existing_file(path, "a photo")
    try:
        with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            photo = _heic(data) if is_heif(data[:64]) else _jpeg(file, data) if data[:2] == b"\xff\xd8" else None
    except TheodoliteError:
        raise
    # Decoders raise errors of almost any type on damaged files.
    except Exception as error:
        raise _unusable(file, one_line(error)) from error
    if photo is not None and not photo.depth.valid.any():
        raise _unusable(file, "no pixel of it is valid")
    return photo


def _unusable(file: Path, reason: str) -> InputError:
    return InputError(
        f"The depth that {file} carries cannot be used ({reason}); save the photo again, without its depth."
    )


def _heic(data: Bytes) -> PhotoDepth | None:
    try:
        boxes = read_boxes(data)
    except HeifError:
        # Reading the image says what is wrong.
        return None
    return heic_depth(boxes)


def _jpeg(file: Path, data: Bytes) -> PhotoDepth | None:
    main = main_xmp(data)
    is_android = any(space.rstrip("/").encode() in main for space in (GDEPTH, DYNAMIC_DEPTH_MAP))
    if not is_android:
        if depth_picture(data) is None:
            return None
        return jpeg_depth(data, *_stored(file)[:2])
    root = parse_xmp(main)
    size, orientation, camera = _stored(file)
    photo = dynamic_depth(root, data, size, orientation, camera)
    if photo is None:
        name = all_fields(root, _XMP_NOTE).get("HasExtendedXMP")
        extended = extended_xmp(data, name) if name else b""
        photo = gdepth(root, parse_xmp(extended) if extended else None, size, orientation, camera)
    return photo


def _stored(file: Path) -> tuple[Size, int, Camera | None]:
    """(width, height) [px] of the stored image, its EXIF orientation, and its camera by its focal length."""
    with open_image(file) as image:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        focal_35mm = exif_focal_35mm(image)
        camera = None if focal_35mm is None else Camera.from_focal_35mm(*image.size, focal_35mm)
        return image.size, orientation if orientation in range(1, 9) else 1, camera
