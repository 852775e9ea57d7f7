"""What theodolite-vl-nano is trained to say: the pipeline's own prompts, and the answers that they ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from nano.images import View
from nano.rendering import SIDE_PX, TrainingScene
from nano.vl_model import IMAGE_TOKENS
from nano.vocabulary import EVIDENCE, LANGUAGES, WHERE

from pipeline.models.vlm.base import Request
from pipeline.models.vlm.hints import DepthHint
from pipeline.models.vlm.none import NoModel
from pipeline.models.vlm.qwen3vl.encoding import chat_text
from pipeline.records import Box, Frame, Region, Scene
from pipeline.records.camera import Camera
from pipeline.records.message import Language
from pipeline.stages.query import QueryStage
from pipeline.stages.reading import Prompt
from pipeline.synthetic.layout import COLOURS
from pipeline.synthetic.questions import Statement, answer_text, fenced, located, named, question_text
from pipeline.synthetic.shapes import SHAPES
from pipeline.synthetic.words import WORDS

_MIRRORED = {"left_of": "right_of", "right_of": "left_of"}
# The evidence for these is told about their converse, so that the lesser of two numbers comes first wherever one holds.
_TOLD_CONVERSELY = ("right_of", "below", "behind", "farther", "occluded_by")
# What a relation compares; the others compare the order in depth.
_AXES = {"left_of": "x", "right_of": "x", "above": "y", "below": "y"}
_BOX_ERROR = 0.03
# Depth networks order two objects rightly more often than the noise of the stored depths does.
_SET_RIGHT = 0.6
_UNRELATED_HINTS = 0.1
_WITH_TEXT, _MOST_LINES = 0.25, 3
_FALSE_LINES = ("0", "1", "I", "一", "O")


class Kind(StrEnum):
    """What one turn is about."""

    LOCATE = "locate"
    GROUND = "ground"
    ANSWER = "answer"
    ANSWER_WITH_DEPTH = "answer_with_depth"


@dataclass(frozen=True, eq=False)
class Turn:
    """A question after the images, and its answer.

    Args:
        prompt: Tokens from the images' end to the answer's beginning.
        answer: Tokens of the answer, its end included.
        located: Frame and piece of every box of the answer, in order.
        told: Frame and piece of every number before yes or no.
        rows: Where in the prompt the table tells of each of these, from its name to the row's end; none without a
            table.
        is_measured: Whether these numbers are places in the image.
        prose: How many tokens of the answer come before its JSON.
    """

    prompt: list[int]
    answer: list[int]
    located: list[tuple[int, int]]
    told: tuple[tuple[int, int], ...] = ()
    rows: tuple[tuple[int, int], ...] = ()
    is_measured: bool = False
    prose: int = 0


class Dialogues:
    """Makes turns about scenes.

    Args:
        processor: The model's processor.
    """

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        self._tokenizer = processor.tokenizer
        self._end: int = processor.tokenizer.convert_tokens_to_ids("<|im_end|>")
        self._seen_end: int = processor.tokenizer.convert_tokens_to_ids("<|vision_end|>")
        self._image: int = processor.tokenizer.convert_tokens_to_ids("<|image_pad|>")
        self._box: int = processor.tokenizer.convert_tokens_to_ids(" | [")
        self._row_ends = set(processor.tokenizer.convert_tokens_to_ids([" |\n", " |\n\n"]))
        self._stages = {kind: QueryStage(NoModel(), hints=hints) for kind, hints in
                        ((Kind.ANSWER, "none"), (Kind.ANSWER_WITH_DEPTH, "table"))}  # fmt: skip
        frame = Frame(np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8), Camera.from_fov(SIDE_PX, SIDE_PX, 60))
        self._scenes = {count: Scene("training", (frame,) * count) for count in (1, 3)}

    def prefix(self, language: Language, frames: int) -> list[int]:
        """Tokens of every prompt up to the last image's end."""
        request = self._stages[Kind.ANSWER].grounding_request(self._scenes[frames], WHERE[language])
        return self._split(request)[0]

    def turn(
        self, kind: Kind, scene: TrainingScene, view: View, language: Language, rng: np.random.Generator
    ) -> Turn | None:
        """A random turn of a kind; None where the scene has nothing to ask."""
        names = {language: [_name(c, s, language) for c, s in zip(view.colours, scene.shapes, strict=True)]
                 for language in LANGUAGES}  # fmt: skip
        everywhere = set.intersection(*(set(image.boxes) for image in view.images))
        frames = self._scenes[len(view.images)]
        if kind is Kind.LOCATE:
            pieces = sorted(set.union(*(set(image.boxes) for image in view.images)))
            if not pieces:
                return None
            piece = pieces[int(rng.integers(len(pieces)))]
            question = WHERE[language].format(a=names[language][piece])
            request = self._stages[Kind.ANSWER].grounding_request(frames, question)
            return self._finished(request, fenced(_grounding(view, names[language], (piece,))), view, (piece,))
        drawn = _drawn(scene, everywhere, rng)
        if drawn is None:
            return None
        relation, first, second, holds = drawn
        if view.mirrored:
            relation = _MIRRORED.get(relation, relation)
        statement = Statement(relation, names["en"][first], names["en"][second], holds)
        names_zh = dict(zip(names["en"], names["zh"], strict=True))
        question = question_text(statement, language, names_zh, rng)
        pieces = (first, second)
        if kind is Kind.GROUND:
            request = self._stages[Kind.ANSWER].grounding_request(frames, question)
            return self._finished(request, fenced(_grounding(view, names[language], pieces)), view, pieces)
        hints: list[DepthHint] = []
        if kind is Kind.ANSWER_WITH_DEPTH:
            hints = _hints(scene, view, names[language], pieces, everywhere, rng)
            if relation not in _AXES and rng.random() < _SET_RIGHT:
                hints = _set_right(hints, holds is not (relation in _TOLD_CONVERSELY))
        told = {(hint.region.frame, hint.region.label): hint.region.box_px for hint in hints}
        objects = _grounding(view, names[language], pieces, told)
        a, b = named(statement, language, names_zh)
        claim: dict[str, object] = {"relation": relation, "subject": a, "object": b}
        if not holds:
            claim["negated"] = True
        said = fenced({"objects": objects, "claims": [claim]})
        request = self._stages[kind].answer_request(Prompt(_with_text(frames, rng), question, hints=tuple(hints)))
        axis = _AXES.get(relation, "order")
        numbers = _evidence(scene, view, pieces, axis, hints)
        if axis == "order":
            # The table may be wrong, the answer is not.
            numbers = sorted(numbers, reverse=holds is (relation in _TOLD_CONVERSELY))
        evidence = list(zip((a, b), numbers, pieces, strict=True))
        if relation in _TOLD_CONVERSELY:
            evidence.reverse()
        (a, p, _), (b, q, _) = evidence
        prose = EVIDENCE[axis][language].format(a=a, b=b, p=p, q=q) + answer_text(statement, language, names_zh)
        turn = self._finished(request, f"{prose}\n\n{said}", view, pieces)
        return replace(
            turn,
            told=tuple((0, piece) for *_, piece in evidence),
            rows=tuple(self._row(turn.prompt, name) for name, *_ in evidence) if hints else (),
            is_measured=axis != "order",
            prose=len(self._tokenizer(prose)["input_ids"]),
        )

    def _row(self, prompt: list[int], name: str) -> tuple[int, int]:
        """From where to where a prompt's first table has the name of an object and what follows in its row."""
        wanted = [*self._tokenizer(name)["input_ids"], self._box]
        first = next(k for k in range(len(prompt)) if prompt[k : k + len(wanted)] == wanted)
        return first, next(k for k in range(first, len(prompt)) if prompt[k] in self._row_ends) + 1

    def _finished(self, request: Request, answer: str, view: View, pieces: Sequence[int]) -> Turn:
        tokens = [*self._tokenizer(answer)["input_ids"], self._end]
        return Turn(self._split(request)[1], tokens, _places(view, pieces))

    def _split(self, request: Request) -> tuple[list[int], list[int]]:
        """Tokens of a prompt up to the end of its last image, images at full length, and the others."""
        tokens = self._tokenizer(chat_text(self._processor, request))["input_ids"]
        cut = len(tokens) - tokens[::-1].index(self._seen_end)
        counts = [IMAGE_TOKENS if token == self._image else 1 for token in tokens[:cut]]
        return np.repeat(tokens[:cut], counts).tolist(), tokens[cut:]


def _name(colour: str, shape: str, language: Language) -> str:
    if language == "en":
        return f"{colour} {shape}"
    return COLOURS[colour][0] + SHAPES[shape].name_zh if colour in COLOURS else SHAPES[shape].name_zh


def _with_text(scene: Scene, rng: np.random.Generator) -> Scene:
    """The scene, sometimes with lines of text that OCR found in it, right ones or not."""
    if rng.random() >= _WITH_TEXT:
        return scene
    lines = []
    for _ in range(int(rng.integers(1, _MOST_LINES + 1))):
        left, top = rng.integers(0, SIDE_PX - 60, 2)
        width, height = rng.integers(10, 60, 2)
        words = WORDS if rng.random() < 0.8 else _FALSE_LINES
        box = (float(left), float(top), float(left + width), float(top + height))
        frame = int(rng.integers(len(scene.frames)))
        lines.append(Region(words[int(rng.integers(len(words)))], box, frame))
    return replace(scene, text_regions=tuple(sorted(lines, key=lambda line: line.frame)))


def _drawn(scene: TrainingScene, pieces: set[int], rng: np.random.Generator) -> tuple[str, int, int, bool] | None:
    """A statement about well visible pieces: every relation, and yes and no, equally often where the scene has them."""
    known = [entry for entry in scene.statements if entry[1] in pieces and entry[2] in pieces]
    if not known:
        return None
    relations = sorted({entry[0] for entry in known})
    relation = relations[int(rng.integers(len(relations)))]
    wanted = bool(rng.random() < 0.5)
    of_relation = [entry for entry in known if entry[0] == relation]
    pool = [entry for entry in of_relation if entry[3] == wanted] or of_relation
    return pool[int(rng.integers(len(pool)))]


def _evidence(
    scene: TrainingScene, view: View, pieces: tuple[int, int], axis: str, hints: Sequence[DepthHint]
) -> list[int]:
    """Middles of two objects along an axis of the first image in thousandths, or their places in its order."""
    told = {hint.region.label: hint for hint in hints if hint.region.frame == 0}
    if axis == "order":
        # As the table has them, or by what is true where there is none.
        listed = list(told.values()) or [scene.frames[0].hints[piece] for piece in pieces]
        near_first = sorted(listed, key=lambda hint: (-hint.nearness, -hint.median, hint.reference))
        return [near_first.index(hint) + 1 for hint in listed[:2]]
    boxes = [hint.region.box_px for hint in list(told.values())[:2]]
    boxes = boxes or [view.images[0].boxes[piece] for piece in pieces]
    first = 0 if axis == "x" else 1
    ends = [thousandths_of(box) for box in boxes]
    return [round((end[first] + end[first + 2]) / 2) for end in ends]


def _places(view: View, pieces: Sequence[int]) -> list[tuple[int, int]]:
    """Frame and piece of every object that a grounding lists, in its order."""
    return [(k, piece) for k, image in enumerate(view.images) for piece in pieces if piece in image.boxes]


def _grounding(
    view: View, names: Sequence[str], pieces: Sequence[int], told: dict[tuple[int, str], Box] | None = None
) -> list[dict[str, object]]:
    """The objects in every image that shows them; boxes that the prompt told are repeated."""
    boxes = [(told or {}).get((k, names[piece]), view.images[k].boxes[piece]) for k, piece in _places(view, pieces)]
    return [
        located(names[piece], thousandths_of(box), index + 1)
        for (index, piece), box in zip(_places(view, pieces), boxes, strict=True)
    ]


def thousandths_of(box: Box) -> list[int]:
    """A box of the image in thousandths."""
    return [min(max(round(1000 * edge / SIDE_PX), 0), 1000) for edge in box]


def _hints(
    scene: TrainingScene,
    view: View,
    names: Sequence[str],
    pieces: Sequence[int],
    everywhere: set[int],
    rng: np.random.Generator,
) -> list[DepthHint]:
    """Depth of the pieces in every image, in boxes that are off by what a grounding is off."""
    more = [piece for piece in sorted(everywhere - set(pieces)) if rng.random() < _UNRELATED_HINTS]
    hints = []
    for index, (frame, image) in enumerate(zip(scene.frames, view.images, strict=True)):
        for piece in (*pieces, *more):
            if piece not in image.boxes or piece not in frame.hints:
                continue
            box = np.array(image.boxes[piece])
            sides = np.tile(box[2:] - box[:2], 2)
            off = np.clip(box + rng.normal(0, _BOX_ERROR, 4) * sides, 0, SIDE_PX)
            region = Region(names[piece], tuple(float(edge) for edge in off), index)
            hints.append(replace(frame.hints[piece], region=region, reference=names[piece]))
    return hints


def _set_right(hints: Sequence[DepthHint], is_first_nearer: bool) -> list[DepthHint]:
    """The hints, of which those of the first two objects exchange their depths wherever these are in wrong order."""
    found = list(hints)
    labels = [hint.region.label for hint in hints[:2]]
    for frame in {hint.region.frame for hint in hints}:
        first, second = (
            next((k for k, hint in enumerate(hints) if (hint.region.frame, hint.region.label) == (frame, label)), None)
            for label in labels
        )
        if first is None or second is None or (found[first].nearness > found[second].nearness) is is_first_nearer:
            continue
        for one, other in ((first, second), (second, first)):
            told = hints[other]
            found[one] = replace(hints[one], near=told.near, median=told.median, far=told.far, nearness=told.nearness)
    return found
