"""Segmenters, which give masks to regions that only have boxes, behind one protocol."""
