"""Regions and claims from users."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pipeline.geometry.regions import box_window, mask_box
from pipeline.ingest.files import check_keys, existing_file, one_line
from pipeline.ingest.images import open_image
from pipeline.ingest.resampling import Size, size_of
from pipeline.records import Claim, Origin, Region, from_plain
from pipeline.records.checks import finite_tuple
from pipeline.records.claim import decode_mask
from pipeline.records.errors import InputError, RecordError
from pipeline.records.message import Message, message
from pipeline.records.relations import RELATIONS

Value = TypeVar("Value")

_CLAIM_KEYS = frozenset(part.name for part in fields(Claim))
_REGION_KEYS = frozenset(part.name for part in fields(Region)) | {"bbox_2d"}
_FILE_KEYS = frozenset(("regions", "claims", "items"))
# Share of a given box's side outside its frame from which it is told; objects at the edge lose less.
_MOST_OUTSIDE = 0.25


@dataclass(frozen=True)
class Annotations:
    """Regions and claims for every item, and more for single items.

    Args:
        regions: Regions checked by ``parse_region``.
        claims: Claims of origin ``given``.
        items: More of both, by item id.
    """

    regions: tuple[Mapping[str, Any], ...] = ()
    claims: tuple[Claim, ...] = ()
    items: Mapping[str, Annotations] = field(default_factory=dict)

    def of(self, item_id: str) -> Annotations:
        """The regions and claims for one item."""
        own = self.items.get(item_id, Annotations())
        return Annotations(self.regions + own.regions, self.claims + own.claims)


def read_claims(path: str | Path) -> Annotations:
    """Read a JSON file of claims.

    Args:
        path: Either a list of claims, or ``{"regions": [...], "claims": [...], "items": {id: {"regions":
            [...], "claims": [...]}}}`` with any of the three; paths of masks are relative to the file.

    Raises:
        InputError: If the file is missing or not JSON, or if an entry breaks a rule; names the entry.
    """
    file = existing_file(path, "a claims file")
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{file} is not a JSON file of claims: {one_line(error)}.") from None
    return parse_annotations(content, file.parent, str(file))


def parse_annotations(content: Any, folder: Path, what: str) -> Annotations:
    """Regions and claims of a list or mapping in the form of ``read_claims``."""
    if isinstance(content, list):
        content = {"claims": content}
    if not isinstance(content, Mapping):
        raise InputError(f"{what}: expected a list of claims or {{regions, claims}}, not {type(content).__name__}.")
    check_keys(content, _FILE_KEYS, what)
    items = content.get("items") or {}
    if not isinstance(items, Mapping):
        raise InputError(f"{what}: items must map ids to {{regions, claims}}, not be a {type(items).__name__}.")
    return Annotations(
        parse_regions(content.get("regions"), folder, f"{what}: region"),
        parse_claims(content.get("claims"), f"{what}: claim"),
        {str(name): parse_annotations(part, folder, f"{what}: item {name!r}") for name, part in items.items()},
    )


def parse_claims(values: Any, what: str = "claim") -> tuple[Claim, ...]:
    """Claims of a list of claims or of their JSON forms.

    Raises:
        InputError: If one breaks a rule; names the first.
    """
    return parse_each(values, parse_claim, what)


def parse_regions(values: Any, folder: Path, what: str = "region") -> tuple[Mapping[str, Any], ...]:
    """Check a list of regions by ``parse_region``.

    Raises:
        InputError: If one breaks a rule; names the first.
    """
    return parse_each(values, lambda value: parse_region(value, folder), what)


def parse_claim(value: Any) -> Claim:
    """One claim of origin ``given`` from its JSON form.

    Raises:
        InputError: If a key or the relation is unknown.
        RecordError: If a rule of the claim is broken.
    """
    if isinstance(value, Claim):
        return replace(value, origin=Origin.GIVEN)
    plain = _mapping(value, "{relation, subject, object}", _CLAIM_KEYS)
    check_keys([plain.get("relation")], RELATIONS, "it", "relation")
    return from_plain(Claim, {**plain, "origin": Origin.GIVEN})


def parse_region(value: Any, folder: Path) -> Mapping[str, Any]:
    """Check a region as far as possible before its frame is known.

    Args:
        value: The JSON form of a Region; instead of ``box_px`` it may have ``bbox_2d``, 0-1000 of the width and
            height, or only a ``mask``: run lengths, or the path of a PNG that is nonzero inside.
        folder: Paths are relative to it.

    Returns:
        The same with the mask's path absolute.

    Raises:
        InputError: If a key is unknown, or if both boxes or neither a box nor a mask are given.
    """
    plain = _mapping(value, "{label, box_px}", _REGION_KEYS)
    boxes = {"box_px", "bbox_2d"} & plain.keys()
    if len(boxes) > 1 or not (boxes or "mask" in plain):
        raise InputError("it needs box_px [px] or bbox_2d [0-1000], not both, or a mask.")
    if isinstance(plain.get("mask"), str | Path):
        plain["mask"] = folder / plain["mask"]
    return plain


def make_region(plain: Mapping[str, Any], sizes: Sequence[Size]) -> Region:
    """The region of origin ``given`` in pixels of its frame.

    Args:
        plain: A region as ``parse_region`` returns it.
        sizes: (width, height) [px] of each upright frame before it is shrunk.

    Returns:
        The region; its box is clipped to the frame.

    Raises:
        InputError: If the frame does not exist, the box covers none of its pixels or the mask does not fit.
        RecordError: If another rule of the region is broken.
    """
    what = f"region {plain.get('label')!r}"
    frame = plain.get("frame", 0)
    if not isinstance(frame, int) or not 0 <= frame < len(sizes):
        raise InputError(f"{what}: frame {frame!r} does not exist; frames are numbered from 0 to {len(sizes) - 1}.")
    width, height = sizes[frame]
    mask = _mask(plain["mask"], (width, height), what) if "mask" in plain else None
    box = plain.get("box_px")
    if "bbox_2d" in plain:
        box = _from_thousandths(plain["bbox_2d"], width, height, what)
    elif box is None and mask is not None and (box := mask_box(mask)) is None:
        raise InputError(f"{what}: its mask is empty; give a box or mark some pixels.")
    others = {key: plain[key] for key in plain.keys() - {"mask", "bbox_2d"}}
    region = from_plain(Region, {**others, "box_px": box, "origin": Origin.GIVEN})
    x1, y1, x2, y2 = region.box_px
    outside = x1 >= width or y1 >= height or x2 < 0 or y2 < 0
    if outside or not (region.is_point or all(box_window(region.box_px, (height, width)).shape)):
        raise InputError(
            f"{what}: its box {region.box_px} lies outside the frame of {width} x {height} px or between its pixels."
        )
    clipped = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
    return replace(region, box_px=clipped, mask=mask)


def clipped_note(plain: Mapping[str, Any], region: Region) -> Message | None:
    """A note where a large part of a given box lies outside its frame, as of another image or in another unit.

    Args:
        plain: The region as ``parse_region`` returns it.
        region: The region that ``make_region`` made of it.
    """
    if "box_px" not in plain:
        return None
    given, kept = plain["box_px"], region.box_px
    lost = max(
        1 - (kept[axis + 2] - kept[axis]) / (given[axis + 2] - given[axis]) if given[axis + 2] > given[axis] else 0.0
        for axis in (0, 1)
    )
    if lost <= _MOST_OUTSIDE:
        return None
    return message("given_box_clipped", label=region.label, numbers=str([float(edge) for edge in given]))


def parse_each(values: Any, parse: Callable[[Any], Value], what: str) -> tuple[Value, ...]:
    """Parse every value of a list; None is an empty list.

    Raises:
        InputError: If one cannot be parsed; names the first as ``what`` with its number.
    """
    if values is None:
        return ()
    if not isinstance(values, list | tuple):
        raise InputError(f"{what}s must be a list, not {values!r}.")
    parsed = []
    for number, value in enumerate(values, start=1):
        try:
            parsed.append(parse(value))
        except (InputError, RecordError) as error:
            raise InputError(f"{what} {number}: {error}") from None
    return tuple(parsed)


def _mapping(value: Any, form: str, keys: frozenset[str]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"it must be an object like {form}, not {value!r}.")
    plain = {key: part for key, part in value.items() if part is not None}
    check_keys(plain, keys, "it")
    return plain


def _from_thousandths(box: Any, width: int, height: int, what: str) -> list[float]:
    numbers = finite_tuple(box, 4, f"{what}: bbox_2d")
    if not all(0 <= number <= 1000 for number in numbers):
        raise InputError(f"{what}: bbox_2d must lie between 0 and 1000, not {box!r}; give pixels as box_px.")
    return [number * side / 1000 for number, side in zip(numbers, (width, height) * 2, strict=True)]


def _mask(value: Any, size: Size, what: str) -> np.ndarray:
    if isinstance(value, Path):
        with open_image(value) as image:
            pixels, bands = np.atleast_3d(np.array(image)), image.getbands()
        # The colours mark the inside, not the alpha channel.
        mask = np.asarray(pixels[..., [band != "A" for band in bands]].any(axis=2))
    else:
        # Checked before decoding: a few run lengths may stand for any number of pixels.
        stated = value.get("size") if isinstance(value, Mapping) else None
        if isinstance(stated, list | tuple) and len(stated) == 2:
            _check_mask_size((stated[1], stated[0]), size, what)
        mask = np.asarray(decode_mask(value), dtype=bool)
    _check_mask_size(size_of(mask), size, what)
    return mask


def _check_mask_size(stated: tuple[Any, Any], size: Size, what: str) -> None:
    if stated != size:
        raise InputError(
            f"{what}: its mask has {stated[0]} x {stated[1]} px, but the upright frame has "
            f"{size[0]} x {size[1]} px; make them the same."
        )
