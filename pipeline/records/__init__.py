"""The records that everything speaks: frozen dataclasses, checked when made."""

from pipeline.records.anchor import Anchor, AnchorKind
from pipeline.records.camera import Camera, CameraSource
from pipeline.records.claim import Box, Box3D, Claim, Comparison, Mask, Origin, Point, Region, Unit
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
from pipeline.records.scene import DepthKind, DepthMap, Frame, ScaleSource, Scene

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
    "Point",
    "Region",
    "Result",
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
