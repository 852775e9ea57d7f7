"""Depth of iPhone photos: auxiliary pictures of HEIC, and of JPEG with several pictures.

Sources: Apple's "Creating Auxiliary Depth Data Manually" and AVDepthData (formats, units, accuracy,
https://developer.apple.com/documentation/avfoundation/avdepthdata) and AVCameraCalibrationData (the intrinsic matrix);
the field names of the XMP namespaces ``pixeldatainfo`` and ``depthData``, which Apple does not document, as iPhones
write them and ExifTool lists them (https://exiftool.org/TagNames/XMP.html); the auxiliary type ``auxid:2`` of
ISO/IEC 23008-12.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pipeline.ingest.captures.jpeg_parts import Bytes, further_pictures, main_xmp
from pipeline.ingest.captures.photo_record import (
    PhotoDepth,
    as_stored,
    decode_codes,
    metric_depth,
    relative_depth,
    shape_notes,
)
from pipeline.ingest.captures.xmp import Element, all_fields, number, numbers, parse_xmp
from pipeline.ingest.heif import decode_luma, turns_quarter, upright
from pipeline.ingest.heif_boxes import HeifBoxes, HeifItem
from pipeline.ingest.resampling import Size, same_aspect
from pipeline.records import DepthKind
from pipeline.records.camera import Camera

_PIXELS = "http://ns.apple.com/pixeldatainfo/1.0/"
_DEPTH = "http://ns.apple.com/depthData/1.0/"
_DEPTH_TYPES = ("urn:mpeg:hevc:2015:auxid:2", "urn:mpeg:mpegB:cicp:systems:auxiliary:depth")
# Four-letter codes of disparity and depth as half and single floats; files hold them as numbers.
_DISPARITY, _METRES = ("hdis", "fdis"), ("hdep", "fdep")


def heic_depth(boxes: HeifBoxes) -> PhotoDepth | None:
    """The depth of a HEIC photo, upright as its image; None without any.

    Raises:
        ValueError: If it is damaged, or nothing states what its numbers mean.
        DependencyError: If it is coded in a way that is not read.
    """
    primary = boxes.item(boxes.primary)
    for place, item in boxes.items.items():
        kind = (item.content("auxC") or b"")[4:].split(b"\0")[0].decode("latin-1")
        if kind not in _DEPTH_TYPES or boxes.primary not in item.references.get("auxl", ()):
            continue
        packets = [boxes.payload(number) for number in boxes.describing(place, "mime")]
        packets = [packet for packet in packets if _states_depth(packet)]
        if not packets:
            raise ValueError("nothing states what the numbers of its depth mean")
        if item.transformations != primary.transformations:
            raise ValueError("its depth is turned against the image")
        root = parse_xmp(packets[0])
        camera, notes = _intrinsics(root, primary.size)
        size = primary.size[::-1] if turns_quarter(primary) else primary.size
        codes = upright(decode_luma(boxes, place), item).astype(np.int64)
        return _photo_depth(codes, root, size, 1, _upright_camera(camera, item), notes)
    return None


def jpeg_depth(data: Bytes, stored_size: Size, orientation: int) -> PhotoDepth | None:
    """The depth of a JPEG photo of an iPhone, in one of the pictures behind the first; None without any.

    Args:
        data: The whole file.
        stored_size: (width, height) of the stored image [px].
        orientation: EXIF orientation of the image.

    Raises:
        ValueError: If it is damaged, or its fields contradict each other.
    """
    found = depth_picture(data)
    if found is None:
        return None
    start, end = found
    root = parse_xmp(main_xmp(data, start))
    codes, _, own = decode_codes(data[start:end])
    camera, notes = _intrinsics(root, stored_size)
    return _photo_depth(as_stored(codes, own, orientation), root, stored_size, orientation, camera, notes)


def depth_picture(data: Bytes) -> tuple[int, int] | None:
    """(start, end) of the picture with depth in a JPEG file with several pictures, from their headers alone."""
    return next((place for place in further_pictures(data) if _states_depth(main_xmp(data, place[0]))), None)


def _states_depth(packet: bytes) -> bool:
    # Mattes of persons and hair name themselves depth too, but have no range.
    return b"pixeldatainfo" in packet and b"FloatMaxValue" in packet


def _photo_depth(
    codes: np.ndarray, root: Element, stored_size: Size, orientation: int, camera: Camera | None, notes: list[str]
) -> PhotoDepth:
    pixels, stated = all_fields(root, _PIXELS), all_fields(root, _DEPTH)
    notes = [*shape_notes(codes.shape, stored_size), *notes]
    is_disparity = _is_disparity(pixels)
    lowest, highest = number(pixels.get("FloatMinValue")), number(pixels.get("FloatMaxValue"))
    first, last = number(pixels.get("IntMinValue", "0")), number(pixels.get("IntMaxValue", "255"))
    if lowest is None or highest is None or first is None or last is None or not (lowest < highest and first < last):
        raise ValueError(f"its depth reaches from {lowest} to {highest} in numbers from {first} to {last}")
    valid = (codes >= first) & (codes <= last)
    unit = (highest - lowest) / (last - first)
    values = lowest + (codes - first) * unit
    with np.errstate(divide="ignore", over="ignore"):
        disparity, z = (values, 1 / values) if is_disparity else (1 / values, values)
        step = z**2 * unit if is_disparity else np.full(z.shape, unit)
    if stated.get("Accuracy", "relative").casefold() != "absolute":
        notes.append("The accuracy of its depth is relative, so that only the order of distances is known.")
        relative = relative_depth(disparity, valid & (values > 0), DepthKind.DISPARITY_AFFINE)
        return PhotoDepth(relative, camera, stored_size, orientation, tuple(notes))
    depth, more = metric_depth(z, step, valid & (values > 0))
    return PhotoDepth(depth, camera, stored_size, orientation, (*notes, *more))


def _is_disparity(pixels: Mapping[str, str]) -> bool:
    """Whether the numbers are disparity [1/m] rather than depth [m]."""
    native = pixels.get("NativeFormat", "")
    code = int(native).to_bytes(4, "big").decode("latin-1") if native.isdecimal() and int(native) < 1 << 32 else native
    kind = pixels.get("AuxiliaryImageType", "").casefold()
    if code in _DISPARITY and kind in ("disparity", ""):
        return True
    if code in _METRES and kind in ("depth", ""):
        return False
    raise ValueError(f"its depth has the format {code!r:.40} and the type {kind!r:.40}")


def _intrinsics(root: Element, stored_size: Size) -> tuple[Camera | None, list[str]]:
    """The camera of the stored image, before any turn.

    AVCameraCalibrationData: the principal point counts from the top left corner of the image of the reference
    dimensions; the columns of the matrix stand one after the other.
    """
    stated = all_fields(root, _DEPTH)
    width, height = (number(stated.get(f"IntrinsicMatrixReference{side}")) for side in ("Width", "Height"))
    matrix = numbers(root, _DEPTH, "IntrinsicMatrix")
    if len(matrix) != 9 or not width or not height:
        return None, []
    fx, fy = matrix[0], matrix[4]
    cx, cy = (matrix[6], matrix[7]) if matrix[6] or matrix[7] else (matrix[2], matrix[5])
    notes = []
    if any(numbers(root, _DEPTH, "LensDistortionCoefficients")):
        notes.append("The lens distortion that the photo states is not undone.")
    plausible = 1 <= width < 1e6 and 1 <= height < 1e6 and 0.2 < fx / width < 20 and 0.2 < fy / width < 20
    if not plausible or not (0.25 < cx / width < 0.75 and 0.25 < cy / height < 0.75):
        return None, [*notes, "The intrinsic matrix of the photo does not fit its size and is not used."]
    size = int(width), int(height)
    if not same_aspect(size, stored_size):
        return None, [*notes, "The intrinsic matrix of the photo is for another aspect ratio and is not used."]
    return Camera(fx, fy, cx - 0.5, cy - 0.5, *size).resized(*stored_size), notes


def _upright_camera(camera: Camera | None, item: HeifItem) -> Camera | None:
    """The camera with the rotations and mirrors of an item; see ``upright``."""
    if camera is None:
        return None
    for name, value in item.transformations:
        if name == "irot":
            camera = camera.rotated(value)
        elif value:
            camera = replace(camera, cx=camera.width - 1 - camera.cx)
        else:
            camera = replace(camera, cy=camera.height - 1 - camera.cy)
    return camera
