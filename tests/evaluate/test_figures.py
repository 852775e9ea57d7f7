from __future__ import annotations

import pytest

from pipeline.evaluate.figures import decimals, figure_texts


@pytest.mark.parametrize(
    "figure, texts",
    [
        ((0.08808, 0.08413, 0.09204), ("0.088", "0.084 – 0.092")),
        ((0.9712, 0.9704, 0.9721), ("0.9712", "0.9704 – 0.9721")),
        ((12.34, 7.2, 31.0), ("12", "7 – 31")),
        ((123.4, 72.0, 171.0), ("120", "70 – 170")),
        ((0.2712, 0.2011, 0.3522), ("0.27", "0.20 – 0.35")),
        ((1.234567, None, None), ("1.235", "")),
        ((0.5, 0.5, 0.5), ("0.5", "0.5 – 0.5")),
        ((None, None, None), ("–", "")),
    ],
)
def test_figures_have_the_digits_of_their_intervals(figure: tuple[float | None, ...], texts: tuple[str, str]) -> None:
    assert figure_texts(dict(zip(("value", "low", "high"), figure, strict=True))) == texts


def test_the_first_uncertain_digit_is_the_last_shown() -> None:
    assert decimals(0.0, 0.72) == 1 and decimals(0.0, 0.70) == 2 and decimals(None, 1.0) is None
