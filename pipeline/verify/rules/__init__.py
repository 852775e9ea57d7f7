"""One module per rule that judges claims; the registry of relations names them."""
