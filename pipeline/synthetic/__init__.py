"""Rendered scenes whose geometry is known exactly, and simulated errors of their depth."""
