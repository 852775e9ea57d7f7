from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from viewer_pages import opened_browser

from pipeline.export.viewer import assets
from pipeline.export.viewer.lengths import plus_minus

CASES = [
    (0.5, 0.0055, "50.0 cm ± 0.6 cm"),
    (1.1, 0.726, "1.10 m ± 0.73 m"),
    (1.0, 0.098, "1.00 m ± 0.10 m"),
    (2.0, 0.0021, "2.000 m ± 0.002 m"),
    (0.3004, 0.00004, "30.040 cm ± 0.004 cm"),
    (0.0042, 0.03, "4.2 mm ± 30.0 mm"),
    (0.3, 0.9, "30.0 cm ± 90.0 cm"),
    (0.9951, 0.01, "1.00 m ± 0.01 m"),
    (0.0, 0.0, "0.0 mm ± 0.0 mm"),
    (3.0, 1e-9, "3.0000 m ± 0.0000 m"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with opened_browser() as opened:
        yield opened


@pytest.mark.parametrize(("length_m", "error_m", "words"), CASES)
def test_a_length_and_its_error_have_one_unit_and_the_decimals_that_the_error_needs(
    length_m: float, error_m: float, words: str
) -> None:
    assert plus_minus(length_m, error_m).text() == words
    assert plus_minus(length_m, error_m).text("zh") == words


def test_the_script_writes_them_as_python_does(browser: Any) -> None:
    source = (Path(assets.__file__).parent / "static" / "measure.js").read_text(encoding="utf-8")
    cases = [(0.001 * 1.37**step, 0.0007 * 1.21**step) for step in range(30)] + [case[:2] for case in CASES]
    page = browser.new_page()
    told = page.evaluate(
        f"cases => {{ {source}\nreturn cases.map(([length, error]) => plusMinusText(length, error)); }}", cases
    )
    assert told == [plus_minus(*case).text() for case in cases]
    uneven = {"length": 1.1, "low": 0.37, "high": 2.41}
    words = {"between": "{length}, between {low} and {high}", "units": "{length} units"}
    page_text = f"([words, distance, metric]) => {{ {source}\nreturn distanceText(words, distance, metric); }}"
    assert page.evaluate(page_text, [words, uneven, True]) == "1.10 m, between 0.37 m and 2.41 m"
    even = {"length": 2.5, "low": 2.38, "high": 2.62}
    assert page.evaluate(page_text, [words, even, True]) == "2.50 m ± 0.12 m"
    assert page.evaluate(page_text, [words, even, False]) == "2.5 ± 0.12 units"
    page.close()
