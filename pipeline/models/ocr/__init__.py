"""OCR backends behind one protocol."""
