"""Depth of Android photos: GDepth, and Dynamic Depth 1.0.

Sources: https://developers.google.com/depthmap-metadata/reference (GDepth fields) and /encoding (the two formats);
https://developer.android.com/static/media/camera/camera2/Dynamic-depth-v1.0.pdf; Android's reader and writer of Dynamic
Depth, https://android.googlesource.com/platform/external/dynamic_depth (``depth_map.cc``, ``imaging_model.cc``) and
frameworks/av ``DepthPhotoProcessor.cpp``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.ingest.captures.jpeg_parts import Bytes, end_of_picture
from pipeline.ingest.captures.photo_record import (
    PhotoDepth,
    as_stored,
    decode_codes,
    metric_depth,
    relative_depth,
    shape_notes,
)
from pipeline.ingest.captures.xmp import Element, all_fields, elements, fields, number
from pipeline.ingest.resampling import Size, same_aspect
from pipeline.records import DepthKind
from pipeline.records.camera import Camera

GDEPTH = "http://ns.google.com/photos/1.0/depthmap/"
_DYNAMIC = "http://ns.google.com/photos/dd/1.0/"
DYNAMIC_DEPTH_MAP = f"{_DYNAMIC}depthmap/"
_ITEMS = (f"{_DYNAMIC}item/", "http://ns.google.com/photos/1.0/container/item/")
_CONTAINERS = (f"{_DYNAMIC}container/", "http://ns.google.com/photos/1.0/container/")
# GDepth names metres and millimetres, Dynamic Depth "Meters", "Diopters" and "None".
_UNITS_M = {"m": 1.0, "mm": 0.001, "meters": 1.0}
_UNKNOWN_UNITS = ("", "none")
# Android limits less certain pixels to the range of the others before it stores them.
_LEAST_CONFIDENCE = 0.15
# Focal lengths in pixels are larger than any that is a share of the image's side.
_LARGEST_SHARE = 10.0
_MAX_ITEMS = 64


@dataclass(frozen=True)
class _Stated:
    """What a photo states about its depth."""

    format: str
    near: float | None
    far: float | None
    units: str
    is_ray: bool

    @classmethod
    def of(cls, stated: Mapping[str, str]) -> _Stated:
        return cls(
            stated.get("Format", "RangeInverse").casefold(),
            number(stated.get("Near")),
            number(stated.get("Far")),
            stated.get("Units", "").casefold(),
            stated.get("MeasureType", "OpticalAxis").casefold() == "opticray",
        )


def gdepth(
    main: Element, extended: Element | None, stored_size: Size, orientation: int, camera: Camera | None
) -> PhotoDepth | None:
    """The depth in the GDepth fields of a photo; None without any.

    Args:
        main: Its main XMP.
        extended: Its extended XMP, which holds what is larger than a segment.
        stored_size: (width, height) of the stored image [px].
        orientation: EXIF orientation of the image.
        camera: Camera of the stored image, to turn lengths of rays into z.

    Raises:
        ValueError: If a field is damaged, or its meaning is unknown.
    """
    stated = all_fields(main, GDEPTH)
    large = {} if extended is None else all_fields(extended, GDEPTH)
    encoded = large.get("Data") or stated.get("Data")
    if encoded is None:
        return None
    confidence = large.get("Confidence") or stated.get("Confidence")
    # A missing unit is metres by the reference, but cameras that compute depth up to a factor leave it out.
    return _photo_depth(
        _Stated.of({**large, **stated}),
        _base64(encoded),
        None if confidence is None else _base64(confidence),
        stored_size,
        orientation,
        ray_camera=camera,
    )


def dynamic_depth(
    main: Element, data: Bytes, stored_size: Size, orientation: int, camera: Camera | None
) -> PhotoDepth | None:
    """The depth of a Dynamic Depth photo; None without any. Arguments and errors are those of ``gdepth``.

    Args:
        main: Its XMP.
        data: The whole file, in which depth and confidence follow the picture.
        stored_size: (width, height) of the stored image [px].
        orientation: EXIF orientation of the image.
        camera: Camera of the stored image where the photo states no imaging model.
    """
    found = _depth_camera(main)
    if found is None:
        return None
    holder, stated = found
    items = _items(main)
    depth = _item(data, items, stated.get("DepthURI", ""), "Depth")
    if depth is None:
        raise ValueError(f"the item {stated.get('DepthURI', '')!r:.60} with its depth is not in the file")
    confidence_uri = stated.get("ConfidenceURI", "")
    confidence = _item(data, items, confidence_uri, "Confidence") if confidence_uri else None
    own, notes = _imaging_model(holder, stored_size)
    photo = _photo_depth(_Stated.of(stated), depth, confidence, stored_size, orientation, ray_camera=own or camera)
    return replace(photo, camera=own, notes=(*photo.notes, *notes))


def _photo_depth(
    stated: _Stated,
    depth: bytes,
    confidence: bytes | None,
    stored_size: Size,
    orientation: int,
    ray_camera: Camera | None,
) -> PhotoDepth:
    codes, highest, own = decode_codes(depth)
    codes = as_stored(codes, own, orientation)
    notes = shape_notes(codes.shape, stored_size)
    sure = _confidence(confidence, codes.shape, orientation, notes)
    valid = np.ones(codes.shape, bool) if sure is None else sure >= _LEAST_CONFIDENCE
    if stated.format not in ("rangeinverse", "rangelinear"):
        raise ValueError(f"its depth has the unknown format {stated.format!r:.40}")
    if stated.units in _UNKNOWN_UNITS:
        notes.append("The photo names no unit of its depth, so that only the order of distances is known.")
        inverse = stated.format == "rangeinverse"
        values = (highest - codes if inverse else codes) / highest
        kind = DepthKind.DISPARITY_AFFINE if inverse else DepthKind.DEPTH_AFFINE
        return PhotoDepth(relative_depth(values, valid, kind, sure), None, stored_size, orientation, tuple(notes))
    if stated.units not in _UNITS_M:
        raise ValueError(f"its depth has the unit {stated.units!r:.40}, of which only metres and millimetres are read")
    near, far = stated.near, stated.far
    if near is None or far is None or not 0 < near < far:
        raise ValueError(f"its depth reaches from {near} to {far}")
    unit_m = _UNITS_M[stated.units]
    decode = _range_inverse if stated.format == "rangeinverse" else _range_linear
    z, step = _decoded(codes, highest, decode, near * unit_m, far * unit_m)
    if stated.is_ray:
        if ray_camera is None:
            raise ValueError("its depth gives lengths of rays, but no focal length is known")
        shares = _cosines(ray_camera.resized(codes.shape[1], codes.shape[0]))
        z, step = z * shares, step * shares
    metric, more = metric_depth(z, step, valid, sure)
    return PhotoDepth(metric, None, stored_size, orientation, (*notes, *more))


def _range_inverse(share: np.ndarray, near: float, far: float) -> np.ndarray:
    return far * near / (far - share * (far - near))


def _range_linear(share: np.ndarray, near: float, far: float) -> np.ndarray:
    return near + share * (far - near)


def _decoded(
    codes: np.ndarray, highest: int, decode: Callable[..., np.ndarray], near: float, far: float
) -> tuple[np.ndarray, np.ndarray]:
    """Depth [m], and the distance to the depth of the next stored number [m]."""
    # The last number has no next one; the one before it is as far away.
    table = decode(np.arange(highest + 1) / highest, near, far)
    steps = np.diff(table, append=2 * table[-1] - table[-2])
    return table[codes], steps[codes]


def _cosines(camera: Camera) -> np.ndarray:
    """Depth along the optical axis as a share of the length of the ray, for every pixel."""
    x = (np.arange(camera.width) - camera.cx) / camera.fx
    y = (np.arange(camera.height) - camera.cy) / camera.fy
    return 1 / np.sqrt(1 + x[None] ** 2 + y[:, None] ** 2)


def _confidence(data: bytes | None, shape: Sequence[int], orientation: int, notes: list[str]) -> np.ndarray | None:
    if data is None:
        return None
    codes, highest, own = decode_codes(data)
    codes = as_stored(codes, own, orientation)
    if codes.shape != tuple(shape):
        notes.append("The confidence of its depth has another size than the depth and is not used.")
        return None
    return (codes / highest).astype(np.float32)


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its depth is not base64") from None


def _depth_camera(root: Element) -> tuple[Element, dict[str, str]] | None:
    """The element of the camera with depth, and the fields of that depth; the first that is no segmentation."""
    for holder in root.iter():
        for child in holder:
            stated = fields(child, DYNAMIC_DEPTH_MAP)
            if "DepthURI" in stated and stated.get("ItemSemantic", "Depth").casefold() != "segmentation":
                return holder, stated
    return None


def _imaging_model(holder: Element, stored_size: Size) -> tuple[Camera | None, list[str]]:
    """The camera of the stored image, and notes; see ``ImagingModel`` of the specification.

    Focal lengths are in pixels of ImageWidth x ImageHeight as Android writes them; smaller numbers are shares of the
    image's sides, of the longer one if x and y agree. Principal points up to 1 are shares of width and height.
    """
    model = next(elements(holder, f"{_DYNAMIC}camera/", "ImagingModel"), None)
    stated = {} if model is None else fields(model, f"{_DYNAMIC}imagingmodel/")
    names = ("FocalLengthX", "FocalLengthY", "ImageWidth", "ImageHeight")
    fx, fy, width, height = (number(stated.get(name)) or 0.0 for name in names)
    if not stated:
        return None, []
    cx = 0.5 if (value := number(stated.get("PrincipalPointX"))) is None else value
    cy = 0.5 if (value := number(stated.get("PrincipalPointY"))) is None else value
    if 0 < fx <= _LARGEST_SHARE and 0 < fy <= _LARGEST_SHARE:
        agree = abs(fx / fy - 1) < 0.02
        fx, fy = (fx * max(width, height), fy * max(width, height)) if agree else (fx * width, fy * height)
    if 0 <= cx <= 1 and 0 <= cy <= 1:
        cx, cy = cx * width - 0.5, cy * height - 0.5
    notes = []
    if any(any(value) for value in _distortion(stated)):
        notes.append("The lens distortion that the photo states is not undone.")
    size = (int(width), int(height)) if 1 <= width < 1e6 and 1 <= height < 1e6 else (1, 1)
    # Android writes the intrinsics of the whole sensor beside the size of a photo that may be smaller.
    plausible = same_aspect(size, stored_size) and 0.2 < fx / width < 20 and 0.8 < fx / fy < 1.25 if fx * fy else False
    if not plausible or not (0.25 < cx / width < 0.75 and 0.25 < cy / height < 0.75):
        return None, [*notes, "The imaging model of the photo does not fit its image and is not used."]
    return Camera(fx, fy, cx, cy, *size).resized(*stored_size), notes


def _distortion(stated: Mapping[str, str]) -> list[Any]:
    """Pairs of Distortion without the leading 1 that stands for no distortion, as far as they can be read."""
    try:
        data = base64.b64decode(stated.get("Distortion", ""))
    except (binascii.Error, ValueError):
        return [(1.0,)]
    coefficients = np.frombuffer(data[: len(data) // 4 * 4], "<f4")
    return [coefficients[1:].tolist()]


def _items(root: Element) -> list[dict[str, str]]:
    """Fields of the items of the container, in their order in the file."""
    found = []
    for container in _CONTAINERS:
        for item in elements(root, container, "Item"):
            stated = {name: value for space in _ITEMS for name, value in fields(item, space).items()}
            found.append(stated)
        if found:
            break
    if len(found) > _MAX_ITEMS:
        raise ValueError(f"it lists {len(found)} appended items")
    return found


def _item(data: Bytes, items: Sequence[Mapping[str, str]], uri: str, semantic: str) -> bytes | None:
    """The data of the item of a URI, or else of a meaning.

    Items follow the end of the picture, after the padding of the first, which is the picture itself.
    """
    named = [
        index for index, item in enumerate(items) if index and uri and uri in (item.get("DataURI"), item.get("URI"))
    ]
    meant = [index for index, item in enumerate(items) if index and item.get("Semantic") == semantic]
    if not (named or meant):
        return None
    wanted = (named or meant)[0]
    lengths = [int(number(item.get("Length")) or 0) for item in items]
    paddings = [int(number(item.get("Padding")) or 0) for item in items]
    if min(*lengths, *paddings) < 0 or sum(lengths[1:]) + sum(paddings) > len(data):
        raise ValueError("its appended items are longer than the file")
    from_picture = end_of_picture(data) + sum(paddings[:wanted]) + sum(lengths[1:wanted])
    # Without the padding stated, the items are counted from the end of the file.
    from_end = len(data) - sum(lengths[wanted:]) - sum(paddings[wanted:])
    for start in (from_picture, from_end):
        if start > 0 and data[start : start + 2] in (b"\xff\xd8", b"\x89P") and start + lengths[wanted] <= len(data):
            return data[start : start + lengths[wanted]]
    return None
