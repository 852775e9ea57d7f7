"""Answers that a model gave earlier, read from a file."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from pipeline.claims.coordinates.conventions import Convention
from pipeline.claims.coordinates.families import CoordinateChoice, convention_of
from pipeline.claims.markup import clean_text
from pipeline.models.vlm.base import Generation, Request, Step, VisionLanguageModel
from pipeline.models.vlm.received import is_token_count
from pipeline.records.errors import GenerationError, InputError
from pipeline.records.settings import Text, checked

logger = logging.getLogger(__name__)


# An answer is found by these.
_NAMES = ("id", "content_hash")


@dataclass(frozen=True)
class _Entry:
    generation: Generation
    question: str | None


# Entries by kind of name, name and step.
_Recording = dict[tuple[str, str, Step], list[_Entry]]


class Recorded(VisionLanguageModel):
    """Looks answers up in a JSONL file with one answer a line.

    A line has ``response``, and ``id`` (of the item), ``content_hash`` (of frames and question) or both.
    Optional are ``prompt`` or ``question``, ``step`` (such as ``answer`` or ``ground``), ``model``, ``revision``,
    ``coordinates``, ``yes_probability``, ``prompt_tokens`` and ``completion_tokens``; other fields are ignored. An
    answer is found by its content hash, or else by the item's id. Among several of one id, the question decides, or
    else the first without one is taken; of the steps ``confirm`` and ``compare``, the question is the object's name.

    Args:
        path: The file, a regular one; it is read when the first answer is wanted.
        coordinates: Unit of the coordinates in answers whose line gives none; ``auto`` takes that of the family of the
            line's model.
    """

    loads_model = False

    @checked
    def __init__(self, path: Text | Path, coordinates: CoordinateChoice = "auto") -> None:
        self._path = Path(path).expanduser()
        self._coordinates = coordinates

    def convention(self, generation: Generation | None = None) -> Convention:
        """See ``VisionLanguageModel``."""
        if generation is None:
            return convention_of("", self._coordinates)
        return convention_of(generation.model, generation.settings.get("coordinates", self._coordinates))

    def check(self) -> None:
        """Read the file.

        Raises:
            InputError: If the file cannot be read.
        """
        _ = self._recording

    @property
    def can_ground(self) -> bool:
        """Whether the file has answers to the grounding step."""
        return Step.GROUND in self._steps

    @property
    def takes_followups(self) -> bool:
        """Whether the file has answers to short questions about an answer."""
        return not self._steps.isdisjoint((Step.FORMALISE, Step.CONFIRM, Step.COMPARE))

    def generate(self, request: Request) -> Generation:
        """The recorded answer, verbatim.

        Raises:
            GenerationError: If the file has no answer for the item.
            InputError: If the file cannot be read.
        """
        of_content = self._recording.get(("content_hash", request.content_hash, request.step))
        return (of_content[0] if of_content else self._by_id(request)).generation

    def _by_id(self, request: Request) -> _Entry:
        entries = self._recording.get(("id", request.item_id, request.step), [])
        if not entries:
            raise GenerationError(
                f"{self._path} has no recorded answer ({request.step}) for item {request.item_id!r}: add one, or "
                "choose a model with vlm=qwen3vl or vlm=openai."
            )
        asked = _normalised(request.question)
        same_question = [entry for entry in entries if entry.question == asked]
        any_question = [entry for entry in entries if entry.question is None]
        if not same_question and not any_question:
            if len(entries) > 1:
                raise GenerationError(
                    f"{self._path} has {len(entries)} answers for item {request.item_id!r}, but none to the question "
                    f"{request.question!r}."
                )
            logger.warning("The recorded answer of item %s was given to another question.", request.item_id)
        return (same_question or any_question or entries)[0]

    @cached_property
    def _steps(self) -> frozenset[Step]:
        """The steps with an answer in the file."""
        return frozenset(step for _, _, step in self._recording)

    @cached_property
    def _recording(self) -> _Recording:
        recording: _Recording = {}
        try:
            # Opening a pipe would wait without end.
            if self._path.exists() and not self._path.is_file():
                raise InputError(f"The recorded answers {self._path} are not a regular file.")
            with self._path.open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        self._add(recording, line, number)
        except OSError as error:
            raise InputError(f"The recorded answers {self._path} cannot be read: {error.strerror}.") from None
        return recording

    def _add(self, recording: _Recording, line: bytes, number: int) -> None:
        where = f"{self._path}, line {number}"
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where} is not JSON: {error}.") from None
        if not isinstance(fields, dict) or not isinstance(fields.get("response"), str):
            raise InputError(f"{where} must be an object with a text 'response'.")
        if all(fields.get(name) is None for name in _NAMES):
            raise InputError(f"{where} needs an 'id' or a 'content_hash'.")
        for name in ("model", "revision"):
            if not isinstance(fields.get(name), str | None):
                raise InputError(f"{where}: {name!r} must be a text.")
        if not _is_share(fields.get("yes_probability")):
            raise InputError(f"{where}: 'yes_probability' must be a number from 0 to 1.")
        for name in ("prompt_tokens", "completion_tokens"):
            if fields.get(name) is not None and not is_token_count(fields[name]):
                raise InputError(f"{where}: {name!r} must be a whole number that is not negative.")
        try:
            step = Step(fields.get("step", Step.ANSWER))
        except ValueError:
            raise InputError(f"{where}: 'step' must be one of {', '.join(Step)}, not {fields['step']!r}.") from None
        # A description in words is not meant for this program.
        if len(str(fields.get("coordinates", "")).split()) == 1 and not _unit(fields):
            choices = ", ".join(get_args(CoordinateChoice))
            raise InputError(f"{where}: 'coordinates' must be one of {choices}, not {fields['coordinates']!r}.")
        question = fields.get("question") or fields.get("prompt")
        entry = _Entry(self._generation(fields), _normalised(question) if isinstance(question, str) else None)
        for name in _NAMES:
            if fields.get(name) is not None:
                recording.setdefault((name, str(fields[name]), step), []).append(entry)

    def _generation(self, fields: dict[str, Any]) -> Generation:
        return Generation(
            text=clean_text(fields["response"]),
            model=clean_text(fields.get("model") or "unknown"),
            revision=clean_text(fields["revision"]) if fields.get("revision") else None,
            settings={"recorded": self._path.name} | ({"coordinates": unit} if (unit := _unit(fields)) else {}),
            prompt_tokens=fields.get("prompt_tokens"),
            completion_tokens=fields.get("completion_tokens"),
            yes_probability=fields.get("yes_probability"),
        )


def _is_share(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1)


def _unit(fields: dict[str, Any]) -> str | None:
    """Unit of the coordinates of a line, if it gives one."""
    unit = fields.get("coordinates")
    return unit if unit in get_args(CoordinateChoice) else None


def _normalised(question: str) -> str:
    return " ".join(question.split())
