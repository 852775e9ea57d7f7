"""No model: the claims of the input are judged, and no question is asked."""

from __future__ import annotations

from pipeline.models.vlm.base import Generation, Request, VisionLanguageModel
from pipeline.records.errors import GenerationError


class NoModel(VisionLanguageModel):
    """Stands where a model would, and answers nothing."""

    @property
    def identity(self) -> None:
        """There is nothing to keep."""
        return None

    @property
    def can_ground(self) -> bool:
        """It cannot."""
        return False

    def generate(self, request: Request) -> Generation:
        """Refuse.

        Raises:
            GenerationError: Always.
        """
        raise GenerationError(
            f"The question of item {request.item_id} needs a model: choose one with vlm=qwen3vl, vlm=openai "
            "or vlm=recorded."
        )
