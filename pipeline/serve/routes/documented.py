"""What the OpenAPI document says beyond the signatures of the paths: bodies in two forms, and problems."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from pipeline.records import json_schema
from pipeline.serve.problems import MEDIA_TYPE
from pipeline.serve.schema.base import Problem
from pipeline.serve.schema.chat import ChatBody
from pipeline.serve.schema.scenes import SceneBody
from pipeline.serve.schema.work import BODIES

_REF = "#/components/schemas/{model}"
_WHEN = {
    400: "The request is malformed.",
    401: "The bearer token is missing or wrong.",
    403: "A path, an address or an origin that the configuration does not allow.",
    404: "There is nothing with this id.",
    405: "The path knows no such method.",
    408: "The request took too long to arrive.",
    410: "It was deleted because of its age.",
    411: "The request states no length.",
    413: "More than a limit allows.",
    415: "A kind of file or body that is not read.",
    416: "The file has no such range.",
    421: "The request names another host.",
    422: "The request is well-formed but cannot be used.",
    429: "The queue is full, or the client asks for too much at once.",
    431: "The headers are too large.",
    500: "The server failed; its log says why.",
    502: "The model could not answer.",
    503: "A model is not available, or the server stops.",
}
ALWAYS = (400, 401, 403, 421, 429, 500)
"""Problems that every path may have, because of how the server is guarded."""
OF_BODIES = (408, 413, 415, 422)
"""Problems of requests with a body."""
OF_WORK = (404, 410, 502, 503)
"""Problems of work that is waited for."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented problems of a path."""
    return {status: _problem(status) for status in sorted({*ALWAYS, *statuses})}


def _problem(status: int) -> dict[str, Any]:
    example = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": _WHEN[status]}
    content = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="Problem")}, "example": example}}
    found: dict[str, Any] = {"description": _WHEN[status], "content": content}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        seconds = {"type": "integer", "minimum": 0}
        found["headers"] = {"Retry-After": {"description": "When to try again [s].", "schema": seconds}}
    return found


def body(model: type[BaseModel], *, files: bool, example: dict[str, Any], fields: str = "") -> dict[str, Any]:
    """The documented body of a path: JSON, and where it takes files also multipart.

    Args:
        model: The model of the JSON form.
        files: Whether the body may be multipart.
        example: An example of the JSON form.
        fields: The text field of the multipart form that the description names.
    """
    reference = {"$ref": _REF.format(model=model.__name__)}
    content: dict[str, Any] = {"application/json": {"schema": reference, "example": example}}
    if files:
        file = {"type": "string", "format": "binary"}
        parts: dict[str, Any] = {
            "images": {"type": "array", "items": file, "description": "Images, a video, or an export of a device."},
            "depth": {"type": "array", "items": file, "description": "One depth file per image, or none."},
        }
        note = f"Files as images and depth; every other field as in the JSON form{fields}, lists and objects in JSON."
        schema = {
            "type": "object",
            "description": note,
            "properties": parts,
            "additionalProperties": {"type": "string"},
        }
        content["multipart/form-data"] = {"schema": schema}
    return {"requestBody": {"required": True, "content": content}}


def job_body() -> dict[str, Any]:
    """The documented body of ``/v1/jobs``: that of any kind of work, with its name."""
    kinds = [{"$ref": _REF.format(model=f"{model.__name__}Job")} for model in BODIES.values()]
    found = body(BODIES["ask"], files=True, example={})
    content = found["requestBody"]["content"]
    content["multipart/form-data"]["schema"]["properties"]["work"] = {"enum": list(BODIES)}
    example = {"work": "ask", "scene": "n8GqH0XbUuC9m1xB0oYq3A", "question": "Is the mug left of the book?"}
    content["application/json"] = {"schema": {"oneOf": kinds}, "example": example}
    return found


def upload_body() -> dict[str, Any]:
    """The documented body of ``/v1/uploads``."""
    file = {"type": "string", "format": "binary", "description": "The file."}
    schema = {"type": "object", "properties": {"file": file}, "required": ["file"]}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


RESULT: dict[str, Any] = {
    "description": "The result: the published schema, see /v1/schema, with its id, its scene and links.",
    "content": {"application/json": {"schema": {"$ref": _REF.format(model="StoredResult")}}},
}
RESULTS: dict[str, Any] = {
    "description": "The result of one question, or the results of several.",
    "content": {
        "application/json": {
            "schema": {
                "anyOf": [{"$ref": _REF.format(model="StoredResult")}, {"$ref": _REF.format(model="StoredResults")}]
            }
        }
    },
}


def openapi_of(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """The function that makes the OpenAPI document of an app, once."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            found.setdefault("components", {}).setdefault("schemas", {}).update(_schemas())
            schemes = {"bearer": {"type": "http", "scheme": "bearer", "description": "Needed beyond this machine."}}
            found["components"]["securitySchemes"] = schemes
            found["security"] = [{}, {"bearer": []}]
            for operations in found["paths"].values():
                for operation in operations.values():
                    # Docstrings mark code with two backticks, Markdown with one.
                    operation["description"] = operation["description"].replace("``", "`")
            app.openapi_schema = found
        return app.openapi_schema

    return document


def _schemas() -> dict[str, Any]:
    """The schemas that the paths name by hand."""
    given = [*BODIES.values(), SceneBody, ChatBody]
    _, requests = models_json_schema([(model, "validation") for model in given], ref_template=_REF)
    _, answers = models_json_schema([(Problem, "serialization")], ref_template=_REF)
    jobs = {f"{model.__name__}Job": _as_job(requests["$defs"][model.__name__], name) for name, model in BODIES.items()}
    return {**requests["$defs"], **jobs, **answers["$defs"], **result_schemas()}


def _as_job(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """The schema of a request with the name of its kind of work."""
    work = {"const": name, "type": "string", "description": "What to do."}
    required = [*schema.get("required", ()), "work"]
    return {**schema, "properties": {"work": work, **schema["properties"]}, "required": required}


def result_schemas() -> dict[str, Any]:
    """The published schema of results as components, and ``StoredResult`` on top of it."""
    text = json_schema()
    parts = {f"Result{name}": _moved(part) for name, part in text.pop("$defs").items()}
    published = {key: value for key, value in _moved(text).items() if key in ("type", "properties", "required")}
    own = {
        "id": {"type": "string", "description": "Id of the result."},
        "scene": {"type": "string", "description": "Id of its scene, for further questions."},
        "links": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "Paths of the result, its report and its artefacts.",
        },
    }
    required = [*published.get("required", ()), *own]
    stored = {**published, "title": "StoredResult", "properties": {**published["properties"], **own}}
    several = {"type": "array", "items": {"anyOf": [{"$ref": _REF.format(model="StoredResult")}, {"type": "null"}]}}
    failed = {"anyOf": [{"$ref": _REF.format(model="Problem")}, {"type": "null"}]}
    results = {
        "title": "StoredResults",
        "type": "object",
        "description": "The results of several questions, in their order; null for one that failed.",
        "properties": {"results": several, "problem": {**failed, "description": "Why one failed."}},
        "required": ["results", "problem"],
    }
    return {**parts, "StoredResult": {**stored, "required": required}, "StoredResults": results}


def _moved(node: Any) -> Any:
    """The schema with its references to definitions as references to components."""
    if isinstance(node, dict):
        return {
            key: value.replace("#/$defs/", "#/components/schemas/Result") if key == "$ref" else _moved(value)
            for key, value in node.items()
        }
    return [_moved(part) for part in node] if isinstance(node, list) else node
