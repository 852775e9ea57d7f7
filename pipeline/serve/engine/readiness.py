"""Loads the models before the first question."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import numpy as np

from pipeline.models.vlm.base import ImagePart, Request, TextPart
from pipeline.records import Camera, Frame
from pipeline.records.errors import DepthError, StoppedError, TheodoliteError
from pipeline.stages.group import Stages

logger = logging.getLogger(__name__)

_SIDE_PX = 64


class _First:
    """Wants one token."""

    is_stopped = False

    def on_text(self, text: str) -> None:
        """See ``Listener``."""
        self.is_stopped = True


class Readiness:
    """Which models are loaded.

    Args:
        stages: The stages; their models are not loaded here, but by their threads.
    """

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._missing = {"depth", "query"} if stages.query is not None else {"depth"}
        self.failure: TheodoliteError | None = None
        # Transformers cannot be imported by two threads at once.
        self._loading = threading.Lock()

    @property
    def is_ready(self) -> bool:
        """Whether all models are loaded."""
        return not self._missing

    def load_depth(self) -> None:
        """Load the models of depth and text, by looking at a grey image."""
        self._load("depth", self._measure)

    def load_model(self) -> None:
        """Load the model that answers, by asking it for one token; a remote one is only checked."""
        self._load("query", self._ask)

    def _load(self, stage: str, load: Callable[[], None]) -> None:
        try:
            with self._loading:
                load()
        except TheodoliteError as error:
            # Every question says so too.
            logger.error("The models of the stage %s cannot be loaded: %s", stage, error)
            self.failure = error
        except Exception as error:
            logger.exception("The models of the stage %s cannot be loaded.", stage)
            self.failure = TheodoliteError(f"Unexpected {type(error).__name__}.")
        else:
            self._missing.discard(stage)

    def _measure(self) -> None:
        depth, ocr = self._stages.depth, self._stages.ocr
        depth.check()
        ocr.check()
        try:
            depth.backend.estimate([_grey_frame()])
        except DepthError:
            logger.debug("Depth comes with the images.")
        ocr.backend.read(_grey_frame(), 0)

    def _ask(self) -> None:
        from pipeline.models.vlm.qwen3vl import Qwen3VL

        query = self._stages.query
        assert query is not None
        query.check()
        if isinstance(query.model, Qwen3VL):
            parts = (ImagePart(_grey_frame().rgb), TextPart("?"))
            try:
                query.model.generate(Request(parts, "", "?", listener=_First()))
            except StoppedError:
                logger.debug("The model answers.")


def _grey_frame() -> Frame:
    return Frame(np.full((_SIDE_PX, _SIDE_PX, 3), 128, np.uint8), Camera.from_fov(_SIDE_PX, _SIDE_PX, 60))
