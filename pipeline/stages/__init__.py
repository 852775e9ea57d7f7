"""The six stages, and the function that composes them."""
