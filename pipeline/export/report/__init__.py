"""The report of a run: an index, and a page for each result that ties claims to photo, depth and 3D view."""
