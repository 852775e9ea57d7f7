"""What the server is, how it is, and what claims may state."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter

from pipeline import __version__
from pipeline.records import json_schema
from pipeline.serve.problems import ServeError
from pipeline.serve.routes.common import Serving
from pipeline.serve.routes.documented import problems
from pipeline.serve.schema.about import Health, Ready, Relations, relations

router = APIRouter(tags=["about"])


@router.get("/v1/relations", summary="Relations", response_model=Relations, responses=problems())
async def all_relations() -> Relations:
    """The closed registry of relations: what claims may state, and what depth each needs."""
    return relations()


@router.get("/v1/schema", summary="JSON Schema of results", response_model=dict[str, Any], responses=problems())
async def schema() -> dict[str, Any]:
    """The published, versioned JSON Schema of a result."""
    return json_schema()


@router.get("/healthz", summary="Whether the process answers", response_model=Health, responses=problems())
async def health() -> Health:
    """Answers as long as the process lives, whatever the models do."""
    return Health(status="ok", version=__version__)


class NotReadyError(ServeError):
    """The models are not loaded yet."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


@router.get("/readyz", summary="Whether the models are loaded", response_model=Ready, responses=problems(503))
async def ready(service: Serving) -> Ready:
    """Whether the models are loaded, and what the server runs on; requests that come before wait for them."""
    about = service.describe()
    if not service.is_ready:
        detail = about.get("failure") or "The models are not loaded yet; requests wait for them."
        raise NotReadyError(detail, {"Retry-After": "2"}, ready=False, server=about)
    return Ready(ready=True, server=about)
