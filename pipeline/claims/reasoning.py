"""Splits a thinking model's reasoning from its answer."""

from __future__ import annotations

import re

from pipeline.claims.json_blocks import find_json

_OPEN = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_CLOSE = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_FINAL_LINE = re.compile(r"^[ \t>#*_]*(?:final answer|answer|最终答案|答案)[*_ \t]*[:：]", re.IGNORECASE | re.MULTILINE)


def split_reasoning(raw: str) -> tuple[str, str | None]:
    """Split ``<think>...</think>`` off.

    A closing tag without an opening one is usual: Qwen3-VL-Thinking's template opens it in the prompt, so
    everything before the last closing tag is reasoning. Where the last opening tag is never closed, the
    rest of the text is reasoning, except for what it ends with: a last line that starts with ``Answer:``
    and what follows it, or complete JSON with nothing behind it.

    Args:
        raw: The model's output.

    Returns:
        The answer, without the white space around it if something was split off, otherwise verbatim; and
        the reasoning, or None if there is none.
    """
    openings = list(_OPEN.finditer(raw))
    closings = list(_CLOSE.finditer(raw))
    if not openings and not closings:
        return raw, None
    first_open = openings[0].start() if openings else len(raw)
    last_close = closings[-1].end() if closings else 0
    if closings:
        head = raw[:first_open] if first_open < closings[0].start() else ""
        thought = raw[len(head) : last_close]
        rest = raw[last_close:]
    else:
        head, thought, rest = raw[:first_open], "", raw[first_open:]
    reopened = _OPEN.search(rest)
    if reopened:
        tail = rest[reopened.end() :]
        cut = _final_part(tail)
        thought += "\n" + tail[:cut]
        rest = rest[: reopened.start()] + tail[cut:]
    reasoning = _CLOSE.sub("", _OPEN.sub("", thought)).strip()
    return (head + rest).strip(), reasoning


def is_cut_off(raw: str) -> bool:
    """Whether the output opens a block of reasoning that it never closes."""
    opening, closing = (max((match.start() for match in tag.finditer(raw)), default=-1) for tag in (_OPEN, _CLOSE))
    return opening > closing


def _final_part(tail: str) -> int:
    """Where the answer starts in reasoning that was never closed; its length where there is none."""
    lines = list(_FINAL_LINE.finditer(tail))
    if lines:
        return lines[-1].start()
    blocks, _ = find_json(tail)
    if blocks and blocks[-1].complete and tail[blocks[-1].end :].strip(" \t\r\n`") == "":
        return blocks[-1].start
    return len(tail)
