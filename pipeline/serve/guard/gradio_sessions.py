"""Sessions of the page: whose they are, and how many Gradio keeps."""

from __future__ import annotations

import secrets
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from re import compile as pattern
from typing import Any, NamedTuple

from pipeline.serve.guard.answers import App, Message, Receive, Scope, Send, cookies_of, values_of
from pipeline.serve.guard.rates import client_of
from pipeline.serve.problems import BusyError, UnknownError

_COOKIE = "theodolite_page"
_BROWSER = pattern(r"[0-9a-f]{32}")
# Sessions that are kept; of those that nobody follows, the one that was used longest ago is dropped first.
_MOST_OF_A_CLIENT, _MOST = 32, 1000


class Owner(NamedTuple):
    """Whose a session is.

    Args:
        client: Name of the client; see ``client_of``.
        browser: Random name of the browser; empty where it sends none.
    """

    client: str
    browser: str


class Browsers:
    """Gives each browser that opens the page a random name, in a cookie, so that clients of one address are told apart.

    Args:
        app: The application.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                secure = "; Secure" if scope.get("scheme") == "https" else ""
                cookie = f"{_COOKIE}={secrets.token_hex(16)}; Path=/; HttpOnly; SameSite=Strict{secure}"
                message = {**message, "headers": [*message.get("headers", ()), (b"set-cookie", cookie.encode())]}
            await send(message)

        await self.app(scope, receive, named if _is_new(scope) else send)


def _is_new(scope: Scope) -> bool:
    """Whether a browser opens the page that has no name."""
    if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET" or browser_of(scope):
        return False
    # A browser that follows a link of another site has a name perhaps, but does not send it.
    return "cross-site" not in values_of(scope, b"sec-fetch-site")


def browser_of(scope: Scope) -> str:
    """The random name of a browser; empty where it sends none."""
    return next((value for value in cookies_of(scope, _COOKIE) if _BROWSER.fullmatch(value)), "")


def owner_of(scope: Scope) -> Owner:
    """Who sends a request."""
    return Owner(client_of(scope), browser_of(scope))


class Sessions:
    """Whose sessions are, and which are dropped.

    Args:
        forget: Drops all that is kept of a session.
    """

    def __init__(self, forget: Callable[[str], Awaitable[None]]) -> None:
        self._forget = forget
        self._owners: OrderedDict[str, Owner] = OrderedDict()
        self._followed: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._owners)

    async def use(self, session: str, owner: Owner) -> None:
        """Note that a session is used; one that is new belongs to its first user.

        Raises:
            UnknownError: If it is another's.
            BusyError: If there are too many, all of which are followed.
        """
        first = self._owners.get(session)
        if first is None:
            await self._make_room(owner.client)
            self._owners.setdefault(session, owner)
            first = self._owners[session]
        if first.client != owner.client or first.browser not in ("", owner.browser):
            raise UnknownError("There is no such session; load the page again.")
        self._owners.move_to_end(session)

    @contextmanager
    def followed(self, session: str) -> Iterator[None]:
        """Keep a session while its answers are read."""
        self._followed[session] += 1
        try:
            yield
        finally:
            self._followed[session] -= 1
            if not self._followed[session]:
                del self._followed[session]

    async def _make_room(self, client: str) -> None:
        own = [session for session, owner in self._owners.items() if owner.client == client]
        for sessions, most in ((own, _MOST_OF_A_CLIENT), (list(self._owners), _MOST)):
            if len(sessions) < most:
                continue
            idle = next((session for session in sessions if session not in self._followed), None)
            if idle is None:
                raise BusyError("Too many pages of this server are open; close some of them.")
            self._owners.pop(idle, None)
            await self._forget(idle)


class GradioApp:
    """What the guard knows of the insides of Gradio 6.31: its functions, and what it keeps of a session.

    Args:
        app: Gradio's application.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    def inputs(self) -> dict[int, int]:
        """Number of inputs of each function that a page calls, by its index."""
        return {
            index: len(function.inputs)
            for index, function in self._app.get_blocks().fns.items()
            if function.fn is not None and not any(event == "unload" for _, event in function.targets)
        }

    def pending(self, session: str) -> int:
        """Number of calls of a session whose end was not read."""
        return len(self._app.get_blocks()._queue.pending_event_ids_session.get(session, ()))

    async def forget(self, session: str) -> None:
        """End what runs for a session, and drop what is kept of it."""
        blocks = self._app.get_blocks()
        queue, states = blocks._queue, self._app.state_holder
        await queue.clean_events(session_hash=session)
        for kept in (
            *(queue.pending_messages_per_session, queue.pending_event_ids_session),
            *(states.session_data, states.time_last_used),
            *(blocks.pending_streams, blocks.pending_diff_streams),
        ):
            kept.pop(session, None)
