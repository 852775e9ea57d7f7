"""Pictures of HEIF files with HEVC, as phones write them: one picture, or a grid of tiles.

Every transformation is applied exactly once: ``irot`` and ``imir`` are normative, the EXIF orientation of a HEIF file
only repeats them and is ignored (ISO/IEC 23008-12, 6.5.10, 6.5.12 and A.2.1).
"""

from __future__ import annotations

import io
import mmap
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageFile

from pipeline.ingest.heif_boxes import HeifBoxes, HeifError, HeifItem, read_boxes
from pipeline.records.errors import DependencyError

# libheif reads the file as one byte string, which no photo needs to be longer.
_MAX_FILE_BYTES = 1_000_000_000
# Grids may repeat a tile, such as an empty one.
_MOST_SHARED = 4
_PHONE = "it needs pi-heif: pip install 'theodolite[phone]'"


class HeifImage(ImageFile.ImageFile):
    """A HEIF file as a PIL image that is already upright; pixels are decoded when they are asked for.

    PyAV returns the tiles of a grid one by one; they are put together here. What it cannot decode, pi-heif (libheif)
    does where it is installed. It is not asked first, because it leaves tiles black that are cut off, without an error.
    """

    format = "HEIF"
    format_description = "HEIF with HEVC"

    def _open(self) -> None:
        self._data: mmap.mmap | None = mmap.mmap(self.fp.fileno(), 0, access=mmap.ACCESS_READ)  # type: ignore[union-attr]
        self._boxes: HeifBoxes | None = None
        self._library: Any = None
        try:
            self._boxes = boxes = read_boxes(self._data)
            self.info["exif"] = _exif(boxes)
            _coded_pictures(boxes, boxes.primary)
            size = boxes.item(boxes.primary).size
            self._size, self._mode = size[::-1] if self.has_quarter_turn else size, "RGB"
        except (HeifError, DependencyError):
            self._open_library()
        check_pixels(self.size)
        self.tile = []

    def _open_library(self) -> None:
        """Leave the picture to pi-heif, or raise the current error where it is not installed."""
        pi_heif = _pi_heif()
        if pi_heif is None:
            raise
        data: Any = self._data
        if len(data) > _MAX_FILE_BYTES:
            raise HeifError("the file is too large")
        self._library = pi_heif.open_heif(data[:])
        self._size, self._mode = self._library.size, self._library.mode

    def load(self) -> Any:
        """Decode the pixels on first use."""
        if self._data is not None:
            boxes: Any = self._boxes
            if self._library is not None:
                if boxes is not None:
                    _check_complete(boxes)
                image = self._library.to_pillow()
            else:
                image = Image.fromarray(upright(decode_rgb(boxes, boxes.primary), boxes.item(boxes.primary)))
            self._size, self._mode = image.size, image.mode
            self.fp = io.BytesIO(image.tobytes())
            self.tile = [ImageFile._Tile("raw", (0, 0, *self.size), 0, self.mode)]
            self._data = self._library = None
        return super().load()

    @property
    def has_quarter_turn(self) -> bool:
        """Whether the file's transformations exchanged width and height."""
        if self._boxes is None:
            return False
        return turns_quarter(self._boxes.items.get(self._boxes.primary))

    def getexif(self) -> Image.Exif:
        """The EXIF tags without the orientation, which the pixels already have."""
        exif = super().getexif()
        exif.pop(ExifTags.Base.Orientation, None)
        return exif


def _pi_heif() -> Any:
    try:
        import pi_heif
    except ImportError:
        return None
    return pi_heif


def check_pixels(size: Sequence[int]) -> None:
    """Refuse a picture with more pixels than PIL accepts.

    Raises:
        DecompressionBombError: PIL's error, as of any other format.
    """
    if size[0] * size[1] > 2 * (Image.MAX_IMAGE_PIXELS or 0):
        raise Image.DecompressionBombError(f"{size[0]} x {size[1]} px")


def turns_quarter(item: HeifItem | None) -> bool:
    """Whether the rotations of an item exchange width and height."""
    transformations = [] if item is None else item.transformations
    return sum(value for name, value in transformations if name == "irot") % 2 == 1


def upright(pixels: np.ndarray, item: HeifItem) -> np.ndarray:
    """Pixels (H, W, ...) of an item with its rotations and mirrors applied, in their order."""
    for name, value in item.transformations:
        pixels = np.rot90(pixels, value) if name == "irot" else np.flip(pixels, axis=value)
    return np.ascontiguousarray(pixels)


def decode_rgb(boxes: HeifBoxes, number: int) -> np.ndarray:
    """Colours of an item as stored, without its transformations, uint8 (H, W, 3); see ``decode_luma`` for errors."""
    return _decode(boxes, number, "rgb")


def decode_luma(boxes: HeifBoxes, number: int) -> np.ndarray:
    """Coded luma of an item as stored, without conversion of its range: uint8 or uint16 (H, W).

    Raises:
        HeifError: If the item is damaged.
        DependencyError: If it is not a picture or a grid of pictures in HEVC.
        DecompressionBombError: If it has more pixels than PIL accepts.
    """
    return _decode(boxes, number, "luma")


def _coded_pictures(boxes: HeifBoxes, number: int) -> tuple[int, ...]:
    """The coded pictures of an item: itself, or the tiles of a grid."""
    item = boxes.item(number)
    tiles = item.references.get("dimg", ()) if item.kind == "grid" else (number,)
    for part in map(boxes.item, tiles):
        if part.kind != "hvc1":
            raise DependencyError(f"The picture is a HEIF item of type {part.kind!r}; {_PHONE}.")
    if any(part.content("clap") is not None for part in map(boxes.item, (number, *tiles))):
        raise DependencyError(f"The picture is a cropped HEIF item (clap); {_PHONE}.")
    if any(boxes.item(tile).transformations for tile in tiles if tile != number):
        raise DependencyError(f"The tiles of the picture are turned; {_PHONE}.")
    return tiles


def _check_complete(boxes: HeifBoxes) -> None:
    """Refuse a picture that is cut off, of which libheif would leave parts black."""
    for number in (boxes.primary, *boxes.item(boxes.primary).references.get("dimg", ())):
        if boxes.item(number).extents:
            boxes.extents(number)


def _decode(boxes: HeifBoxes, number: int, what: str) -> np.ndarray:
    tiles = _coded_pictures(boxes, number)
    item = boxes.item(number)
    rows, columns, (width, height) = _grid(boxes.payload(number)) if item.kind == "grid" else (1, 1, item.size)
    check_pixels((width, height))
    tile_width, tile_height = boxes.item(tiles[0]).size if tiles else (0, 0)
    whole = rows * columns == len(tiles) and 0 < width <= columns * tile_width and 0 < height <= rows * tile_height
    # Tiles that lie beyond the picture would be decoded for nothing.
    if not whole or (columns - 1) * tile_width >= width or (rows - 1) * tile_height >= height:
        raise HeifError(f"{len(tiles)} tiles of {tile_width} x {tile_height} px do not make {width} x {height} px")
    # Each of many tiles could name the same large part of the file.
    if sum(length for tile in tiles for _, length in boxes.extents(tile)) > _MOST_SHARED * len(boxes.data):
        raise HeifError("the tiles share their data")
    picture: np.ndarray | None = None
    for index, pixels in enumerate(_tiles(boxes, tiles, item.content("colr"), what)):
        if pixels.shape[:2] != (tile_height, tile_width):
            raise HeifError(f"tile {index} has another size than the file states")
        if picture is None:
            picture = np.empty((height, width, *pixels.shape[2:]), pixels.dtype)
        top, left = index // columns * tile_height, index % columns * tile_width
        part = picture[top : top + tile_height, left : left + tile_width]
        part[...] = pixels[: part.shape[0], : part.shape[1]]
    if picture is None:
        raise HeifError("the picture is empty")
    return picture


def _grid(data: bytes) -> tuple[int, int, tuple[int, int]]:
    """Rows, columns and (width, height) [px] of a grid (ISO/IEC 23008-12, 6.6.2.3)."""
    long = len(data) > 1 and data[1] & 1
    if len(data) < (12 if long else 8):
        raise HeifError("the grid is cut off")
    return data[2] + 1, data[3] + 1, struct.unpack_from(">II" if long else ">HH", data, 4)


def _tiles(boxes: HeifBoxes, tiles: Sequence[int], colour: bytes | None, what: str) -> Iterator[np.ndarray]:
    import av

    count = 0
    settings = boxes.item(tiles[0]).content("hvcC")
    if settings is None:
        raise HeifError("a picture has no HEVC settings")
    colour = boxes.item(tiles[0]).content("colr") if colour is None or colour[:4] != b"nclx" else colour
    context: Any = av.CodecContext.create("hevc", "r")
    context.extradata = settings
    context.options = {"max_pixels": str(2 * (Image.MAX_IMAGE_PIXELS or 0))}
    for tile in (*tiles, None):
        if tile is not None and boxes.item(tile).content("hvcC") != settings:
            raise DependencyError(f"The tiles of the picture are coded differently; {_PHONE}.")
        for frame in context.decode(None if tile is None else av.Packet(boxes.payload(tile))):
            count += 1
            yield _luma(frame) if what == "luma" else _rgb(frame, colour)
    if count != len(tiles):
        raise HeifError(f"{count} of {len(tiles)} tiles can be decoded")


def _rgb(frame: Any, colour: bytes | None) -> np.ndarray:
    """Colours of a decoded picture; ``colr`` of type nclx takes precedence over what HEVC states."""
    options = {}
    if colour is not None and colour[:4] == b"nclx" and len(colour) >= 11:
        # ITU-T H.273 numbers the matrices as swscale does, apart from identity and unspecified.
        matrix = int.from_bytes(colour[8:10], "big")
        is_full = bool(colour[10] & 0x80)
        if frame.format.name.startswith("yuvj") and not is_full:
            # Formats with j are of full range whatever is said of them.
            frame = type(frame).from_ndarray(frame.to_ndarray(), format=frame.format.name.replace("yuvj", "yuv"))
        options = {"src_color_range": 2 if is_full else 1}
        if matrix in (1, 4, 5, 6, 7, 9):
            options["src_colorspace"] = matrix
    return frame.reformat(format="rgb24", dst_color_range=2, **options).to_ndarray()


def _luma(frame: Any) -> np.ndarray:
    plane = frame.planes[0]
    dtype = np.dtype("u1" if frame.format.components[0].bits <= 8 else "<u2")
    rows = np.frombuffer(plane, dtype).reshape(plane.height, plane.line_size // dtype.itemsize)
    return rows[:, : plane.width].copy()


def _exif(boxes: HeifBoxes) -> bytes:
    """The EXIF data of the main picture, from ``Exif`` on, or nothing (ISO/IEC 23008-12, A.2.1)."""
    for number in boxes.describing(boxes.primary, "Exif"):
        data = boxes.payload(number)
        start = 4 + int.from_bytes(data[:4], "big")
        if data[start : start + 2] in (b"II", b"MM"):
            return b"Exif\0\0" + data[start:]
    return b""
