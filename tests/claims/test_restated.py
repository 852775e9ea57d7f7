from __future__ import annotations

import pytest

from pipeline.claims.restated import supported_claims
from pipeline.records import Claim, Unit

BEHIND = Claim("behind", "mug", "laptop")


@pytest.mark.parametrize(
    ("claim", "sentence"),
    [
        (BEHIND, "Half of the mug lurks behind the laptop."),
        (BEHIND, "The mug stays behind the laptop."),
        (Claim("in_front_of", "laptop", "mug"), "The mug stays behind the laptop."),
        (Claim("farther", "mug", "laptop"), "The mug stays behind the laptop."),
        (Claim("behind", "red mug", "laptop"), "The mug stays behind the laptop."),
        (Claim("behind", "mug", "laptop", negated=True), "The mug has never been behind the laptop."),
        (Claim("distance_between", "mug", "laptop", value=0.3, unit=Unit.METRE), "From mug to laptop I make it 0.3 m."),
        (Claim("count", "mugs", value=3, unit=Unit.COUNT), "Of mugs there may be, all told, three."),
        (Claim("left_of", "杯子", "电脑"), "杯子呢，就靠着左侧待在电脑那儿。"),
        (Claim("between", "mug", "laptop", other_object="lamp"), "The mug, you see, between laptop and lamp it sits."),
    ],
)  # fmt: skip
def test_a_claim_that_the_words_support_is_kept(claim: Claim, sentence: str) -> None:
    assert supported_claims([claim], [sentence]) == (claim,)


@pytest.mark.parametrize(
    ("claim", "sentence"),
    [
        (BEHIND, "The laptop stays behind the mug."),
        (BEHIND, "The mug stays in front of the laptop."),
        (BEHIND, "The mug stays to the left of the laptop."),
        (BEHIND, "The mug is next to the laptop."),
        (BEHIND, "The mug stays behind the lamp."),
        (BEHIND, "The mug is never behind the laptop."),
        (Claim("behind", "mug", "laptop", negated=True), "The mug stays behind the laptop."),
        (Claim("larger", "mug", "laptop"), "The mug is taller than the laptop."),
        (Claim("distance_between", "mug", "laptop", value=0.4, unit=Unit.METRE), "From mug to laptop I make it 0.3 m."),
        (Claim("count", "mugs", value=4, unit=Unit.COUNT), "Of mugs there may be, all told, three."),
    ],
)
def test_a_claim_that_the_words_do_not_support_is_dropped(claim: Claim, sentence: str) -> None:
    assert supported_claims([claim], [sentence]) == ()
