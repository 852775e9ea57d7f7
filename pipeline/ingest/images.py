"""Upright images, and what their metadata says about the camera."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from pipeline.ingest.files import decoding, existing_file
from pipeline.records.errors import InputError

# Only some of PIL's formats, because others start external programs.
# A JPEG with several pictures (MPO) opens as its first.
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF")
# Unit of EXIF's FocalPlaneResolution [mm]: inch, centimetre, millimetre, micrometre.
_PLANE_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
# From extreme fisheye lenses to the longest super-zooms; values beyond are wrong.
_PLAUSIBLE_FOCAL_35MM = (4.0, 5000.0)


@contextmanager
def open_image(path: str | Path) -> Iterator[Image.Image]:
    """Open an image lazily with PIL; errors within the block become InputErrors of one line.

    What ``exif_transpose`` of PIL makes of the image is upright: of AVIF, PIL gives the rotation and mirror of the
    container as EXIF orientation in place of the one in its EXIF data; of HEIF, the pixels are upright already.
    """
    file = existing_file(path, "an image")
    with warnings.catch_warnings(), decoding(file, "an image"):
        # PIL warns about large images and odd metadata, but raises an error on unusable images.
        warnings.simplefilter("ignore")
        try:
            # Opened as a stream: by name, PIL memory-maps uncompressed TIFF and exchanges the sides of turned ones.
            with file.open("rb") as stream, _opened(stream) as image:
                yield image
        except UnidentifiedImageError:
            raise InputError(f"{file} is not an image that can be read; convert it to JPEG or PNG.") from None
        except Image.DecompressionBombError:
            raise InputError(f"{file} has more pixels than {2 * (Image.MAX_IMAGE_PIXELS or 0)}; shrink it.") from None


def _opened(stream: BinaryIO) -> Image.Image:
    head = stream.read(64)
    stream.seek(0)
    if head[4:8] == b"ftyp":
        from pipeline.ingest.heif import HeifImage
        from pipeline.ingest.heif_boxes import is_heif

        if is_heif(head):
            return HeifImage(stream)
    image = Image.open(stream, formats=_FORMATS)
    if image.format == "AVIF":
        # PIL would take an orientation from XMP where the container states none; only the container's counts.
        image.info.pop("xmp", None)
    return image


def read_image(path: str | Path) -> np.ndarray:
    """Read an image with its EXIF orientation applied; see ``upright_rgb``.

    Args:
        path: JPEG, PNG, WebP, TIFF, BMP, GIF, PPM, PGM, AVIF, HEIC or MPO, told apart by content; the first image of a
            file with several, the main picture of HEIC.

    Returns:
        uint8 (H, W, 3), RGB, upright.

    Raises:
        InputError: If the file is missing, empty, damaged, too large or not an image.
    """
    with open_image(path) as image:
        return upright_rgb(image, str(path))


def upright_rgb(image: Image.Image, name: str = "The image") -> np.ndarray:
    """The pixels of an image with its EXIF orientation applied, exactly once.

    Transparent images are composited over white; 16-bit grey keeps its upper 8 bits.

    Args:
        image: An image of any mode except floating-point numbers.
        name: Its name in an error.

    Returns:
        uint8 (H, W, 3), RGB, upright.

    Raises:
        InputError: If it has no pixels or no colours.
    """
    if image.mode == "F" or 0 in image.size:
        raise InputError(f"{name} has no colour channels (mode {image.mode}, {image.size} px); convert it to 8 bits.")
    return np.array(_to_rgb(ImageOps.exif_transpose(image)))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "I" or image.mode.startswith("I;16"):
        # PIL's own conversion clips 16-bit values at 255 instead of scaling them.
        grey = np.asarray(image, dtype=np.int64).clip(0, 65535) >> 8
        image = Image.fromarray(grey.astype(np.uint8))
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return image.convert("RGB")


def exif_orientation(path: str | Path) -> int:
    """The EXIF orientation of an image, from 1 to 8; 1 where it states none, or where the pixels have it already."""
    with open_image(path) as image:
        return _orientation(image)


def _orientation(image: Image.Image) -> int:
    stated = image.getexif().get(ExifTags.Base.Orientation, 1)
    return stated if stated in range(1, 9) else 1


@dataclass(frozen=True, eq=False)
class ReadImage:
    """An upright image, and what its metadata says.

    Args:
        rgb: uint8 (H, W, 3).
        focal_35mm: Equivalent focal length on a 36 x 24 mm frame [mm], see ``exif_focal_35mm``.
        orientation: EXIF orientation that was applied, from 1 to 8.
    """

    rgb: np.ndarray
    focal_35mm: float | None
    orientation: int


def read_image_and_exif(path: str | Path) -> ReadImage:
    """Read an image as ``read_image``, and its metadata with it, in one pass over the file."""
    with open_image(path) as image:
        rgb = upright_rgb(image, str(path))
        return ReadImage(rgb, exif_focal_35mm(image), _orientation(image))


def exif_focal_35mm(image: str | Path | Image.Image) -> float | None:
    """Focal length from EXIF, as the equivalent on a 36 x 24 mm frame [mm].

    FocalLengthIn35mmFilm where it is present; else from FocalLength and FocalPlaneXResolution:
    ``f[px] = f[mm] * resolution``, scaled by equal diagonals (EXIF 2.32, CIPA DC-008).

    Args:
        image: A path, or an image as PIL opened it.

    Returns:
        The focal length, or None if it is missing or implausible.

    Raises:
        InputError: If the file is not an image.
    """
    if not isinstance(image, Image.Image):
        with open_image(image) as image:
            return exif_focal_35mm(image)
    tags = image.getexif().get_ifd(ExifTags.IFD.Exif)
    focal_35mm = _number(tags, ExifTags.Base.FocalLengthIn35mmFilm)
    if focal_35mm == 0:
        unit_mm = _PLANE_UNIT_MM.get(int(_number(tags, ExifTags.Base.FocalPlaneResolutionUnit)) or 2, math.inf)
        pixels_per_mm = _number(tags, ExifTags.Base.FocalPlaneXResolution) / unit_mm
        # The resolution is that of the original image; a smaller copy keeps the tags.
        width = _number(tags, ExifTags.Base.ExifImageWidth) or image.width
        height = _number(tags, ExifTags.Base.ExifImageHeight) or image.height
        focal_px = _number(tags, ExifTags.Base.FocalLength) * pixels_per_mm
        focal_35mm = focal_px * math.hypot(36, 24) / math.hypot(width, height)
    lowest, highest = _PLAUSIBLE_FOCAL_35MM
    return focal_35mm if lowest <= focal_35mm <= highest else None


def _number(tags: Mapping[int, Any], tag: int) -> float:
    try:
        number = float(tags.get(tag, 0))
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0
    return number if math.isfinite(number) else 0.0
