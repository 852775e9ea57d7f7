"""What the commands print, and what they do around a run."""
