"""Depth, text, segmentation and vision-language models, one protocol each."""
