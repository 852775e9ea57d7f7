from __future__ import annotations

from export.report.report_data import TEXT, result
from hypothesis import given
from hypothesis import strategies as st

from pipeline.export.report.answer_text import answer_claims, blocks_of
from pipeline.records import Claim, Region, SpatialTag, Status, Verdict

SPANS = st.tuples(st.integers(0, 40), st.integers(1, 20)).map(lambda pair: (pair[0], sum(pair)))


def verdict(span: tuple[int, int] | None, relation: str = "left_of") -> Verdict:
    return Verdict(Claim(relation, "cup", "lamp", text_span=span), Status.SUPPORTED, "Seen.", 0.9)  # type: ignore[arg-type]


def test_spatial_words_belong_to_their_claims_and_names_to_their_regions() -> None:
    made = result()
    assert made.answer is not None
    prose, code = blocks_of(TEXT, made.answer.spatial_tags, answer_claims(made), made.regions)
    assert code.is_code and code.segments[0].text.startswith("```json")
    words = {part.text: part for part in prose.segments}
    assert words["left of"].claims == (0,) and words["left of"].relation == "left_of"
    assert words["hides"].claims == (1,)
    assert words["cup"].regions == (3,) and words["lamp"].regions == (2,) and words["cabinet"].regions == (0,)
    assert words[" the "].claims in ((0,), (1,)) and not words[" the "].is_word
    assert words[", and "].claims == (), "between the two claims"


def test_words_outside_every_claim_belong_to_those_of_their_relation() -> None:
    verdicts = {0: verdict(None), 1: verdict(None, "above"), 4: verdict(None)}
    tag = SpatialTag("left of", 4, 11, "left_of")  # type: ignore[arg-type]
    (block,) = blocks_of("cup left of lamp", [tag], verdicts)
    assert [(part.text, part.claims) for part in block.segments if part.is_word] == [("left of", (0, 4))]


def test_names_are_whole_words_and_the_longest_wins() -> None:
    regions = [Region("box", (0, 0, 9, 9)), Region("red box", (0, 0, 9, 9)), Region("box", (5, 5, 9, 9))]
    (block,) = blocks_of("A red box, a boxer and the Box#2", (), {}, regions)
    assert [(part.text, part.regions) for part in block.segments if part.regions] == [
        ("red box", (1,)),
        ("Box#2", (2,)),
    ]


def test_given_claims_are_none_of_the_answer() -> None:
    made = result()
    assert set(answer_claims(made)) == {0, 1, 2} and len(made.verdicts) == 4


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.lists(SPANS, max_size=6),
    st.lists(SPANS, max_size=6),
)
def test_the_pieces_together_are_the_answer(
    text: str, tags: list[tuple[int, int]], spans: list[tuple[int, int]]
) -> None:
    words = [SpatialTag("w", start, end) for start, end in tags]
    blocks = blocks_of(text, words, dict(enumerate(map(verdict, spans))), [Region("ab", (0, 0, 9, 9))])
    pieces = "".join(part.text for block in blocks for part in block.segments)
    assert pieces == text or pieces.split() == text.split(), "only blank prose between code is left out"


def test_a_hundred_thousand_characters_take_no_time() -> None:
    tags = [SpatialTag("w", at, at + 1) for at in range(0, 90_000, 3)]
    blocks = blocks_of("x " * 50_000, tags, {0: verdict((0, 90_000))}, [Region("x x", (0, 0, 9, 9))])
    assert sum(len(part.text) for block in blocks for part in block.segments) == 100_000
