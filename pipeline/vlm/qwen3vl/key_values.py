"""Keys and values of a batch in one growing tensor, in the form that the models of transformers write to."""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_GROWTH = 128  # Positions that are added at once, so that not every token copies all that came before it.


class KeyValues:
    """Keys and values of all layers for a batch of rows of equal length.

    Args:
        layers: Number of decoder layers.
        heads: Number of key and value heads.
        head_dim: Length of one key.
        rows: Number of rows.
        capacity: Positions to make room for.
        device: Where the tensor lies.
        dtype: Its number format.

    Attributes:
        tensor: (layers, 2, rows, heads, capacity, head_dim), keys first; zero where nothing was written.
        length: Number of positions that count.
    """

    def __init__(
        self,
        layers: int,
        heads: int,
        head_dim: int,
        rows: int,
        capacity: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        import torch

        self.tensor = torch.zeros((layers, 2, rows, heads, capacity, head_dim), device=device, dtype=dtype)
        self.length = 0

    @cached_property
    def cache(self) -> Any:
        """A cache of transformers whose layers write here; ``advance`` must follow each forward pass."""
        from transformers import Cache

        layer_class = _layer_class()
        return Cache(layers=[layer_class(self, index) for index in range(self.tensor.shape[0])])

    def write(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Store keys and values (rows, heads, new, head_dim) after those that count, and return all of the layer."""
        end = self.length + keys.shape[2]
        self._reserve(end)
        stored = self.tensor[layer]
        stored[0, :, :, self.length : end] = keys
        stored[1, :, :, self.length : end] = values
        return stored[0, :, :, :end], stored[1, :, :, :end]

    def advance(self, count: int) -> None:
        """Let the next positions count, which all layers have written."""
        self.length += count

    def keep_rows(self, rows: torch.Tensor) -> None:
        """Drop every row but these (indices, int64)."""
        self.tensor = self.tensor.index_select(2, rows)

    def part(self, row: int, start: int, end: int) -> torch.Tensor:
        """A view of one row's positions from ``start`` to ``end``: (layers, 2, heads, end - start, head_dim)."""
        return self.tensor[:, :, row, :, start:end]

    def _reserve(self, length: int) -> None:
        capacity = self.tensor.shape[4]
        if length > capacity:
            shape = list(self.tensor.shape)
            shape[4] = length + _GROWTH
            grown = self.tensor.new_zeros(shape)
            grown[:, :, :, :, :capacity] = self.tensor
            self.tensor = grown


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
