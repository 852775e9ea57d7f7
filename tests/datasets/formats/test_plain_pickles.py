from __future__ import annotations

import contextlib
import os
import pickle
import pickletools
import struct
import tempfile
import time
import tracemalloc
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.datasets.formats.plain_pickles import read_plain_pickle
from pipeline.records.errors import InputError

PLAIN: dict[str, Any] = {
    "matrix": np.eye(4),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "float32": np.arange(4, dtype="<f4"),
    "big": np.arange(3, dtype=">i2"),
    "flags": np.array([True, False]),
    "names": np.array(["Car", "Person_sitting"]),
    "objects": np.array([{"x": 1}, None, "text"], dtype=object),
    "empty": np.zeros((0, 7)),
    "scalars": [np.float64(2.5), np.bool_(True), np.int32(-3), np.str_("lidar")],
    "numbers": (1, -2.5, 1 << 80, True, None, float("inf")),
    "texts": ["é", "", b"", b"\xff\x00raw"],
    "ordered": OrderedDict(P2=1),
    "nested": [{"a": [(), [], {}, (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]}],
}


def read(content: bytes, folder: Path) -> Any:
    (folder / "infos.pkl").write_bytes(content)
    return read_plain_pickle(folder / "infos.pkl", "make it again")


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, np.ndarray):
        kinds = {(array.dtype.kind, array.dtype.itemsize) for array in (found, expected)}
        return len(kinds) == 1 and np.array_equal(found, expected)
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(same(found[key], expected[key]) for key in expected)
    return bool(found == expected)


@pytest.mark.parametrize("protocol", range(6))
def test_plain_data_of_every_protocol_come_back(tmp_path: Path, protocol: int) -> None:
    shared = PLAIN["matrix"]
    assert same(read(pickle.dumps({**PLAIN, "again": shared}, protocol), tmp_path), {**PLAIN, "again": shared})


@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
def test_arrays_of_either_numpy_come_back(tmp_path: Path, core: bytes) -> None:
    content = pickle.dumps(np.arange(3.0), 2).replace(b"numpy._core.", core + b".").replace(b"numpy.core.", core + b".")
    assert core in content and read(content, tmp_path).tolist() == [0, 1, 2]


class Runs:
    """Anything whose pickle calls a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntVb\ntR"


def array(shape: bytes, kind: bytes, data: bytes) -> bytes:
    """An array of protocol 0, by hand: its state is version, shape, type, order and content."""
    type_of_values = b"cnumpy\ndtype\n(V" + kind + b"\ntR(I3\nV<\nNNNI-1\nI-1\nI0\ntb"
    return ARRAY + b"(I1\n(" + shape + b"t" + type_of_values + b"I00\n" + data + b"tb."


def test_an_array_by_hand_is_read(tmp_path: Path) -> None:
    latin1 = b"c_codecs\nencode\n(V\xfe\x07\nVlatin1\ntR"
    assert read(array(b"I2\nI1\n", b"i1", latin1), tmp_path).tolist() == [[-2], [7]]


HOSTILE = {
    "a command": pickle.dumps(Runs(os.system, "exit 3")),
    "a command by hand": b"cos\nsystem\n(S'exit 3'\ntR.",
    "eval": pickle.dumps(Runs(eval, "1 + 1")),
    "exec of the second protocol": b"\x80\x02c__builtin__\nexec\nq\x00X\x04\x00\x00\x00passq\x01\x85q\x02Rq\x03.",
    "a chain of getattr": b"cbuiltins\ngetattr\n(cbuiltins\n__import__\n(S'os'\ntRS'system'\ntR(S'exit 3'\ntR.",
    "names with dots": b"\x80\x04\x8c\x05numpy\x8c\x16core.multiarray.scalar\x93.",
    "a module's function": b"cnumpy\nload\n(S'/etc/passwd'\ntR.",
    "a file": pickle.dumps(Runs(open, "/etc/passwd")),
    "an instance": b"(ios\nsystem\n.",
    "an object": b"(cos\nsystem\no.",
    "a new object": pickle.dumps(Path("."), 2),
    "a class": pickle.dumps(Runs, 0),
    "an extension": b"\x80\x02\x82\x01.",
    "a persistent id": b"P1\n.",
    "state of a function": b"cnumpy.core.multiarray\n_reconstruct\n}S'__defaults__'\n(tsb.",
    "state of a list": b"]}S'a'\nI1\nsb.",
    "calls of a text": b"S'os'\n(tR.",
    "calls without arguments": b"cnumpy\ndtype\n]R.",
    "codecs that enlarge": b"c_codecs\nencode\n(S'aaaa'\nS'utf-32'\ntR.",
    "an enormous array": b"cnumpy\nndarray\n((I1000000000000\nttR.",
    "an array of an enormous shape": array(b"I1000000000000\n", b"f8", b"S''\n"),
    "an array of nothing without end": array(b"I0\nI1000000000000\n", b"f8", b"S''\n"),
    "an array of empty texts": array(b"I1000000000000\n", b"U0", b"S''\n"),
    "an array of more than it holds": array(b"I2\n", b"f8", b"S'12345678'\n"),
    "an array of a negative side": array(b"I-1\n", b"f8", b"S''\n"),
    "an array of pointers": array(b"I1\n", b"O8", b"S'12345678'\n"),
    "a type with fields": b"cnumpy\ndtype\n(VV16\ntR.",
    "a type of a nested list": b"cnumpy\ndtype\n(]" + b"2" * 60 + b"tR.",
    "a number of many digits": b"I" + b"9" * 100_000 + b"\n.",
    "bytes of enormous length": b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b".",
    "a text of enormous length": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40) + b".",
    "keys that collide": b"}(" + b"".join(b"L%dL\nN" % (at * (2**61 - 1)) for at in range(3)) + b"u.",
    "keys that are tuples": b"}(I1\nI2\ntNs.",
    "an odd number of items": b"}(S'a'\nu.",
    "nothing": b"",
    "text": b"not a pickle",
    "a later protocol": b"\x80\x09N.",
    "no end": pickle.dumps(PLAIN)[:-1],
    "a cut": pickle.dumps(PLAIN)[:200],
    "an empty stack": b"0.",
    "an unknown memo": b"g7\n.",
    "items of a number": b"I1\n(I2\ne.",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_everything_else_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        read(HOSTILE[name], tmp_path)
    text = str(caught.value)
    assert text.startswith(str(tmp_path)) and text.endswith("; make it again.")
    assert "\n" not in text and len(text) < 300 + len(str(tmp_path))


@pytest.mark.parametrize(
    "content",
    [
        # A memo that is made as long as its greatest number takes 16 GB.
        b"\x80\x02Nr" + struct.pack("<I", 2**31 - 1) + b".",
        b"\x80\x02Nr" + struct.pack("<I", 2**32 - 1) + b".",
        # Lists of the same lists, 2^60 in all, which nothing may walk through.
        b"]q\x00" + b"".join(b"](h%ch%ceq%c" % (at, at, at + 1) for at in range(60)) + b".",
        b")q\x00" + b"".join(b"h%c\x86q%c" % (at, at + 1) for at in range(60)) + b".",
        b"](h\x00e.".replace(b"](", b"]q\x00("),
        b"(" * 100_000 + b"t" * 100_000 + b".",
    ],
)
def test_little_makes_nothing_large(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "infos.pkl").write_bytes(content)
    start = time.process_time()
    tracemalloc.start()
    with contextlib.suppress(InputError):
        read_plain_pickle(tmp_path / "infos.pkl", "make it again")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000 and time.process_time() - start < 5


def test_more_lists_than_any_data_set_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.datasets.formats.plain_pickles._MOST_CONTAINERS", 1000)
    for content in (b"(" + b"]" * 1001 + b"l.", b"(" * 1001 + b".", b"N" + b"\x85" * 1001 + b"."):
        with pytest.raises(InputError, match="holds more than 1000 lists"):
            read(content, tmp_path)
    monkeypatch.setattr("pipeline.datasets.formats.plain_pickles.MAX_BYTES", 10)
    with pytest.raises(InputError, match="is larger than"):
        read(pickle.dumps(PLAIN), tmp_path)


OPCODES = [opcode.code.encode("latin1") for opcode in pickletools.opcodes]


@given(st.lists(st.one_of(st.sampled_from(OPCODES), st.binary(max_size=4), st.just(b"cos\nsystem\n")), max_size=30))
def test_no_opcodes_do_anything_else(parts: list[bytes]) -> None:
    folder = Path(tempfile.gettempdir())
    file = folder / f"theodolite_pickle_{os.getpid()}.pkl"
    file.write_bytes(b"".join(parts))
    try:
        read_plain_pickle(file, "make it again")
    except InputError as error:
        assert "\n" not in str(error)
    finally:
        file.unlink()
