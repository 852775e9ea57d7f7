"""Extension of griffe: shows the examples in docstrings, which doctest runs, as code."""

from __future__ import annotations

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"(?m)^(?P<indent> *)>>> .*\n?(?:(?P=indent)\S.*\n?|(?P=indent) +\S.*\n?)*")


def fenced(docstring: str) -> str:
    """The docstring with a fence around each block of lines that begins with a prompt."""

    def fence(match: re.Match[str]) -> str:
        indent = match["indent"]
        return f"{indent}```pycon\n{match[0].rstrip()}\n{indent}```\n"

    return _EXAMPLE.sub(fence, docstring).rstrip()


class FencedExamples(griffe.Extension):
    """Fences the examples of everything that has a docstring."""

    def on_object(self, *, obj: griffe.Object, **_rest: Any) -> None:
        """Change the docstring before it is read."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)
