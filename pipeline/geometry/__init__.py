"""Pure NumPy functions on depth maps and regions; no model, no file, no claim."""
