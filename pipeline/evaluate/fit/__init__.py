"""Fits what the verifier has learned from data: weights of cues, and the calibration of verdicts."""
