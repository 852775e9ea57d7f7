"""Coordinates of a model's answer, in any notation and unit."""
