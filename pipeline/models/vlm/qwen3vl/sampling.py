"""Choosing the next token: settings and the choice itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Interval

from pipeline.models.vlm.base import TopP
from pipeline.records.settings import Count, Natural, NonNegative, Positive, SettingError, checked

if TYPE_CHECKING:
    import torch


@checked
@dataclass(frozen=True)
class Sampling:
    """How an output is generated.

    Args:
        max_new_tokens: Limit of the output's length, reasoning included [tokens].
        max_thinking_tokens: Limit of the reasoning's length [tokens]; the reasoning is then closed and the answer
            begins. None lets it take all.
        temperature: 0 takes the likeliest token each time; above 0 tokens are drawn.
        top_p: Probability mass that tokens are drawn from.
        top_k: Number of tokens that are drawn from; 0 for all.
        repetition_penalty: 1 for none; above 1 lowers tokens that occurred in prompt or output.
        presence_penalty: Subtracted from the score of every token that occurred in the output.
        seed: Seed of the drawing.

    Raises:
        ConfigError: If a number is out of its range.
    """

    max_new_tokens: Count = 1024
    max_thinking_tokens: Natural | None = None
    temperature: NonNegative = 0.0
    top_p: TopP = 0.8
    top_k: Natural = 20
    repetition_penalty: Positive = 1.0
    presence_penalty: float = 0.0
    seed: Annotated[int, Interval(ge=0, lt=2**63)] = 0

    def __post_init__(self) -> None:
        """Check that the answer has room."""
        if self.max_thinking_tokens is not None and self.max_thinking_tokens >= self.max_new_tokens:
            raise SettingError(
                "max_thinking_tokens",
                f"must be below max_new_tokens ({self.max_new_tokens}), not {self.max_thinking_tokens}: the answer "
                "needs room after the reasoning.",
            )

    @property
    def is_greedy(self) -> bool:
        """Whether the likeliest token is taken each time."""
        return self.temperature == 0

    def as_dict(self) -> dict[str, Any]:
        """The settings that the output depends on, without the seed."""
        settings = {**asdict(self), "do_sample": not self.is_greedy}
        unused = ("seed", "temperature", "top_p", "top_k") if self.is_greedy else ("seed",)
        return {name: value for name, value in settings.items() if name not in unused}


class TokenChooser:
    """Chooses the next tokens of several outputs, each as if it were alone.

    Args:
        sampling: The settings.
        rows: Number of outputs; each draws from a generator of its own, independent of its neighbours.
        device: Device of the scores.
    """

    def __init__(self, sampling: Sampling, rows: int, device: torch.device) -> None:
        import torch

        self._sampling = sampling
        self._takes_likeliest = (
            sampling.is_greedy and sampling.repetition_penalty == 1 and sampling.presence_penalty == 0
        )
        self._generators = [torch.Generator(device).manual_seed(sampling.seed) for _ in range(rows)]
        self._warpers = _warpers(sampling)

    def choose(self, scores: torch.Tensor, rows: Sequence[int], texts: Sequence[tuple[Any, list[int]]]) -> list[int]:
        """The next token of each output.

        Args:
            scores: Logits, (rows, vocabulary).
            rows: Index of each output, which selects its generator.
            texts: Prompt (int64, (N,)) and output so far of each.
        """
        if self._takes_likeliest:
            tokens: list[int] = scores.argmax(-1).tolist()
            return tokens
        return [
            self._choose_one(score, self._generators[row], *text)
            for score, row, text in zip(scores, rows, texts, strict=True)
        ]

    def _choose_one(self, score: torch.Tensor, generator: torch.Generator, prompt: Any, output: list[int]) -> int:
        import torch

        # As in transformers: penalties first, in float32.
        score = score.to(torch.float32, copy=True)[None]
        seen = torch.cat((torch.as_tensor(prompt), torch.tensor(output, dtype=torch.int64)))[None].to(score.device)
        if self._sampling.presence_penalty and output:
            score[0, torch.tensor(sorted(set(output)), device=score.device)] -= self._sampling.presence_penalty
        score = self._warpers(seen, score)
        if self._sampling.is_greedy:
            return int(score.argmax())
        return int(torch.multinomial(score.softmax(-1)[0], 1, generator=generator))


def _warpers(sampling: Sampling) -> Any:
    from transformers import (
        LogitsProcessorList,
        RepetitionPenaltyLogitsProcessor,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    warpers = LogitsProcessorList()
    if sampling.repetition_penalty != 1:
        warpers.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    if not sampling.is_greedy:
        warpers.append(TemperatureLogitsWarper(sampling.temperature))
        if sampling.top_k:
            warpers.append(TopKLogitsWarper(sampling.top_k))
        if sampling.top_p < 1:
            warpers.append(TopPLogitsWarper(sampling.top_p))
    return warpers
