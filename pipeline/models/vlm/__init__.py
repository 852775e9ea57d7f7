"""Vision-language backends behind one protocol, and the prompts they are given."""
