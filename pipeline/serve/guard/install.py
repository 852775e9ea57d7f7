"""Puts all guards before the application."""

from __future__ import annotations

from typing import Any

from pipeline.records.errors import ConfigError
from pipeline.serve.guard.bodies import Bodies
from pipeline.serve.guard.failures import Failures
from pipeline.serve.guard.gradio_log import shorten_gradio_log
from pipeline.serve.guard.gradio_routes import GradioRoutes
from pipeline.serve.guard.gradio_sessions import Browsers
from pipeline.serve.guard.headers import Headers
from pipeline.serve.guard.hosts import OwnHosts
from pipeline.serve.guard.origins import OwnOrigin
from pipeline.serve.guard.rates import Rates
from pipeline.serve.guard.tokens import Tokens
from pipeline.serve.settings import ServeSettings

# 16 random characters cannot be guessed over a network.
_SHORTEST_TOKEN = 16


def install_guards(app: Any, settings: ServeSettings, token: str | None) -> None:
    """Put all guards before an application; called last, once Gradio is mounted and all other middlewares are added.

    Requests meet them in this order: headers of every answer, failures, hosts, origins, rates, bodies, token, names
    of browsers; and what reaches Gradio, its allowed routes and whose its sessions are.

    Args:
        app: A Starlette or FastAPI application.
        settings: Settings of the server.
        token: The bearer token; None lets everybody in who reaches the server.

    Raises:
        ConfigError: If others can reach the server and there is no token, or if it can be guessed.
    """
    check_token(settings, token)
    has_page = False
    for route in app.routes:
        if is_gradio(getattr(route, "app", None)):
            route.app = GradioRoutes(route.app, settings.limits)
            shorten_gradio_log()
            has_page = True
    # The one that is added last comes first.
    if has_page:
        app.add_middleware(Browsers)
    if token:
        app.add_middleware(Tokens, token=token)
    app.add_middleware(Bodies, limits=settings.limits)
    app.add_middleware(Rates, per_minute=settings.limits.client_per_minute)
    app.add_middleware(OwnOrigin)
    app.add_middleware(OwnHosts, settings=settings)
    app.add_middleware(Failures)
    app.add_middleware(Headers)


def check_token(settings: ServeSettings, token: str | None) -> None:
    """Check that a server which others can reach has a token that cannot be guessed.

    Raises:
        ConfigError: If it has none, or a short one.
    """
    how = f"set {settings.token_env} to {_SHORTEST_TOKEN} or more random characters, such as openssl rand -hex 16"
    if not token:
        if not settings.is_local:
            raise ConfigError(f"Other machines can reach {settings.host}: {how}, or leave serve.host at 127.0.0.1.")
    elif len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(f"The token in {settings.token_env} can be guessed or not be sent: {how}.")


def is_gradio(app: Any) -> bool:
    """Whether an application is one of Gradio's, by its class, so that Gradio need not be installed."""
    return any(kind.__module__.partition(".")[0] == "gradio" for kind in type(app).__mro__)
