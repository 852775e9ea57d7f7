"""Depth backends behind one protocol."""
