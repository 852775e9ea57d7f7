from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.captures.pairs import notes_of_left_out, paired, tolerance_ns

MS = 1_000_000


@pytest.mark.parametrize(
    ("times_ms", "expected_ms"), [([0, 33, 66], 16.5), ([0, 200, 400], 50), ([7], 50), ([], 50), ([0, 10, 20, 900], 5)]
)
def test_depth_belongs_to_an_image_within_half_a_frame_and_50_ms(times_ms: list[int], expected_ms: float) -> None:
    assert tolerance_ns([time * MS for time in times_ms]) == expected_ms * MS


@pytest.mark.parametrize(
    ("images_ms", "depths_ms", "expected"),
    [
        ([0, 100, 200], [5, 105, 195], [(0, 0), (1, 1), (2, 2)]),
        ([0, 100, 200], [50, 151], [(0, 0), (1, 0), (2, 1)]),
        ([0, 200, 400], [51, 260, 449], [(2, 2)]),
        ([0, 30, 60], [14, 16], [(0, 0), (1, 1)]),
        ([0], [], []),
        ([], [0], []),
    ],
)
def test_every_image_takes_the_depth_nearest_in_time(
    images_ms: list[int], depths_ms: list[int], expected: list[tuple[int, int]]
) -> None:
    assert paired([time * MS for time in images_ms], [time * MS for time in depths_ms]) == expected


@given(st.lists(st.integers(0, 2**62), max_size=20), st.lists(st.integers(0, 2**62), max_size=20))
def test_no_depth_is_nearer_than_the_one_taken(images: list[int], depths: list[int]) -> None:
    images, depths = sorted(images), sorted(depths)
    found = dict(paired(images, depths))
    for index, time in enumerate(images):
        nearest = min((abs(time - depth) for depth in depths), default=None)
        if index in found:
            assert abs(time - depths[found[index]]) == nearest <= tolerance_ns(images)
        else:
            assert nearest is None or nearest > tolerance_ns(images)


@pytest.mark.parametrize(
    ("images", "pairs", "is_told"), [(100, 100, False), (100, 90, False), (100, 89, True), (2, 1, True)]
)
def test_images_that_are_left_out_for_lack_of_depth_are_told(images: int, pairs: int, is_told: bool) -> None:
    notes = notes_of_left_out(images, pairs)
    assert [note.text() for note in notes] == [
        f"{images - pairs} of the recording's {images} images have no depth at their time and were left out."
    ] * is_told
