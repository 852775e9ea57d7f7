"""Qwen3-VL in this process, through transformers."""

from __future__ import annotations

import gc
import json
import logging
import threading
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from pipeline.device import choose_device, choose_dtype
from pipeline.errors import ConfigError, GenerationError, ModelUnavailableError
from pipeline.hub import ModelLocation, locate_model
from pipeline.torchvision_fix import ensure_torchvision
from pipeline.vlm.base import Generation, ImagePart, Request
from pipeline.vlm.repetition import WINDOW, is_looping

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

_MAX_ASPECT_RATIO = 200  # Qwen's sizing refuses longer pictures.
_OPEN_THOUGHT = "<think>\n"


class Qwen3VL:
    """A Qwen3-VL checkpoint, loaded when first asked; one request at a time.

    Args:
        model: Name on the Hugging Face hub, or path of a local folder.
        revision: Branch, tag or commit on the hub; None takes the main branch.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:INDEX`` or ``mps``.
        dtype: ``auto``, ``float32``, ``bfloat16`` or ``float16``.
        max_new_tokens: Limit of the answer's length [tokens].
        min_pixels: Pictures with fewer pixels are enlarged to it [px].
        max_pixels: Pictures with more pixels are reduced to it [px]; 1024 of them become one token.
        temperature: 0 takes the likeliest token each time; above 0 tokens are drawn.
        top_p: Probability mass that tokens are drawn from; unused at temperature 0.
        top_k: Number of tokens that are drawn from; unused at temperature 0.
        repetition_penalty: 1 for none; above 1 lowers tokens that occurred before.
        seed: Seed of the drawing.
        attn_implementation: Attention kernel of transformers, such as ``sdpa``; None takes its default.
        size_gb: Size of the download [GB], for the error where the model is missing.

    Raises:
        ConfigError: If a setting is out of its range.
    """

    def __init__(
        self,
        model: str = "Qwen/Qwen3-VL-2B-Instruct",
        revision: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        max_new_tokens: int = 1024,
        min_pixels: int = 65_536,
        max_pixels: int = 1_048_576,
        temperature: float = 0.0,
        top_p: float = 0.8,
        top_k: int = 20,
        repetition_penalty: float = 1.0,
        seed: int = 0,
        attn_implementation: str | None = None,
        size_gb: float | None = None,
    ) -> None:
        if max_new_tokens < 1:
            raise ConfigError(f"vlm.max_new_tokens must be at least 1, not {max_new_tokens}.")
        if not 0 < min_pixels <= max_pixels:
            raise ConfigError(
                f"vlm.min_pixels must lie between 1 and vlm.max_pixels, but they are {min_pixels} and {max_pixels}."
            )
        if temperature < 0:
            raise ConfigError(f"vlm.temperature must not be negative: {temperature:g}; 0 is greedy decoding.")
        self._model = model
        self._revision = revision
        self._device_name = device
        self._dtype_name = dtype
        self._pixels = {"min_pixels": min_pixels, "max_pixels": max_pixels}
        sampling = {"temperature": temperature, "top_p": top_p, "top_k": top_k} if temperature > 0 else {}
        self._generation: dict[str, Any] = {
            "max_new_tokens": max_new_tokens,
            "do_sample": temperature > 0,
            "repetition_penalty": repetition_penalty,
            **sampling,
        }
        self._seed = seed
        self._attn_implementation = attn_implementation
        self._size_gb = size_gb
        self._lock = threading.Lock()

    @property
    def identity(self) -> str:
        """Model, revision, number format, settings and seed; the same wherever the model's folder lies."""
        name = Path(self._location.name).name
        settings = json.dumps(self._settings, sort_keys=True)
        return f"qwen3vl:{name}@{self._location.revision}:{settings}:seed={self._seed}"

    @property
    def can_ground(self) -> bool:
        """It can."""
        return True

    def generate(self, request: Request) -> Generation:
        """Answer one request.

        Returns:
            The output verbatim, with the ``<think>`` that a thinking model's prompt opens put in front.
            ``truncated`` is also set where the output was cut because it repeated itself.

        Raises:
            GenerationError: If a picture is too long, or the memory does not suffice.
            ModelUnavailableError: If the model is neither on disk nor reachable, or cannot be loaded.
        """
        _check_pictures(request)
        with self._lock:
            try:
                return self._generate(request)
            except (RuntimeError, MemoryError) as error:
                if not _is_out_of_memory(error):
                    raise
        self._free_memory()
        raise GenerationError(
            f"The memory does not suffice for {len(request.images)} pictures of item {request.item_id}: lower "
            f"vlm.max_pixels (now {self._pixels['max_pixels']}) or vlm.max_new_tokens "
            f"(now {self._generation['max_new_tokens']}), or give fewer frames or a smaller model."
        )

    def _generate(self, request: Request) -> Generation:
        import torch

        model, processor = self._loaded
        started = time.perf_counter()
        prompt = _chat_prompt(processor, request)
        pictures = [self._sized(rgb, processor.image_processor) for rgb in request.images]
        inputs = processor(text=[prompt], images=pictures or None, do_resize=False, return_tensors="pt")
        inputs = inputs.to(self._device, dtype=model.dtype)
        prompt_tokens = inputs["input_ids"].shape[1]
        cuda_devices = [self._device] if self._device.type == "cuda" else []
        with torch.inference_mode(), torch.random.fork_rng(devices=cuda_devices):
            torch.manual_seed(self._seed)
            output = model.generate(
                **inputs,
                **self._generation,
                stopping_criteria=[_loop_criterion(prompt_tokens)],
            )
        tokens = output[0, prompt_tokens:].tolist()
        finished = bool(tokens) and tokens[-1] in model.generation_config.eos_token_id
        if not finished and is_looping(tokens):
            logger.warning("The answer for item %s repeated itself and was cut.", request.item_id)
        text = processor.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return Generation(
            text=_OPEN_THOUGHT + text if prompt.endswith(_OPEN_THOUGHT) else text,
            model=self._location.name,
            revision=self._location.revision,
            settings=dict(self._settings),
            seed=self._seed,
            prompt_tokens=prompt_tokens,
            completion_tokens=len(tokens),
            seconds=time.perf_counter() - started,
            truncated=not finished,
        )

    def _sized(self, rgb: np.ndarray, image_processor: Any) -> Image.Image:
        """The picture in the size that Qwen's sizing gives it: sides are multiples of one token's."""
        from qwen_vl_utils import smart_resize

        factor = image_processor.patch_size * image_processor.merge_size
        height, width = smart_resize(*rgb.shape[:2], factor=factor, **self._pixels)
        # A very long picture under a small max_pixels rounds down to no row at all.
        size = (max(width, factor), max(height, factor))
        return Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC)

    @cached_property
    def _location(self) -> ModelLocation:
        return locate_model(self._model, revision=self._revision, size_gb=self._size_gb, group="vlm")

    @cached_property
    def _device(self) -> torch.device:
        return choose_device(self._device_name)

    @cached_property
    def _settings(self) -> dict[str, Any]:
        dtype = str(choose_dtype(self._device, self._dtype_name)).removeprefix("torch.")
        return {
            **self._generation,
            **self._pixels,
            "dtype": dtype,
            "attn_implementation": self._attn_implementation,
        }

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        ensure_torchvision()
        from transformers import AutoModelForImageTextToText, AutoProcessor, GenerationConfig

        location = self._location
        try:
            processor = AutoProcessor.from_pretrained(location.path_or_name, revision=location.hub_revision)
            model = AutoModelForImageTextToText.from_pretrained(
                location.path_or_name,
                revision=location.hub_revision,
                dtype=self._settings["dtype"],
                attn_implementation=self._attn_implementation,
                device_map=str(self._device),
            ).eval()
        except (OSError, ValueError, ImportError) as error:
            reason = " ".join(str(error).split())
            raise ModelUnavailableError(
                f"The model {location.name} cannot be loaded as a vision-language model: {reason[:300]}"
            ) from error
        processor.tokenizer.padding_side = "left"
        # The checkpoint's own sampling settings would otherwise fill every setting that is not given.
        model.generation_config = GenerationConfig(
            eos_token_id=_end_tokens(model, processor), pad_token_id=processor.tokenizer.pad_token_id
        )
        logger.info("Loaded %s (%s) on %s.", location.name, location.revision, self._device)
        return model, processor

    def _free_memory(self) -> None:
        import torch

        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()


def _check_pictures(request: Request) -> None:
    for number, rgb in enumerate(request.images, 1):
        height, width = rgb.shape[:2]
        if max(height, width) > _MAX_ASPECT_RATIO * min(height, width):
            raise GenerationError(
                f"Picture {number} of item {request.item_id} is {width} x {height} pixels; Qwen3-VL takes sides of "
                f"at most {_MAX_ASPECT_RATIO}:1, so crop it."
            )


def _chat_prompt(processor: Any, request: Request) -> str:
    content = [
        {"type": "image"} if isinstance(part, ImagePart) else {"type": "text", "text": part.text}
        for part in request.parts
    ]
    prompt: str = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    places = prompt.count(processor.image_token)
    if places != len(request.images):
        raise GenerationError(
            f"The prompt of item {request.item_id} has {places} places for {len(request.images)} pictures: its texts "
            f"must not hold {processor.image_token}."
        )
    return prompt


def _loop_criterion(prompt_tokens: int) -> Any:
    """A stopping criterion that ends an output which repeats itself."""
    import torch
    from transformers import StoppingCriteria

    class LoopCriterion(StoppingCriteria):
        def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **_kwargs: Any) -> torch.BoolTensor:
            outputs = input_ids[:, max(prompt_tokens, input_ids.shape[1] - WINDOW) :].tolist()
            looping = [is_looping(output) for output in outputs]
            return torch.tensor(looping, device=input_ids.device)  # type: ignore[return-value]

    return LoopCriterion()


def _end_tokens(model: Any, processor: Any) -> list[int]:
    configured = model.generation_config.eos_token_id
    several = configured if isinstance(configured, list) else [configured]
    return sorted({token for token in (*several, processor.tokenizer.eos_token_id) if token is not None})


def _is_out_of_memory(error: BaseException) -> bool:
    message = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in message or "allocate memory" in message
