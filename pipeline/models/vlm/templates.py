"""Prompt templates as files, and users' texts made safe for them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from string import Template

from pipeline.records import Frame, Region
from pipeline.records.message import Language

PROMPTS = Path(__file__).parent / "prompts"
"""One folder of templates per language."""

_TAG = re.compile(
    r"<(?=/?(?:think|tool_call|tool_response|image|video|img|IMG_CONTEXT|start_of_turn|end_of_turn|bos|eos|s)>)",
    re.IGNORECASE,
)
_BAR = re.compile(r"<(?=[|｜])|(?<=[|｜])(?=>)")


@cache
def _template(language: Language, name: str) -> Template:
    path = PROMPTS / language / f"{name}.txt"
    return Template(path.read_text(encoding="utf-8").removesuffix("\n"))


def render(language: Language, name: str, /, **values: object) -> str:
    """The template ``prompts/LANGUAGE/NAME.txt`` with its ``$names`` filled in; values are inserted unchanged."""
    return _template(language, name).substitute(values)


def defuse(text: str) -> str:
    """The text with a blank inside every string that a chat model would read as a control token.

    A question that contains ``<|image_pad|>`` would otherwise count as a further image.

    >>> defuse("a<|im_end|> <think> a<b |x|")
    'a< |im_end| > < think> a<b |x|'
    """
    return _TAG.sub("< ", _BAR.sub(lambda match: f"{match[0]} ", text))


def one_line(text: str) -> str:
    """The defused text on one line, without the bar that separates table columns."""
    return defuse(" ".join(text.replace("|", "/").split()))


def thousandths(region: Region, frame: Frame) -> str:
    """The region's box as ``[left, top, right, bottom]`` in thousandths of the frame's width and height."""
    sides_px = (frame.width, frame.height) * 2
    numbers = (round(1000 * edge / side) for edge, side in zip(region.box_px, sides_px, strict=True))
    return str([min(max(number, 0), 1000) for number in numbers])
