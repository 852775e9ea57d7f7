"""Qwen3-VL in this process, through transformers."""

from __future__ import annotations

import gc
import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.models.device import DeviceName, DtypeName, choose_device, choose_dtype
from pipeline.models.hub import ModelLocation, locate_model
from pipeline.models.loading_errors import is_out_of_memory
from pipeline.models.vlm.base import Generation, ImagePart, Outcome, Request, Step, VisionLanguageModel
from pipeline.models.vlm.listening import Feed
from pipeline.models.vlm.qwen3vl.encoding import OPEN_THOUGHT, EncodedPrompt, PromptEncoder, check_images
from pipeline.models.vlm.qwen3vl.engine import Engine, Output
from pipeline.models.vlm.qwen3vl.loading import Quantization, check_package, close_thought, end_tokens, load
from pipeline.models.vlm.qwen3vl.sampling import Sampling
from pipeline.records.errors import ConfigError, GenerationError, StoppedError, TheodoliteError
from pipeline.records.settings import Count, NonNegative, Text, checked

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_MEBIBYTE = 2**20
_YES, _NO = ("Yes", "yes", "YES", "是"), ("No", "no", "NO", "否", "不")


@checked
@dataclass(eq=False)
class Qwen3VL(VisionLanguageModel):
    """A Qwen3-VL checkpoint, loaded when first asked; safe to use from several threads, which take turns.

    It caches prefixes of prompts, so that it reads the frames of a scene once for all questions, and answers several
    requests in one batch. Neither changes an answer.

    Args:
        model: Name on the Hugging Face hub, or path of a local folder.
        revision: Branch, tag or commit on the hub; None takes the main branch.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:INDEX`` or ``mps``.
        dtype: ``auto``, ``float32``, ``bfloat16`` or ``float16``.
        max_new_tokens: See ``Sampling``, as are the next until ``seed``.
        max_thinking_tokens: As there.
        temperature: As there.
        top_p: As there.
        top_k: As there.
        repetition_penalty: As there.
        presence_penalty: As there.
        seed: As there.
        min_pixels: Smaller images are enlarged to this size [px].
        max_pixels: Larger images are reduced to this size [px]; 1024 of them become one token.
        takes_crops: Whether the checkpoint understands prompts with crops of their images.
        takes_followups: Whether the checkpoint understands short questions about its own answer.
        takes_metres: Whether the checkpoint understands prompts with depth in metres.
        lower_resolution: Whether to retry a request that does not fit into the memory with images of at most half as
            many pixels as its largest.
        cache_mb: Most memory for prefixes of prompts [MiB]; 0 caches nothing.
        batch_tokens: Tokens that one batch of requests may hold, padding and outputs included.
        attn_implementation: Attention kernel of transformers, such as ``sdpa``; None takes its default.
        quantization: How weights are stored: None, ``bnb_8bit``, ``bnb_4bit`` or ``torchao_int8``.
        size_gb: Size of the download [GB], for the error where the model is missing.

    Raises:
        ConfigError: If a setting is out of its range.
    """

    model: Text = "Qwen/Qwen3-VL-2B-Instruct"
    revision: Text | None = None
    device: DeviceName = "auto"
    dtype: DtypeName = "auto"
    max_new_tokens: int = 1024
    max_thinking_tokens: int | None = None
    temperature: float = 0.0
    top_p: float = 0.8
    top_k: int = 20
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    seed: int = 0
    min_pixels: Count = 65_536
    max_pixels: Count = 1_048_576
    takes_crops: bool = True
    takes_followups: bool = True
    takes_metres: bool = True
    lower_resolution: bool = True
    cache_mb: NonNegative = 2048
    batch_tokens: Count = 8192
    attn_implementation: Text | None = None
    quantization: Quantization | None = None
    size_gb: NonNegative | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.min_pixels > self.max_pixels:
            raise ConfigError(
                f"vlm.min_pixels must not be above vlm.max_pixels, but they are {self.min_pixels} and "
                f"{self.max_pixels}."
            )
        self._sampling = Sampling(**{field.name: getattr(self, field.name) for field in fields(Sampling)})
        self._lock = threading.Lock()

    @property
    def identity(self) -> str:
        """Model, revision, number format, settings and seed; the model's folder may move."""
        name = Path(self._location.name).name
        settings = json.dumps(self._settings, sort_keys=True)
        return f"qwen3vl:{name}@{self._location.revision}:{settings}:seed={self._sampling.seed}"

    def check(self) -> None:
        """See ``VisionLanguageModel``."""
        check_package(self.quantization)
        super().check()

    def generate(self, request: Request) -> Generation:
        """Answer one request.

        Returns:
            The output verbatim, after the ``<think>`` that a thinking model's prompt opens. ``truncated`` is also set
            where the output was cut because it repeated itself.

        Raises:
            GenerationError: If an image or the prompt is too long, or memory does not suffice.
            ModelUnavailableError: If the model is neither on disk nor reachable, or cannot be loaded.
            DependencyError: If the package of the quantization is missing.
        """
        (outcome,) = self.generate_all([request])
        if isinstance(outcome, TheodoliteError):
            raise outcome
        return outcome

    def generate_all(self, requests: Sequence[Request]) -> list[Outcome]:
        """Answer several requests in batches; see ``generate``. Each answer is what it would be alone."""
        _, outcomes = _attempt(check_images, dict(enumerate(requests)))
        with self._lock:
            for index, request in enumerate(requests):
                if request.listener is not None and request.listener.is_stopped:
                    outcomes[index] = _stopped(request)
            fit = {index: request for index, request in enumerate(requests) if index not in outcomes}
            outcomes |= self._answer(fit, self.max_pixels)
        return [outcomes[index] for index in range(len(requests))]

    def _answer(self, requests: dict[int, Request], max_pixels: int) -> dict[int, Outcome]:
        """Answer requests together; where memory does not suffice, in halves, and finally with smaller images."""
        if not requests:
            return {}
        engine, encoder = self._loaded
        started = time.perf_counter()
        prompts, outcomes = _attempt(partial(encoder.encode, max_pixels=max_pixels), requests)
        prepare_s = (time.perf_counter() - started) / len(requests)
        remembered = engine.cache_bytes > 0
        feeds = [_feed(requests[index], prompt, encoder) for index, prompt in prompts.items()]
        try:
            outputs = engine.answer(list(prompts.values()), [feed.goes_on if feed else None for feed in feeds])
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            outputs = None
        if outputs is None:
            # Outside of the handler, whose error keeps the tensors alive.
            self._free_memory()
            again = {index: requests[index] for index in prompts}
            if remembered and len(again) == 1:
                logger.warning("Out of memory; trying again without cached prefixes.")
                return outcomes | self._answer(again, max_pixels)
            return outcomes | self._answer_with_less(again, max_pixels)
        for (index, prompt), output in zip(prompts.items(), outputs, strict=True):
            if output.stopped:
                outcomes[index] = _stopped(requests[index])
                continue
            if output.looping:
                logger.warning("The answer for %s repeated itself and was cut.", requests[index].item_id)
            outcomes[index] = self._generation(prompt, output, prepare_s, max_pixels, requests[index].step)
        return outcomes

    def _answer_with_less(self, requests: dict[int, Request], max_pixels: int) -> dict[int, Outcome]:
        if len(requests) > 1:
            logger.warning("Out of memory for %d requests at once; halving the batch.", len(requests))
            entries, middle = list(requests.items()), len(requests) // 2
            return self._answer(dict(entries[:middle]), max_pixels) | self._answer(dict(entries[middle:]), max_pixels)
        ((index, request),) = requests.items()
        largest = max((_shown_pixels(image, self.max_pixels) for image in request.images), default=0)
        lower = max(largest // 2, self.min_pixels)
        if self.lower_resolution and lower < min(largest, max_pixels):
            logger.warning("Out of memory for item %s; trying again with vlm.max_pixels=%d.", request.item_id, lower)
            return self._answer(requests, lower)
        tried = "one request at a time, without cached prefixes"
        if max_pixels < self.max_pixels:
            tried += f", and with max_pixels={max_pixels}"
        return {
            index: GenerationError(
                f"Item {request.item_id} with its {len(request.images)} image(s) does not fit into memory "
                f"(tried: {tried}): lower vlm.max_pixels (now {self.max_pixels}), query.budget.tokens or "
                f"vlm.max_new_tokens (now {self._sampling.max_new_tokens}), or give fewer frames or a smaller model."
            )
        }

    def _generation(
        self, prompt: EncodedPrompt, output: Output, prepare_s: float, max_pixels: int, step: Step
    ) -> Generation:
        engine, encoder = self._loaded
        text = encoder.text_of(output.tokens)
        return Generation(
            text=OPEN_THOUGHT + text if prompt.opens_thought else text,
            model=self._location.name,
            revision=self._location.revision,
            settings={
                **self._settings,
                **{name: getattr(self, name) for name in ("cache_mb", "batch_tokens", "lower_resolution")},
                "max_pixels": max_pixels,
            },
            seed=self._sampling.seed,
            prompt_tokens=len(prompt),
            completion_tokens=len(output.tokens),
            seconds=prepare_s + output.prefill_s + output.decode_s,
            truncated=not output.finished,
            cached_tokens=output.cached_tokens,
            timings={
                "prepare_s": prepare_s,
                "prefill_s": output.prefill_s,
                "decode_s": output.decode_s,
                "first_token_s": prepare_s + output.first_token_s,
                "prefix_cache_mb": engine.cache_bytes / _MEBIBYTE,
            },
            yes_probability=None if prompt.opens_thought or step is not Step.CONFIRM else output.yes_probability,
        )

    @cached_property
    def _location(self) -> ModelLocation:
        return locate_model(self.model, revision=self.revision, size_gb=self.size_gb, group="vlm")

    @cached_property
    def _device(self) -> torch.device:
        return choose_device(self.device)

    @cached_property
    def _settings(self) -> dict[str, Any]:
        """What an output depends on besides the prompt and the seed."""
        return {
            **self._sampling.as_dict(),
            **{
                name: getattr(self, name)
                for name in ("min_pixels", "max_pixels", "attn_implementation", "quantization")
            },
            "device": self._device.type,
            "dtype": str(choose_dtype(self._device, self.dtype)).removeprefix("torch."),
        }

    @cached_property
    def _loaded(self) -> tuple[Engine, PromptEncoder]:
        model, processor = load(
            self._location, self._device, self._settings["dtype"], self.attn_implementation, self.quantization
        )
        positions = model.config.get_text_config().max_position_embeddings
        encoder = PromptEncoder(processor, model.config.image_token_id, self.min_pixels, positions)
        engine = Engine(
            model,
            encoder,
            self._sampling,
            end_tokens(model, processor),
            close_thought(processor),
            int(self.cache_mb * _MEBIBYTE),
            self.batch_tokens,
            (encoder.first_tokens(_YES), encoder.first_tokens(_NO)),
        )
        return engine, encoder

    def _free_memory(self) -> None:
        import torch

        self._loaded[0].forget()
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()


def _stopped(request: Request) -> StoppedError:
    return StoppedError(f"The answer for {request.item_id} was stopped.")


def _feed(request: Request, prompt: EncodedPrompt, encoder: PromptEncoder) -> Feed[Sequence[int]] | None:
    if request.listener is None:
        return None
    return Feed(request.listener, encoder.text_of, OPEN_THOUGHT if prompt.opens_thought else "")


def _shown_pixels(image: ImagePart, max_pixels: int) -> int:
    height, width = image.rgb.shape[:2]
    return min(height * width, max_pixels if image.max_pixels is None else min(image.max_pixels, max_pixels))


def _attempt(
    function: Callable[[Request], Result], requests: dict[int, Request]
) -> tuple[dict[int, Result], dict[int, Outcome]]:
    """The function's results, and the errors where it fails."""
    results: dict[int, Result] = {}
    errors: dict[int, Outcome] = {}
    for index, request in requests.items():
        try:
            results[index] = function(request)
        except GenerationError as error:
            errors[index] = error
    return results, errors
