"""No model: only the claims of the input are judged."""

from __future__ import annotations

from pipeline.models.vlm.base import Generation, Request, VisionLanguageModel
from pipeline.records.errors import GenerationError


class NoModel(VisionLanguageModel):
    """A placeholder that answers nothing."""

    loads_model = False

    can_ground = False
    takes_followups = False

    def generate(self, request: Request) -> Generation:
        """Refuse.

        Raises:
            GenerationError: Always.
        """
        raise GenerationError(
            f"The question of item {request.item_id} needs a model: choose one with vlm=qwen3vl, vlm=openai "
            "or vlm=recorded."
        )
