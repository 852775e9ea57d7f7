"""One engine for many users: what they ask is queued, prepared once, and answered together."""
