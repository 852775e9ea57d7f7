from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from pipeline.datasets.formats import mat5
from pipeline.datasets.formats.mat5 import read_mat5
from pipeline.records.errors import InputError

NUMBERS = np.arange(24).reshape(2, 3, 4)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "i8", "f4", "f8", "?", ">f8"])
def test_what_scipy_writes_is_read(tmp_path: Path, dtype: str, compressed: bool) -> None:
    file = tmp_path / "a.mat"
    values = NUMBERS.astype(dtype)
    passed_over = {"words": "text", "cells": np.array(["a", 1], dtype=object), "complex": 1j}
    savemat(file, {**passed_over, "data": {**passed_over, "values": values, "one": 3.5}}, do_compression=compressed)
    found = read_mat5(file, "data", ("values", "one", "lost"))
    assert set(found) == {"values", "one"}
    assert found["values"].shape == values.shape and (found["values"] == values).all()
    assert found["one"].tolist() == [[3.5]]
    assert read_mat5(file, "lost", ("values",)) == {}
    savemat(file, {"x": values, "y": passed_over}, do_compression=compressed)
    assert (read_mat5(file, None, ("x",))["x"] == values).all()


@pytest.mark.parametrize("wanted", [{"a": "text"}, {"a": 1j}, {"a": {"b": 1}}, {"a": np.array(["a", 1], dtype=object)}])
def test_what_is_no_array_of_numbers_is_refused(tmp_path: Path, wanted: dict[str, Any]) -> None:
    savemat(tmp_path / "a.mat", wanted)
    with pytest.raises(InputError, match="cannot be read as a MATLAB 5 file"):
        read_mat5(tmp_path / "a.mat", None, ("a",))


def test_no_changed_byte_does_more_than_to_be_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.mat"
    savemat(file, {"data": {"values": np.arange(6.0).reshape(2, 3), "edges": np.ones((2, 2), np.uint8)}})
    content = file.read_bytes()
    refused = 0
    for at in range(128, len(content)):
        for value in (0, 255, content[at] ^ 16):
            file.write_bytes(content[:at] + bytes([value]) + content[at + 1 :])
            try:
                read_mat5(file, "data", ("values",))
            except InputError:
                refused += 1
    assert refused > 100


def test_a_small_file_of_huge_content_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mat5, "MOST_BYTES", 2**20)
    file = tmp_path / "a.mat"
    data = {"values": np.ones((2, 2)), "edges": np.zeros((1500, 1000), np.uint8)}
    savemat(file, {"data": data}, do_compression=True)
    assert file.stat().st_size < 10_000
    with pytest.raises(InputError, match="more than 1 MiB"):
        read_mat5(file, "data", ("values",))
    savemat(file, {"data": data})
    with pytest.raises(InputError, match="more than 1 MiB"):
        read_mat5(file, "data", ("values",))


def test_a_packed_element_within_a_packed_one_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "a.mat"
    savemat(file, {"a": 1.0})
    packed = zlib.compress((15).to_bytes(4, "little") + (8).to_bytes(4, "little") + bytes(8))
    file.write_bytes(file.read_bytes() + (15).to_bytes(4, "little") + len(packed).to_bytes(4, "little") + packed)
    assert read_mat5(file, None, ("a",))["a"].tolist() == [[1.0]]
