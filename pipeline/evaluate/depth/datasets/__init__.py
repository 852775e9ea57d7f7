"""Data sets with true depth, in their formats on disk."""
