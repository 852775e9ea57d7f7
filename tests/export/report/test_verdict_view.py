from __future__ import annotations

from typing import Any

import pytest
from export.report.report_data import result

from pipeline.export.report.verdict_view import claim_regions, margin_text, share_text, verdict_view
from pipeline.records.message import message


def say(code: str, /, **values: Any) -> str:
    return message(code, **values).text("en")


@pytest.mark.parametrize(
    "probability, text",
    [(None, "–"), (1.0, ">99.9%"), (0.99949, "99.9%"), (0.5, "50.0%"), (0.0006, "0.1%"), (0.0, "<0.1%")],
)
def test_no_probability_is_shown_as_certain(probability: float | None, text: str) -> None:
    assert share_text(probability) == text


@pytest.mark.parametrize(
    "margin, unit, text",
    [
        (117.0, "px", "+117 px"),
        (-0.3, "m", "−0.3 m"),
        (0.261, "of the frame's depth range", "+26% of the frame's depth range"),
        (-0.12, "relative", "−12%"),
        (None, None, ""),
    ],
)
def test_margins_have_sign_and_unit(margin: float | None, unit: str | None, text: str) -> None:
    assert margin_text(margin, unit) == text


def test_a_verdict_in_words() -> None:
    made = result()
    supported, hidden, apart, undecided = (
        verdict_view(verdict, index, made.regions, say) for index, verdict in enumerate(made.verdicts)
    )
    assert supported.is_correct is True and supported.share == ">99.9%" and supported.margin == "+117 px"
    assert hidden.is_correct is False
    assert hidden.calibration == (
        "Probability from calibration default, occlusion/measured: 900 comparable verdicts of 300 scenes. "
        "Its guarantee needs at least 7 more scenes."
    )
    assert hidden.evidence[0].numbers == [("owned", "0.9")]
    assert apart.evidence[0].share == "2.0%" and apart.frames == (0,)
    assert undecided.needs == "needs: a clearer step" and undecided.is_correct is None and undecided.evidence == []


def test_regions_are_those_compared_or_else_those_named() -> None:
    made = result()
    assert claim_regions(made.verdicts[0], made.regions) == (3, 2)
    assert claim_regions(made.verdicts[3], made.regions) == (1, 3), "by the names cup and screen"
    assert claim_regions(made.verdicts[0], made.regions[:1]) == (), "an index beyond the regions is none"
