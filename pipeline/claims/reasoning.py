"""Splits a thinking model's reasoning from its answer."""

from __future__ import annotations

import re

from pipeline.claims.json_blocks import find_json

_OPEN = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_CLOSE = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_FINAL_LINE = re.compile(r"^[ \t>#*_]*(?:final answer|answer|最终答案|答案)[*_ \t]*[:：]", re.IGNORECASE | re.MULTILINE)


def split_reasoning(raw: str) -> tuple[str, str | None]:
    """Split ``<think>...</think>`` off.

    A closing tag often has no opening one: the template of Qwen3-VL-Thinking opens it in the prompt, so everything
    before the last closing tag is reasoning. If the last opening tag is never closed, the rest of the text is
    reasoning, except for its end: a last line that starts with ``Answer:`` and the text after it, or complete JSON
    at the very end.

    Args:
        raw: The model's output.

    Returns:
        The answer, stripped if reasoning was split off, otherwise verbatim; and the reasoning, or None.
    """
    opening, closings = _OPEN.search(raw), list(_CLOSE.finditer(raw))
    if not opening and not closings:
        return raw, None
    head = raw[: opening.start()] if opening and (not closings or opening.start() < closings[0].start()) else ""
    last_close = closings[-1].end() if closings else len(head)
    thought, rest = raw[len(head) : last_close], raw[last_close:]
    if reopened := _OPEN.search(rest):
        tail = rest[reopened.end() :]
        cut = _final_part(tail)
        thought += "\n" + tail[:cut]
        rest = rest[: reopened.start()] + tail[cut:]
    reasoning = _CLOSE.sub("", _OPEN.sub("", thought)).strip()
    return (head + rest).strip(), reasoning


def is_cut_off(raw: str) -> bool:
    """Whether the output opens reasoning that it never closes."""
    opening, closing = (max((match.start() for match in tag.finditer(raw)), default=-1) for tag in (_OPEN, _CLOSE))
    return opening > closing


def _final_part(tail: str) -> int:
    """Start of the answer in reasoning that is never closed; its length if it has no answer."""
    lines = list(_FINAL_LINE.finditer(tail))
    if lines:
        return lines[-1].start()
    blocks, _ = find_json(tail)
    if blocks and blocks[-1].complete and not tail[blocks[-1].end :].strip(" \t\r\n`"):
        return blocks[-1].start
    return len(tail)
