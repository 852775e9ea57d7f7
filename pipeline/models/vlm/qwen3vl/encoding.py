"""From a request to what the model reads: token ids, positions, and pictures of the right size."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from pipeline.models.vlm.base import ImagePart, Request
from pipeline.records.errors import GenerationError

_MAX_ASPECT_RATIO = 200  # Qwen's sizing refuses longer pictures.
OPEN_THOUGHT = "<think>\n"
"""What the prompts of thinking models end in."""


@dataclass(frozen=True, eq=False)
class SizedPicture:
    """A picture and the size in which the model sees it.

    Args:
        rgb: uint8 (H, W, 3).
        size_px: (width, height) that the model sees [px], multiples of one token's side.
        name: Equal for equal pixels and sizes.
    """

    rgb: np.ndarray
    size_px: tuple[int, int]
    name: str

    def resized(self) -> np.ndarray:
        """The picture in that size, uint8 (height, width, 3), writeable."""
        if self.rgb.shape[1::-1] == self.size_px:
            return np.require(self.rgb, requirements=("C", "W"))
        return np.array(Image.fromarray(self.rgb).resize(self.size_px, Image.Resampling.BICUBIC))


@dataclass(frozen=True, eq=False)
class EncodedPrompt:
    """A prompt as the model reads it.

    Args:
        tokens: int64 (N,), with one placeholder per token of a picture.
        keys: int64 (N,): the tokens, but below zero and named after the content where a picture stands, so that
            prompts of equal keys are equal.
        positions: int64 (3, N): time, row and column of each token (M-RoPE).
        pictures: In order.
        picture_tokens: Number of tokens of each picture.
        opens_thought: Whether the prompt ends within the reasoning.
    """

    tokens: np.ndarray
    keys: np.ndarray
    positions: np.ndarray
    pictures: tuple[SizedPicture, ...]
    picture_tokens: tuple[int, ...]
    opens_thought: bool

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.tokens)

    @property
    def next_position(self) -> int:
        """Position of the first token of the output."""
        return int(self.positions.max()) + 1

    def pictures_between(self, start: int, end: int) -> tuple[SizedPicture, ...]:
        """Pictures whose tokens lie from token ``start`` to before token ``end``; neither lies within one."""
        is_picture = self.keys < 0
        before, until = np.count_nonzero(is_picture[:start]), np.count_nonzero(is_picture[:end])
        ends = np.cumsum(self.picture_tokens)
        return self.pictures[np.searchsorted(ends, before, side="right") : np.searchsorted(ends, until, side="right")]


class PromptEncoder:
    """Encodes requests for one checkpoint.

    Args:
        processor: The checkpoint's processor.
        picture_token: The token that stands for a piece of a picture.
        min_pixels: Smaller pictures are enlarged to it [px].
        position_count: Number of positions that the model knows.
    """

    def __init__(self, processor: Any, picture_token: int, min_pixels: int, position_count: int) -> None:
        self._processor = processor
        self._picture_token = picture_token
        self._min_pixels = min_pixels
        self._position_count = position_count
        sizing = processor.image_processor
        self._factor = sizing.patch_size * sizing.merge_size

    def encode(self, request: Request, max_pixels: int) -> EncodedPrompt:
        """Encode a request.

        Args:
            request: The request.
            max_pixels: Larger pictures are reduced to it [px].

        Raises:
            GenerationError: If a text holds a picture's placeholder, or the prompt is longer than the model can read.
        """
        text = self._chat_prompt(request)
        pictures = tuple(self._sized(part, max_pixels) for part in request.pictures)
        counts = tuple(map(self.tokens_of, pictures))
        single = np.array(self._processor.tokenizer(text)["input_ids"], dtype=np.int64)
        repeats = np.ones(len(single), dtype=np.int64)
        repeats[single == self._picture_token] = counts
        tokens = single.repeat(repeats)
        keys = tokens.copy()
        if pictures:
            keys[tokens == self._picture_token] = np.repeat([_negative(part.name) for part in pictures], counts)
        grids = [
            (height // self._factor, width // self._factor) for width, height in (part.size_px for part in pictures)
        ]
        positions = multimodal_positions(keys < 0, grids)
        prompt = EncodedPrompt(tokens, keys, positions, pictures, counts, text.endswith(OPEN_THOUGHT))
        if prompt.next_position >= self._position_count:
            raise GenerationError(
                f"The prompt of item {request.item_id} takes {prompt.next_position} positions, and the model knows "
                f"{self._position_count}: ask a shorter question, or give fewer frames, regions or lines of text."
            )
        return prompt

    def pixels_of(self, pictures: Sequence[SizedPicture]) -> Any:
        """What the vision tower takes of the pictures: ``pixel_values`` and ``image_grid_thw``."""
        import torch

        # Tensors, because the processor takes half as long for them as for other pictures.
        tensors = [torch.from_numpy(picture.resized()).permute(2, 0, 1) for picture in pictures]
        return self._processor.image_processor(images=tensors, do_resize=False, return_tensors="pt")

    def tokens_of(self, picture: SizedPicture) -> int:
        """Number of tokens that a picture takes."""
        width, height = picture.size_px
        return width * height // self._factor**2

    def text_of(self, tokens: Sequence[int]) -> str:
        """Text of an output, without special tokens."""
        text: str = self._processor.tokenizer.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def _chat_prompt(self, request: Request) -> str:
        content = [
            {"type": "image"} if isinstance(part, ImagePart) else {"type": "text", "text": part.text}
            for part in request.parts
        ]
        prompt: str = self._processor.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
        )
        places = prompt.count(self._processor.image_token)
        if places != len(request.pictures):
            raise GenerationError(
                f"The prompt of item {request.item_id} has {places} places for {len(request.pictures)} pictures: its "
                f"texts must not hold {self._processor.image_token}."
            )
        return prompt

    def _sized(self, part: ImagePart, max_pixels: int) -> SizedPicture:
        from qwen_vl_utils import smart_resize

        most = max_pixels if part.max_pixels is None else min(part.max_pixels, max_pixels)
        height, width = smart_resize(
            *part.rgb.shape[:2], factor=self._factor, min_pixels=min(self._min_pixels, most), max_pixels=most
        )
        # A very long picture under a small limit rounds down to no row at all.
        size_px = max(width, self._factor), max(height, self._factor)
        return SizedPicture(part.rgb, size_px, f"{part.digest}@{size_px[0]}x{size_px[1]}")


def multimodal_positions(is_picture: np.ndarray, grids: Sequence[tuple[int, int]]) -> np.ndarray:
    """Positions of M-RoPE: text counts on in all axes; a picture's tokens share the time, and count rows and columns.

    What follows a picture begins after its longer side. Wang et al., Qwen2-VL, section 2.1,
    https://arxiv.org/abs/2409.12191.

    Args:
        is_picture: Whether a token belongs to a picture, bool (N,).
        grids: (rows, columns) of tokens of each picture, in order.

    Returns:
        int64 (3, N): time, row and column.
    """
    positions = np.empty((3, len(is_picture)), np.int64)
    places = np.flatnonzero(is_picture)
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
    positions[:, done:] = np.arange(after, after + len(is_picture) - done)
    return positions


def check_pictures(request: Request) -> None:
    """Refuse pictures that Qwen's sizing cannot take.

    Raises:
        GenerationError: If one is longer than 200:1.
    """
    for number, rgb in enumerate(request.pixels, 1):
        height, width = rgb.shape[:2]
        if max(height, width) > _MAX_ASPECT_RATIO * min(height, width):
            raise GenerationError(
                f"Picture {number} of item {request.item_id} is {width} x {height} pixels; Qwen3-VL takes sides of "
                f"at most {_MAX_ASPECT_RATIO}:1, so crop it."
            )


def _negative(name: str) -> int:
    """A number below zero that names a picture's content."""
    return -1 - int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
