"""Pickles of plain data: numbers, texts, lists, dictionaries and arrays, and nothing that could run code.

Opcodes as in https://github.com/python/cpython/blob/main/Lib/pickletools.py. The few names that numpy's own pickles
use stand for functions of this module, which make nothing larger than what the file holds; every other name, and every
opcode that makes objects of classes, is refused. Keys of dictionaries are texts, as other keys can be made to collide.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pipeline.records.errors import InputError

MAX_BYTES = 1_000_000_000
# An empty list takes one byte of a file and 56 of memory.
_MOST_CONTAINERS = 20_000_000
_MOST_AXES = 8
# Sides of arrays without numbers, such as (0, 7).
_LONGEST_EMPTY = 64
_DTYPE = re.compile(r"[<>|=]?([?biuf][1248]?|[SUO]\d{0,4})")


def read_plain_pickle(file: Path, how: str) -> Any:
    """The plain data of a pickle.

    Args:
        file: The file.
        how: What to do if it cannot be read, for the message.

    Returns:
        Numbers, texts, bytes, lists, tuples, dictionaries and numpy arrays of these; lists may contain themselves.

    Raises:
        InputError: If it is damaged, too large, or holds anything else.
    """
    if file.stat().st_size > MAX_BYTES:
        raise InputError(f"{file} is larger than {MAX_BYTES // 10**9} GB; {how}.")
    try:
        return _Reader(io.BytesIO(file.read_bytes())).load()
    except InputError as error:
        raise InputError(f"{file} {error}, which is not plain data; {how}.") from None
    except Exception:
        # Damaged pickles raise almost any type.
        raise InputError(f"{file} is damaged or not a pickle of plain data; {how}.") from None


class _Made:
    """A function that a pickle may call, without attributes that it could set.

    Args:
        make: Makes a value of what is in the file.
    """

    __slots__ = ("make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self.make = make


class _Type:
    """A numpy type before it is used.

    Args:
        name: As numpy writes it, such as ``f8``.
    """

    __slots__ = ("name", "order")

    def __init__(self, name: Any, *_: Any) -> None:
        if not isinstance(name, str) or not _DTYPE.fullmatch(name):
            raise InputError(f"holds numpy's type {name[:40] if isinstance(name, str) else type(name).__name__}")
        self.name, self.order = name.lstrip("<>|="), ""

    def build(self, state: Any) -> None:
        """Take the byte order of numpy's state, which must describe a type without fields."""
        _, order, *fields = state
        if order not in ("<", ">", "|", "=") or any(part is not None for part in fields[:3]):
            raise InputError("holds a numpy type with fields")
        self.order = order

    def dtype(self) -> np.dtype:
        return np.dtype(f"{self.order}{self.name}")


class _Array(np.ndarray):
    """An array whose numbers a pickle sets later."""

    def build(self, state: Any) -> None:
        """Take shape, type and content of numpy's state."""
        *_, shape, kind, is_fortran, data = state
        self.__setstate__((1, _shape(shape, kind, data), kind.dtype(), bool(is_fortran), data))  # type: ignore[arg-type]


def _shape(shape: Any, kind: Any, data: Any) -> tuple[int, ...]:
    """The shape, if the data are exactly that many values of the type."""
    if not isinstance(kind, _Type) or not isinstance(shape, tuple) or len(shape) > _MOST_AXES:
        raise InputError("holds an array without a shape or a type")
    if not all(type(side) is int and side >= 0 for side in shape):
        raise InputError("holds an array of an impossible shape")
    dtype, count = kind.dtype(), math.prod(shape)
    is_list = dtype.kind == "O" and isinstance(data, list)
    size = len(data) if is_list or (dtype.kind != "O" and isinstance(data, bytes | bytearray)) else -1
    itemsize = 1 if is_list else dtype.itemsize
    if itemsize == 0 or size != count * itemsize or max(shape, default=0) > max(size, _LONGEST_EMPTY):
        raise InputError("holds an array whose content is not of its shape")
    return shape


def _reconstructed(_subtype: Any, _shape_of_none: Any, _code: Any) -> _Array:
    return np.ndarray.__new__(_Array, (0,), "b")


def _of_buffer(data: Any, kind: Any, shape: Any, order: Any, axes: Any = None) -> np.ndarray:
    shape = _shape(shape, kind, data)
    flat = np.frombuffer(bytes(data), kind.dtype())
    if axes is not None:
        return flat.reshape(shape).transpose(axes)
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _scalar(kind: Any, data: Any) -> Any:
    if isinstance(data, str):
        data = data.encode("latin1")
    _shape((1,), kind, data)
    return np.frombuffer(data, kind.dtype())[0].item()


def _latin1(text: Any, encoding: Any) -> bytes:
    """Bytes of the second protocol. Other encodings can enlarge what they are given."""
    if not isinstance(text, str) or encoding != "latin1":
        raise InputError("encodes as something else than latin1")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""


def _dictionary(pairs: Any = ()) -> dict[str, Any]:
    if not all(isinstance(key, str) for key, _ in pairs):
        raise InputError("has a key that is not a text")
    return dict(pairs)


_NAMES: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("_codecs", "encode"): _latin1,
    ("builtins", "bytes"): _no_bytes,
    ("__builtin__", "bytes"): _no_bytes,
    ("collections", "OrderedDict"): _dictionary,
    ("numpy", "dtype"): _Type,
    ("numpy", "ndarray"): _no_bytes,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstructed for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _of_buffer for core in ("core", "_core")},
}
_PLAIN = (
    "STOP", "POP", "POP_MARK", "DUP", "FLOAT", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "NONE",
    "NEWTRUE", "NEWFALSE", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "APPEND", "APPENDS", "GLOBAL",
    "STACK_GLOBAL", "GET", "BINGET", "LONG_BINGET", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "PROTO", "FRAME",
)  # fmt: skip
_CONTAINERS = ("MARK", "LIST", "EMPTY_LIST", "EMPTY_DICT", "TUPLE", "EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3")
# The one in Python keeps its memo in a dictionary; that in C makes room for whatever number a file names.
_Unpickler: Any = pickle._Unpickler


class _Reader(_Unpickler):
    """Reader of the opcodes that plain data needs."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {}

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, encoding="latin1")
        self.size, self.containers = len(stream.getbuffer()), 0

    def find_class(self, module: str, name: str) -> _Made:
        """The function of this module that stands for a name."""
        if (module, name) not in _NAMES:
            raise InputError(f"names {module[:60]}.{name[:60]}")
        return _Made(_NAMES[module, name])

    def call(self) -> None:
        """REDUCE: call a function of this module."""
        arguments, made = self.stack.pop(), self.stack[-1]
        if not isinstance(made, _Made) or not isinstance(arguments, tuple):
            raise InputError("calls what is not a function of numpy's pickles")
        self.count()
        self.stack[-1] = made.make(*arguments)

    def build(self) -> None:
        """BUILD: fill an array or a type."""
        state, made = self.stack.pop(), self.stack[-1]
        if not isinstance(made, _Array | _Type):
            raise InputError("sets the state of an object")
        made.build(state)

    def set_items(self) -> None:
        """SETITEMS: put the pairs on the stack into a dictionary."""
        items = self.pop_mark()
        self.put(items[::2], items[1::2])

    def set_item(self) -> None:
        """SETITEM: put one pair into a dictionary."""
        value, key = self.stack.pop(), self.stack.pop()
        self.put([key], [value])

    def make_dictionary(self) -> None:
        """DICT: a dictionary of the pairs on the stack."""
        items = self.pop_mark()
        self.append({})
        self.put(items[::2], items[1::2])

    def put(self, keys: list[Any], values: list[Any]) -> None:
        """Put pairs into the dictionary on the stack."""
        into = self.stack[-1]
        if type(into) is not dict or not all(type(key) is str for key in keys):
            raise InputError("has a key that is not a text")
        into.update(zip(keys, values, strict=True))

    def read_bytearray(self) -> None:
        """BYTEARRAY8: bytes, at most those that the file has."""
        length = int.from_bytes(self.read(8), "little")
        if length > self.size:
            raise EOFError
        self.append(bytes(self.read(length)))

    def count(self) -> None:
        """Count what takes more memory than it takes room in the file."""
        self.containers += 1
        if self.containers > _MOST_CONTAINERS:
            raise InputError(f"holds more than {_MOST_CONTAINERS} lists")


def _counted(load: Callable[[Any], None]) -> Callable[[Any], None]:
    def counted(reader: _Reader) -> None:
        reader.count()
        load(reader)

    return counted


def _code(name: str) -> int:
    code: int = getattr(pickle, name)[0]
    return code


_Reader.dispatch = {
    **{_code(name): _Unpickler.dispatch[_code(name)] for name in _PLAIN},
    **{_code(name): _counted(_Unpickler.dispatch[_code(name)]) for name in _CONTAINERS},
    _code("REDUCE"): _Reader.call,
    _code("BUILD"): _Reader.build,
    _code("SETITEM"): _Reader.set_item,
    _code("SETITEMS"): _Reader.set_items,
    _code("DICT"): _Reader.make_dictionary,
    _code("BYTEARRAY8"): _Reader.read_bytearray,
}
