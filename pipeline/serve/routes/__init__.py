"""The paths of the HTTP API, one file per group."""
