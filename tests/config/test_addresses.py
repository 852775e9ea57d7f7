from __future__ import annotations

import pytest

from pipeline.config.addresses import check_addresses
from pipeline.records.errors import ConfigError

LOGIN = "http://me:word@host:1/v1"


@pytest.mark.parametrize(
    "key, value, sweep",
    [
        ("vlm.base_url", LOGIN, False),
        ("vlm.base_url", f"http://a/v1,{LOGIN}", True),
        ("vlm", f"{{_target_: x, base_url: '{LOGIN}'}}", False),
        ("vlm", f'{{base_url: "{LOGIN}", model: m}}', False),
    ],
)
def test_an_address_with_a_login_is_refused(key: str, value: str, sweep: bool) -> None:
    with pytest.raises(ConfigError):
        check_addresses([("depth", "none"), (key, value)], sweep=sweep)


@pytest.mark.parametrize("key, value", [("vlm", "openai"), ("vlm.base_url", "http://host:1/v1"), ("question", LOGIN)])
def test_other_values_pass(key: str, value: str) -> None:
    check_addresses([(key, value), ("-m", "")], sweep=False)
