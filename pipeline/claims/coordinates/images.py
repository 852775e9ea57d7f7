"""To which image of a prompt an entry of an answer belongs."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from pipeline.claims.coordinates.shapes import plain_key

FRAME_KEYS = {
    "frame": 0, "frameindex": 0, "imageindex": 0, "frameid": 0, "imageidx": 0, "frameidx": 0, "viewindex": 0,
    "picture": 1, "image": 1, "pictureindex": 1, "imageid": 1, "imagenumber": 1, "picturenumber": 1, "view": 1,
    "photo": 1, "img": 1, "图片": 1, "图": 1, "图像": 1, "照片": 1,
}  # fmt: skip
"""Keys of an entry's image, and the number of the first image: "image 2" counts from 1, "frame" and "index" from 0."""
_FIRST_NUMBER_OF_WORD = {"frame": 0, "index": 0}
_ORDINALS = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "fifth": 5,
    "5th": 5,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "1st": 1,
    "2nd": 2,
    "3rd": 3,
    "4th": 4,
}
_CHINESE = {digit: value for value, digit in enumerate("一二三四五六七八九", 1)}
_WORD = r"(?P<word>images?|pictures?|photos?|photographs?|frames?|views?|img|pics?)"
_NAMED = (
    re.compile(rf"(?:the\s+)?{_WORD}[\s_#:.-]*(?:no\.?\s*|number\s*)?(?P<number>\d{{1,4}})", re.IGNORECASE),
    re.compile(rf"{_WORD}\s+(?P<ordinal>one|two|three|four)", re.IGNORECASE),
    re.compile(rf"(?:the\s+)?(?P<ordinal>{'|'.join(_ORDINALS)})[\s_-]+{_WORD}", re.IGNORECASE),
    re.compile(r"(?:图片|图像|照片|图|画面|帧)\s*(?P<number>\d{1,4}|[一二三四五六七八九])"),
    re.compile(r"第\s*(?P<number>\d{1,4}|[一二三四五六七八九])\s*(?:张|幅|帧|个)?(?:图片|图像|照片|图|画面|帧)?"),
)
_ENGLISH_NAME = (
    rf"(?:the\s+)?{_WORD.replace('?P<word>', '?:')}[ _#-]*(?:no\.?\s*)?\d{{1,4}}|"
    rf"(?:the\s+)?(?:{'|'.join(_ORDINALS)})\s+{_WORD.replace('?P<word>', '?:')}"
)
_CHINESE_NAME = (
    r"(?:图片|图像|照片|图)\s*(?:\d{1,4}|[一二三四五六七八九])|"
    r"第\s*(?:\d{1,4}|[一二三四五六七八九])\s*(?:张|幅|帧)(?:图片|图像|照片|图)?"
)
_HEADING = re.compile(
    r"(?:^|\n|(?<=[.;。；])\s)[ \t>*_#\-•\d.()\[<]{0,12}(?:(?:in|for|from|within|在)\s*)?"
    rf"(?P<name>{_ENGLISH_NAME}|{_CHINESE_NAME})(?:中|里)?[ \t]*(?=[:：,，*_`)\]>\n]|\s?[-–—]\s|$)",
    re.IGNORECASE,
)


_TAG = re.compile(
    rf"[<\[(]\s{{0,2}}(?P<name>{_WORD.replace('?P<word>', '?:')}[ _-]?\d{{1,3}})\s{{0,2}}[>\])]", re.IGNORECASE
)
_MENTION = re.compile(rf"(?:{_ENGLISH_NAME}|{_CHINESE_NAME})", re.IGNORECASE)
# "In the second: ..." and "Both images" name images, too.
_UNNAMED = re.compile(
    rf"\b(?:in|on|from)\s+the\s+(?:first|second|third|fourth|other|last)\b(?!\s+{_WORD.replace('?P<word>', '?:')})|"
    rf"\b(?:both|all|other|each)\s+(?:of\s+the\s+)?{_WORD.replace('?P<word>', '?:')}",
    re.IGNORECASE,
)


def frame_index(value: Any, first: int) -> int:
    """Index of a frame from 0; -1 if the value is not a number of a frame.

    Args:
        value: A number, or a text such as "Image 2" (images count from 1, frames from 0).
        first: Number of the first frame, unless the text decides it.
    """
    if isinstance(value, str):
        match = re.fullmatch(r"\s*([A-Za-z_]*)\W*(\d{1,6})\s*", value)
        if not match:
            named = named_frame(value)
            return -1 if named is None else named
        word = match[1].casefold().rstrip("_")
        first = _FIRST_NUMBER_OF_WORD.get(word, 1) if word else first
        value = int(match[2])
    is_whole = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return max(int(value) - first, -1) if is_whole and value == int(value) else -1


def named_frame(words: str) -> int | None:
    """Index of the frame that a text such as "Image 2", "second picture" or "图2" names; None if it names none."""
    words = words.strip(" \t*_#:：.")[:40]
    for pattern in _NAMED:
        if match := pattern.fullmatch(words):
            groups = match.groupdict()
            if groups.get("ordinal"):
                return _ORDINALS[groups["ordinal"].casefold()] - 1
            number = _CHINESE.get(groups["number"]) or int(groups["number"])
            word = (groups.get("word") or "").casefold().rstrip("s")
            return max(number - _FIRST_NUMBER_OF_WORD.get(word, 1), -1)
    return None


def frame_of_key(key: Any, value: Any = None) -> int | None:
    """Index of the frame that a key names: by its value, as ``image: 2``, or by itself, as ``image_2``."""
    short = plain_key(key)
    if short in FRAME_KEYS:
        return None if value is None or isinstance(value, list | dict) else frame_index(value, FRAME_KEYS[short])
    return named_frame(str(key)) if value is None or isinstance(value, list | dict) else None


class Headings:
    """The headings of an answer that say to which image the text after them belongs.

    Args:
        text: The answer.
        frames: Number of frames.
    """

    def __init__(self, text: str, frames: int) -> None:
        found = [(match.end(), match["name"]) for match in _HEADING.finditer(text)] if frames > 1 else []
        found += [(match.end(), match["name"]) for match in _TAG.finditer(text)] if frames > 1 else []
        found = sorted(set(found))
        self._ends = [end for end, _ in found]
        self._frames = _numbered([name for _, name in found], frames)
        mentions = [(match.start(), match.group()) for match in _MENTION.finditer(text)] if frames > 1 else []
        self._mentions = [(start, index) for start, name in mentions if (index := named_frame(name)) is not None]
        self._mentions += [(match.start(), -1) for match in _UNNAMED.finditer(text)] if frames > 1 else []

    def frame_at(self, position: int) -> int | None:
        """Index of the frame of the last heading before a position; None without one, -1 if it is not certain."""
        index = bisect_right(self._ends, position) - 1
        if index < 0:
            return None
        end, frame = self._ends[index], self._frames[index]
        # Another image that is named in between may be the one that is meant.
        return -1 if any(end < start < position and other != frame for start, other in self._mentions) else frame


def _numbered(names: Sequence[str], frames: int) -> list[int]:
    """Indices of headings; "frame 1" and "frame 2" of two frames count from 1, unless there is a "frame 0"."""
    indices = [index if (index := named_frame(name)) is not None else -1 for name in names]
    counted = [index for name, index in zip(names, indices, strict=True) if "frame" in name.casefold()]
    if not counted or 0 in counted:
        return indices
    later = max(counted) == frames
    moved = [index - 1 if later else -1 for index in indices]
    return [new if "frame" in name.casefold() else old for name, old, new in zip(names, indices, moved, strict=True)]
