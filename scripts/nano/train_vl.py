"""Trains theodolite-vl-nano."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nano.dialogues import Dialogues, Kind, Turn
from nano.images import COLOUR_NAMES, patch_owners, shown
from nano.loop import Training, join_processes, prefetched, stored_weights
from nano.rendering import SIDE_PX, TrainingScene, load_shards
from nano.vl_model import GRID, IMAGE_TOKENS, MERGE, PATCH_PX, BatchedForward, build, number_tokens
from nano.vocabulary import LANGUAGES, NUMBERS
from torch import nn
from torch.nn import functional

from pipeline.models.vlm.qwen3vl.encoding import multimodal_positions
from pipeline.synthetic.shapes import SHAPES

_SHAPE_NAMES = tuple(SHAPES)
_NOTHING = -1
_AUXILIARY = {"decision": 2.0, "colour": 0.3, "shape": 0.3, "box": 4.0, "pointing": 0.3, "reading": 0.3}
# Coordinates as far off as the model's usually are count as nearly right, within these bounds [1/1000 of the image].
_LEAST_SPREAD, _LARGEST_SPREAD = 4.0, 16.0
_SPREAD_MEMORY = 0.97
# The largest learning rates, from random weights and from a model's.
_RATE, _RATE_GOING_ON, _WEIGHT_DECAY = 2e-3, 8e-4, 0.03


@dataclass(frozen=True)
class Mix:
    """A layout of a batch, and how often it is drawn.

    Args:
        frames: Images per item.
        items: Items in the batch.
        kinds: Turns of each item; without any, only the vision model is trained. All answers but one stop before their
            JSON.
        share: How often it is drawn, at the beginning and at the end.
    """

    frames: int
    items: int
    kinds: tuple[Kind, ...]
    share: tuple[float, float]


# First what is seen, then where it is, then answers: they need both.
MIXES = (
    Mix(1, 24, (), (0.35, 0.0)),
    Mix(1, 12, (Kind.LOCATE, Kind.LOCATE, Kind.GROUND, Kind.GROUND), (0.4, 0.3)),
    Mix(1, 6, (Kind.GROUND, *[Kind.ANSWER_WITH_DEPTH] * 8), (0.15, 0.2)),
    Mix(1, 8, (Kind.GROUND, *[Kind.ANSWER] * 6), (0.05, 0.4)),
    Mix(3, 3, (Kind.GROUND, Kind.ANSWER, *[Kind.ANSWER_WITH_DEPTH] * 3), (0.05, 0.1)),
)


@dataclass(frozen=True, eq=False)
class Batch:
    """Items of one layout: the images once, then turns that see them and not each other.

    Args:
        images: uint8 (B * F, 256, 256, 3).
        tokens: int64 (B, L).
        positions: int64 (3, L).
        parts: Numbers of tokens of the images' prefix and of each turn, which add up to L.
        places: int64 (F * 64,), where the images' tokens stand.
        asked: int64 (N,), flat indices of the tokens after which the answers' tokens come.
        answers: int64 (N,), these tokens.
        is_coordinate: bool (N,), whether one is an edge of a box.
        is_decision: bool (N,), whether one is the yes or no of an answer, or an order in depth that is told before it.
        is_measure: bool (N,), whether one is a place in the image that is told before it.
        is_pointed: bool (N,), whether one is about a certain object: an edge of its box, or its place or order.
        spots: float32 (P, F * 64), the share of every token of the images that the object of each of these covers.
        rows: int64 (R, 5), for numbers of which a table tells: turn, item, place in the turn of the token before, and
            from where to where in the turn the table does.
        owners: int64 (B * F, 64, 4, 2), colour and shape of every patch of every token; -1 for none.
        boxes: float32 (B * F, 64, 4, 4), their boxes, 0 to 1.
    """

    images: torch.Tensor
    tokens: torch.Tensor
    positions: torch.Tensor
    parts: list[int]
    places: torch.Tensor
    asked: torch.Tensor
    answers: torch.Tensor
    is_coordinate: torch.Tensor
    is_decision: torch.Tensor
    is_measure: torch.Tensor
    is_pointed: torch.Tensor
    spots: torch.Tensor
    rows: torch.Tensor
    owners: torch.Tensor
    boxes: torch.Tensor


class Batches:
    """Draws batches.

    Args:
        scenes: Training scenes.
        processor: The model's processor.
        seed: Seed of the layouts, which all processes draw alike.
        rank: Number of this process; each draws other scenes.
    """

    def __init__(self, scenes: list[TrainingScene], processor: Any, seed: int, rank: int = 0) -> None:
        self._by_frames = {count: [s for s in scenes if len(s.frames) == count] for count in (1, 3)}
        self._dialogues = Dialogues(processor)
        self._rng, self._layout_rng = np.random.default_rng((seed, rank)), np.random.default_rng(seed)
        tokenizer = processor.tokenizer
        self._pad: int = tokenizer.convert_tokens_to_ids("<|endoftext|>")
        self._image: int = tokenizer.convert_tokens_to_ids("<|image_pad|>")
        self._numbers = set(number_tokens(tokenizer))
        self._after = set(tokenizer.convert_tokens_to_ids([", ", '], "label": "']))
        self._decisions = set(tokenizer.convert_tokens_to_ids(["Yes, the ", "No, the ", "是的，", "不是，"]))
        self.progress = 0.0

    def draw(self) -> Batch:
        """The next batch."""
        shares = np.array([a + (b - a) * min(1.0, 1.6 * self.progress) for a, b in (mix.share for mix in MIXES)])
        mix = MIXES[int(self._layout_rng.choice(len(MIXES), p=shares / shares.sum()))]
        whole = int(self._layout_rng.integers(1, max(len(mix.kinds), 2)))
        items = [self._item(mix, whole) for _ in range(mix.items)]
        return self._collated(mix, items)

    def _item(self, mix: Mix, whole: int) -> tuple[Any, TrainingScene, list[int], list[Turn]]:
        scenes = self._by_frames[mix.frames]
        while True:
            scene = scenes[int(self._rng.integers(len(scenes)))]
            view = shown(scene, self._rng)
            language = LANGUAGES[int(self._rng.integers(len(LANGUAGES)))]
            turns = [
                self._dialogues.turn(kind, scene, view, language, self._rng)
                or self._dialogues.turn(Kind.LOCATE, scene, view, language, self._rng)
                for kind in mix.kinds
            ]
            turns = [turn if k == whole else _shortened(turn) for k, turn in enumerate(turns)]
            if all(turns):
                return view, scene, self._dialogues.prefix(language, mix.frames), turns  # type: ignore[return-value]

    def _collated(self, mix: Mix, items: list[tuple[Any, TrainingScene, list[int], list[Turn]]]) -> Batch:
        start = len(items[0][2])
        sizes = [max(len(turns[k].prompt) + len(turns[k].answer) for *_, turns in items) for k in range(len(mix.kinds))]
        length = start + sum(sizes)
        tokens = np.full((len(items), length), self._pad)
        asked: list[int] = []
        answers: list[int] = []
        is_decision: list[bool] = []
        is_measure: list[bool] = []
        is_told: list[bool] = []
        rows: list[tuple[int, ...]] = []
        for row, (_, _, prefix, turns) in enumerate(items):
            tokens[row, :start] = prefix
            at = start
            for number, (turn, size) in enumerate(zip(turns, sizes, strict=True)):
                said = turn.prompt + turn.answer
                tokens[row, at : at + len(said)] = said
                first = row * length + at + len(turn.prompt) - 1
                asked += range(first, first + len(turn.answer))
                answers += turn.answer
                decides = [token in self._decisions for token in turn.answer]
                before = decides.index(True) if any(decides) else 0
                told = [k < before and token in self._numbers for k, token in enumerate(turn.answer)]
                is_told += told
                places = (len(turn.prompt) - 1 + k for k, is_number in enumerate(told) if is_number)
                rows += [(number, row, place, *span) for place, span in zip(places, turn.rows, strict=False)]
                is_measure += [turn.is_measured and is_number for is_number in told]
                is_decision += [
                    decided or (is_number and not turn.is_measured)
                    for decided, is_number in zip(decides, told, strict=True)
                ]
                at += size
        is_image = tokens[0] == self._image
        grids = [(GRID // MERGE, GRID // MERGE)] * mix.frames
        prefix_positions = multimodal_positions(is_image[:start], grids)
        after = prefix_positions.max() + 1
        turn_positions = [np.broadcast_to(np.arange(after, after + size), (3, size)) for size in sizes]
        positions = np.concatenate((prefix_positions, *turn_positions), axis=1)
        answer_tokens = np.array(answers, dtype=np.int64)
        following = np.append(answer_tokens[1:], self._pad)
        is_coordinate = np.isin(answer_tokens, list(self._numbers)) & np.isin(following, list(self._after))
        seen = [_targets(view, scene) for view, scene, *_ in items]
        spots = [
            _spot(pieces, frame, piece)
            for (*_, turns), (_, _, pieces) in zip(items, seen, strict=True)
            for turn in turns
            for frame, piece in (*turn.told, *(place for place in turn.located for _ in range(4)))
        ]
        return Batch(
            torch.from_numpy(np.stack([image.rgb for view, *_ in items for image in view.images])),
            torch.from_numpy(tokens),
            torch.from_numpy(positions),
            [start, *sizes],
            torch.from_numpy(np.flatnonzero(is_image)),
            torch.tensor(asked, dtype=torch.int64),
            torch.from_numpy(answer_tokens),
            torch.from_numpy(is_coordinate),
            torch.tensor(is_decision, dtype=torch.bool),
            torch.tensor(is_measure, dtype=torch.bool),
            torch.from_numpy(is_coordinate | np.array(is_told, dtype=bool)),
            torch.from_numpy(np.array(spots, dtype=np.float32).reshape(-1, mix.frames * IMAGE_TOKENS)),
            torch.tensor(rows, dtype=torch.int64).reshape(-1, 5),
            torch.from_numpy(np.concatenate([owners for owners, _, _ in seen])),
            torch.from_numpy(np.concatenate([boxes for _, boxes, _ in seen])),
        )


def _shortened(turn: Turn | None) -> Turn | None:
    """The turn up to its answer's JSON, if it has prose."""
    if turn is None or not turn.prose:
        return turn
    return replace(turn, answer=turn.answer[: turn.prose], located=[])


def _spot(pieces: np.ndarray, frame: int, piece: int) -> np.ndarray:
    """Share of the tokens of all images that a piece covers in one of them, (F * 64,)."""
    covered = np.zeros(pieces.shape[:2])
    covered[frame] = (pieces[frame] == piece).mean(axis=1)
    return covered.ravel()


def _targets(view: Any, scene: TrainingScene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What covers every patch: colour and shape, box, and piece.

    Returns:
        int64 (F, 64, 4, 2), float32 (F, 64, 4, 4) and int64 (F, 64, 4).
    """
    pieces = len(scene.shapes)
    kinds = np.full((pieces + 1, 2), _NOTHING)
    for piece, (colour, shape) in enumerate(zip(view.colours, scene.shapes, strict=True)):
        if colour in COLOUR_NAMES:
            kinds[piece] = COLOUR_NAMES.index(colour), _SHAPE_NAMES.index(shape)
    owners, boxes, all_pieces = [], [], []
    for image in view.images:
        places = np.full((pieces + 1, 4), np.nan, dtype=np.float32)
        for piece, box in image.boxes.items():
            places[piece] = np.array(box) / SIDE_PX
        rows = GRID // MERGE
        found = patch_owners(image.ids, pieces, PATCH_PX)
        found = found.reshape(rows, MERGE, rows, MERGE).transpose(0, 2, 1, 3).reshape(IMAGE_TOKENS, MERGE**2)
        owners.append(kinds[found])
        boxes.append(places[found])
        all_pieces.append(found)
    return np.stack(owners), np.stack(boxes), np.stack(all_pieces)


class Losses(nn.Module):
    """The losses, and the heads that only training needs.

    Args:
        forward: The model.
        numbers: Token of every number.
    """

    def __init__(self, forward: BatchedForward, numbers: list[int]) -> None:
        super().__init__()
        hidden = forward.model.config.text_config.hidden_size
        self._forward = [forward]
        self.heads = nn.ModuleDict(
            {
                "colour": nn.Linear(hidden, MERGE**2 * (len(COLOUR_NAMES) + 1)),
                "shape": nn.Linear(hidden, MERGE**2 * (len(_SHAPE_NAMES) + 1)),
                "box": nn.Linear(hidden, MERGE**2 * 4),
            }
        )
        self.register_buffer("numbers", torch.tensor(numbers), persistent=False)

    def forward(self, batch: Batch, spread: float) -> dict[str, torch.Tensor]:
        """Losses by name; ``spread`` is how far off a coordinate is nearly right [1/1000 of the image]."""
        model = self._forward[0]
        device = self.numbers.device
        seen, deep = model.see(batch.images.to(device))
        auxiliary = self._auxiliary(seen.float(), batch)
        if len(batch.asked) == 0:
            return auxiliary
        items = len(batch.tokens)

        def by_item(values: torch.Tensor) -> torch.Tensor:
            return values.reshape(items, -1, values.shape[-1])

        hidden, pointing, reading = model.read(
            batch.tokens.to(device),
            batch.positions.to(device),
            batch.parts,
            batch.places.to(device),
            by_item(seen),
            [by_item(layer) for layer in deep],
        )
        logits = model.logits(hidden.flatten(0, 1)[batch.asked.to(device)]).float()
        scores = logits.log_softmax(dim=-1)
        answers, is_coordinate = batch.answers.to(device), batch.is_coordinate.to(device)
        is_measure = batch.is_measure.to(device)
        is_word = ~(is_coordinate | is_measure)
        words = -scores[is_word].gather(1, answers[is_word, None]).mean()
        decisions = batch.is_decision.to(device)
        if decisions.any():
            auxiliary["decision"] = -scores[decisions].gather(1, answers[decisions, None]).mean()
        if is_measure.any():
            auxiliary["measure"], _ = self._numbers_loss(scores[is_measure], answers[is_measure], spread)
        coordinates, off = self._numbers_loss(scores[is_coordinate], answers[is_coordinate], spread)
        pointed = pointing.flatten(0, 1)[batch.asked[batch.is_pointed].to(device)].float()
        spots = batch.spots.to(device)
        on_object = (pointed * (spots > 0)).sum(dim=1)[spots.sum(dim=1) > 0]
        auxiliary["pointing"] = -(on_object + 1e-4).log().mean()
        if len(batch.rows):
            auxiliary["reading"] = _reading_loss(reading, batch.rows.to(device))
        return {"words": words, "coordinates": coordinates, **auxiliary, "off": off}

    def _numbers_loss(
        self, scores: torch.Tensor, answers: torch.Tensor, spread: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss of numbers of which near ones are nearly right, and how far off their expectations are (median)."""
        near = scores[:, self.numbers]
        # The tokens of the numbers ascend.
        values = torch.searchsorted(self.numbers, answers)
        every = torch.arange(NUMBERS, device=scores.device)
        weights = torch.exp(-(((every - values[:, None]) / spread) ** 2) / 2)
        weights = weights / weights.sum(dim=1, keepdim=True)
        off = ((near.softmax(dim=1) * every).sum(dim=1) - values).abs().median()
        return -(weights * near).sum(dim=1).mean(), off.detach()

    def _auxiliary(self, seen: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
        owners, boxes = batch.owners.to(seen.device), batch.boxes.to(seen.device)
        shape = (*seen.shape[:2], MERGE**2, -1)
        found = {}
        for place, name in enumerate(("colour", "shape")):
            scores = self.heads[name](seen).view(shape)
            wanted = owners[..., place]
            wanted = torch.where(wanted < 0, scores.shape[-1] - 1, wanted)
            found[name] = functional.cross_entropy(scores.flatten(0, 2), wanted.flatten())
        known = ~boxes[..., 0].isnan()
        found["box"] = (self.heads["box"](seen).view(shape)[known] - boxes[known]).abs().mean()
        return found


def _reading_loss(shares: list[torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
    """How little attention goes to the rows of a table that tell of the next number, see ``Batch``."""
    found = []
    for turn, own in enumerate(shares):
        item, place, first, end = rows[rows[:, 0] == turn, 1:].T[:, :, None]
        at = torch.arange(own.shape[-1], device=own.device)
        inside = (at >= first) & (at < end)
        found.append((own[item[:, 0], place[:, 0]].float() * inside).sum(dim=1))
    return -(torch.cat(found) + 1e-4).log().mean()


def train(work: Path, output: Path, scenes: int, minutes: float, seed: int, start: Path | None) -> None:
    """Train, or go on with it, and write the model's folder every few minutes.

    Args:
        work: Holds ``scenes``; state and log go to ``vl``.
        output: The model's folder.
        scenes: Number of training scenes.
        minutes: Length of the training.
        seed: Seed of weights and batches.
        start: A model's folder to start from, instead of random weights.
    """
    rank = join_processes()
    torch.manual_seed(seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model, processor = build()
    if start is not None:
        # The tied head is not stored.
        fit = model.load_state_dict(stored_weights(start), strict=False)
        if fit.unexpected_keys or set(fit.missing_keys) - {"lm_head.weight"}:
            raise ValueError(f"{start} holds another model than theodolite-vl-nano.")
    forward = BatchedForward(model.to(device))
    losses = Losses(forward, number_tokens(processor.tokenizer)).to(device)
    rate = _RATE if start is None else _RATE_GOING_ON
    training = Training(work / "vl", nn.ModuleDict({"model": model, "losses": losses}), minutes, rate, _WEIGHT_DECAY)
    batches = Batches(load_shards(work / "scenes", scenes), processor, seed + training.steps, rank)
    batches.progress = training.progress
    spread = _LARGEST_SPREAD if start is None else _LEAST_SPREAD
    for batch in prefetched(batches.draw):
        progress = batches.progress = training.progress
        training.write(output, model, processor, scenes=scenes, seed=seed)
        if progress >= 1:
            break
        with torch.autocast(device.type, dtype=torch.bfloat16):
            found = losses(batch, spread)
        loss = sum(_AUXILIARY.get(name, 1.0) * value for name, value in found.items() if name != "off")
        training.step(loss, len(batch.images))
        training.log(**found)
        if "off" in found:
            spread = _SPREAD_MEMORY * spread + (1 - _SPREAD_MEMORY) * float(found["off"])
            spread = min(max(spread, _LEAST_SPREAD), _LARGEST_SPREAD)
