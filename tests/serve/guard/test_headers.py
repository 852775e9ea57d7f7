from __future__ import annotations

import pytest
from serve.asgi import Echo, call

from pipeline.serve.guard.headers import DATA_POLICY, PAGE_POLICY, Headers


def test_programs_and_permissions_of_other_origins_are_left_out() -> None:
    own = {
        "content-type": "application/json", "server": "x/1.0", "x-powered-by": "y",
        "access-control-allow-origin": "*", "access-control-allow-credentials": "true", "etag": "1",
    }  # fmt: skip
    headers = call(Headers(Echo(own))).headers
    assert not [name for name in headers if name.startswith(("server", "x-powered", "access-control"))]
    assert headers["etag"] == "1"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_pages_may_load_everything_from_here_and_nothing_from_elsewhere() -> None:
    headers = call(Headers(Echo({"content-type": "text/html; charset=utf-8"}))).headers
    assert headers["content-security-policy"] == PAGE_POLICY
    assert "http" not in PAGE_POLICY and "*" not in PAGE_POLICY
    # Browsers send the origin of forms as null under no-referrer, which would lock the login out.
    assert headers["referrer-policy"] == "same-origin"


def test_programs_have_the_policy_of_pages_for_the_workers_that_they_start() -> None:
    assert call(Headers(Echo({"content-type": "text/javascript"}))).headers["content-security-policy"] == PAGE_POLICY


@pytest.mark.parametrize("kind", ["application/json", "image/svg+xml", "text/plain", "text/xml"])
def test_data_runs_nothing_even_where_a_browser_opens_it(kind: str) -> None:
    assert call(Headers(Echo({"content-type": kind}))).headers["content-security-policy"] == DATA_POLICY
    assert "sandbox" in DATA_POLICY and "default-src 'none'" in DATA_POLICY


def test_a_policy_and_a_time_of_its_own_stay() -> None:
    own = {"content-type": "text/html", "content-security-policy": "default-src 'none'", "cache-control": "max-age=9"}
    headers = call(Headers(Echo(own))).headers
    assert (headers["content-security-policy"], headers["cache-control"]) == ("default-src 'none'", "max-age=9")


@pytest.mark.parametrize(
    ("kind", "kept"),
    [("application/json", "private, no-cache"), ("image/png", "private, no-cache"), ("text/css", None)],
)
def test_only_programs_are_kept_without_asking(kind: str, kept: str | None) -> None:
    assert call(Headers(Echo({"content-type": kind}))).headers.get("cache-control") == kept
