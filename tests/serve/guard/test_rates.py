from __future__ import annotations

from typing import Any

import pytest
from serve.asgi import Echo, call

from pipeline.serve.guard.failures import Failures
from pipeline.serve.guard.rates import Rates, client_of


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_client_may_use_its_minute_at_once_and_then_waits(clock: Clock) -> None:
    app = Failures(Rates(Echo(), 4, clock))
    assert [call(app, "POST").status for _ in range(6)] == [200] * 4 + [429] * 2
    answer = call(app, "POST")
    assert answer.headers["retry-after"] == "15" and "later" in answer.problem["detail"]
    clock.now_s += 5
    assert call(app, "POST").headers["retry-after"] == "10"
    clock.now_s += 10
    assert [call(app, "POST").status for _ in range(2)] == [200, 429]
    clock.now_s += 600
    assert [call(app, "POST").status for _ in range(5)] == [200] * 4 + [429]


def test_clients_do_not_use_up_each_others_requests(clock: Clock) -> None:
    app = Failures(Rates(Echo(), 1, clock))
    assert call(app, "POST", client="10.0.0.1").status == 200
    assert call(app, "POST", client="10.0.0.2").status == 200
    assert call(app, "POST", client="10.0.0.1").status == 429


def test_reading_and_cancelling_are_free(clock: Clock) -> None:
    app = Failures(Rates(Echo(), 1, clock))
    assert {call(app, method).status for method in ("GET", "DELETE") for _ in range(5)} == {200}


def test_the_application_learns_who_the_client_is(clock: Clock) -> None:
    state: dict[str, Any] = {}
    call(Rates(Echo(), 1, clock), client="10.0.0.1", state=state)
    assert state["client"] == "10.0.0.1"


def test_the_memory_of_clients_is_bounded(clock: Clock) -> None:
    rates = Rates(Echo(), 1, clock)
    for number in range(10_100):
        rates._wait_s(str(number))
    assert len(rates._left) == 10_000


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("::1", "local"),
        ("127.0.0.1", "local"),
        ("127.200.3.4", "local"),
        ("::ffff:127.0.0.9", "local"),
        ("2001:db8:0:1:aaaa::1", "2001:db8:0:1::/64"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("testclient", "testclient"),
    ],
)
def test_a_client_is_its_address_or_its_network(address: str, name: str) -> None:
    assert client_of({"client": (address, 1)}) == name
