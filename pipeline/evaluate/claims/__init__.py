"""Accuracy of verdicts and answers on data sets with ground truth."""
