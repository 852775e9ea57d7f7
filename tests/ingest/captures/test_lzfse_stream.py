from __future__ import annotations

import struct
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest.refusals import refused

from pipeline.ingest.captures.lzfse_stream import decompressed
from pipeline.records.errors import DependencyError, InputError

lzfse = pytest.importorskip("lzfse")
FILE = Path("a.r3d")
RANDOM = np.random.default_rng(5).bytes(150_000)
SMOOTH = np.sin(np.arange(49_152, dtype=np.float32) / 900).astype("<f4").tobytes()


def call(data: bytes, size: int) -> bytes:
    return decompressed(data, size, FILE, "rgbd/0.depth")


@pytest.mark.parametrize("raw", [b"abc", b"abc" * 300, RANDOM, SMOOTH, bytes(3_000_000)], ids=len)
def test_every_kind_of_block_is_decompressed(raw: bytes) -> None:
    assert call(lzfse.compress(raw), len(raw)) == raw


def test_raw_blocks_written_by_hand_are_read() -> None:
    assert call(b"bvx-" + struct.pack("<I", 5) + b"hello" + b"bvx-\1\0\0\0!bvx$", 6) == b"hello!"


@pytest.mark.parametrize("size", [0, 2, 4, 10**9])
def test_another_size_is_refused(size: int) -> None:
    refused(
        f"rgbd/0.depth of a.r3d is damaged: it does not decompress to {size} bytes", call, lzfse.compress(b"abc"), size
    )


def test_a_bomb_is_refused_before_it_grows() -> None:
    bomb = lzfse.compress(bytes(20_000_000))
    assert len(bomb) < 20_000
    refused("is damaged", call, bomb, 196_608)


def test_a_bomb_whose_headers_lie_does_not_grow_either(monkeypatch: pytest.MonkeyPatch) -> None:
    most = 0
    real = lzfse.decompress

    def watched(data: bytes) -> bytes:
        nonlocal most
        raw = real(data)
        most = max(most, len(raw))
        return raw

    monkeypatch.setattr(lzfse, "decompress", watched)
    block = bytearray(lzfse.compress(bytes(2_000_000))[:-4])
    assert block[:4] == b"bvx2" and block.count(b"bvx") == 1
    refused("is damaged", call, bytes(block) * 40 + b"bvx$", 4000)
    assert most == 0
    struct.pack_into("<I", block, 4, 100)
    refused("is damaged", call, bytes(block) * 40 + b"bvx$", 4000)
    assert 2_000_000 <= most <= 8_000_000, "not all of the 80 MB"


@pytest.mark.parametrize(
    "data", [b"", b"bvx", b"bvx2", b"bvx-\xff\xff\xff\xffx", b"PK\3\4", b"bvx1" + bytes(800), RANDOM]
)
def test_what_is_no_stream_is_refused(data: bytes) -> None:
    refused("is damaged", call, data, 100)


@given(st.sampled_from([lzfse.compress(SMOOTH), lzfse.compress(b"abc" * 300)]), st.data())
def test_damaged_streams_are_refused_or_have_the_size(stream: bytes, data: st.DataObject) -> None:
    size = 196_608 if len(stream) > 1000 else 900
    damaged = bytearray(stream[: data.draw(st.integers(0, len(stream)))])
    for _ in range(data.draw(st.integers(0, 4)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with suppress(InputError):
        assert len(call(bytes(damaged), size)) == size


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lzfse", None)
    with pytest.raises(DependencyError, match=r"pip install 'theodolite\[captures\]'"):
        call(b"bvx$", 0)
