"""Judges claims by geometry."""
