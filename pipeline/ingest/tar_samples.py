"""Samples of WebDataset archives as items: consecutive members of a tar whose names differ after the first dot.

The format is that of https://github.com/webdataset/webdataset (``base_plus_ext`` and ``group_by_keys`` of
``webdataset/tariterators.py``): the key is the folder and the name up to the first dot, the rest is the field, in any
case of letters; members whose name is ``__...__`` hold no sample.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.ingest.files import check_keys, one_line, printable
from pipeline.ingest.item import ITEM_KEYS, BadItem, Item, TarItem
from pipeline.ingest.manifest import with_defaults
from pipeline.ingest.tar_members import Member, read_member, tar_members
from pipeline.records.errors import InputError

logger = logging.getLogger(__name__)

_NAME = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]+)", re.DOTALL)
_META = re.compile(r"__[^/]*__(?:$|/)")
# An image, alone or numbered (jpg, 0.jpg); depth of the same frame (depth.png, 0.depth.npy), or npy alone.
_IMAGE = re.compile(r"(?:(\d{1,6})\.)?(?:jpe?g|png|webp)")
_DEPTH = re.compile(r"(?:(\d{1,6})\.)?(?:depth\.(?:png|npy|npz|tiff?|exr)|npy|tiff?|exr)")
_MOST_MEMBERS = 256
_MOST_IMAGE_BYTES = 256 << 20
_MOST_JSON_BYTES = 16 << 20
_MOST_TEXT_BYTES = 64 << 10
_MOST_WARNED = 5


@dataclass
class _Sample:
    """The members of one key, by field."""

    key: str
    fields: dict[str, Member] = field(default_factory=dict)
    problem: str | None = None

    def add(self, suffix: str, member: Member) -> None:
        if self.problem is None:
            name = printable(member.name)
            if member.problem is not None:
                self.problem = f"{name}: {member.problem}"
            elif suffix in self.fields:
                self.problem = f"it has two members {name}"
            elif len(self.fields) >= _MOST_MEMBERS:
                self.problem = f"it has more than {_MOST_MEMBERS} members"
            else:
                self.fields[suffix] = member


def tar_items(tars: Sequence[Path], defaults: Mapping[str, Any]) -> Iterator[Item | BadItem]:
    """The items of archives, one by one; only headers and JSON are read, and one sample is in memory.

    Args:
        tars: The archives. Ids of items are the keys of samples, with the archive's name before them where there are
            several.
        defaults: Values for what samples do not give.

    Returns:
        The items in the order of the archives; a sample or an archive that cannot be read becomes a BadItem.
    """
    given: set[str] = set()
    warned: dict[str, None] = {}
    for tar, label in zip(tars, _labels(tars), strict=True):
        prefix = f"{label}/" if len(tars) > 1 else ""
        seen: set[str] = set()
        for sample in _samples(tar, label):
            if isinstance(sample, BadItem):
                yield sample
                continue
            item_id = printable(f"{prefix}{sample.key}").strip()
            if sample.key in seen:
                reason = f"its members do not stand together in {tar.name}; sort the archive by name"
                yield BadItem(item_id, f"The sample {item_id} comes twice: {reason}.")
                continue
            seen.add(sample.key)
            item = _item(tar, sample, item_id, defaults, warned)
            if item.id != item_id and item.id in given:
                item = BadItem(
                    item_id, f"The sample {item_id} has the id {item.id!r}, which another has; give another."
                )
            given |= {item.id} if item.id != item_id else set()
            yield item


def _labels(tars: Sequence[Path]) -> list[str]:
    """A name of each archive that no other has."""
    counts = Counter(tar.stem for tar in tars)
    common = Path(os.path.commonpath([tar.parent for tar in tars]))
    longer = (tar.relative_to(common).with_suffix("").as_posix() for tar in tars)
    return [tar.stem if counts[tar.stem] == 1 else name for tar, name in zip(tars, longer, strict=True)]


def _samples(tar: Path, label: str) -> Iterator[_Sample | BadItem]:
    """The samples of an archive, and why what follows is lost."""
    sample: _Sample | None = None
    try:
        for member in tar_members(tar):
            name = member.name.removeprefix("./")
            match = None if _META.match(name) else _NAME.fullmatch(name)
            if match is None and member.problem is None:
                continue
            key, suffix = (match[1], match[2].lower()) if match else (name, "")
            if sample is None or sample.key != key:
                if sample is not None:
                    yield sample
                sample = _Sample(key)
            sample.add(suffix, member)
    except (InputError, OSError) as error:
        reason = str(error) if isinstance(error, InputError) else f"{tar} cannot be read: {one_line(error)}."
        if sample is None:
            yield BadItem(printable(label), reason)
        else:
            # Members of this sample may be among what is lost.
            yield BadItem(printable(f"{label}/{sample.key}"), f"{reason} This sample and those after it are lost.")
        return
    if sample is not None:
        yield sample


def _item(
    tar: Path, sample: _Sample, item_id: str, defaults: Mapping[str, Any], warned: dict[str, None]
) -> Item | BadItem:
    try:
        if sample.problem is not None:
            raise InputError(f"{sample.problem}.")
        images, depth = _numbered(sample, _IMAGE), _numbered(sample, _DEPTH)
        if not images:
            has = ", ".join(sample.fields)
            raise InputError(f"it has no image (jpg, png or webp), only {has}.")
        if depth and depth.keys() != images.keys():
            raise InputError("its depth and its images are not of the same frames; name them 0.jpg and 0.depth.png.")
        used = [*images.values(), *depth.values()]
        for member in used:
            _check_size(member, _MOST_IMAGE_BYTES)
        _warn(sample, {id(member) for member in used}, warned)
        values = {**_values(tar, sample), "frames": _names(images)} | ({"depth": _names(depth)} if depth else {})
        item = TarItem.from_plain(with_defaults(values, defaults), tar, item_id)
        return replace(item, tar=tar, members={tar / member.name: member for member in used})
    except InputError as error:
        return BadItem(item_id, f"{printable(tar.name)}, sample {printable(sample.key)}: {error}")


def _numbered(sample: _Sample, pattern: re.Pattern[str]) -> dict[int, Member]:
    """The members whose field fits, by the number of their frame, from the lowest on."""
    found: dict[int, Member] = {}
    for suffix, member in sample.fields.items():
        if match := pattern.fullmatch(suffix):
            number = -1 if match[1] is None else int(match[1])
            if number in found:
                raise InputError(
                    f"{printable(member.name)} and {printable(found[number].name)} are of one frame; number several "
                    "frames as 0.jpg and 1.jpg, and name depth depth.png."
                )
            found[number] = member
    return dict(sorted(found.items()))


def _names(members: Mapping[int, Member]) -> list[str]:
    return [member.name for member in members.values()]


def _values(tar: Path, sample: _Sample) -> dict[str, Any]:
    """What the JSON of a sample and its text say, under the keys of a manifest."""
    values: dict[str, Any] = {}
    if (member := sample.fields.get("json")) is not None:
        values = _json(_read(tar, member, _MOST_JSON_BYTES))
    if (member := sample.fields.get("txt")) is not None:
        try:
            question = _read(tar, member, _MOST_TEXT_BYTES).decode("utf-8-sig").strip()
        except UnicodeDecodeError:
            raise InputError(f"{member.name} is not encoded as UTF-8.") from None
        if question and {"question", "questions"} & values.keys():
            raise InputError("its question is in json and in txt; give it once.")
        values |= {"question": question} if question else {}
    return values


def _json(data: bytes) -> dict[str, Any]:
    try:
        values = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"its json cannot be read: {one_line(error)}.") from None
    if not isinstance(values, dict):
        raise InputError(f"its json must be an object {{...}}, not {type(values).__name__}.")
    values = {str(key): value for key, value in values.items() if value is not None}
    if not values.keys() & ITEM_KEYS:
        # What other tools write, such as the address and the licence of a photo.
        return {}
    check_keys(values, ITEM_KEYS, "its json")
    if wrong := sorted(values.keys() & {"frames", "depth"}):
        raise InputError(f"its json has {wrong[0]}, which are members of the sample; leave it out.")
    for key in ("claims", "lidar_to_camera"):
        if _names_file(values.get(key)):
            raise InputError(f"its json names a file as {key}; write the values themselves.")
    regions = values.get("regions")
    for region in regions if isinstance(regions, list) else [regions]:
        if isinstance(region, dict) and isinstance(region.get("mask"), str):
            raise InputError("its json names a file as a mask; write run lengths.")
    return values


def _names_file(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and any(isinstance(part, str) for part in value))


def _read(tar: Path, member: Member, most: int) -> bytes:
    _check_size(member, most)
    return read_member(tar, member)


def _check_size(member: Member, most: int) -> None:
    if member.size > most:
        raise InputError(f"{printable(member.name)} has {member.size} bytes, more than {most}.")
    if not member.size:
        raise InputError(f"{printable(member.name)} is empty.")


def _warn(sample: _Sample, used: set[int], warned: dict[str, None]) -> None:
    """Log the first kinds of members that are not read."""
    for suffix, member in sample.fields.items():
        if id(member) not in used and suffix not in ("json", "txt") and len(warned) < _MOST_WARNED:
            if suffix not in warned:
                logger.warning("Members .%s of samples are not read.", printable(suffix))
            warned[suffix] = None


def expanded(pattern: str, most: int = 100_000) -> list[str]:
    """The names that braces stand for, as in a shell: ``{000..012}`` counts, ``{a,b}`` lists.

    Raises:
        InputError: If there are too many.

    >>> expanded("s-{08..10}.tar"), expanded("{a,b}.tar"), expanded("a.tar")
    (['s-08.tar', 's-09.tar', 's-10.tar'], ['a.tar', 'b.tar'], ['a.tar'])
    """
    match = re.search(r"\{(?:(\d{1,9})\.\.(\d{1,9})|([^{}]*,[^{}]*))\}", pattern)
    if match is None:
        return [pattern]
    if match[3] is not None:
        values = match[3].split(",")
    else:
        first, last = int(match[1]), int(match[2])
        if abs(last - first) >= most:
            raise InputError(f"{printable(pattern)} stands for more than {most} archives; name fewer.")
        width = max(len(match[1]), len(match[2])) if match[1][0] == "0" or match[2][0] == "0" else 0
        values = [str(one).zfill(width) for one in range(first, last + 1)]
    names = []
    for value in values:
        names += expanded(pattern[: match.start()] + value + pattern[match.end() :], most)
        if len(names) > most:
            raise InputError(f"{printable(pattern)} stands for more than {most} archives; name fewer.")
    return names
