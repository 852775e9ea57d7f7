"""Data sets of claims and questions whose truth is known, each behind one adapter."""
