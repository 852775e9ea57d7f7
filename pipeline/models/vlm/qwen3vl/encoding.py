"""Encodes a request for the model: token ids, positions, and resized images."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from pipeline.models.vlm.base import ImagePart, Request
from pipeline.records.errors import UnaskableError

_MAX_ASPECT_RATIO = 200  # Qwen's sizing refuses longer images.
OPEN_THOUGHT = "<think>\n"
"""The end of a thinking model's prompt."""


@dataclass(frozen=True, eq=False)
class SizedImage:
    """An image and the size at which the model sees it.

    Args:
        rgb: uint8 (H, W, 3).
        size_px: (width, height) that the model sees [px], multiples of one token's side.
        name: Equal for equal pixels and sizes.
    """

    rgb: np.ndarray
    size_px: tuple[int, int]
    name: str

    def resized(self) -> np.ndarray:
        """The image at that size, uint8 (height, width, 3), writeable."""
        if self.rgb.shape[1::-1] == self.size_px:
            return np.require(self.rgb, requirements=("C", "W"))
        return np.array(Image.fromarray(self.rgb).resize(self.size_px, Image.Resampling.BICUBIC))


@dataclass(frozen=True, eq=False)
class EncodedPrompt:
    """A prompt as the model reads it.

    Args:
        tokens: int64 (N,), with one placeholder per token of an image.
        keys: int64 (N,): the tokens, but negative hashes of the content for tokens of images, so that prompts with
            equal keys are equal.
        positions: int64 (3, N): time, row and column of each token (M-RoPE).
        images: In order.
        image_tokens: Number of tokens of each image.
        opens_thought: Whether the prompt ends within the reasoning.
    """

    tokens: np.ndarray
    keys: np.ndarray
    positions: np.ndarray
    images: tuple[SizedImage, ...]
    image_tokens: tuple[int, ...]
    opens_thought: bool

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.tokens)

    @property
    def next_position(self) -> int:
        """Position of the first token of the output."""
        return int(self.positions.max()) + 1

    def images_between(self, start: int, end: int) -> tuple[SizedImage, ...]:
        """Images whose tokens lie from token ``start`` to before token ``end``; neither lies within one."""
        is_image = self.keys < 0
        before, until = np.count_nonzero(is_image[:start]), np.count_nonzero(is_image[:end])
        ends = np.cumsum(self.image_tokens)
        return self.images[np.searchsorted(ends, before, side="right") : np.searchsorted(ends, until, side="right")]


class PromptEncoder:
    """Encodes requests for one checkpoint.

    Args:
        processor: The checkpoint's processor.
        image_token: The placeholder for one token of an image.
        min_pixels: Smaller images are enlarged to this size [px].
        position_count: Number of positions that the model has.
    """

    def __init__(self, processor: Any, image_token: int, min_pixels: int, position_count: int) -> None:
        self._processor = processor
        self._image_token = image_token
        self._min_pixels = min_pixels
        self._position_count = position_count
        sizing = processor.image_processor
        self._factor = sizing.patch_size * sizing.merge_size

    def encode(self, request: Request, max_pixels: int) -> EncodedPrompt:
        """Encode a request.

        Args:
            request: The request.
            max_pixels: Larger images are reduced to this size [px].

        Raises:
            UnaskableError: If a text contains an image's placeholder, or the prompt is too long for the model.
        """
        text = chat_text(self._processor, request)
        places = text.count(self._processor.image_token)
        if places != len(request.images):
            raise UnaskableError(
                f"The prompt of item {request.item_id} has {places} placeholders for {len(request.images)} images: "
                f"its texts must not contain {self._processor.image_token}."
            )
        images = tuple(self._sized(part, max_pixels) for part in request.images)
        counts = tuple(map(self.tokens_of, images))
        single = np.array(self._processor.tokenizer(text)["input_ids"], dtype=np.int64)
        repeats = np.ones(len(single), dtype=np.int64)
        repeats[single == self._image_token] = counts
        tokens = single.repeat(repeats)
        keys = tokens.copy()
        if images:
            keys[tokens == self._image_token] = np.repeat([_negative(part.name) for part in images], counts)
        grids = [(height // self._factor, width // self._factor) for width, height in (part.size_px for part in images)]
        positions = multimodal_positions(keys < 0, grids)
        prompt = EncodedPrompt(tokens, keys, positions, images, counts, text.endswith(OPEN_THOUGHT))
        if prompt.next_position >= self._position_count:
            raise UnaskableError(
                f"The prompt of item {request.item_id} takes {prompt.next_position} positions, but the model has "
                f"{self._position_count}: ask a shorter question, or give fewer frames, regions or lines of text."
            )
        return prompt

    def pixels_of(self, images: Sequence[SizedImage]) -> Any:
        """The images as inputs of the vision tower: ``pixel_values`` and ``image_grid_thw``."""
        import torch

        # Tensors, because the processor is twice as fast with them as with other images.
        tensors = [torch.from_numpy(image.resized()).permute(2, 0, 1) for image in images]
        return self._processor.image_processor(images=tensors, do_resize=False, return_tensors="pt")

    def tokens_of(self, image: SizedImage) -> int:
        """Number of tokens that an image takes."""
        width, height = image.size_px
        return width * height // self._factor**2

    def first_tokens(self, words: Sequence[str]) -> tuple[int, ...]:
        """The tokens with which the words may begin an output."""
        ids = [self._processor.tokenizer(word, add_special_tokens=False)["input_ids"] for word in words]
        return tuple(dict.fromkeys(int(tokens[0]) for tokens in ids if tokens))

    def text_of(self, tokens: Sequence[int]) -> str:
        """Text of an output, without special tokens."""
        text: str = self._processor.tokenizer.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def _sized(self, part: ImagePart, max_pixels: int) -> SizedImage:
        from qwen_vl_utils import smart_resize

        most = max_pixels if part.max_pixels is None else min(part.max_pixels, max_pixels)
        height, width = smart_resize(
            *part.rgb.shape[:2], factor=self._factor, min_pixels=min(self._min_pixels, most), max_pixels=most
        )
        # A very long image under a small limit is rounded down to zero rows.
        size_px = max(width, self._factor), max(height, self._factor)
        return SizedImage(part.rgb, size_px, f"{part.digest}@{size_px[0]}x{size_px[1]}")


def chat_text(processor: Any, request: Request) -> str:
    """A request in the form of the checkpoint's chat, up to where its answer begins, with a placeholder per image."""
    content = [
        {"type": "image"} if isinstance(part, ImagePart) else {"type": "text", "text": part.text}
        for part in request.parts
    ]
    messages = [{"role": "user", "content": content}]
    text: str = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return text


def multimodal_positions(is_image: np.ndarray, grids: Sequence[tuple[int, int]]) -> np.ndarray:
    """Positions of M-RoPE: text counts up in all axes; an image's tokens share the time and count rows and columns.

    The positions after an image begin after its longer side. Wang et al., Qwen2-VL, section 2.1,
    https://arxiv.org/abs/2409.12191.

    Args:
        is_image: Whether a token belongs to an image, bool (N,).
        grids: (rows, columns) of tokens of each image, in order.

    Returns:
        int64 (3, N): time, row and column.
    """
    positions = np.empty((3, len(is_image)), np.int64)
    places = np.flatnonzero(is_image)
    done = after = used = 0
    for rows, columns in grids:
        start = int(places[used])
        positions[:, done:start] = np.arange(after, after + start - done)
        after += start - done
        row, column = np.divmod(np.arange(rows * columns), columns)
        done = start + rows * columns
        positions[:, start:done] = after + np.stack((np.zeros_like(row), row, column))
        used += rows * columns
        after += max(rows, columns)
    positions[:, done:] = np.arange(after, after + len(is_image) - done)
    return positions


def check_images(request: Request) -> None:
    """Refuse images that Qwen's sizing cannot take.

    Raises:
        UnaskableError: If one is longer than 200:1.
    """
    for number, rgb in enumerate(request.pixels, 1):
        height, width = rgb.shape[:2]
        if max(height, width) > _MAX_ASPECT_RATIO * min(height, width):
            raise UnaskableError(
                f"Image {number} of item {request.item_id} is {width} x {height} pixels; Qwen3-VL takes sides of "
                f"at most {_MAX_ASPECT_RATIO}:1, so crop it."
            )


def _negative(name: str) -> int:
    """A negative hash of an image's content."""
    return -1 - int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
