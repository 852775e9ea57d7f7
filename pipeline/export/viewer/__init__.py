"""The 3D viewer of pages: its data, its scripts and its style sheet."""

from pipeline.export.viewer.assets import ASSETS, write_assets
from pipeline.export.viewer.data import view_data

__all__ = ["ASSETS", "view_data", "write_assets"]
