"""How samples are thinned out, and what counts as a stray and as clear, for everything that is read from depth."""

from __future__ import annotations

import numpy as np

MOST_READ = 4000
"""Most samples that one measurement is read from."""
MOST_COMPARED = 600
"""Most samples that are compared with many others, or with many hypotheses."""
HYPOTHESES = 300
"""Hypotheses of a plane that are drawn; of planes with a quarter of the samples, several are then right."""
REFITS = 3
"""How often a fit is repeated on what lies on it; more changes nothing."""
SEED = 0
"""Seed of whatever is drawn."""
STRAYS = 0.02
"""Share of a sample, at either end, that may be strays."""
CLEAR = 3.0
"""Standard deviations beyond which a difference is clear."""
FEWEST = 8
"""Fewer samples than this are no evidence."""
FEWEST_OF_PLANES = 50
"""Fewer samples than this show no planes."""
LITTLE = 0.1
"""Less than this share of something is too little to go by."""
MOST = 0.5
"""More than this share is most of something."""
GOOD_PART = 0.3
"""From this share on, a part stands for the whole."""


def inner_range(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the range of samples (N, ...) without the outermost ``STRAYS``, float64 (...) each."""
    low, high = np.quantile(values, (STRAYS, 1 - STRAYS), axis=0)
    return low, high
