from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
from records.test_records import result

from pipeline.records import Answer, Result, from_json, json_schema, to_json
from pipeline.records.timings import AnswerTimings, ResultTimings, json_without_timings, timings_of, with_timings


def timed(depth_s: float, answer_s: float, cached: int) -> Result:
    """The same result, which took a while."""
    plain = result()
    assert plain.answer is not None
    answer = replace(plain.answer, seconds=answer_s, timings={"decode_s": answer_s}, cached_tokens=cached)
    attempt = replace(plain.attempts[0], answer=replace(answer, seconds=2 * answer_s))
    return replace(plain, seconds={"depth": depth_s}, answer=answer, attempts=(attempt,))


def test_equal_results_that_took_different_times_have_the_same_line() -> None:
    slow, fast = json_without_timings(timed(2.0, 3.0, 7)), json_without_timings(timed(0.1, 0.2, 9))
    assert slow == fast
    assert json.loads(slow).keys() == json.loads(to_json(timed(2.0, 3.0, 7))).keys() - {"seconds"}
    jsonschema.validate(json.loads(slow), json_schema())


def test_a_result_and_its_times_joined_are_the_result() -> None:
    one = timed(2.0, 3.0, 7)
    times = from_json(ResultTimings, to_json(timings_of(one)))
    assert times == ResultTimings(
        "item",
        "where?",
        {"depth": 2.0},
        AnswerTimings(3.0, {"decode_s": 3.0}, 7),
        (AnswerTimings(6.0, {"decode_s": 3.0}, 7),),
    )
    assert with_timings(from_json(Result, json_without_timings(one)), times) == one


def test_times_that_a_result_holds_stay_and_missing_ones_leave_it_as_it_is() -> None:
    one = timed(2.0, 3.0, 7)
    assert with_timings(one, timings_of(timed(9.0, 9.0, 9))) == one
    bare = from_json(Result, json_without_timings(one))
    assert with_timings(bare, None) == bare
    partly = with_timings(bare, ResultTimings("item", "where?", {"depth": 1.0}))
    assert (partly.seconds, partly.answer, partly.attempts) == ({"depth": 1.0}, bare.answer, bare.attempts)
    assert with_timings(Result("a", None, (), None), timings_of(Result("a", None, (), Answer("x", seconds=1)))) == (
        Result("a", None, (), None)
    )
