from __future__ import annotations

import numpy as np
import pytest

from pipeline.models.depth.inputs import network_size, normalised, size_within


@pytest.mark.parametrize(
    ("height", "width", "side", "keep", "expected"),
    [
        (480, 640, 384, False, (384, 384)),
        (480, 640, 512, True, (512, 672)),
        (640, 480, 512, True, (672, 512)),
        (1080, 1920, 512, True, (512, 896)),
        (1, 1, 512, True, (512, 512)),
        (10, 4000, 384, True, (32, 384)),
        (384, 9000, 384, True, (384, 1536)),
    ],
)
def test_the_side_that_changes_least_becomes_the_networks(height, width, side, keep, expected):
    assert network_size(height, width, side, keep) == expected


@pytest.mark.parametrize(
    ("height", "width", "side", "multiple", "expected"),
    [
        (480, 640, 384, 32, (288, 384)),
        (480, 640, 256, 32, (192, 256)),
        (640, 480, 384, 32, (384, 288)),
        (1080, 1920, 384, 32, (224, 384)),
        (352, 1216, 384, 32, (96, 384)),
        (5, 4000, 256, 32, (32, 256)),
        (480, 640, 504, 14, (378, 504)),
        (1920, 1080, 504, 14, (504, 280)),
        (1, 1, 504, 14, (504, 504)),
    ],
)
def test_the_longer_side_becomes_the_networks(height, width, side, multiple, expected):
    assert size_within(height, width, side, multiple) == expected


def test_pixels_are_normalised_with_the_numbers_of_imagenet():
    colours = normalised(np.full((2, 32, 48, 3), (1, 0, 0.2), np.float32))
    expected = [(1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225]
    np.testing.assert_allclose(colours, np.broadcast_to(np.reshape(expected, (3, 1, 1)), (2, 3, 32, 48)), rtol=1e-5)
