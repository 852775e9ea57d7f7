"""theodolite-vl-nano: a Qwen3-VL of six million parameters, and its forward pass over whole batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from nano.vocabulary import NUMBERS, build_tokenizer, synonyms
from random_qwen3vl import MERGE_SIZE, PATCH_SIZE_PX, build_config, build_processor, set_end_tokens
from torch import nn
from torch.nn import functional

PATCH_PX, MERGE = PATCH_SIZE_PX, MERGE_SIZE
GRID = 256 // PATCH_PX
IMAGE_TOKENS = (GRID // MERGE) ** 2
TEXT: dict[str, Any] = {
    "hidden_size": 192,
    "intermediate_size": 512,
    "num_hidden_layers": 6,
    "num_attention_heads": 3,
    "num_key_value_heads": 3,
    "head_dim": 64,
    "max_position_embeddings": 4096,
}
VISION: dict[str, Any] = {
    "depth": 6,
    "hidden_size": 160,
    "intermediate_size": 480,
    "num_heads": 5,
    "num_position_embeddings": GRID**2,
    "deepstack_visual_indexes": [1, 3],
}
POINTING_LAYER = 3
"""Two heads of this layer of the text model are taught where to look: the first at the object of which the next number
is, the second at what a table tells of it."""
_MROPE_SECTION = [12, 10, 10]
_SLOWEST, _FASTEST = 0.25, 80.0


def build() -> tuple[Any, Any]:
    """A new model with its processor."""
    tokenizer = build_tokenizer()
    text = {"vocab_size": -(-len(tokenizer) // 64) * 64, **TEXT}
    config = build_config(tokenizer, text, VISION, _MROPE_SECTION, tie_word_embeddings=True)
    from transformers import Qwen3VLForConditionalGeneration

    model = Qwen3VLForConditionalGeneration(config)
    set_end_tokens(model, tokenizer)
    _start_embeddings(model.get_input_embeddings().weight, tokenizer)
    return model, build_processor(tokenizer)


def number_tokens(tokenizer: Any) -> list[int]:
    """Token of every number from 0 to 1000."""
    tokens: list[int] = tokenizer.convert_tokens_to_ids([str(number) for number in range(NUMBERS)])
    return tokens


@torch.no_grad()
def _start_embeddings(weight: torch.Tensor, tokenizer: Any) -> None:
    """Start numbers as waves of their value, so that near numbers are alike, and synonyms as equal."""
    scale = float(weight.std())
    size = weight.shape[1]
    cycles = np.geomspace(_SLOWEST, _FASTEST, size // 3)
    angles = 2 * np.pi * np.outer(np.arange(NUMBERS) / (NUMBERS - 1), cycles)
    waves = torch.tensor(np.concatenate((np.cos(angles), np.sin(angles)), axis=1), dtype=weight.dtype)
    turn = torch.linalg.qr(torch.randn(size, size)).Q[: waves.shape[1]]
    common = torch.randn(size) * scale
    weight[number_tokens(tokenizer)] = waves @ turn * (scale * (size / waves.shape[1] * 2) ** 0.5) + common
    for english, chinese in synonyms():
        weight[tokenizer.convert_tokens_to_ids(chinese)] = weight[tokenizer.convert_tokens_to_ids(english)]


class BatchedForward(nn.Module):
    """The model's own layers, run over batches whose items share their layout.

    transformers goes through images one by one and builds masks and positions anew for every item. Here every item
    has the same number of images and of tokens, so that all of that is done once. A test holds that both agree.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        visual = model.model.visual
        rows, columns = np.divmod(np.arange(GRID**2), GRID)
        order = np.arange(GRID**2).reshape(GRID // MERGE, MERGE, GRID // MERGE, MERGE).transpose(0, 2, 1, 3).reshape(-1)
        self.register_buffer("order", torch.from_numpy(order.copy()), persistent=False)
        places = torch.from_numpy(np.stack((rows[order], columns[order]), axis=1))
        cos, sin = visual.rotary_pos_emb(torch.zeros(1), places)
        self.register_buffer("cos", cos[None, None], persistent=False)
        self.register_buffer("sin", sin[None, None], persistent=False)

    def see(self, images: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Tokens of images.

        Args:
            images: uint8 (N, 256, 256, 3).

        Returns:
            (N, 64, hidden size of the text), and the same for every layer of DeepStack.
        """
        visual, config = self.model.model.visual, self.model.config.vision_config
        count = len(images)
        pixels = images.view(count, GRID, PATCH_PX, GRID, PATCH_PX, 3).permute(0, 1, 3, 5, 2, 4)
        pixels = pixels.reshape(count, GRID**2, -1)[:, self.order]
        # A still image fills both times of a patch alike.
        weight = visual.patch_embed.proj.weight.sum(dim=2).flatten(1)
        hidden = functional.linear(pixels.to(torch.float32) / 127.5 - 1, weight, visual.patch_embed.proj.bias)
        hidden = hidden.float() + visual.pos_embed.weight[self.order]
        deep = []
        for number, block in enumerate(visual.blocks):
            attention = block.attn
            qkv = attention.qkv(block.norm1(hidden)).view(count, GRID**2, 3, attention.num_heads, -1)
            query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
            query, key = _rotated(query, self.cos, self.sin), _rotated(key, self.cos, self.sin)
            mixed = torch.matmul(_attention(query, key), value)
            hidden = hidden + attention.proj(mixed.transpose(1, 2).reshape(count, GRID**2, -1))
            hidden = hidden + block.mlp(block.norm2(hidden))
            if number in config.deepstack_visual_indexes:
                merger = visual.deepstack_merger_list[config.deepstack_visual_indexes.index(number)]
                deep.append(merger(hidden).view(count, IMAGE_TOKENS, -1))
        return visual.merger(hidden).view(count, IMAGE_TOKENS, -1), deep

    def read(
        self,
        tokens: torch.Tensor,
        positions: torch.Tensor,
        parts: Sequence[int],
        places: torch.Tensor,
        seen: torch.Tensor,
        deep: list[torch.Tensor],
    ) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
        """Last hidden states of sequences with images, and what two heads look at.

        Args:
            tokens: int64 (B, L).
            positions: int64 (3, L) of M-RoPE, the same for all.
            parts: Numbers of tokens of the prefix, which holds the images, and of each turn, which sees the prefix
                and itself. They add up to L.
            places: int64 (I,), where the images' tokens stand, the same for all.
            seen: (B, I, hidden), what stands there.
            deep: The same for every layer of DeepStack.

        Returns:
            (B, L, hidden), after the last norm; (B, L, I), the shares of its attention that the first head of layer
            ``POINTING_LAYER`` gives to the images' tokens; and (B, T, T) for every turn of T tokens, the shares that
            the second head gives to those of its own turn.
        """
        text = self.model.model.language_model
        hidden = text.embed_tokens(tokens).index_copy(1, places, seen.float())
        cos, sin = text.rotary_emb(hidden, positions[:, None])
        cos, sin = cos[:, None], sin[:, None]
        batch, length = tokens.shape
        unseen = [_unseen(parts[0], size, tokens.device) for size in (0, *parts[1:])]
        for number, layer in enumerate(text.layers):
            attention = layer.self_attn
            normed = _rms(hidden, layer.input_layernorm)
            shape = (batch, length, -1, attention.head_dim)
            query = _rms(attention.q_proj(normed).view(shape), attention.q_norm).transpose(1, 2)
            key = _rms(attention.k_proj(normed).view(shape), attention.k_norm).transpose(1, 2)
            value = attention.v_proj(normed).view(shape).transpose(1, 2)
            query, key = _rotated(query, cos, sin), _rotated(key, cos, sin)
            queries, keys, values = (part.split(list(parts), dim=2) for part in (query, key, value))
            mixed_parts, pointing_parts, own_parts = [], [], []
            for turn in range(len(parts)):
                seen_keys, seen_values = keys[0], values[0]
                if turn > 0:
                    seen_keys = torch.cat((seen_keys, keys[turn]), dim=2)
                    seen_values = torch.cat((seen_values, values[turn]), dim=2)
                shares = _attention(queries[turn], seen_keys, unseen[turn])
                mixed_parts.append(torch.matmul(shares, seen_values))
                pointing_parts.append(shares[:, 0, :, places])
                own_parts.append(shares[:, 1, :, parts[0] :])
            mixed = torch.cat(mixed_parts, dim=2)
            if number == POINTING_LAYER:
                pointing, reading = torch.cat(pointing_parts, dim=1), own_parts[1:]
            hidden = hidden + attention.o_proj(mixed.transpose(1, 2).reshape(batch, length, -1))
            hidden = hidden + layer.mlp(_rms(hidden, layer.post_attention_layernorm))
            if number < len(deep):
                hidden = hidden.index_add(1, places, deep[number].float())
        return _rms(hidden, text.norm), pointing, reading

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Scores of all tokens."""
        return self.model.lm_head(hidden)


def _unseen(prefix: int, turn: int, device: torch.device) -> torch.Tensor:
    """What to add to scores so that tokens do not see later ones: of a turn behind the prefix, or of the prefix."""
    whole = torch.full((prefix + turn, prefix + turn), -1e4, device=device).triu(1)
    return whole[prefix:] if turn else whole


def _attention(query: torch.Tensor, key: torch.Tensor, unseen: torch.Tensor | None = None) -> torch.Tensor:
    """Shares of attention by plain products, whose backward pass takes a third of the fused kernel's time on a CPU."""
    scores = torch.matmul(query * query.shape[-1] ** -0.5, key.transpose(-1, -2))
    if unseen is not None:
        scores = scores + unseen.to(scores.dtype)
    return scores.softmax(dim=-1).to(key.dtype)


def _rms(values: torch.Tensor, norm: nn.Module) -> torch.Tensor:
    return functional.rms_norm(values, norm.weight.shape, norm.weight.to(values.dtype), norm.variance_epsilon)


def _rotated(values: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    first, second = values.chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return values * cos.to(values.dtype) + turned * sin.to(values.dtype)
