"""Memory that the C library keeps for models on the CPU."""

from __future__ import annotations

import ctypes
import logging
import os
from functools import cache

logger = logging.getLogger(__name__)

# Parameters of mallopt, from glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
# The most that glibc takes.
_MMAP_BYTES = 32 << 20
# A network of 384 x 384 px frees about this much after an image.
_KEPT_BYTES = 512 << 20


@cache
def keep_freed_memory() -> bool:
    """Let the C library keep what a network frees, for the next image.

    By default glibc gives it back to the kernel, which must clear every page anew: a fifth of a small network's time.
    Nothing happens with other C libraries, or where environment variables set these parameters.

    Returns:
        Whether it is kept.
    """
    if {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"} & os.environ.keys():
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    # Setting one alone fixes the other at its small start value.
    done = bool(mallopt(_MMAP_THRESHOLD, _MMAP_BYTES)) and bool(mallopt(_TRIM_THRESHOLD, _KEPT_BYTES))
    logger.debug("Freed memory is %s.", "kept" if done else "given back")
    return done
