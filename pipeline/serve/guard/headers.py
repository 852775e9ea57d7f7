"""Headers of every answer: what browsers may do with it, and nothing about the server's programs."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.serve.guard.answers import App, Message, Receive, Scope, Send

# Pages of this server, Gradio's included: everything from here. Gradio begins with inline scripts, and gr.HTML makes
# functions of text.
PAGE_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
# Everything else is data, even where a browser opens it as a document.
DATA_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
_ALWAYS = {
    b"x-content-type-options": b"nosniff",
    # Not no-referrer: browsers then send the origin of forms as null.
    b"referrer-policy": b"same-origin",
    b"x-frame-options": b"SAMEORIGIN",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(self), microphone=(), geolocation=(), usb=(), serial=(), payment=()",
}
_NEVER = frozenset((b"server", b"x-powered-by"))
_CROSS_ORIGIN = b"access-control-"
# Programs and fonts are the same for everybody, and browsers may keep them.
_SHARED_TYPES = (b"text/css", b"text/javascript", b"application/javascript", b"font/")


class Headers:
    """Sets the headers of security, and removes those that name programs or let other origins in.

    Args:
        app: The application.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": secured(message.get("headers", ()))}
            await send(message)

        await self.app(scope, receive, completed if scope["type"] == "http" else send)


def secured(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer with those of security in place of its own."""
    kept = [
        (bytes(key), bytes(value))
        for key, value in headers
        if key.lower() not in _NEVER and key.lower() not in _ALWAYS and not key.lower().startswith(_CROSS_ORIGIN)
    ]
    names = {key.lower(): value for key, value in kept}
    media_type = names.get(b"content-type", b"").lower()
    if b"content-security-policy" not in names:
        # Workers have the policy of their script.
        is_page = media_type.startswith((b"text/html", b"text/javascript", b"application/javascript"))
        kept.append((b"content-security-policy", (PAGE_POLICY if is_page else DATA_POLICY).encode()))
    if b"cache-control" not in names and not media_type.startswith(_SHARED_TYPES):
        # Private, and asked for again: what is behind a token stays in the browser that has it.
        kept.append((b"cache-control", b"private, no-cache"))
    return [*kept, *_ALWAYS.items()]
