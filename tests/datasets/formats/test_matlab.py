from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from pipeline.datasets.formats import matlab
from pipeline.datasets.formats.matlab import read_matlab
from pipeline.records.errors import InputError

NUMBERS = np.arange(24).reshape(2, 3, 4)
DTYPES = ("u1", "i2", "u2", "i4", "i8", "f4", "f8", "?", ">f8")
OTHER: dict[str, Any] = {"words": "text", "cells": np.array(["a", 1], dtype=object), "complex": 1j}


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_of_all_types_are_read_and_other_contents_passed_over(tmp_path: Path, compressed: bool) -> None:
    file = tmp_path / "a.mat"
    values = {f"n{position}": NUMBERS.astype(dtype) for position, dtype in enumerate(DTYPES)}
    savemat(file, {**OTHER, "x": NUMBERS, "data": {**OTHER, **values, "one": 3.5}}, do_compression=compressed)
    found = read_matlab(file, "data", (*values, "one", "lost"))
    assert set(found) == {*values, "one"}
    assert all(found[name].shape == (2, 3, 4) and (found[name] == stored).all() for name, stored in values.items())
    assert found["one"].tolist() == [[3.5]]
    assert read_matlab(file, "lost", ("one",)) == {}
    assert (read_matlab(file, None, ("x",))["x"] == NUMBERS).all()


@pytest.mark.parametrize("wanted", ["text", 1j, {"b": 1}, np.array(["a", 1], dtype=object)])
def test_what_is_no_array_of_numbers_is_refused(tmp_path: Path, wanted: Any) -> None:
    savemat(tmp_path / "a.mat", {"a": wanted})
    with pytest.raises(InputError, match="cannot be read as a MATLAB 5 file"):
        read_matlab(tmp_path / "a.mat", None, ("a",))


def test_a_file_that_crashes_its_reader_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.mat"
    savemat(file, {"data": {"values": np.arange(6.0).reshape(2, 3), "edges": np.ones((2, 2), np.uint8)}})
    content = file.read_bytes()
    # The type of the first field's tag: SciPy's reader ends in a segmentation fault.
    at = content.index(b"edges") + 5
    refused = 0
    for offset in range(at, at + 40, 4):
        file.write_bytes(content[:offset] + b"\xff\xff\xff\x7f" + content[offset + 4 :])
        try:
            read_matlab(file, "data", ("values",))
        except InputError:
            refused += 1
    assert refused > 3


@pytest.mark.parametrize("inside", ["struct", "variable"])
def test_a_small_file_of_huge_content_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str) -> None:
    monkeypatch.setattr(matlab, "MOST_BYTES", 2**20)
    file = tmp_path / "a.mat"
    # Decoding has a few times as much memory as an array may hold.
    zeros = np.zeros((64, 2**20), np.uint8)
    savemat(file, {"data": {"values": zeros}} if inside == "struct" else {"values": zeros}, do_compression=True)
    assert file.stat().st_size < 100_000
    with pytest.raises(InputError, match="more than 1 MiB"):
        read_matlab(file, "data" if inside == "struct" else None, ("values",))
    savemat(file, {"data": np.zeros((1500, 1000), np.uint8)})
    with pytest.raises(InputError, match="more than 1 MiB"):
        read_matlab(file, None, ("values",))
