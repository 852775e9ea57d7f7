"""Checks user settings against annotations; one sentence says what is wrong."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from annotated_types import Interval
from pydantic import BeforeValidator, ConfigDict, Strict, StringConstraints, TypeAdapter, ValidationError

from pipeline.records.errors import ConfigError

Target = TypeVar("Target", bound=Callable[..., Any])

_STRICT = ConfigDict(strict=True, allow_inf_nan=False)
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", Path: "a path", None: "null"}
_LONGEST_SHOWN = 80


@dataclass(frozen=True)
class Words:
    """Words of an annotation for the values that it allows; they follow "must be".

    Args:
        text: The words.
        repeats_value: Whether an error repeats the value, which may be a secret.
    """

    text: str
    repeats_value: bool = True


Count = Annotated[int, Interval(ge=1)]
"""A whole number of at least 1."""
Natural = Annotated[int, Interval(ge=0)]
"""A whole number of at least 0."""
NonNegative = Annotated[float, Interval(ge=0)]
"""A finite number of at least 0."""
Positive = Annotated[float, Interval(gt=0)]
"""A finite number above 0."""
Share = Annotated[float, Interval(ge=0, le=1)]
"""A number from 0 to 1."""
FieldOfView = Annotated[float, Interval(gt=0, lt=180)]
"""An angle above 0 and below 180 degrees."""
Text = Annotated[str, StringConstraints(pattern=r"\S"), Words("a text that is not empty")]
"""A text that is not blank."""


class SettingError(ConfigError):
    """A setting has a value that is not allowed.

    Args:
        key: The key as far as it is known where the value is checked.
        complaint: The rest of the sentence.
    """

    def __init__(self, key: str, complaint: str) -> None:
        super().__init__(key, complaint)
        self.key, self.complaint = key, complaint

    def __str__(self) -> str:
        """The sentence."""
        return f"{self.key} {self.complaint}"

    def below(self, place: str) -> SettingError:
        """The same error with the key as it stands in the configuration below ``place``."""
        return SettingError(f"{place}.{self.key}" if place else self.key, self.complaint)


def checked(target: Target) -> Target:
    """Check the arguments of a function, or of a class's constructor, against its annotations.

    Whole numbers count as numbers; truth values and texts do not, nor do infinity and NaN. Names become members of
    enumerations. Arguments of other types, such as records and arrays, pass unchecked, and so do defaults.

    Raises:
        SettingError: In the call, if an argument is not what its annotation allows.

    >>> @checked
    ... def scale(factor: Positive, times: Count = 1) -> float:
    ...     return factor * times
    >>> scale(2, times=0)
    Traceback (most recent call last):
    pipeline.records.settings.SettingError: times must be a whole number of at least 1, not 0.
    """
    if isinstance(target, type):
        # The annotations of fields that a dataclass inherits are those of other modules.
        hinted = target if is_dataclass(target) else target.__init__  # type: ignore[misc]
        target.__init__ = _checked(target.__init__, hinted)  # type: ignore[misc]
        return target
    return _checked(target, target)


def _checked(target: Target, hinted: Any) -> Target:
    """The function with its arguments checked against the annotations of ``hinted``."""
    signature = inspect.signature(target)
    single = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

    @functools.cache
    def annotations() -> dict[str, Any]:
        hints = get_type_hints(hinted, include_extras=True)
        return {
            name: hints[name]
            for name, parameter in signature.parameters.items()
            if parameter.kind in single and name in hints and _is_plain(hints[name])
        }

    @functools.wraps(target)
    def check(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        for name in bound.arguments.keys() & annotations().keys():
            bound.arguments[name] = check_value(name, bound.arguments[name], annotations()[name])
        return target(*bound.args, **bound.kwargs)

    return check  # type: ignore[return-value]


def check_value(key: str, value: Any, annotation: Any) -> Any:
    """The value as an annotation has it: a whole number becomes a number, a name a member of its enumeration.

    Raises:
        SettingError: If it is not what the annotation allows.
    """
    # A number of NumPy counts as the same number of Python.
    value = value.item() if isinstance(value, np.generic) else value
    try:
        return _adapter(annotation).validate_python(value)
    except ValidationError as error:
        place = error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
    # Outside of the handler, so that pydantic's error, which repeats the value, is not attached.
    kind, arguments = get_origin(annotation), get_args(annotation)
    if kind is Mapping and isinstance(value, Mapping) and place and place[0] in value:
        check_value(f"{key}.{place[0]}", value[place[0]], arguments[1])
    words = _words(annotation)
    raise SettingError(
        key, f"must be {words.text}, not {shown(value)}." if words.repeats_value else f"must be {words.text}."
    )


def shown(value: Any) -> str:
    """A value as a configuration writes it, shortened.

    >>> shown(None), shown(True), shown("two"), shown((1, 2))
    ('null', 'true', "'two'", '[1, 2]')
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(list(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."


@functools.cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(_lenient(annotation), config=_STRICT)


def _lenient(annotation: Any) -> Any:
    """The annotation, with tuples of lists, and with enumerations that also take the values of their members."""
    kind, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return Annotated[annotation, Strict(False)]
    if kind in (Union, UnionType):
        return Union[tuple(map(_lenient, arguments))]  # noqa: UP007
    if kind is Annotated:
        return Annotated[(_lenient(arguments[0]), *arguments[1:])]
    if kind is Sequence or (kind is tuple and arguments[1:] == (Ellipsis,)):
        return Annotated[tuple[_lenient(arguments[0]), ...], BeforeValidator(_as_tuple)]  # type: ignore[misc]
    return annotation


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else value


def _is_plain(annotation: Any) -> bool:
    """Whether a configuration can hold what the annotation allows."""
    kind, arguments = get_origin(annotation), get_args(annotation)
    if kind is Annotated:
        return _is_plain(arguments[0])
    if kind in (Union, UnionType, Sequence, Mapping, list, tuple, dict):
        return all(each is Ellipsis or _is_plain(each) for each in arguments)
    if kind is Literal or annotation in (Any, NoneType, Path, bool, int, float, str):
        return True
    return isinstance(annotation, type) and issubclass(annotation, Enum)


def _words(annotation: Any) -> Words:
    """What an annotation allows, as words that follow "must be"."""
    kind, arguments = get_origin(annotation), get_args(annotation)
    if kind is Annotated:
        written = next((each for each in arguments[1:] if isinstance(each, Words)), None)
        spans = [_span(each) for each in arguments[1:] if isinstance(each, Interval)]
        return written or Words("".join([_words(arguments[0]).text, *spans]))
    if kind in (Union, UnionType):
        each = [_words(argument) for argument in arguments]
        return Words(", or ".join(words.text for words in each), all(words.repeats_value for words in each))
    if kind in (Sequence, list, tuple):
        return Words(f"a list whose entries are each {_words(arguments[0]).text}")
    if kind in (Mapping, dict):
        return Words("a table of keys and values")
    if kind is Literal or (isinstance(annotation, type) and issubclass(annotation, Enum)):
        names = arguments or tuple(member.value for member in annotation)
        return Words(f"one of {', '.join(map(str, names))}" if len(names) > 1 else str(names[0]))
    return Words(_WORDS[None if annotation is NoneType else annotation])


def _span(span: Interval) -> str:
    if span.ge is not None and span.le is not None:
        return f" from {span.ge} to {span.le}"
    bounds = {"above": span.gt, "at least": span.ge, "at most": span.le, "below": span.lt}
    words = " and ".join(f"{name} {bound}" for name, bound in bounds.items() if bound is not None)
    return f" of {words}" if words.startswith("at") else f" {words}"
