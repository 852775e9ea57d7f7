"""How often one client may start work or upload files."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from pipeline.serve.guard.answers import App, Receive, Scope, Send
from pipeline.serve.problems import BusyError

_WINDOW_S = 60.0
_ROUNDING = 1e-6
_LOCAL = "local"
# Clients that are remembered; the one that was seen longest ago is forgotten first.
_MOST_CLIENTS = 10_000


class Rates:
    """Refuses requests of a client beyond its number in a minute, and says when the next one is welcome.

    Only requests with POST count, which start work or send files. Tokens flow evenly (token bucket): a client may use
    its minute at once. The client's name is ``client`` of the request's state.

    Args:
        app: The application.
        per_minute: Requests of one client in a minute.
        clock: Gives the time [s].
    """

    def __init__(self, app: App, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.app = app
        self._most = float(per_minute)
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http":
            client = client_of(scope)
            scope.setdefault("state", {})["client"] = client
            if scope["method"] == "POST" and (wait_s := self._wait_s(client)) > 0:
                later_s = math.ceil(wait_s - _ROUNDING)
                raise BusyError("This client has sent too many requests; try again later.", later_s)
        await self.app(scope, receive, send)

    def _wait_s(self, client: str) -> float:
        """Take one request of a client's; the time until there is one again where none is left [s]."""
        now_s = self._clock()
        left, seen_s = self._left.pop(client, (self._most, now_s))
        left = min(self._most, left + (now_s - seen_s) * self._most / _WINDOW_S)
        taken = 1.0 if left >= 1.0 - _ROUNDING else 0.0
        self._left[client] = left - taken, now_s
        if len(self._left) > _MOST_CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if taken else (1.0 - left) * _WINDOW_S / self._most


def client_of(scope: Scope) -> str:
    """A name for the client: its address, of IPv6 the network that one client owns.

    >>> client_of({"client": ("2001:db8::1", 9)}), client_of({"client": ("10.0.0.1", 9)}), client_of({})
    ('2001:db8::/64', '10.0.0.1', 'local')
    """
    return client_at((scope.get("client") or (_LOCAL,))[0])


def client_at(address: str) -> str:
    """A name for the client at an address; all programs of this machine, which has many addresses, are one client."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return str(address)
    ip = (ip.version == 6 and ip.ipv4_mapped) or ip
    if ip.is_loopback:
        return _LOCAL
    return str(ip if ip.version == 4 else ipaddress.ip_network((int(ip), 64), strict=False))
