"""What the parts are measured on: scenes with exact truth, depth errors, accuracy."""
