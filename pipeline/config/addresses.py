"""Refuses addresses of servers that hold a login, before the configuration is written to disk."""

from __future__ import annotations

import re
from collections.abc import Iterable

_BASE_URL = re.compile(r"""base_url\b['"]?\s*:\s*('.*?'|".*?"|[^\s,}]*)""")


def check_addresses(overrides: Iterable[tuple[str, ...]], *, sweep: bool) -> None:
    """Check the addresses that overrides set.

    Hydra writes the configuration to disk before a backend can refuse an address with a login.

    Args:
        overrides: Key and value of each, as typed.
        sweep: Whether commas separate values.

    Raises:
        ConfigError: If an address holds a login.
    """
    for key, value in overrides:
        addresses = value.split(",") if sweep else [value]
        if key == "vlm":
            addresses = _BASE_URL.findall(value)
        if addresses and key in ("vlm", "vlm.base_url"):
            from pipeline.models.vlm.openai_endpoint import check_address

            for address in addresses:
                check_address(address.strip("'\""))
