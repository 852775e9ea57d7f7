"""Files of data sets, written by the tests that read them."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.records import Claim

WIDTH, HEIGHT = 160, 120


def image(seed: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> np.ndarray:
    """An image of smooth colours, uint8 (H, W, 3)."""
    rows, columns = np.mgrid[: size[1], : size[0]]
    return np.stack(((rows + seed) % 256, columns % 256, (rows + columns) % 256), axis=2).astype(np.uint8)


def save_image(path: Path, seed: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image(seed, size)).save(path)
    return path


def png(seed: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image(seed, size)).save(stream, "PNG")
    return stream.getvalue()


def stored(seed: int = 0) -> dict[str, Any]:
    """An image as the hub's Parquet files hold it."""
    return {"bytes": png(seed), "path": f"{seed}.png"}


def save_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    import pyarrow
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path, row_group_size=2)
    return path


def check_claims(
    claims: Iterable[Claim], order: Sequence[str], hides: Collection[tuple[str, str]], least: int = 1
) -> None:
    """Make sure that claims are balanced, and true where the objects say so.

    Args:
        claims: Claims of one scene.
        order: Labels of objects, the closest first; others may be in any order.
        hides: Pairs of labels of which the first hides a part of the second; no other pair of the labels does.
        least: Smallest number of claims.
    """
    claims = list(claims)
    assert sum(bool(claim.truth) for claim in claims) * 2 == len(claims) >= least
    for claim in claims:
        pair = (claim.subject, claim.object or "")
        if claim.value is None and claim.relation in ("closer", "in_front_of") and {*pair} <= {*order}:
            assert claim.truth is ((order.index(pair[0]) < order.index(pair[1])) is not claim.negated)
        if claim.value is None and claim.relation in ("occludes", "occluded_by"):
            front_first = pair if claim.relation == "occludes" else pair[::-1]
            assert claim.truth is ((front_first in hides) is not claim.negated)
    assert not hides or {"occludes", "occluded_by"} & {str(claim.relation) for claim in claims}
