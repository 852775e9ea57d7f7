from __future__ import annotations

import numpy as np
import pytest

from pipeline.geometry.far import end_of_scene, is_infinity

RNG = np.random.default_rng(3)
ROOM = RNG.uniform(1, 6, 1000)
STREET = RNG.uniform(2, 90, 1000)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.95])
@pytest.mark.parametrize(
    ("scene", "sky"),
    [
        (ROOM, 1e10), (ROOM, 65504.0), (ROOM, 3e38), (ROOM, 1000.0), (ROOM, 130.0), (STREET, 1e10), (STREET, 65504.0),
        (STREET, 10000.0), (STREET * 1e-3, 2.0), (ROOM * 1e4, 1e9),
    ],
)  # fmt: skip
def test_the_scene_ends_before_the_sky(scene: np.ndarray, sky: float, share: float) -> None:
    count = round(share * len(scene) / (1 - share))
    values = np.r_[scene, np.full(count, sky)].astype(np.float32)
    assert end_of_scene(RNG.permutation(values)) == pytest.approx(scene.max(), rel=1e-6)


@pytest.mark.parametrize(
    "far",
    [
        RNG.uniform(7, 40, 900),
        RNG.uniform(60, 300, 900),  # A view through a window, ten times as far as the room.
        RNG.uniform(130, 500, 900),
        np.full(900, 100.0),  # A wall at the end of a hall.
        np.geomspace(6, 5e4, 900),  # A plain to its horizon.
        np.full(1, 11.0),
    ],
)
def test_far_parts_of_a_scene_belong_to_it(far: np.ndarray) -> None:
    values = np.r_[ROOM, far]
    assert end_of_scene(values) == np.inf
    assert not is_infinity(values[None], np.ones((1, len(values)), bool), is_metric=True).any()


def test_noise_close_to_the_camera_is_not_the_scene() -> None:
    assert end_of_scene(np.r_[ROOM, np.full(5, 1e-4)]) == np.inf
    assert end_of_scene(np.r_[ROOM, np.full(5, 1e-4), np.full(400, 1e10)]) == ROOM.max()


def test_skies_of_several_numbers_are_one_end() -> None:
    assert end_of_scene(np.r_[ROOM, RNG.uniform(1e8, 1e10, 2000)]) == ROOM.max()


@pytest.mark.parametrize(
    ("values", "is_metric", "expected"),
    [
        ([1, 2, 3, 1e10, 1e10, 1e10], True, [0, 0, 0, 1, 1, 1]),
        ([1, 2, 3, 1e10, 1e9, 2e7], True, [0, 0, 0, 1, 1, 1]),
        ([1, 2, 3, 1e10, 1e9, 2e7], False, [0, 0, 0, 0, 0, 0]),
        ([1, 2, 3, 65504, 65504, 65504], True, [0, 0, 0, 1, 1, 1]),
        ([1, 2, 3, 65504, 65504, 65504], False, [0, 0, 0, 1, 1, 1]),
        ([1, 2, 3, 299, 299, 299], True, [0, 0, 0, 0, 0, 0]),
        ([1, 2, 3, 300, 300, 300], True, [0, 0, 0, 1, 1, 1]),
        ([1, 2, 3, 300, 300, 301], True, [0, 0, 0, 0, 0, 0]),
        ([1, 2, 3, 4, 300, 300], True, [0, 0, 0, 0, 0, 0]),
        ([2e7, 2e7, 2e7, 3e7, 3e7, 3e7], True, [0, 0, 0, 0, 0, 0]),
        ([7, 7, 7, 7, 7, 7], True, [0, 0, 0, 0, 0, 0]),
        ([0, -1, 0, 9, 9, 9], True, [0, 0, 0, 0, 0, 0]),
        ([0, 0, 0, 0, 0, 0], True, [0, 0, 0, 0, 0, 0]),
    ],
)
def test_numbers_that_stand_for_infinity_are_found(values: list[float], is_metric: bool, expected: list[int]) -> None:
    array = np.array(values, np.float32).reshape(2, 3)
    found = is_infinity(array, np.ones((2, 3), bool), is_metric=is_metric)
    assert found.astype(int).ravel().tolist() == expected


def test_invalid_pixels_are_not_looked_at() -> None:
    array = np.array([[1, 2, 1e10, 1e10, 1e10]])
    assert not is_infinity(array, np.array([[True, True, False, False, False]]), is_metric=True).any()
