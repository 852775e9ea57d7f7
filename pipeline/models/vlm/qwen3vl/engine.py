"""Runs the model: computes the tokens that no cached prefix covers, and generates the outputs of a batch together."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.models.vlm.qwen3vl.encoding import EncodedPrompt, PromptEncoder, SizedImage
from pipeline.models.vlm.qwen3vl.key_values import GROWTH, KeyValues
from pipeline.models.vlm.qwen3vl.planning import Round, make_plan
from pipeline.models.vlm.qwen3vl.prefix_cache import PrefixCache
from pipeline.models.vlm.qwen3vl.rows import Endings, Row
from pipeline.models.vlm.qwen3vl.sampling import Sampling, TokenChooser
from pipeline.models.vlm.qwen3vl.vision import VisionTower

if TYPE_CHECKING:
    import torch

# Most tokens of prompts or images that one pass computes. A CPU is fastest while they fit into its caches.
_PASS_TOKENS = {"cpu": 512}
_MOST_PASS_TOKENS = 8192
_FEATURE_SHARE = 0.125  # Features of an image take about an eighth of the memory of its keys and values.


@dataclass(frozen=True)
class Output:
    """The output to one prompt.

    Args:
        tokens: Token ids, the end token included.
        finished: Whether it ended by itself.
        looping: Whether it was cut because it repeated itself.
        stopped: Whether it was cut because nobody wanted more.
        cached_tokens: Tokens of the prompt whose computation was reused.
        first_token_s: Time from the call to the first token [s].
        prefill_s: Share of the time for reading the prompts [s].
        decode_s: Share of the time for generating the outputs, after their first tokens [s].
        yes_probability: Probability of yes against no as its first token.
    """

    tokens: tuple[int, ...]
    finished: bool
    looping: bool
    stopped: bool
    cached_tokens: int
    first_token_s: float
    prefill_s: float
    decode_s: float
    yes_probability: float | None = None


@dataclass(frozen=True, eq=False)
class _FirstPass:
    """Prompts after their first pass.

    Args:
        scores: Scores of the first token after each, (rows, vocabulary).
        store: Their keys and values.
        mask: Valid positions of the store, bool (rows, positions); None where all are valid.
        known: Number of cached tokens of each.
        own: Number of computed tokens of each.
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


# A prompt, the number of its cached tokens, and their keys and values in parts.
_GoesOn = Callable[[Sequence[int]], bool]
_Begun = tuple[EncodedPrompt, int, "list[torch.Tensor]"]


class Engine:
    """A model with its cache of prefixes. Not safe for several threads at once.

    The outputs are those of transformers' ``generate`` for each prompt alone: only keys and values of equal prefixes
    are reused, every pass gets its positions explicitly, and no state stays in the model.

    Args:
        model: A Qwen3-VL model, dense or mixture of experts.
        encoder: Encodes its prompts.
        sampling: How outputs are generated.
        end_tokens: Tokens that end an output.
        close_thought: Tokens that end the reasoning, the last of which closes it; empty for models that do not reason.
        cache_bytes: Most memory of the cache [bytes].
        batch_tokens: Tokens that one batch may hold, padding and outputs included.
        polar: Tokens with which yes begins, and those with which no does.
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
        polar: tuple[tuple[int, ...], tuple[int, ...]] = ((), ()),
    ) -> None:
        self._model = model
        self._sampling = sampling
        self._endings = Endings(
            sampling.max_new_tokens, sampling.max_thinking_tokens, frozenset(end_tokens), tuple(close_thought)
        )
        self._batch_tokens = batch_tokens
        self._polar = polar
        text = model.config.text_config
        self._shape = text.num_hidden_layers, text.num_key_value_heads, text.head_dim
        self._token_bytes = 2 * math.prod(self._shape) * model.dtype.itemsize
        self._cache_tokens = int(cache_bytes * (1 - _FEATURE_SHARE)) // self._token_bytes
        self._prefixes = PrefixCache(self._cache_tokens)
        self._pass_tokens = _PASS_TOKENS.get(model.device.type, _MOST_PASS_TOKENS)
        self._vision = VisionTower(model, encoder, self._pass_tokens, int(cache_bytes * _FEATURE_SHARE))

    @property
    def cache_bytes(self) -> int:
        """Memory of the cache [bytes]."""
        return self._prefixes.tokens * self._token_bytes + self._vision.bytes

    def forget(self) -> None:
        """Empty the cache."""
        self._prefixes.clear()
        self._vision.forget()

    def answer(self, prompts: Sequence[EncodedPrompt], goes_on: Sequence[_GoesOn | None] = ()) -> list[Output]:
        """Generate one output per prompt, in the same order. A failure empties the cache.

        Args:
            prompts: The prompts.
            goes_on: For each, None or what is called with its tokens after each of them, and says whether more are
                wanted.

        Raises:
            RuntimeError: If the memory does not suffice.
        """
        import torch

        started = time.perf_counter()
        keys = [prompt.keys for prompt in prompts]
        outputs: dict[int, Output] = {}
        try:
            with torch.inference_mode():
                for one in make_plan(keys, self._sampling.max_new_tokens, self._batch_tokens, self._cache_tokens):
                    outputs.update(self._answer_round(prompts, goes_on or [None] * len(prompts), one, started))
        except BaseException:
            # An interrupt may leave the cache half changed, and a full memory has no room for it.
            self.forget()
            raise
        return [outputs[index] for index in range(len(prompts))]

    def _answer_round(
        self, prompts: Sequence[EncodedPrompt], goes_on: Sequence[_GoesOn | None], plan: Round, started: float
    ) -> dict[int, Output]:
        """The outputs by prompt. The tokens of a shared prefix count for one prompt, its time for all."""
        begun = time.perf_counter()
        computed: Counter[int] = Counter()
        for index, length in plan.shared:
            computed[index] += self._remember(prompts[index], length)
        shared_s = (time.perf_counter() - begun) / sum(map(len, plan.batches))
        outputs = {}
        for batch in plan.batches:
            rows = [Row(prompts[index], self._endings, goes_on[index]) for index in batch]
            found = self._answer_batch(rows, started)
            for index, output in zip(batch, found, strict=True):
                outputs[index] = replace(
                    output,
                    cached_tokens=max(output.cached_tokens - computed[index], 0),
                    prefill_s=output.prefill_s + shared_s,
                )
        return outputs

    def _remember(self, prompt: EncodedPrompt, length: int) -> int:
        """Compute and cache the prompt's first tokens, except those that are cached already or do not fit.

        Returns:
            Number of tokens that were computed.
        """
        length = self._prefixes.fitting(prompt.keys[:length])
        known, segments = self._prefixes.match(prompt.keys[:length])
        if known < length:
            first = self._first_pass([(prompt, known, segments)], end=length)
            self._prefixes.insert(prompt.keys[:length], known, first.store.part(0, known, length))
        return length - known

    def _answer_batch(self, rows: list[Row], started: float) -> list[Output]:
        import torch

        begun = time.perf_counter()
        prompts = [row.prompt for row in rows]
        passes = list(self._first_passes(prompts))
        scores = torch.cat([one.scores for one in passes])
        store, mask = self._joined(passes)
        known = [length for one in passes for length in one.known]
        del passes
        polar = self._yes_probabilities(scores)
        chooser = TokenChooser(self._sampling, len(rows), scores.device)
        active = list(range(len(rows)))
        self._append(rows, active, scores, chooser)
        read = time.perf_counter()
        positions = torch.tensor([prompt.next_position for prompt in prompts], device=scores.device)
        while remaining := [index for index in active if not rows[index].is_done]:
            # Finished rows stay until they are half of all, because dropping them copies the others.
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
        done = time.perf_counter()
        return [
            Output(
                tuple(row.tokens),
                row.finished,
                row.looping,
                row.stopped,
                length,
                first_token_s=read - started,
                prefill_s=(read - begun) / len(rows),
                decode_s=(done - read) / len(rows),
                yes_probability=yes,
            )
            for row, length, yes in zip(rows, known, polar, strict=True)
        ]

    def _yes_probabilities(self, scores: torch.Tensor) -> list[float | None]:
        """Probability of yes against no as the first token of each row."""
        yes, no = self._polar
        if not yes or not no:
            return [None] * len(scores)
        weights = scores[:, [*yes, *no]].float().softmax(dim=-1)[:, : len(yes)].sum(dim=-1)
        return [float(weight) for weight in weights]

    def _first_passes(self, prompts: Sequence[EncodedPrompt]) -> Iterator[_FirstPass]:
        """Compute and cache all prompts, as many at a time as one pass should."""
        group: list[_Begun] = []
        for index, prompt in enumerate(prompts):
            group.append((prompt, *self._prefixes.match(prompt.keys[:-1])))
            widest = max(len(member) - known for member, known, _ in group)
            if (len(group) + 1) * widest > self._pass_tokens or index == len(prompts) - 1:
                done = self._first_pass(group)
                for row, (member, known, _) in enumerate(group):
                    own = done.store.part(row, done.store.length - len(member) + known, done.store.length)
                    self._prefixes.insert(member.keys, known, own)
                yield done
                group = []

    def _joined(self, passes: Sequence[_FirstPass]) -> tuple[KeyValues, torch.Tensor | None]:
        """Keys and values of all passes as one batch, and its attention mask, see ``_FirstPass``."""
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

    def _append(self, rows: list[Row], active: list[int], scores: torch.Tensor, chooser: TokenChooser) -> None:
        """Add one token to every unfinished row."""
        texts = [(rows[index].prompt.tokens, rows[index].tokens) for index in active]
        for index, token in zip(active, chooser.choose(scores, active, texts), strict=True):
            if not rows[index].is_done:
                rows[index].append(token)

    def _first_pass(self, group: Sequence[_Begun], end: int | None = None) -> _FirstPass:
        """Compute the prompts' tokens after the known ones, up to ``end``, padded on the left to equal numbers."""
        import torch

        device = self._model.device
        own = [len(prompt.tokens[length:end]) for prompt, length, _ in group]
        new = max(own)
        segments = [parts for *_, parts in group]
        store = KeyValues(self._shape, segments, new + self._headroom, device, self._model.dtype)
        ids = np.zeros((len(group), new), np.int64)
        positions = np.zeros((3, len(group), new), np.int64)
        attended = np.zeros((len(group), store.length + new), bool)
        imaged = np.zeros((len(group), new), bool)
        images: list[SizedImage] = []
        for row, ((prompt, length, _), count) in enumerate(zip(group, own, strict=True)):
            ids[row, new - count :] = prompt.tokens[length:end]
            positions[:, row, new - count :] = prompt.positions[:, length:end]
            attended[row, store.length - length : store.length] = True
            attended[row, store.length + new - count :] = True
            imaged[row, new - count :] = prompt.keys[length:end] < 0
            images += prompt.images_between(length, length + count)
        embedded = self._embed(torch.from_numpy(ids).to(device))
        visual = {}
        if images:
            place = torch.from_numpy(imaged).to(device)
            features = self._vision.features(images)
            embedded[place] = features[0].to(embedded.dtype)
            visual = {"visual_pos_masks": place, "deepstack_visual_embeds": list(features[1:])}
        mask = None if attended.all() else torch.from_numpy(attended).to(device)
        scores = self._pass(embedded, torch.from_numpy(positions).to(device), mask, store, **visual)
        return _FirstPass(scores, store, mask, tuple(length for _, length, _ in group), tuple(own))

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
