"""Images whose objects are annotated or found by their depth, and claims about them with ground truth."""
