"""Refuses requests that pages of other origins send, because browsers attach what lets their user in (CSRF)."""

from __future__ import annotations

from urllib.parse import urlsplit

from pipeline.serve.guard.answers import SAFE_METHODS, App, Receive, Scope, Send, values_of
from pipeline.serve.problems import ForbiddenError

# What browsers say of requests of the page's own origin, and of those that the user began.
_OWN_SITES = frozenset(("same-origin", "none"))


class OwnOrigin:
    """Refuses requests that change something and come from a page of another origin.

    ``Sec-Fetch-Site`` and ``Origin`` tell so; programs that are no browsers send neither and are let in.

    Args:
        app: The application.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS and not is_own_origin(scope):
            raise ForbiddenError("Pages of other origins may not call this server; call it from its own page.")
        await self.app(scope, receive, send)


def is_own_origin(scope: Scope) -> bool:
    """Whether nothing says that the request comes from a page of another origin.

    The scheme is not compared, because a proxy may end TLS.
    """
    sites, origins, hosts = (values_of(scope, name) for name in (b"sec-fetch-site", b"origin", b"host"))
    if any(site not in _OWN_SITES for site in sites) or len(origins) > 1:
        return False
    if not origins:
        return True
    try:
        parts = urlsplit(origins[0])
    except ValueError:
        return False
    own = hosts[0].lower() if len(hosts) == 1 else None
    return parts.scheme in ("http", "https") and parts.netloc.lower() == own
