"""The records that all parts exchange: frozen dataclasses, checked when made.

They are imported on first use: code that needs only the errors starts without NumPy and pydantic.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.records.anchor import Anchor, AnchorKind
    from pipeline.records.camera import Camera, CameraSource
    from pipeline.records.claim import Box, Box3D, Claim, Comparison, Mask, Origin, Pixels, Point, Region, Unit
    from pipeline.records.depth import DepthKind, DepthMap, Sampling, ScaleSource
    from pipeline.records.json_form import from_json, from_plain, json_schema, to_json, to_plain
    from pipeline.records.result import (
        SCHEMA_VERSION,
        Answer,
        Attempt,
        Evidence,
        FrameSummary,
        Result,
        SpatialTag,
        Status,
        Verdict,
    )
    from pipeline.records.scene import Frame, Scene

__all__ = [
    "SCHEMA_VERSION",
    "Anchor",
    "AnchorKind",
    "Answer",
    "Attempt",
    "Box",
    "Box3D",
    "Camera",
    "CameraSource",
    "Claim",
    "Comparison",
    "DepthKind",
    "DepthMap",
    "Evidence",
    "Frame",
    "FrameSummary",
    "Mask",
    "Origin",
    "Pixels",
    "Point",
    "Region",
    "Result",
    "Sampling",
    "ScaleSource",
    "Scene",
    "SpatialTag",
    "Status",
    "Unit",
    "Verdict",
    "from_json",
    "from_plain",
    "json_schema",
    "to_json",
    "to_plain",
]

_MODULES = ("anchor", "camera", "claim", "depth", "json_form", "result", "scene")

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import a record from the module that defines it."""
        for module in _MODULES if name in __all__ else ():
            if hasattr(defined := import_module(f"{__name__}.{module}"), name):
                return globals().setdefault(name, getattr(defined, name))
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
