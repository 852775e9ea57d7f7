"""Files that requests name by URL: from hosts that the configuration lists, at addresses that were checked."""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from pipeline.serve.intake.sink import Sink
from pipeline.serve.problems import ForbiddenError, UnfitError

_PORTS = {"http": 80, "https": 443}
# What a URL is made of (RFC 3986, 2); anything else is read differently by different programs.
_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?:[/?][A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]*)?", re.ASCII)
_LONGEST = 2000
_MOST_S = 20.0
_PIECE_BYTES = 65_536
_REFUSAL = "The server does not allow this address; upload the file, or add its host to serve.fetch_hosts."
# Networks that lead on to addresses within them: NAT64, 6to4, Teredo.
_TUNNELS = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))

Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True)
class Target:
    """A URL that the configuration allows.

    Args:
        scheme: ``http`` or ``https``.
        host: Its host, in lower case.
        port: Its port.
        path: Path and query.
    """

    scheme: str
    host: str
    port: int
    path: str


def fetch(
    url: str, hosts: Sequence[str], sink: Sink, *, resolve: Resolve | None = None, most_s: float = _MOST_S
) -> None:
    """Fetch a file.

    Without hosts, no name is resolved. Redirects are not followed, proxies not used, no cookie or login is sent.

    Args:
        url: An ``http`` or ``https`` URL.
        hosts: Hosts from which files may come, exactly; ``HOST`` for the usual ports, or ``HOST:PORT``. A name must
            lead to public addresses only; an address of the own network is listed as such.
        sink: Where the bytes go.
        resolve: Gives the addresses of a host.
        most_s: Time that it may take [s].

    Raises:
        ForbiddenError: If the host is not listed, or leads to an address that is not public.
        UnfitError: If the file cannot be fetched.
        TooLargeError: If it is larger than allowed.
    """
    target = allowed_target(url, hosts)
    deadline_s = time.monotonic() + most_s
    try:
        address = checked_address(target, resolve or _resolved)
        _receive(target, address, sink, deadline_s)
    except (OSError, http.client.HTTPException):
        raise UnfitError(f"{sink.name} cannot be fetched from {target.host}; upload the file.") from None


def allowed_target(url: str, hosts: Sequence[str]) -> Target:
    """The parts of a URL whose host is listed.

    Raises:
        ForbiddenError: If it is not, or if the URL is not of the plainest form.
    """
    if not hosts or len(url) > _LONGEST or _URL.fullmatch(url) is None:
        raise ForbiddenError(_REFUSAL)
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (KeyError, ValueError):
        raise ForbiddenError(_REFUSAL) from None
    host = parts.hostname or ""
    listed = {entry.lower() for entry in hosts}
    shown = f"[{host}]" if ":" in host else host
    names = {f"{shown}:{port}"} | ({shown, host} if port == _PORTS[parts.scheme] else set())
    if not host or parts.username is not None or not listed & names:
        raise ForbiddenError(_REFUSAL)
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path)


def checked_address(target: Target, resolve: Resolve) -> str:
    """The address to connect to.

    Raises:
        ForbiddenError: If one of the host's addresses is not public, unless the address itself is listed.
        OSError: If it has none.
    """
    try:
        return str(ipaddress.ip_address(target.host))
    except ValueError:
        addresses = resolve(target.host, target.port)
    if not addresses:
        raise OSError
    if not all(is_public(address) for address in addresses):
        raise ForbiddenError(_REFUSAL)
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether an address is on the internet, and not on this machine or its networks.

    >>> [is_public(one) for one in ("93.184.216.34", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "fe80::1%eth0")]
    [True, False, False, False, False]
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.scope_id is not None or any(ip in network for network in _TUNNELS):
            return False
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not ip.is_unspecified


def _resolved(host: str, port: int) -> list[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _receive(target: Target, address: str, sink: Sink, deadline_s: float) -> None:
    connection = _Connection(target, address, _left_s(deadline_s))
    # Time-outs of a socket begin anew with every byte.
    ends = threading.Timer(_left_s(deadline_s), connection.cut)
    ends.daemon = True
    ends.start()
    try:
        # No encoding, so that no small answer becomes a large file.
        connection.request("GET", target.path, headers={"Accept-Encoding": "identity", "User-Agent": "Theodolite"})
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            redirected = " a redirect, which is not followed" if 300 <= answer.status < 400 else f" {answer.status}"
            raise UnfitError(f"{target.host} answered{redirected}; upload {sink.name}.")
        if answer.getheader("Content-Encoding", "identity").lower() != "identity":
            raise UnfitError(f"{target.host} answered with an encoding that was not asked for; upload {sink.name}.")
        if answer.length is not None:
            sink.check_size(answer.length)
        while piece := answer.read1(_PIECE_BYTES):
            sink.write(piece)
        # What comes without a length looks whole when it is cut.
        _left_s(deadline_s)
        if answer.length:
            raise UnfitError(f"{sink.name} was cut off on its way from {target.host}; try again.")
    finally:
        ends.cancel()
        connection.close()


def _left_s(deadline_s: float) -> float:
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


class _Connection(http.client.HTTPConnection):
    """A connection to an address that was checked, in the name of the host."""

    def __init__(self, target: Target, address: str, timeout_s: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout_s)
        self._target, self._address = target, address
        self.default_port = _PORTS[target.scheme]
        self._opened: socket.socket | None = None

    def connect(self) -> None:
        """Connect to the address; of TLS, the certificate must be the host's."""
        self.sock = self._opened = socket.create_connection((self._address, self._target.port), self.timeout)
        if self._target.scheme == "https":
            self.sock = self._opened = ssl.create_default_context().wrap_socket(
                self.sock, server_hostname=self._target.host
            )

    def cut(self) -> None:
        """End the connection, whoever waits for it."""
        if self._opened is not None:
            with suppress(OSError):
                self._opened.shutdown(socket.SHUT_RDWR)
