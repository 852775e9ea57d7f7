"""Work on many items in several processes."""
