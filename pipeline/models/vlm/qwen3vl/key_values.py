"""Keys and values of a batch in one growing tensor, to which models of transformers write."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

GROWTH = 128
"""Positions added at once, so that not every new token copies all earlier ones."""


class KeyValues:
    """Keys and values of all layers for a batch of rows of equal length.

    Args:
        shape: Number of decoder layers, of key and value heads, and length of one key.
        beginnings: Known keys and values of each row, in order, as parts (layers, 2, heads, tokens, head_dim); shorter
            rows are padded with zeros on the left.
        new: Number of further positions to reserve.
        device: Where the tensor lies.
        dtype: Its number format.

    Attributes:
        tensor: (layers, 2, rows, heads, capacity, head_dim), keys first; undefined from ``length`` on.
        length: Number of valid positions.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        beginnings: Sequence[Sequence[torch.Tensor]],
        new: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        import torch

        layers, heads, head_dim = shape
        lengths = [sum(part.shape[3] for part in parts) for parts in beginnings]
        self.length = max(lengths)
        self.tensor = torch.empty(
            (layers, 2, len(beginnings), heads, self.length + new, head_dim), device=device, dtype=dtype
        )
        for row, (parts, length) in enumerate(zip(beginnings, lengths, strict=True)):
            start = self.length - length
            self.tensor[:, :, row, :, :start] = 0
            for part in parts:
                end = start + part.shape[3]
                self.tensor[:, :, row, :, start:end] = part
                start = end

    @cached_property
    def cache(self) -> Any:
        """A cache of transformers whose layers write here; ``advance`` must follow each forward pass."""
        from transformers import Cache

        layer_class = _layer_class()
        return Cache(layers=[layer_class(self, index) for index in range(self.tensor.shape[0])])

    def write(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Append keys and values (rows, heads, new, head_dim), and return all of the layer."""
        end = self.length + keys.shape[2]
        self._reserve(end)
        stored = self.tensor[layer]
        stored[0, :, :, self.length : end] = keys
        stored[1, :, :, self.length : end] = values
        return stored[0, :, :, :end], stored[1, :, :, :end]

    def advance(self, count: int) -> None:
        """Make the next positions valid, which all layers have written."""
        self.length += count

    def keep_rows(self, rows: torch.Tensor) -> None:
        """Keep only these rows (indices, int64)."""
        self.tensor = self.tensor.index_select(2, rows)

    def part(self, row: int, start: int, end: int) -> torch.Tensor:
        """A view of one row's positions from ``start`` to ``end``: (layers, 2, heads, end - start, head_dim)."""
        return self.tensor[:, :, row, :, start:end]

    def _reserve(self, length: int) -> None:
        import torch

        if length > (capacity := self.tensor.shape[4]):
            self.tensor = torch.nn.functional.pad(self.tensor, (0, 0, 0, length + GROWTH - capacity))


@cache
def _layer_class() -> type:
    from transformers.cache_utils import DynamicLayer

    class SharedLayer(DynamicLayer):
        """One layer's view of the shared tensor."""

        def __init__(self, store: KeyValues, index: int) -> None:
            super().__init__()
            self.is_initialized = True
            self._store = store
            self._index = index

        def update(
            self, key_states: torch.Tensor, value_states: torch.Tensor, *_args: Any, **_rest: Any
        ) -> tuple[torch.Tensor, torch.Tensor]:
            return self._store.write(self._index, key_states, value_states)

        def get_seq_length(self) -> int:
            return self._store.length

    return SharedLayer
