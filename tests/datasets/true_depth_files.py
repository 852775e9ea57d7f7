"""Small images with true depth that tests write, and tests that every data set must pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
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


def gapped_m(more_m: float = 0.0) -> np.ndarray:
    """The same depth, or that many metres more, with its first two rows unknown."""
    values = depth_m() + more_m
    values[:2] = 0
    return values


def write_png(file: Path, values_m: np.ndarray, per_metre: float = 1000.0) -> Path:
    """Depth in whole numbers of 16 bits."""
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), np.round(values_m * per_metre).astype(np.uint16))
    return file


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


def check_truth(
    sample: DepthSample, values_m: np.ndarray | None = None, atol: float = 1e-4, camera: Sequence[float] = ()
) -> None:
    """Make sure that true depth is known where the values are positive, and that no other depth is given.

    Args:
        sample: The sample.
        values_m: Its true depth; by default ``gapped_m``.
        atol: Tolerance of depth [m].
        camera: fx, fy, cx, cy of the given camera [px]; empty checks none.
    """
    values_m = gapped_m() if values_m is None else values_m
    assert (sample.truth.valid == (values_m > 0)).all()
    assert np.allclose(sample.truth.values, values_m, atol=atol)
    assert sample.frame.given_depth is None
    if camera:
        found = sample.frame.camera
        assert (found.fx, found.fy, found.cx, found.cy) == pytest.approx(camera) and found.source == "given"


def ordered(
    read: Callable[..., DepthDataset[Any]],
    save: Callable[..., Any],
    saved: Sequence[tuple[Any, ...]],
    groups: Mapping[str, str],
    choices: Sequence[tuple[dict[str, Any], list[str]]] = (),
) -> Callable[..., None]:
    """A test that entries come in a fixed order, whatever the order in which they are written.

    Args:
        read: Opens the data set in a folder.
        save: Writes one entry into it.
        saved: Further arguments of ``save`` for each entry.
        groups: Names of all entries in their order, with their groups.
        choices: Arguments that choose some entries, with the names of these; a path is one below the folder.
    """

    def test(tmp_path: Path) -> None:
        for entry in saved:
            save(tmp_path, *entry)
        data = read(tmp_path)
        assert {sample.name: sample.group for sample in samples(data)} == groups
        assert data.names() == list(groups)
        for arguments, names in [({"limit": 2}, list(groups)[:2]), *choices]:
            assert read(**{**arguments, "path": tmp_path / arguments.get("path", "")}).names() == names

    return test


def skipping(
    read: Callable[[Path], DepthDataset[Any]],
    save: Callable[[Path], Any],
    damages: Sequence[tuple[Callable[[Any], Any], str]],
) -> Callable[..., None]:
    """A test that an image whose files are damaged is skipped, with a plain reason.

    Args:
        read: Opens the data set in a folder.
        save: Writes one image into it.
        damages: What happens to what ``save`` returned, each with a pattern of the reason.
    """

    @pytest.mark.parametrize("damage, words", damages)
    def test(tmp_path: Path, damage: Callable[[Any], Any], words: str) -> None:
        damage(save(tmp_path))
        assert re.search(words, reason(read(tmp_path)))

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
