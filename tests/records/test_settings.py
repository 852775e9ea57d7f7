from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from annotated_types import Interval, MinLen
from omegaconf import OmegaConf

from pipeline.records.errors import ConfigError
from pipeline.records.settings import (
    Count,
    FieldOfView,
    Natural,
    NonNegative,
    Positive,
    SettingError,
    Share,
    Text,
    Words,
    check_value,
    checked,
    shown,
)

NAN, INFINITY = float("nan"), float("inf")
Secret = Annotated[str, MinLen(9), Words("a name, not a key", repeats_value=False)]


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize(
    ("annotation", "allowed", "refused", "words"),
    [
        (bool, [True, False, np.True_], [0, "true", None], "true or false"),
        (int, [-3, 0, 2**70, np.int64(3)], [1.0, True, "1", None], "a whole number"),
        (float, [-0.5, 3], [True, "1", NAN, INFINITY, 10**400, None], "a number"),
        (Natural, [0], [-1], "a whole number of at least 0"),
        (Count, [1], [0], "a whole number of at least 1"),
        (NonNegative, [0], [-0.1], "a number of at least 0"),
        (Positive, [0.1], [0], "a number above 0"),
        (Share, [0, 1], [-0.1, 1.1], "a number from 0 to 1"),
        (FieldOfView, [0.1, 179.9], [0, 180], "a number above 0 and below 180"),
        (Annotated[float, Interval(gt=0, le=4)], [4], [0, 4.1], "a number above 0 and at most 4"),
        (Annotated[int, Interval(le=4)], [4], [5], "a whole number of at most 4"),
        (Text, ["a b"], ["", "  ", 1, None], "a text that is not empty"),
        (str | Path, ["", Path("a")], [1], "a text, or a path"),
        (Count | None, [None, 1], [0, "null"], "a whole number of at least 1, or null"),
        (Literal["auto"] | bool, ["auto", True], ["on", 1], "auto, or true or false"),
        (Literal["a", "b"], ["a"], ["c", None, ["a"]], "one of a, b"),
        (Colour, ["red", Colour.BLUE], ["green", "RED", None], "one of red, blue"),
        (Sequence[Count], [[], [1], (2, 3)], ["12", b"12", 1, [0], [True]], "a list whose entries are each a whole"),
        (Annotated[tuple[Colour, ...], MinLen(1)], [["red"]], [[], ["green"]], "a list whose entries are each one of"),
        (Mapping[str, Share], [{}, {"a": 1}], [[], None], "a table of keys and values"),
    ],
)  # fmt: skip
def test_what_an_annotation_allows_and_how_it_says_so(
    annotation: Any, allowed: list[Any], refused: list[Any], words: str
) -> None:
    for value in allowed:
        assert check_value("key", value, annotation) == (tuple(value) if isinstance(value, list) else value)
    for value in refused:
        with pytest.raises(SettingError) as caught:
            check_value("key", value, annotation)
        assert str(caught.value).startswith(f"key must be {words}")
        assert str(caught.value).endswith(f", not {shown(value)}.")


@pytest.mark.parametrize(
    ("value", "annotation", "kind"), [(1, float, float), ("red", Colour, Colour), (["red"], Sequence[Colour], tuple)]
)
def test_values_become_what_the_annotation_names(value: Any, annotation: Any, kind: type) -> None:
    assert type(check_value("key", value, annotation)) is kind


def test_lists_and_tables_of_a_configuration_are_taken() -> None:
    node = OmegaConf.create({"list": [1, 2], "table": {"a": 0.5}})
    assert check_value("key", node.list, Sequence[int]) == (1, 2)
    assert check_value("key", node.table, Mapping[str, float]) == {"a": 0.5}


def test_a_truth_value_of_numpy_is_no_number() -> None:
    with pytest.raises(ConfigError, match=r"^key must be a number, not true\.$"):
        check_value("key", np.True_, float)


def test_an_entry_of_a_table_is_named_by_its_key() -> None:
    with pytest.raises(ConfigError, match=r"^key\.b must be a number from 0 to 1, not 2\.$"):
        check_value("key", {"a": 1, "b": 2}, Mapping[str, Share])


def test_a_secret_is_not_repeated_and_no_error_that_holds_it_is_attached() -> None:
    with pytest.raises(ConfigError, match=r"^key must be a name, not a key\.$") as caught:
        check_value("key", "hidden", Secret)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_long_value_is_shortened() -> None:
    assert len(shown("x" * 500)) == 80
    assert shown("x" * 500).endswith("...")


@checked
@dataclass(frozen=True)
class Lens:
    """A class with a setting, a record and a default that is not checked."""

    focal_px: Positive
    name: object = None
    count: Count = 0


def test_a_class_is_checked_when_made_but_not_its_defaults_or_other_types() -> None:
    assert Lens(2, name=[object]).count == 0
    assert isinstance(Lens(focal_px=2).focal_px, float)
    with pytest.raises(ConfigError, match=r"^focal_px must be a number above 0, not 0\.$"):
        Lens(0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        Lens(1, colour="red")  # type: ignore[call-arg]


def test_further_keywords_are_not_checked() -> None:
    @checked
    def settings(*names: int, count: Count = 1, **others: int) -> tuple[Any, ...]:
        return (*names, count, *others.values())

    assert settings("a", other="b") == ("a", 1, "b")  # type: ignore[arg-type]


def test_an_error_gets_its_place_and_survives_another_process() -> None:
    error = pickle.loads(pickle.dumps(SettingError("risk", "must be lower.").below("verify.verifier")))
    assert str(error) == "verify.verifier.risk must be lower."
    assert str(SettingError("risk", "must be lower.").below("")) == "risk must be lower."
