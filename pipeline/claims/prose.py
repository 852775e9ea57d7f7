"""Reads claims from prose, for answers without claims in JSON.

Only plain statements are read. Questions, conditions and hedged sentences never become claims, and a sentence that is
not understood becomes a problem: an invented claim is worse than a missed one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from pipeline.claims.english_memory import Memory
from pipeline.claims.english_patterns import (
    CORRECTED,
    CORRECTION,
    COUNTING,
    NONE_OF_THESE,
    NOT_STATED,
    TAKES_BACK,
)
from pipeline.claims.markup import PlainText, first_of, plain_text, shorten
from pipeline.claims.prose_chinese import CHINESE, read_chinese
from pipeline.claims.prose_chinese import COUNTING as COUNTING_CHINESE
from pipeline.claims.prose_english import Reading, read_english
from pipeline.claims.quantities import parse_count
from pipeline.claims.sentences import Sentence, sentences
from pipeline.claims.spatial_words import states_space
from pipeline.records import Claim
from pipeline.records.message import Message, message
from pipeline.records.relations import RELATIONS

_MOST_CLAIMS = 500
_MOST_SENTENCES = 5000
# A correction further within a sentence takes its beginning back.
_SHORT = 5


def parse_prose(text: str, labels: Sequence[str] = ()) -> tuple[tuple[Claim, ...], tuple[Message, ...]]:
    """Read the claims of an answer's prose, in English and Chinese.

    "A is 30 cm to the left of B" gives two claims: the side, and the distance between the two.

    Args:
        text: An answer whose JSON and code were blanked; spans are characters of it.
        labels: Names of regions, which are preferred as names of objects.

    Returns:
        The claims in the order of the text, and a message for each statement about space without a claim.
    """
    plain = plain_text(text)
    claims: list[Claim] = []
    problems: list[Message] = []
    memory = Memory()
    last: list[Claim] = []
    for number, sentence in enumerate(sentences(plain.text, labels)):
        if number >= _MOST_SENTENCES:
            problems.append(message("too_many_sentences", most=_MOST_SENTENCES))
            break
        if len(claims) >= _MOST_CLAIMS:
            problems.append(message("too_many_claims", most=_MOST_CLAIMS))
            break
        is_none = bool(NONE_OF_THESE.match(sentence.text))
        if is_none or TAKES_BACK.fullmatch(sentence.text):
            claims, told = _taken_back(claims, claims if is_none else last)
            problems += told
            last = []
            continue
        corrects = bool(CORRECTION.match(sentence.mask))
        if (not corrects and CORRECTED.search(sentence.mask, _SHORT)) or NOT_STATED.search(_raw(text, plain, sentence)):
            problems += [_not_taken(sentence)] if _states(sentence) else []
            continue
        found, problem = _read(sentence, plain, memory)
        if corrects and (found or problem):
            # Even where what it says instead was not read, it is not what was said before.
            gone = [claim for claim in claims if any(_is_taken_back(claim, by) for by in found)] if found else last
            claims, told = _taken_back(claims, gone)
            problems += told
        claims += found
        last = found or last
        problems += problem
    return tuple(claims), first_of(problems)


def _raw(text: str, plain: PlainText, sentence: Sentence) -> str:
    """A sentence with its markup, and with what stands on either side of it in its line."""
    start, end = plain.raw_span(sentence.start, sentence.start + len(sentence.text))
    before = re.search(r"[^\w\n]{0,4}$", text[max(start - 4, 0) : start])
    return (before.group() if before else "") + text[start:end] + text[end : end + 4].split("\n")[0]


def _not_taken(sentence: Sentence) -> Message:
    return message("hedged", sentence=shorten(sentence.text))


def _taken_back(claims: list[Claim], gone: Sequence[Claim]) -> tuple[list[Claim], list[Message]]:
    """The claims without some that were taken back, and the remark about those."""
    kept = [claim for claim in claims if not any(claim is each for each in gone)]
    return kept, [message("taken_back", count=len(gone))] if gone else []


def _is_taken_back(claim: Claim, by: Claim) -> bool:
    """Whether a correction speaks of the same things in the same respect."""
    things, others = ({c.subject.casefold(), (c.object or "").casefold()} for c in (claim, by))
    return things == others and RELATIONS[claim.relation].rule == RELATIONS[by.relation].rule


def _read(sentence: Sentence, plain: PlainText, memory: Memory) -> tuple[list[Claim], list[Message]]:
    chinese = bool(CHINESE.search(sentence.mask))
    reading = Reading()
    if sentence.is_too_long:
        problem = "sentence_too_long"
    elif any(mark in sentence.end_mark for mark in "?？"):
        problem = "hedged"
    else:
        reading = read_chinese(sentence, memory) if chinese else read_english(sentence, memory)
        problem = "" if reading.complete else _problem(reading)
    claims = [
        replace(claim, text_span=plain.raw_span(sentence.start + start, sentence.start + end))
        for claim, (start, end) in reading.claims
    ]
    if not problem and (claims or not _states(sentence)):
        return claims, []
    if not (claims or _states(sentence)):
        return claims, []
    found = message(problem or "not_understood", sentence=shorten(sentence.text), whole=sentence.text)
    return claims, [found]


def unread(problems: Sequence[Message]) -> tuple[str, ...]:
    """The sentences that state something about space and were not read, but neither hedged ones nor questions.

    Args:
        problems: Messages of ``parse_prose``.
    """
    codes = ("not_understood", "partly_understood")
    return tuple(" ".join(problem.values["whole"].split()) for problem in problems if problem.code in codes)


def _problem(reading: Reading) -> str:
    if reading.hedged:
        return "hedged"
    return "partly_understood" if reading.claims else "not_understood"


def _states(sentence: Sentence) -> bool:
    """Whether a sentence may state something about space or a number of objects."""
    counting = COUNTING.search(sentence.mask)
    return bool(
        COUNTING_CHINESE.search(sentence.mask)
        or (counting and parse_count(counting[1] or counting[2]) is not None)
        or states_space(sentence.text)
    )
