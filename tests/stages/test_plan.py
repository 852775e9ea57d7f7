from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.item import Item
from pipeline.records.errors import InputError
from pipeline.records.settings import SettingError
from pipeline.stages.plan import RunPlan, Shard, parse_only, parse_shard


def items(count: int) -> list[Item]:
    return [Item(str(index), (Path("a.png"),)) for index in range(count)]


def ids(plan: RunPlan, count: int) -> list[str]:
    return [item.id for item in plan.items(items(count))]


@given(st.integers(0, 60), st.integers(1, 9))
def test_shards_share_the_items_evenly_and_each_keeps_their_order(total: int, count: int) -> None:
    parts = [ids(RunPlan(Shard(number, count)), total) for number in range(1, count + 1)]
    assert [RunPlan(Shard(number, count)).total(total) for number in range(1, count + 1)] == list(map(len, parts))
    assert sorted(int(one) for part in parts for one in part) == list(range(total))
    assert all(part == sorted(part, key=int) for part in parts)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_the_first_shard_begins_with_the_first_item() -> None:
    assert ids(RunPlan(parse_shard("1/3")), 8) == ["0", "3", "6"]
    assert ids(RunPlan(parse_shard("3/3")), 8) == ["2", "5"]
    assert parse_shard(None) == Shard(1, 1)


@pytest.mark.parametrize(
    "value", ["0/3", "4/3", "1/0", "1", "1/3/5", "-1/3", " 1/3", "1/3\n", "a/b", 1, 0.5, True, "", "²/3"]
)
def test_other_shards_are_refused(value: Any) -> None:
    with pytest.raises(SettingError, match="shard must be i/n with i from 1 to n"):
        parse_shard(value)


def test_only_the_named_items_are_taken_and_the_rest_is_not_read() -> None:
    def endless() -> Any:
        yield from items(5)
        pytest.fail("everything was found already")

    plan = RunPlan(only=parse_only(["3", 1]))
    assert [item.id for item in plan.items(endless())] == ["1", "3"]
    assert plan.total(None) == 2


def test_an_id_that_no_item_has_is_an_error_unless_that_is_fine() -> None:
    with pytest.raises(InputError, match="no item '7', which only= names"):
        ids(RunPlan(only=frozenset("17")), 5)
    assert ids(RunPlan(only=frozenset("17"), needs_all=False), 5) == ["1"]


@pytest.mark.parametrize("value", [[], "", True, [1.5], [None], {"a": 1}, [""]])
def test_other_ids_are_refused(value: Any) -> None:
    with pytest.raises(SettingError, match="only must be a list of item ids"):
        parse_only(value)


def test_one_id_may_stand_alone_and_null_means_all() -> None:
    assert parse_only("kitchen, left") == {"kitchen, left"}
    assert parse_only(None) is None
