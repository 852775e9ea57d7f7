"""Files of stage outputs: one a key, each with a checksum, bounded in size; and what keeps their folder in order."""
