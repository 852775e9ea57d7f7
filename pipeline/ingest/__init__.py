"""Turns what users give - images, videos, depth files, manifests - into scenes."""
