"""The command ``serve``: the web app and the HTTP API, until Ctrl-C."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rich.console import Console

from pipeline.records.errors import ConfigError, DependencyError, InputError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from pipeline.serve.service import Service
    from pipeline.serve.settings import ServeSettings

_PACKAGES = ("fastapi", "uvicorn", "python_multipart", "prometheus_fastapi_instrumentator")
_PAGE_PACKAGES = ("gradio",)
_KEEP_ALIVE_S = 15
# Time for answers on their way, once the work has ended [s].
_GRACE_S = 0.5
# Time until whatever still runs is cut off, beyond that of the work [s].
_LATEST_S = 5
_BACKLOG = 256


def serve(arguments: Sequence[str], console: Console) -> int:
    """Serve until Ctrl-C.

    Args:
        arguments: Overrides, ``--open``, and ``--cfg job``.
        console: Where the address goes.

    Returns:
        The exit code.

    Raises:
        ConfigError: If the configuration cannot work, or others could reach the server without a token.
        DependencyError: If a package is missing.
        InputError: If the port is taken.
    """
    overrides, shows_config = parse(arguments)
    _check_packages(_PACKAGES)
    from omegaconf import OmegaConf

    from pipeline.api import Pipeline, load_config
    from pipeline.config.build import build, build_stages, check_flags
    from pipeline.serve.guard.install import check_token

    config = load_config(overrides, "serve")
    if shows_config:
        console.print(OmegaConf.to_yaml(config), markup=False)
        return 0
    check_flags(config)
    settings: ServeSettings = build(config.serve)
    if settings.page:
        _check_packages(_PAGE_PACKAGES)
    token = os.environ.get(settings.token_env) or None
    check_token(settings, token)
    pipeline = Pipeline(build_stages(config), config)
    with _listening(settings) as listener:
        from pipeline.serve.app import create_app
        from pipeline.serve.metrics import CountingStore
        from pipeline.serve.service import Service

        store = CountingStore(settings.store)
        try:
            service = Service(pipeline, settings, store)
            said = Said(console, settings, config, listener.getsockname()[1], has_token=token is not None)
            _run(create_app(service, settings, token), service, listener, said)
        finally:
            store.close()
    _end_process()
    return 0


def _end_process() -> None:
    """End the process at once: taking down the models takes seconds, and would crash beneath threads that compute."""
    from pipeline.stages.timing import send_spans

    send_spans()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


def parse(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """The overrides of the command's arguments, and whether only the configuration is shown.

    Raises:
        ConfigError: If an option is unknown.

    >>> parse(["--open", "depth=midas"])
    (['serve.open=true', 'depth=midas'], False)
    """
    overrides: list[str] = []
    shows, rest = False, iter(arguments)
    for argument in rest:
        if argument == "--open":
            overrides.append("serve.open=true")
        elif argument in ("--cfg", "-c", "--cfg=job"):
            if "=" not in argument and next(rest, None) != "job":
                raise ConfigError("serve shows its configuration with --cfg job.")
            shows = True
        elif argument in ("-m", "--multirun"):
            raise ConfigError("serve runs one configuration; leave out -m.")
        elif argument.startswith("-"):
            raise ConfigError(f"serve has no option {argument}; there are --open, --cfg job, -v and --help.")
        else:
            overrides.append(argument)
    return overrides, shows


def address_of(host: str, port: int) -> str:
    """The address that a browser of this machine opens.

    >>> address_of("0.0.0.0", 7860), address_of("::1", 80), address_of("192.168.0.5", 7860)
    ('http://127.0.0.1:7860', 'http://[::1]:80', 'http://192.168.0.5:7860')
    """
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _check_packages(names: Sequence[str]) -> None:
    if missing := [name for name in names if find_spec(name) is None]:
        raise DependencyError(f"The package {missing[0]} is not installed: pip install 'theodolite[serve]'.")


def _listening(settings: ServeSettings) -> socket.socket:
    """The socket, bound at once, so that a port that is taken is known before models are loaded.

    Raises:
        InputError: If the address cannot be used.
    """
    host, port = settings.host, settings.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only sockets that name their protocol are told by asyncio to send small packets at once.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # Elsewhere the option lets a second program take a port that is in use.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            why = "in use" if error.errno == errno.EADDRINUSE else "not allowed"
            raise InputError(
                f"Port {port} is {why}; choose another with serve.port=, or serve.port=0 for a free one."
            ) from None
        raise InputError(f"The server cannot listen on {host}: {error.strerror or error}.") from None
    return listener


class Said:
    """What is said once the server answers, and when it stops.

    Args:
        console: Where to.
        settings: Settings of the server.
        config: The whole configuration.
        port: The port that it listens on.
        has_token: Whether clients need a token.
    """

    def __init__(
        self, console: Console, settings: ServeSettings, config: DictConfig, port: int, *, has_token: bool
    ) -> None:
        self._console, self._settings, self._config, self._has_token = console, settings, config, has_token
        self._address = address_of(settings.host, port)

    def started(self) -> None:
        """Print the address, and open a browser where that is wanted."""
        from pipeline.console.view import find_browser

        what = "The web app and the HTTP API are" if self._settings.page else "The HTTP API is"
        who = "browsers and programs of this machine" if self._settings.is_local else "all machines that reach it"
        who += f", with the token in {self._settings.token_env}" * self._has_token
        self._console.print(f"{what} at {self._address} for {who}; Ctrl-C ends it.", markup=False)
        self._name_small_models()
        if self._settings.open:
            browser = find_browser()
            if browser is None:
                self._console.print("There is no display, so no browser opens.", markup=False)
            else:
                # A browser of the terminal would block the server.
                threading.Thread(target=_open, args=(browser, self._address), daemon=True).start()

    def _name_small_models(self) -> None:
        from pipeline.models.hub import ships

        models = [self._config[group].get("model") for group in ("vlm", "depth")]
        if small := [name for name in models if name is not None and ships(name)]:
            several = "are small models that ship" if len(small) > 1 else "is a small model that ships"
            self._console.print(
                f"{' and '.join(small)} {several} with Theodolite, trained on rendered scenes; not for photos.\n"
                "Real models (5 GB are downloaded once): python -m pipeline serve depth=midas vlm=qwen3vl",
                markup=False,
            )

    def stopping(self, *, is_busy: bool) -> None:
        """Say that the end was understood, and what it waits for."""
        rest = "; running work has a few seconds to finish" * is_busy
        self._console.print(f"Stopping{rest}.", markup=False)


def _open(browser: webbrowser.BaseBrowser, address: str) -> None:
    browser.open(address)


def _run(app: Any, service: Service, listener: socket.socket, said: Said) -> None:
    """Serve until a signal ends it."""
    import uvicorn

    # What clients send would fill the log.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)

    from pipeline.serve.app import STOP_S
    from pipeline.serve.guard.connections import ACCEPTED_AT_ONCE, RareAcceptErrors, http_protocol

    logging.getLogger("asyncio").addFilter(RareAcceptErrors())

    class Server(uvicorn.Server):
        """Stops the work at once when the server stops, so that waiting clients get their answer."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if not self.should_exit:
                said.started()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            said.stopping(is_busy=service.running() > 0)
            stopping = asyncio.create_task(service.stop(STOP_S))
            closing = asyncio.create_task(self._hang_up(stopping))
            await super().shutdown(sockets)
            await stopping
            closing.cancel()

        async def _hang_up(self, stopping: asyncio.Task[None]) -> None:
            """Close what stays open once the work has ended: pages keep a connection as long as they are shown."""
            await stopping
            await asyncio.sleep(_GRACE_S)
            for connection in list(self.server_state.connections):
                connection.transport.close()

    config = uvicorn.Config(
        app,
        http=http_protocol(service.settings.limits),
        backlog=ACCEPTED_AT_ONCE,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(STOP_S) + _LATEST_S,
    )
    # Uvicorn raises the signal again once it has stopped.
    with suppress(KeyboardInterrupt):
        Server(config).run(sockets=[listener])
