"""The page that shows the API to people, made of its OpenAPI document; it loads nothing from elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

router = APIRouter()

_METHODS = ("get", "post", "delete")
_MOST_VALUES = 8
# Fields of bodies that come first.
_FIRST = ("work", "messages", "question", "questions", "claims", "result", "regions", "scene", "images", "depth")


@dataclass(frozen=True)
class Field:
    """A parameter, or a field of a body.

    Args:
        name: Its name.
        kind: Its type in words.
        is_required: Whether it must be given.
        words: What it means.
    """

    name: str
    kind: str
    is_required: bool
    words: str


@dataclass(frozen=True)
class Operation:
    """A path with a method.

    Args:
        method: The method.
        path: The path.
        summary: What it does, in a few words.
        description: The same at length.
        parameters: Parameters of path and headers.
        body: Fields of the JSON form of its body.
        has_files: Whether the body may be a form with files.
        example: An example of the body, or empty.
        answers: Statuses and what they mean.
    """

    method: str
    path: str
    summary: str
    description: str
    parameters: list[Field]
    body: list[Field]
    has_files: bool
    example: str
    answers: list[tuple[str, str]]


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """The page."""
    return HTMLResponse(page(request.app.openapi()))


def page(document: Mapping[str, Any]) -> str:
    """The page of an OpenAPI document."""
    found: dict[str, list[Operation]] = {tag["name"]: [] for tag in document.get("tags", ())}
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                tag = operations[method]["tags"][0]
                found[tag].append(_operation(method, path, operations[method], document["components"]["schemas"]))
    words = {tag["name"]: tag["description"] for tag in document.get("tags", ())}
    return _template().render(info=document["info"], groups=found, words=words)


@cache
def _template() -> Any:
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["marked"] = marked
    return environment.get_template("docs.html")


def marked(text: str) -> Markup:
    """A text of the document, in which backticks mark code, as HTML.

    >>> marked("`a` < b")
    Markup('<code>a</code> &lt; b')
    """
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _operation(method: str, path: str, plain: Mapping[str, Any], schemas: Mapping[str, Any]) -> Operation:
    content = plain.get("requestBody", {}).get("content", {})
    given = content.get("application/json", {})
    example = given.get("example")
    return Operation(
        method.upper(),
        path,
        plain["summary"],
        plain["description"],
        [
            Field(each["name"], kind_of(each["schema"]), each.get("required", False), each.get("description", ""))
            for each in plain.get("parameters", ())
        ],
        list(_fields(given.get("schema") or content.get("multipart/form-data", {}).get("schema", {}), schemas)),
        "multipart/form-data" in content,
        "" if example is None else json.dumps(example, indent=2, ensure_ascii=False),
        [(status, answer["description"]) for status, answer in plain["responses"].items()],
    )


def _fields(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[Field]:
    """The fields of a body; of one of several kinds, those of the first."""
    if "oneOf" in schema:
        schema = schema["oneOf"][0]
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    ranks = {name: rank for rank, name in enumerate(_FIRST)}
    for name, part in sorted(schema.get("properties", {}).items(), key=lambda pair: ranks.get(pair[0], len(ranks))):
        yield Field(name, kind_of(part), name in schema.get("required", ()), part.get("description", ""))


def kind_of(schema: Mapping[str, Any]) -> str:
    """The type of a value in words.

    >>> kind_of({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]})
    'list of text'
    """
    if "anyOf" in schema:
        kinds = [kind_of(part) for part in schema["anyOf"] if part.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return repr(schema["const"])
    if values := schema.get("enum"):
        return " | ".join(map(str, values[:_MOST_VALUES])) + " | ..." * (len(values) > _MOST_VALUES)
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    if schema.get("format") == "binary":
        return "file"
    names = {"string": "text", "integer": "whole number", "boolean": "true or false"}
    return names.get(schema.get("type", "object"), schema.get("type", "object"))
