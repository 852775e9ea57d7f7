"""Evaluation of claims and of depth against ground truth."""
