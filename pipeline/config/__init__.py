"""Overrides, and building objects from a composed configuration."""
