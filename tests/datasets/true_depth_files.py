"""Small images with true depth that tests write, and tests of what every data set must do with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.datasets.base import DepthDataset, DepthSample, Skipped
from pipeline.records.errors import InputError

WIDTH, HEIGHT = 16, 12
SIZE = (WIDTH, HEIGHT)


def depth_m() -> np.ndarray:
    """Depth that differs at every pixel, float64 (H, W): row 3, column 5 is 4.05 m."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.asarray(1 + rows + columns / 100, dtype=np.float64)


def write_pfm(file: Path, values: np.ndarray) -> None:
    """Little-endian, rows from the bottom, as Middlebury writes it."""
    header = f"Pf\n{values.shape[1]} {values.shape[0]}\n-1.0\n".encode()
    file.write_bytes(header + np.ascontiguousarray(values[::-1], dtype="<f4").tobytes())


def samples(data: DepthDataset[Any]) -> list[DepthSample]:
    """All samples of a data set, of which none may be skipped."""
    read = [data.read(index) for index in range(len(data))]
    found = [sample for sample in read if isinstance(sample, DepthSample)]
    assert len(found) == len(read), read
    assert [sample.name for sample in found] == data.names()
    return found


def only(data: DepthDataset[Any]) -> DepthSample:
    """The one sample of a data set."""
    (sample,) = samples(data)
    return sample


def reason(data: DepthDataset[Any], index: int = 0) -> str:
    """Why an entry is skipped, which must be one sentence."""
    skipped = data.read(index)
    assert isinstance(skipped, Skipped), skipped
    assert skipped.name == data.names()[index]
    assert "\n" not in skipped.reason and skipped.reason.endswith((".", "?"))
    return skipped.reason


def skipping(
    read: Callable[[Path], DepthDataset[Any]],
    save: Callable[[Path], Any],
    damages: Sequence[tuple[Callable[[Any], Any], str]],
) -> Callable[..., None]:
    """A test that an image whose files are damaged is skipped, with a plain reason.

    Args:
        read: Opens the data set in a folder.
        save: Writes one image into it.
        damages: What happens to what ``save`` returned, each with words of the reason.
    """

    @pytest.mark.parametrize("damage, words", damages)
    def test(tmp_path: Path, damage: Callable[[Any], Any], words: str) -> None:
        damage(save(tmp_path))
        assert words in reason(read(tmp_path))

    return test


def refusing(
    read: Callable[..., Any],
    cases: Sequence[tuple[dict[str, Any], type[Exception], str]],
    save: Callable[[Path], Any] = lambda root: None,
) -> Callable[..., None]:
    """A test that arguments which cannot be used are refused in one sentence, a missing folder among them.

    Args:
        read: Opens the data set.
        cases: Arguments beside ``path``, the error, and a pattern of its words.
        save: Writes one image into the folder.
    """

    @pytest.mark.parametrize(
        "arguments, error, words", [({"path": "nowhere"}, InputError, "There is n.* nowhere"), *cases]
    )
    def test(tmp_path: Path, arguments: dict[str, Any], error: type[Exception], words: str) -> None:
        save(tmp_path)
        with pytest.raises(error, match=words) as caught:
            read(**{"path": tmp_path, **arguments})
        assert "\n" not in str(caught.value)

    return test
