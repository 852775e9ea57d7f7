"""HTML pages from templates, in light and dark, with all values escaped."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).parent
_FOLDERS = (_HERE / "templates", _HERE / "report" / "templates", _HERE / "report" / "static")


def rendered(template: str, **values: Any) -> str:
    """An HTML document from a template, with all values escaped.

    Args:
        template: Name of a file in a folder of templates.
        **values: Values of the template.
    """
    return _environment().get_template(template).render(**values)


def rendered_page(template: str, report: dict[str, Any], **values: Any) -> str:
    """An HTML document of an evaluation, with all values escaped.

    Args:
        template: Name of a file in a folder of templates.
        report: A report with ``configuration``, ``versions`` and ``seconds``.
        **values: Other values of the template.
    """
    return rendered(template, report=report, settings=_flat(report["configuration"]), **values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_FOLDERS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        percent=percent, between=between, words=words, number=number, counted=counted, path=quote, json=json.dumps
    )
    return environment


def percent(value: float | None, digits: int = 1) -> str:
    """A share in per cent; a dash for None.

    >>> percent(0.9731), percent(None)
    ('97.3%', '–')
    """
    return "–" if value is None else f"{value:.{digits}%}"


def between(figure: dict[str, float | None], digits: int = 1) -> str:
    """The interval of a figure in per cent; an empty text without one.

    >>> between({"value": 0.5, "low": 0.412, "high": 0.6})
    '41.2 – 60.0'
    """
    low, high = figure["low"], figure["high"]
    return "" if low is None or high is None else f"{100 * low:.{digits}f} – {100 * high:.{digits}f}"


def number(value: float | None) -> str:
    """A number with four significant digits; a dash for None.

    >>> number(0.123456), number(12345.6), number(None)
    ('0.1235', '12346', '–')
    """
    if value is None:
        return "–"
    return f"{value:.0f}" if abs(value) >= 1e4 else f"{value:.4g}"


def counted(count: int, noun: str) -> str:
    """A count with its noun.

    >>> counted(1, "image"), counted(2, "image")
    ('1 image', '2 images')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def words(name: str) -> str:
    """An identifier as words."""
    return name.replace("_", " ")


def _flat(node: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Dotted keys and values of a nested configuration."""
    if isinstance(node, dict) and node:
        return [line for key, value in node.items() for line in _flat(value, f"{prefix}{key}.")]
    return [(prefix.rstrip("."), "null" if node is None else str(node))]
