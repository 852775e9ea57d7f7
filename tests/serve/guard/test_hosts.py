from __future__ import annotations

import pytest
from serve.asgi import Echo, call

from pipeline.serve.guard.failures import Failures
from pipeline.serve.guard.hosts import OwnHosts
from pipeline.serve.settings import ServeSettings

LOCAL = ServeSettings(hosts=("depth.example",))
PUBLIC = ServeSettings(host="0.0.0.0", hosts=("depth.example",))


def status(settings: ServeSettings, *hosts: str) -> int:
    answer = call(Failures(OwnHosts(Echo(), settings)), headers=[("Host", host) for host in hosts] or [("X", "")])
    if answer.status != 200:
        assert "serve.hosts" in answer.problem["detail"]
    return answer.status


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:7860", "127.0.0.1:1", "[::1]:7860", "depth.example", "depth.example:443"]
)
def test_its_own_names_are_answered_at_any_port(host: str) -> None:
    assert status(LOCAL, host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example:7860", "", "localhost:x",
        "me@localhost", "localhost/", "localhost#", "192.168.1.4", "[::1", "localhost:99999", "xlocalhost", "0.0.0.0",
    ],
)  # fmt: skip
def test_any_other_name_is_refused(host: str) -> None:
    assert status(LOCAL, host) == 421


def test_two_hosts_are_refused() -> None:
    assert status(LOCAL, "localhost", "localhost") == 421


def test_where_others_reach_it_addresses_are_answered_and_names_still_not() -> None:
    assert status(PUBLIC, "192.168.1.4:7860") == 200
    assert status(PUBLIC, "[2001:db8::1]:7860") == 200
    assert status(PUBLIC, "evil.example") == 421
