from __future__ import annotations

import base64
import hashlib
import re

import pytest
from serve.asgi import call

from pipeline.serve.guard.failures import Failures
from pipeline.serve.guard.login import PAGE, page_policy, token_of_form


def test_the_form_has_its_style_and_nothing_else() -> None:
    style = re.search("<style>(.*)</style>", PAGE, re.DOTALL)[1]
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in page_policy()
    assert "<script" not in PAGE and "http" not in PAGE


@pytest.mark.parametrize(
    ("body", "token"),
    [
        (b"token=secret", "secret"),
        (b"a=b&token=sec%2Bret", "sec+ret"),
        (b"", ""),
        (b"token=", ""),
        (b"\xff\xfe", ""),
        (b"&".join([b"token=x"] * 50), ""),
        (b"{}", ""),
    ],
)
def test_the_token_of_a_form(body: bytes, token: str) -> None:
    found = []

    async def app(scope: object, receive: object, send: object) -> None:
        found.append(await token_of_form(scope, receive))
        raise PermissionError

    call(Failures(app), "POST", body=body)
    assert found == [token]


def test_a_form_that_is_longer_than_any_token_is_refused() -> None:
    async def app(scope: object, receive: object, send: object) -> None:
        await token_of_form(scope, receive)

    assert call(Failures(app), "POST", body=[b"token=" + b"x" * 3000] * 2).status == 413
