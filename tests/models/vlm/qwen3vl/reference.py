"""The tested backend, and transformers' own path that it must equal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from pipeline.models.vlm.base import ImagePart, Request
from pipeline.models.vlm.qwen3vl import Qwen3VL

NEW_TOKENS = 16

Reference = Callable[..., str]


def small(folder: Path, **settings: Any) -> Qwen3VL:
    """A backend on the CPU that takes small images and gives short answers."""
    options = {"device": "cpu", "max_new_tokens": NEW_TOKENS, "min_pixels": 1024, "max_pixels": 65_536, **settings}
    return Qwen3VL(str(folder), **options)


def reference_of(folder: Path) -> Reference:
    """A function that returns the text of transformers' own greedy ``generate`` for one request alone."""
    from transformers import AutoModelForImageTextToText, AutoProcessor, GenerationConfig

    model = AutoModelForImageTextToText.from_pretrained(folder, dtype="float32").eval()
    given = model.generation_config
    model.generation_config = GenerationConfig(eos_token_id=given.eos_token_id, pad_token_id=given.pad_token_id)
    processor = AutoProcessor.from_pretrained(folder)

    def generate(request: Request, **settings: Any) -> str:
        content = [
            {"type": "image"} if isinstance(part, ImagePart) else {"type": "text", "text": part.text}
            for part in request.parts
        ]
        text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        images = [Image.fromarray(rgb) for rgb in request.pixels]
        inputs = processor(text=[text], images=images or None, do_resize=False, return_tensors="pt")
        options = {"max_new_tokens": NEW_TOKENS, "do_sample": False, **settings}
        with torch.inference_mode():
            output = model.generate(**inputs, **options)
        answer: str = processor.tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        return answer

    return generate
