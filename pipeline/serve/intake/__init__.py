"""Reading what clients send: bodies, files, and the scenes that they make."""
