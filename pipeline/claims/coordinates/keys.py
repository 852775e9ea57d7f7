"""What the fields of a model's JSON are called, and which of them holds the coordinates, the label and the frame."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from pipeline.claims.coordinates.conventions import CoordinateUnit
from pipeline.claims.coordinates.images import FRAME_KEYS, frame_of_key
from pipeline.claims.coordinates.shapes import plain_key, shape_of
from pipeline.claims.markup import listed

BOX_KEYS = frozenset(
    listed(
        "bbox2d|bbox|box2d|box|boundingbox|bboxes|boxes|boundingboxes|boundingpoly|rect|rectangle|bboxxyxy|boxxyxy|"
        "normalizedbox|normalizedbbox|bboxnorm|quad|quadrilateral|polygon|poly|corners|vertices|segmentation|bndbox|"
        "quadboxes|quad2d|polygon2d|polygons|databbox|databox|pos|mask2d|边界框|坐标框|框|检测框|包围框|外接框"
    )
)
POINT_KEYS = frozenset(
    listed("point2d|point|points|points2d|datapoint|keypoint|keypoints|center|centre|click|pointxy|点|点坐标|中心点")
)
# Words that also name other things: they count only where their value is a box or a point.
PLACE_KEYS = frozenset(
    listed("coordinates|coordinate|coords|coord|position|location|region|loc|area|place|bounds|xyxy|坐标|位置|区域")
)
BOX_3D_KEYS = frozenset(listed("bbox3d|box3d|boundingbox3d|3dbbox|3dbox|三维框|三维边界框"))
LABEL_KEYS = tuple(
    listed(
        "label|name|nameen|namezh|object|objectname|category|categoryname|class|classname|type|text|textcontent|"
        "description|phrase|caption|alt|entity|item|title|标签|名称|类别|物体|对象|id"
    )
)
LABEL_LISTS = (*LABEL_KEYS, *listed("labels|names|objects|categories|classes|phrases|bboxeslabels"))
SCORE_KEYS = ("score", "confidence", "conf", "probability")
IMAGE_LISTS = ("images", "pictures", "photos", "frames", "views", "图片", "图像")
"""Keys of lists with one element for each image."""
CLAIM_KEYS = ("claims", "relations", "relationships")
"""Keys of lists of claims."""
# Kinds of shapes are no labels.
_KINDS = frozenset(
    listed("feature|featurecollection|polygon|point|rectangle|rect|box|bbox|bounding_box|detection|object|region")
)
# Numbers under these are no coordinates.
OTHER_KEYS = frozenset(
    listed(
        "order|ranking|rank|ranks|score|scores|confidences|distances|depth|depths|values|weights|probabilities|sizes|ids|"
        "steps|axis|angle|angles|rotation|translation|price|date|time|timestamp|version|imagesize|size|resolution|shape|color|colour|rgb|range|pose|intrinsics|dimensions|count|counts|distance"
    )
)
# Keys that say what a list holds; they name no object.
CONTAINERS = frozenset(
    listed(
        "objects|object|items|results|result|answer|output|outputs|data|detections|annotations|predictions|regions|"
        "entities|elements|targets|shapes|features|response|content|list|instances|boundingboxes|images|pictures|"
        "frames|boxes|bboxes|points|properties|geometry|attributes|物体|对象|结果|目标"
    )
)


def coordinate_key(fields: dict[str, Any], plain: Mapping[str, str]) -> str | None:
    """The key of an entry's coordinates; 3D boxes come before boxes, and those before points."""
    for keys in (BOX_3D_KEYS, BOX_KEYS, POINT_KEYS):
        named = [key for short, key in plain.items() if without_marks(short) in keys and not _is_object(fields[key])]
        if (key := next((key for key in named if fields[key] is not None), named[0] if named else None)) is not None:
            return key
    if key := next((key for short, key in plain.items() if short in PLACE_KEYS and _is_place(fields[key])), None):
        return key
    if own_label(fields, plain)[0] is None:
        return None
    others = [
        key
        for short, key in plain.items()
        if short not in OTHER_KEYS and isinstance(fields[key], list) and is_flat(fields[key]) and _is_place(fields[key])
    ]
    return others[0] if len(others) == 1 else None


def own_label(fields: Mapping[str, Any], plain: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The label among some fields, and its key."""
    for short in LABEL_KEYS:
        if (
            short in plain
            and (label := _label(fields[plain[short]]))
            and not (short == "type" and label.casefold() in _KINDS)
        ):
            return label, plain[short]
    return None, None


def frame_of(fields: dict[str, Any], plain: Mapping[str, str]) -> tuple[int, bool] | None:
    """Index of the frame that a field gives, and whether that field counts from 0."""
    for short, key in plain.items():
        if (index := frame_of_key(key, fields[key])) is not None:
            return index, FRAME_KEYS.get(short) == 0 or "frame" in str(fields[key]).casefold()
    return None


def layout_of(short: str, fields: Mapping[str, Any], *, is_coco: bool) -> str:
    """What four numbers mean: ``xyxy``, or a corner or centre with a width and a height."""
    named = f"{short} {plain_key(fields.get('format', ''))} {plain_key(fields.get('bbox_format', ''))}"
    if "cxcywh" in named or "xcycwh" in named:
        return "cxcywh"
    return "xywh" if is_coco or "xywh" in named or "ltwh" in named else "xyxy"


def unit_of_key(short: str, fields: Mapping[str, Any]) -> CoordinateUnit | None:
    """The unit that the key of coordinates, or a field beside them, names."""
    words = f"{short} {plain_key(fields.get('unit', ''))} {plain_key(fields.get('units', ''))}"
    if "pixel" in words or re.search(r"(?:bbox|box|point|coords?|^|\s)px(?:\s|$)", words):
        return CoordinateUnit.PIXELS
    return CoordinateUnit.PERCENT if "percent" in words else None


def without_marks(short: str) -> str:
    """A key without the words for its unit and layout: "bbox" for "bboxxywh" and "bboxpixels"."""
    return re.sub(
        r"(?<=.)(?:xyxy|xywh|cxcywh|ltwh|ltrb|pixels?|px|percent|abs|absolute|norm|normalized|relative)$", "", short
    )


def categories_of(value: Any) -> dict[str, str]:
    """Names of COCO's categories by their id."""
    listed_ones = value.get("categories") if isinstance(value, dict) else None
    if not isinstance(listed_ones, list):
        return {}
    return {
        str(one["id"]): str(one["name"]) for one in listed_ones if isinstance(one, dict) and {"id", "name"} <= set(one)
    }


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a JSON value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_flat(value: Any) -> bool:
    """Whether a value is a list of numbers, or of texts that are numbers."""
    return (
        isinstance(value, list | tuple)
        and len(value) >= 2
        and all(
            is_number(part) or (isinstance(part, str) and re.fullmatch(r"\s*[-+]?[\d.]+\s*%?\s*", part))
            for part in value
        )
    )


def is_texts(value: Any) -> bool:
    """Whether a value is a list of texts, none of them empty."""
    return isinstance(value, list) and bool(value) and all(isinstance(part, str) and part.strip() for part in value)


def as_text(value: Any) -> str | None:
    """A scalar as a text; None for an empty one and for what is no scalar."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).strip() or None if isinstance(value, str | int | float) else None


def _is_object(value: Any) -> bool:
    """Whether a value is the entry of a thing called "box" rather than a box, or a list of entries."""
    if isinstance(value, list):
        return bool(value) and all(_is_object(part) or _is_labelled(part) for part in value)
    return isinstance(value, dict) and any(plain_key(key) in BOX_KEYS | BOX_3D_KEYS for key in value)


def _is_labelled(value: Any) -> bool:
    return isinstance(value, dict) and any(plain_key(key) in ("label", "name", "category", "class") for key in value)


def _is_place(value: Any) -> bool:
    several = value if isinstance(value, list) and value and isinstance(value[0], list | dict) else [value]
    return all(shape_of(part) is not None for part in several)


def _label(value: Any) -> str | None:
    if isinstance(value, list):
        return next((text for part in value if (text := as_text(part))), None) if is_texts(value) else None
    if isinstance(value, dict):
        return None
    return as_text(value)
