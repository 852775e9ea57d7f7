"""Runs the model: computes what no earlier prompt shares, and generates the outputs of a batch together."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.vlm.qwen3vl.encoding import EncodedPrompt, PromptEncoder, SizedPicture
from pipeline.vlm.qwen3vl.key_values import GROWTH, KeyValues
from pipeline.vlm.qwen3vl.planning import make_plan
from pipeline.vlm.qwen3vl.prefix_cache import PrefixCache
from pipeline.vlm.qwen3vl.sampling import Sampling, TokenChooser
from pipeline.vlm.repetition import WINDOW, is_looping

if TYPE_CHECKING:
    import torch

_LOOP_INTERVAL = 16  # Tokens between two looks for a repetition.
# Most tokens, and pictures' tokens, that one pass computes. A CPU is fastest while they fit into its caches.
_PASS_TOKENS = {"cpu": 512}
_MOST_PASS_TOKENS = 8192
_FEATURE_SHARE = 0.125  # Features of a picture take about an eighth of the memory of its keys and values.


@dataclass(frozen=True)
class Output:
    """What the model wrote after one prompt.

    Args:
        tokens: Token ids, the end token included.
        finished: Whether it ended by itself.
        looping: Whether it was cut because it repeated itself.
        cached_tokens: Tokens of the prompt that were not computed again.
        first_token_s: Time from the call to the first token [s].
        prefill_s: Share of the time until the first tokens of its batch [s].
        decode_s: Share of the time from then on [s].
    """

    tokens: tuple[int, ...]
    finished: bool
    looping: bool
    cached_tokens: int
    first_token_s: float
    prefill_s: float
    decode_s: float


@dataclass(eq=False)
class _Row:
    """One output as it grows."""

    prompt: EncodedPrompt
    tokens: list[int] = field(default_factory=list)
    forced: list[int] = field(default_factory=list)
    thinking: bool = False
    finished: bool = False
    looping: bool = False

    def is_done(self, limit: int) -> bool:
        return self.finished or self.looping or len(self.tokens) >= limit


@dataclass(frozen=True, eq=False)
class _FirstPass:
    """Prompts after their first pass.

    Args:
        scores: Scores of the first token after each, (rows, vocabulary).
        store: Their keys and values.
        mask: Positions of the store that count, bool (rows, positions); None where all do.
        known: Tokens of each that were not computed.
        own: Tokens of each that were.
    """

    scores: torch.Tensor
    store: KeyValues
    mask: torch.Tensor | None
    known: tuple[int, ...]
    own: tuple[int, ...]

    def beginnings(self) -> Iterator[list[torch.Tensor]]:
        """Keys and values of each row without its padding, in parts."""
        computed = self.store.length - max(self.own)
        for row, (known, own) in enumerate(zip(self.known, self.own, strict=True)):
            yield [
                self.store.part(row, computed - known, computed),
                self.store.part(row, self.store.length - own, self.store.length),
            ]


class Engine:
    """A model with the beginnings that it remembers. Not safe for several threads at once.

    The outputs are those of transformers' ``generate`` for each prompt alone: what is reused is keys and values of
    equal beginnings, positions are given explicitly with every pass, and no state stays in the model.

    Args:
        model: A Qwen3-VL model, dense or mixture of experts.
        encoder: Encodes its prompts.
        sampling: How outputs are generated.
        end_tokens: Tokens that end an output.
        close_thought: Tokens that end the reasoning, the last of which closes it; empty for models that do not reason.
        cache_bytes: Most memory of what is remembered [bytes].
        batch_tokens: Tokens that one batch may hold, padding and outputs included.
    """

    def __init__(
        self,
        model: Any,
        encoder: PromptEncoder,
        sampling: Sampling,
        end_tokens: Sequence[int],
        close_thought: Sequence[int],
        cache_bytes: int,
        batch_tokens: int,
    ) -> None:
        self._model = model
        self._encoder = encoder
        self._sampling = sampling
        self._end_tokens = frozenset(end_tokens)
        self._close_thought = list(close_thought)
        self._batch_tokens = batch_tokens
        self._prefixes = PrefixCache(int(cache_bytes * (1 - _FEATURE_SHARE)))
        self._features = _FeatureCache(int(cache_bytes * _FEATURE_SHARE))
        text = model.config.text_config
        self._shape = text.num_hidden_layers, text.num_key_value_heads, text.head_dim

    @property
    def cache_bytes(self) -> int:
        """Memory of what is remembered [bytes]."""
        return self._prefixes.bytes + self._features.bytes

    def forget(self) -> None:
        """Free what is remembered."""
        self._prefixes.clear()
        self._features.clear()

    def answer(self, prompts: Sequence[EncodedPrompt]) -> list[Output]:
        """Generate one output per prompt, in the same order.

        Raises:
            RuntimeError: If the memory does not suffice.
        """
        import torch

        outputs: dict[int, Output] = {}
        with torch.inference_mode():
            plan = make_plan([prompt.keys for prompt in prompts], self._sampling.max_new_tokens, self._batch_tokens)
            for index, length in plan.shared:
                self._remember(prompts[index], length)
            for batch in plan.batches:
                outputs.update(zip(batch, self._answer_batch([prompts[index] for index in batch]), strict=True))
        return [outputs[index] for index in range(len(prompts))]

    def _remember(self, prompt: EncodedPrompt, length: int) -> None:
        """Compute the prompt's first tokens, where they are not known, and keep them."""
        known, segments = self._prefixes.match(prompt.keys[:length])
        if known < length:
            first = self._first_pass([prompt], [segments], [known], end=length)
            self._prefixes.insert(prompt.keys[:length], known, first.store.part(0, known, length))

    def _answer_batch(self, prompts: list[EncodedPrompt]) -> list[Output]:
        import torch

        started = time.perf_counter()
        limit = self._sampling.max_new_tokens
        rows = [_Row(prompt, thinking=prompt.opens_thought) for prompt in prompts]
        passes = list(self._first_passes(prompts))
        scores = torch.cat([one.scores for one in passes])
        store, mask = self._joined(passes)
        known = [length for one in passes for length in one.known]
        del passes
        chooser = TokenChooser(self._sampling, len(rows), scores.device)
        active = list(range(len(rows)))
        self._append(rows, active, scores, chooser)
        prefill_s = time.perf_counter() - started
        positions = torch.tensor([prompt.next_position for prompt in prompts], device=scores.device)
        while remaining := [index for index in active if not rows[index].is_done(limit)]:
            # Rows that are done are carried along until half of all are, because dropping them copies the others.
            if 2 * len(remaining) <= len(active):
                kept = torch.tensor([active.index(index) for index in remaining], device=scores.device)
                store.keep_rows(kept)
                positions = positions[kept]
                mask = None if mask is None else mask[kept]
                active = remaining
            ids = torch.tensor([[rows[index].tokens[-1]] for index in active], device=scores.device)
            if mask is not None:
                mask = torch.nn.functional.pad(mask, (0, 1), value=True)
            scores = self._pass(self._embed(ids), positions.expand(3, -1)[..., None], mask, store)
            positions = positions + 1
            self._append(rows, active, scores, chooser)
        total_s = time.perf_counter() - started
        return [
            Output(
                tuple(row.tokens),
                row.finished,
                row.looping,
                length,
                first_token_s=prefill_s,
                prefill_s=prefill_s / len(rows),
                decode_s=(total_s - prefill_s) / len(rows),
            )
            for row, length in zip(rows, known, strict=True)
        ]

    def _first_passes(self, prompts: Sequence[EncodedPrompt]) -> Iterator[_FirstPass]:
        """Compute all prompts, as many at a time as one pass should, and keep what was computed."""
        group: list[EncodedPrompt] = []
        segments: list[list[torch.Tensor]] = []
        known: list[int] = []
        most = _PASS_TOKENS.get(self._model.device.type, _MOST_PASS_TOKENS)
        for index, prompt in enumerate(prompts):
            length, parts = self._prefixes.match(prompt.keys[:-1])
            group, segments, known = [*group, prompt], [*segments, parts], [*known, length]
            widest = max(len(member) - length for member, length in zip(group, known, strict=True))
            if (len(group) + 1) * widest > most or index == len(prompts) - 1:
                done = self._first_pass(group, segments, known)
                for row, (member, length) in enumerate(zip(group, known, strict=True)):
                    own = done.store.part(row, done.store.length - len(member) + length, done.store.length)
                    self._prefixes.insert(member.keys, length, own)
                yield done
                group, segments, known = [], [], []

    def _joined(self, passes: Sequence[_FirstPass]) -> tuple[KeyValues, torch.Tensor | None]:
        """Keys and values of all passes as those of one batch, and its attention mask, see ``_FirstPass``."""
        import torch

        if len(passes) == 1:
            return passes[0].store, passes[0].mask
        beginnings = [beginning for one in passes for beginning in one.beginnings()]
        lengths = torch.tensor([sum(part.shape[3] for part in parts) for parts in beginnings])
        store = KeyValues(self._shape, beginnings, self._headroom, self._model.device, self._model.dtype)
        mask = torch.arange(store.length) >= store.length - lengths[:, None]
        return store, None if mask.all() else mask.to(self._model.device)

    @property
    def _headroom(self) -> int:
        return min(self._sampling.max_new_tokens, GROWTH)

    def _append(self, rows: list[_Row], active: list[int], scores: torch.Tensor, chooser: TokenChooser) -> None:
        """Add one token to every row that is not done."""
        limit = self._sampling.max_new_tokens
        texts = [(rows[index].prompt.tokens, rows[index].tokens) for index in active]
        for index, token in zip(active, chooser.choose(scores, active, texts), strict=True):
            row = rows[index]
            if row.is_done(limit):
                continue
            row.tokens.append(self._forced(row, token))
            row.finished = row.tokens[-1] in self._end_tokens
            if len(row.tokens) % _LOOP_INTERVAL == 0:
                row.looping = not row.finished and is_looping(row.tokens[-WINDOW:])

    def _forced(self, row: _Row, token: int) -> int:
        """The token, or the one that ends a reasoning which is longer than it may be."""
        most = self._sampling.max_thinking_tokens
        if most is None or not self._close_thought:
            return token
        if not row.forced and row.thinking and len(row.tokens) >= most and token != self._close_thought[-1]:
            row.forced = list(self._close_thought)
        if row.forced:
            token = row.forced.pop(0)
        row.thinking = row.thinking and token != self._close_thought[-1]
        return token

    def _first_pass(
        self,
        prompts: Sequence[EncodedPrompt],
        segments: Sequence[Sequence[torch.Tensor]],
        known: Sequence[int],
        end: int | None = None,
    ) -> _FirstPass:
        """Compute the prompts' tokens from the known ones on, up to ``end``, padded on the left to equal numbers."""
        import torch

        device = self._model.device
        own = [len(prompt.tokens[length:end]) for prompt, length in zip(prompts, known, strict=True)]
        new = max(own)
        store = KeyValues(self._shape, segments, new + self._headroom, device, self._model.dtype)
        ids = np.zeros((len(prompts), new), np.int64)
        positions = np.zeros((3, len(prompts), new), np.int64)
        attended = np.zeros((len(prompts), store.length + new), bool)
        pictured = np.zeros((len(prompts), new), bool)
        pictures: list[SizedPicture] = []
        for row, (prompt, length, count) in enumerate(zip(prompts, known, own, strict=True)):
            ids[row, new - count :] = prompt.tokens[length:end]
            positions[:, row, new - count :] = prompt.positions[:, length:end]
            attended[row, store.length - length : store.length] = True
            attended[row, store.length + new - count :] = True
            pictured[row, new - count :] = prompt.keys[length:end] < 0
            pictures += prompt.pictures_between(length, length + count)
        embedded = self._embed(torch.from_numpy(ids).to(device))
        visual = {}
        if pictures:
            place = torch.from_numpy(pictured).to(device)
            features = self._picture_features(pictures)
            embedded[place] = features[0].to(embedded.dtype)
            visual = {"visual_pos_masks": place, "deepstack_visual_embeds": list(features[1:])}
        mask = None if attended.all() else torch.from_numpy(attended).to(device)
        scores = self._pass(embedded, torch.from_numpy(positions).to(device), mask, store, **visual)
        return _FirstPass(scores, store, mask, tuple(known), tuple(own))

    def _embed(self, ids: torch.Tensor) -> torch.Tensor:
        embedded: torch.Tensor = self._model.model.language_model.embed_tokens(ids)
        return embedded

    def _pass(
        self,
        embedded: torch.Tensor,
        positions: torch.Tensor,
        mask: torch.Tensor | None,
        store: KeyValues,
        **visual: Any,
    ) -> torch.Tensor:
        """One pass of the language model; the scores after the last position, (rows, vocabulary)."""
        hidden = self._model.model.language_model(
            inputs_embeds=embedded,
            position_ids=positions,
            attention_mask=mask,
            past_key_values=store.cache,
            **visual,
        ).last_hidden_state
        store.advance(embedded.shape[1])
        scores: torch.Tensor = self._model.lm_head(hidden[:, -1])
        return scores

    def _picture_features(self, pictures: Sequence[SizedPicture]) -> torch.Tensor:
        """Embeddings of the pictures' tokens and what the first layers add to them, (1 + depth, tokens, width)."""
        import torch

        missing = {picture.name: picture for picture in pictures if picture.name not in self._features}
        found = {picture.name: self._features.get(picture.name) for picture in pictures if picture.name not in missing}
        if missing:
            for name, features in zip(missing, self._seen(list(missing.values())), strict=True):
                found[name] = features
                self._features.put(name, features)
        return torch.cat([found[picture.name] for picture in pictures], dim=1)

    def _seen(self, pictures: Sequence[SizedPicture]) -> Iterator[torch.Tensor]:
        """What the vision tower makes of each picture, as many at a time as one pass should compute."""
        import torch

        most = _PASS_TOKENS.get(self._model.device.type, _MOST_PASS_TOKENS)
        start = 0
        while start < len(pictures):
            tokens = np.cumsum([self._encoder.tokens_of(picture) for picture in pictures[start:]])
            stop = start + max(int(np.searchsorted(tokens, most, side="right")), 1)
            pixels = self._encoder.pixels_of(pictures[start:stop]).to(self._model.device)
            seen = self._model.model.get_image_features(
                pixels["pixel_values"], pixels["image_grid_thw"], return_dict=True
            )
            for parts in zip(seen.pooler_output, *seen.deepstack_features, strict=True):
                yield torch.stack(parts)
            start = stop


class _FeatureCache:
    """The vision tower's output by picture; what was not used for longest is dropped first.

    Args:
        max_bytes: Most memory that it may take [bytes].
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._features: OrderedDict[str, torch.Tensor] = OrderedDict()
        self.bytes = 0

    def __contains__(self, name: str) -> bool:
        return name in self._features

    def get(self, name: str) -> torch.Tensor:
        self._features.move_to_end(name)
        return self._features[name]

    def put(self, name: str, features: torch.Tensor) -> None:
        self._features[name] = features
        self.bytes += features.nbytes
        while self.bytes > self._max_bytes:
            self.bytes -= self._features.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        self._features.clear()
        self.bytes = 0
