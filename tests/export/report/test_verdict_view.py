from __future__ import annotations

from typing import Any

from export.report.report_data import result

from pipeline.export.report.verdict_view import claim_regions, verdict_view
from pipeline.records.message import message


def say(code: str, /, **values: Any) -> str:
    return message(code, **values).text("en")


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
    assert hidden.evidence[0].numbers == [("contour that belongs to the hiding object", "90%")]
    assert hidden.margin == "", "it repeats the probability"
    assert apart.margin == "−30.0 cm"
    assert apart.evidence[0].share == "2.0%" and apart.frames == (0,)
    assert undecided.needs == "needs: a clearer step" and undecided.is_correct is None and undecided.evidence == []


def test_regions_are_those_compared_or_else_those_named() -> None:
    made = result()
    assert claim_regions(made.verdicts[0], made.regions) == (3, 2)
    assert claim_regions(made.verdicts[3], made.regions) == (1, 3), "by the names cup and screen"
    assert claim_regions(made.verdicts[0], made.regions[:1]) == (), "an index beyond the regions is none"
