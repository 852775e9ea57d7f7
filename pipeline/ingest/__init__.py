"""Turns what users give - images, videos, depth files, manifests - into scenes."""

from pipeline.ingest.annotations import Annotations, read_claims
from pipeline.ingest.build import IngestSettings, build_scene
from pipeline.ingest.depth_files import read_depth
from pipeline.ingest.expand import FramesAre, expand_input
from pipeline.ingest.images import camera_for, exif_focal_35mm, read_image
from pipeline.ingest.item import BadItem, Item
from pipeline.ingest.manifest import read_manifest
from pipeline.ingest.source import FileSource
from pipeline.ingest.video import read_video

__all__ = [
    "Annotations",
    "BadItem",
    "FileSource",
    "FramesAre",
    "IngestSettings",
    "Item",
    "build_scene",
    "camera_for",
    "exif_focal_35mm",
    "expand_input",
    "read_claims",
    "read_depth",
    "read_image",
    "read_manifest",
    "read_video",
]
