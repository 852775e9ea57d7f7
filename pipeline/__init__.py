"""Theodolite: ask a vision-language model about space and check its answer against geometry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Client", "Pipeline", "__version__", "read_run", "spatial_query"]

if TYPE_CHECKING:
    from pipeline.api import Pipeline, read_run, spatial_query
    from pipeline.serve.client import Client


def __getattr__(name: str) -> Any:
    """Import the library's entry points on first use, so that ``import pipeline`` stays light."""
    if name in ("Pipeline", "read_run", "spatial_query"):
        from pipeline import api

        return getattr(api, name)
    if name == "Client":
        from pipeline.serve.client import Client

        return Client
    raise AttributeError(f"module 'pipeline' has no attribute {name!r}")
