"""The plain path of transformers: one request, one ``generate``, nothing reused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

INSTRUCTION = "Answer the question about the pictures above, in a few words. "


def noise(seed: int, width: int, height: int) -> Any:
    """An image of random pixels, as an ``ImagePart``."""
    from pipeline.models.vlm.base import ImagePart

    return ImagePart(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def request(images: Sequence[Any], question: str) -> Any:
    """A request as the pipeline builds them: images (``ImagePart``), instruction, question."""
    from pipeline.models.vlm.base import Request, TextPart

    parts: list[Any] = []
    for number, image in enumerate(images, 1):
        parts += [TextPart(f"\nPicture {number}: "), image]
    return Request((*parts, TextPart(f"\n\n{INSTRUCTION}{question}")), "item", question)


class PlainQwen3VL:
    """A checkpoint as its model card uses it, decoding greedily.

    Args:
        folder: The checkpoint.
        new_tokens: Length of each answer.
        device: Where it runs.
        dtype: Number format.
    """

    def __init__(self, folder: str, new_tokens: int, device: str = "cpu", dtype: str = "float32") -> None:
        from pipeline.models.torchvision_fix import ensure_torchvision

        ensure_torchvision()
        from transformers import AutoModelForImageTextToText, AutoProcessor, GenerationConfig

        self.processor = AutoProcessor.from_pretrained(folder)
        self.model = AutoModelForImageTextToText.from_pretrained(folder, dtype=dtype, device_map=device).eval()
        given = self.model.generation_config
        self.model.generation_config = GenerationConfig(
            eos_token_id=given.eos_token_id, pad_token_id=given.pad_token_id, max_new_tokens=new_tokens
        )

    def answer(self, asked: Any, **settings: Any) -> str:
        """The answer to one request, with further settings of ``generate``."""
        import torch
        from PIL import Image

        from pipeline.models.vlm.qwen3vl.encoding import chat_text

        images = [Image.fromarray(rgb) for rgb in asked.pixels]
        text = [chat_text(self.processor, asked)]
        inputs = self.processor(text=text, images=images or None, do_resize=False, return_tensors="pt")
        inputs = inputs.to(self.model.device, dtype=self.model.dtype)
        with torch.inference_mode():
            output = self.model.generate(**inputs, **settings)
        tokens = output[0, inputs["input_ids"].shape[1] :]
        answer: str = self.processor.tokenizer.decode(tokens, skip_special_tokens=True)
        return answer
