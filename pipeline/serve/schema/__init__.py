"""Models of the HTTP API: what requests may hold, and what answers look like."""
