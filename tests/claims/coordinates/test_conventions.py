from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.claims.coordinates.conventions import (
    QWEN_2_RESIZE,
    THOUSANDTHS,
    Convention,
    CoordinateUnit,
    Padding,
    Resize,
    Size,
)


@pytest.mark.parametrize(
    ("resize", "size", "resized"),
    [
        # 1920 / 28 = 68.57 and 1080 / 28 = 38.57 are rounded.
        (QWEN_2_RESIZE, (1920, 1080), (69 * 28, 39 * 28)),
        (QWEN_2_RESIZE, (640, 480), (23 * 28, 17 * 28)),
        (QWEN_2_RESIZE, (1120, 560), (1120, 560)),
        # 28 x 28 is a quarter of the least number of pixels.
        (QWEN_2_RESIZE, (28, 28), (56, 56)),
        # 48 megapixels are reduced by sqrt(48e6 / 12845056) = 1.9331: 4138.5 and 3103.9, rounded down.
        (QWEN_2_RESIZE, (8000, 6000), (147 * 28, 110 * 28)),
        # A side is never less than the factor.
        (QWEN_2_RESIZE, (10, 3000), (28, 107 * 28)),
        # sqrt(1920 * 1080 / 1003520) = 1.4375: 1335.7 and 751.3, rounded down.
        (Resize(28, 3136, 1_003_520), (1920, 1080), (47 * 28, 26 * 28)),
        (Resize(28, 200_704, 1_003_520), (112, 112), (448, 448)),
        (Resize(32, 4096, 16_777_216), (640, 480), (640, 480)),
        (Resize(1, 0, 1_000_000), (640, 480), (640, 480)),
        (Resize(1, 0, 10_000_000, max_side_px=1000), (4000, 2000), (1000, 500)),
        (Resize(1, 0, 10_000_000, max_side_px=1000), (500, 1500), (333, 1000)),
        (Resize(1, 0, 10_000_000, max_side_px=1000), (800, 200), (800, 200)),
        # The longest side first, and then the pixels: 1000 x 1000 is reduced by 2.
        (Resize(1, 0, 250_000, max_side_px=1000), (2000, 2000), (500, 500)),
    ],
)
def test_an_image_is_resized_as_the_model_does_it(resize: Resize, size: Size, resized: Size) -> None:
    assert resize.size(size) == resized


@given(st.integers(60, 6000), st.integers(60, 6000))
def test_a_resized_image_keeps_its_limits_and_roughly_its_aspect_ratio(width: int, height: int) -> None:
    resize = Resize(28, 3136, 1_003_520)
    new_width, new_height = resize.size((width, height))
    assert new_width % 28 == new_height % 28 == 0
    assert new_width * new_height <= 1_003_520
    # Each side is off by less than one step of 28 px.
    scale = new_width / width
    assert abs(new_height - scale * height) < 28 * (1 + scale * height / new_width)


@pytest.mark.parametrize(
    ("unit", "numbers", "expected"),
    [
        (CoordinateUnit.THOUSANDTHS, (250, 500), (0.25, 0.5)),
        (CoordinateUnit.THOUSANDTHS_YX, (250, 500), (0.25, 0.5)),
        (CoordinateUnit.PER_999, (999, 333), (1, 1 / 3)),
        (CoordinateUnit.PER_1024_YX, (256, 512), (0.25, 0.5)),
        (CoordinateUnit.FRACTIONS, (0.25, 0.5), (0.25, 0.5)),
        (CoordinateUnit.PERCENT, (25, 50), (0.25, 0.5)),
        (CoordinateUnit.PIXELS, (500, 500), (0.25, 0.5)),
        # 2000 x 1000 becomes 1988 (71 x 28) x 1008 (36 x 28).
        (CoordinateUnit.RESIZED_PIXELS, (497, 504), (0.25, 0.5)),
        (CoordinateUnit.THOUSANDTHS, (-10, 1010), (-0.01, 1.01)),
    ],
)
def test_a_position_becomes_shares_of_the_image(
    unit: CoordinateUnit, numbers: tuple[float, float], expected: tuple[float, float]
) -> None:
    assert THOUSANDTHS.shares(*numbers, unit, (2000, 1000)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("size", "position", "expected"),
    [
        # 640 x 480 stands between bars of 80 px in a square of 640 px.
        ((640, 480), (0.25, 0.125), (0.25, 0)),
        ((640, 480), (0.25, 0.875), (0.25, 1)),
        ((640, 480), (0.5, 0.5), (0.5, 0.5)),
        ((640, 480), (0, 0), (0, -1 / 6)),
        # 400 x 1000 stands between bars of 300 px.
        ((400, 1000), (0.3, 0.2), (0, 0.2)),
        ((400, 1000), (0.6, 0.2), (0.75, 0.2)),
        ((500, 500), (0.3, 0.2), (0.3, 0.2)),
    ],
)
def test_bars_that_make_an_image_square_are_no_part_of_it(
    size: Size, position: tuple[float, float], expected: tuple[float, float]
) -> None:
    padded = Convention(CoordinateUnit.FRACTIONS, padding=Padding.CENTRE)
    assert padded.shares(*position, CoordinateUnit.FRACTIONS, size) == pytest.approx(expected)


def test_bars_do_not_concern_coordinates_in_another_unit() -> None:
    padded = Convention(CoordinateUnit.FRACTIONS, padding=Padding.CENTRE)
    assert padded.shares(160, 120, CoordinateUnit.PIXELS, (640, 480)) == (0.25, 0.25)
    assert padded.shares(250, 250, CoordinateUnit.THOUSANDTHS, (640, 480)) == (0.25, 0.25)


@pytest.mark.parametrize("unit", CoordinateUnit)
def test_units_with_y_first_and_units_of_pixels_are_told_by_their_names(unit: CoordinateUnit) -> None:
    assert unit.is_yx == (unit in (CoordinateUnit.THOUSANDTHS_YX, CoordinateUnit.PER_1024_YX))
    assert unit.of_pixels == (unit in (CoordinateUnit.PIXELS, CoordinateUnit.RESIZED_PIXELS))
