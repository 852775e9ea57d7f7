"""The form that asks for the token."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qs

from pipeline.serve.guard.answers import Receive, Scope
from pipeline.serve.problems import TooLargeError

_MOST_BYTES = 4096
_STYLE = """
:root { color-scheme: light dark; font-family: system-ui, sans-serif; }
body { display: grid; place-items: center; min-height: 90vh; margin: 0; }
form { display: grid; gap: .75rem; width: min(22rem, 90vw); }
input, button { font: inherit; padding: .6rem; }
"""
PAGE = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Theodolite: log in</title>
<style>{_STYLE}</style>
<form method="post">
<h1>Theodolite</h1>
<input name="username" value="theodolite" autocomplete="username" hidden>
<label for="token">Token of this server</label>
<input id="token" name="token" type="password" required autofocus autocomplete="current-password">
<!-- fault -->
<button>Log in</button>
</form>
</html>
"""


def page_policy() -> str:
    """Content policy of the form: its own style, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


async def token_of_form(scope: Scope, receive: Receive) -> str:
    """The token that the form sent; an empty text where there is none.

    Raises:
        TooLargeError: If the form is longer than any token.
    """
    data = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return ""
        data += message.get("body", b"")
        if len(data) > _MOST_BYTES:
            raise TooLargeError("The token is too long.")
        if not message.get("more_body", False):
            break
    try:
        fields = parse_qs(data.decode("ascii"), max_num_fields=8)
    except ValueError:
        return ""
    return fields.get("token", [""])[0].strip()
