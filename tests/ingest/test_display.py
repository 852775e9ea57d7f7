from __future__ import annotations

import logging

import numpy as np
import pytest

from pipeline.ingest.display import orientation, shown

ONE = 1 << 16
# Stored picture, its left column first: a letter that no turn or mirror maps to itself.
STORED = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)


def matrix(a, b, c, d, x=0, y=0):
    """Nine integers as ISO/IEC 14496-12 stores them: 16.16, and 2.30 for the last column."""
    return [round(a * ONE), round(b * ONE), 0, round(c * ONE), round(d * ONE), 0, x * ONE, y * ONE, 1 << 30]


def picture(values):
    return np.repeat(np.asarray(values, np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((1, 0, 0, 1), [[1, 2, 3], [4, 5, 6]]),
        ((-1, 0, 0, 1), [[3, 2, 1], [6, 5, 4]]),
        ((1, 0, 0, -1), [[4, 5, 6], [1, 2, 3]]),
        ((-1, 0, 0, -1), [[6, 5, 4], [3, 2, 1]]),
        # (p', q') = (c q, b p): a phone held upright stores b = 1, c = -1, and is shown turned clockwise.
        ((0, 1, -1, 0), [[4, 1], [5, 2], [6, 3]]),
        ((0, -1, 1, 0), [[3, 6], [2, 5], [1, 4]]),
        ((0, 1, 1, 0), [[1, 4], [2, 5], [3, 6]]),
        ((0, -1, -1, 0), [[6, 3], [5, 2], [4, 1]]),
    ],
)
def test_each_of_the_eight_orientations_is_shown(parts, expected):
    for scale, offset in ((1, 0), (1, 480), (2.5, -3)):
        rgb = shown(picture(STORED), matrix(*(scale * part for part in parts), x=offset, y=offset))
        assert np.array_equal(rgb, picture(expected))
        assert rgb.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize("parts", [(1, 0, 0, 1), (-1, 0, 0, 1), (0, 1, -1, 0), (0, -1, -1, 0)])
@pytest.mark.parametrize(("turn_deg", "warned"), [(0.5, False), (2, True), (-44, True), (44, True)])
def test_a_turn_between_orientations_takes_the_nearest_one_with_a_warning(caplog, parts, turn_deg, warned):
    cosine, sine = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    a, b, c, d = np.reshape(parts, (2, 2)).astype(float).ravel()
    tilted = np.array([[a, b], [c, d]]) @ np.array([[cosine, sine], [-sine, cosine]])
    with caplog.at_level(logging.WARNING):
        assert orientation(matrix(*tilted.ravel())) == parts
    assert ("no quarter turn or mirror" in caplog.text) is warned


@pytest.mark.parametrize("stored", [[0] * 9, matrix(1, 0, 0, 0), matrix(0, 0, 1, 0)])
def test_a_singular_matrix_leaves_the_frame_as_it_is(caplog, stored):
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(shown(picture(STORED), stored), picture(STORED))
    assert "singular" in caplog.text


@pytest.mark.parametrize(
    ("aspect", "parts", "shape"),
    [
        (4 / 3, (1, 0, 0, 1), (48, 85)),
        (4 / 3, (0, 1, -1, 0), (85, 48)),
        (2, (-1, 0, 0, 1), (48, 128)),
        (0.5, (1, 0, 0, 1), (96, 64)),
        (8 / 9, (1, 0, 0, 1), (54, 64)),
        (1, (1, 0, 0, 1), (48, 64)),
        (0, (1, 0, 0, 1), (48, 64)),
    ],
)
def test_pixels_become_square_before_the_frame_is_turned(aspect, parts, shape):
    assert shown(np.zeros((48, 64, 3), np.uint8), matrix(*parts), aspect).shape[:2] == shape


@pytest.mark.parametrize("aspect", [1e6, 1e-6, 5])
def test_an_absurd_pixel_neither_stretches_the_frame_nor_fills_the_memory(caplog, aspect):
    with caplog.at_level(logging.WARNING):
        assert shown(np.zeros((4, 6, 3), np.uint8), None, aspect).shape == (4, 6, 3)
    assert "taken as square" in caplog.text


def test_edges_stay_in_place_when_pixels_become_square():
    rgb = np.zeros((4, 8, 3), np.uint8)
    rgb[:, 4:] = 200
    wide = shown(rgb, None, 2.0)
    assert (wide[:, :7] == 0).all()
    assert (wide[:, 9:] == 200).all()
