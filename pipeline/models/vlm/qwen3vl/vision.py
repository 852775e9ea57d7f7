"""Features of images from the vision tower, cached by content."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.models.vlm.qwen3vl.encoding import PromptEncoder, SizedImage

if TYPE_CHECKING:
    import torch


class VisionTower:
    """The model's vision tower, with a cache that drops the least recently used features first.

    Args:
        model: A Qwen3-VL model.
        encoder: Encodes its images.
        pass_tokens: Most tokens of images that one pass computes; one image may exceed it.
        cache_bytes: Most memory of the cache [bytes].

    Attributes:
        bytes: Memory of the cache [bytes].
    """

    def __init__(self, model: Any, encoder: PromptEncoder, pass_tokens: int, cache_bytes: int) -> None:
        self._model = model
        self._encoder = encoder
        self._pass_tokens = pass_tokens
        self._cache_bytes = cache_bytes
        self._known: OrderedDict[str, torch.Tensor] = OrderedDict()
        self.bytes = 0

    def features(self, images: Sequence[SizedImage]) -> torch.Tensor:
        """Embeddings of the images' tokens and what the first layers add to them, (1 + depth, tokens, width)."""
        import torch

        found = {image.name: self._known[image.name] for image in images if image.name in self._known}
        for name in found:
            self._known.move_to_end(name)
        missing = {image.name: image for image in images if image.name not in found}
        for name, features in zip(missing, self._computed(list(missing.values())), strict=True):
            found[name] = features
            self._keep(name, features)
        return torch.cat([found[image.name] for image in images], dim=1)

    def forget(self) -> None:
        """Empty the cache."""
        self._known.clear()
        self.bytes = 0

    def _computed(self, images: Sequence[SizedImage]) -> Iterator[torch.Tensor]:
        """The features of each image, computed as many at a time as one pass should."""
        import torch

        start = 0
        while start < len(images):
            tokens = np.cumsum([self._encoder.tokens_of(image) for image in images[start:]])
            stop = start + max(int(np.searchsorted(tokens, self._pass_tokens, side="right")), 1)
            pixels = self._encoder.pixels_of(images[start:stop]).to(self._model.device)
            seen = self._model.model.get_image_features(
                pixels["pixel_values"], pixels["image_grid_thw"], return_dict=True
            )
            for parts in zip(seen.pooler_output, *seen.deepstack_features, strict=True):
                yield torch.stack(parts)
            start = stop

    def _keep(self, name: str, features: torch.Tensor) -> None:
        self._known[name] = features
        self.bytes += features.nbytes
        while self.bytes > self._cache_bytes:
            self.bytes -= self._known.popitem(last=False)[1].nbytes
