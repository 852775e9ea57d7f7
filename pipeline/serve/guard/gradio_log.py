"""What Gradio writes when a function fails: one line, without the values that it was called with."""

from __future__ import annotations

import logging
import sys

logger = logging.getLogger(__name__)


def shorten_gradio_log() -> None:
    """Let Gradio log the kind of a fault, where it would print a traceback whose last line may hold the inputs."""
    from gradio import queueing, route_utils, routes

    for module in (queueing, route_utils, routes):
        module.traceback = _Brief  # type: ignore[attr-defined]


class _Brief:
    """What Gradio uses of the module ``traceback``."""

    @staticmethod
    def print_exc() -> None:
        """Log the kind of the exception that is handled."""
        error = sys.exc_info()[1]
        logger.warning("A function of the page failed: %s.", type(error).__name__)
