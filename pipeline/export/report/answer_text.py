"""A verbatim answer, cut where its spatial words, claims and names of regions begin and end."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.claims.markup import clean_text, code_fences, prose, shorten
from pipeline.export.palette import region_names
from pipeline.records import Region, Result, SpatialTag, Verdict
from pipeline.records.message import Language, message

_MOST_NAMES, _MOST_FOUND, _MOST_TAGS = 60, 200, 400
_LONGEST_SEARCHED = 20_000


@dataclass(frozen=True)
class Segment:
    """A piece of an answer.

    Args:
        text: The piece, verbatim.
        is_word: Whether it is part of a spatial word.
        relation: The relation that the word states; empty where it states none.
        claims: Indices of the verdicts on claims that the piece makes.
        regions: Indices of the regions that it names.
    """

    text: str
    is_word: bool = False
    relation: str = ""
    claims: tuple[int, ...] = ()
    regions: tuple[int, ...] = ()


@dataclass(frozen=True)
class Block:
    """Prose, or a fenced block of code.

    Args:
        is_code: Whether it is code.
        segments: Its pieces.
    """

    is_code: bool
    segments: tuple[Segment, ...]


def headline(text: str, language: Language, length: int) -> str:
    r"""An answer on one line without its JSON, or a note that there is nothing else.

    Args:
        text: The answer.
        language: Language of the note.
        length: Most characters.

    >>> headline('```json\n[{"label": "cup"', "en", 100), headline("Yes.\n```json\n{}\n```", "en", 100)
    ('(the answer is only JSON)', 'Yes.')
    """
    words = prose(text)
    if words.startswith(("{", "[{", "[[")):
        words = ""
    if words:
        return shorten(words, length)
    return message("page_only_json" if text.strip() else "page_empty").text(language)


def blocks_of(
    text: str,
    tags: Sequence[SpatialTag] = (),
    verdicts: Mapping[int, Verdict] | None = None,
    regions: Sequence[Region] = (),
) -> list[Block]:
    """The blocks of an answer, whose pieces together are the answer.

    Args:
        text: The answer.
        tags: Its spatial words.
        verdicts: Verdicts on its claims, by their indices in the result.
        regions: Regions that it may name.
    """
    verdicts = verdicts or {}
    named, tags = _named(text, regions), tags[:_MOST_TAGS]
    blocks: list[Block] = []
    at = 0
    for start, end in [*code_fences(text), (len(text), len(text))]:
        if text[at:start].strip() or (start == end and not blocks):
            blocks.append(Block(False, tuple(_segments(text, at, start, tags, verdicts, named))))
        if end > start:
            blocks.append(Block(True, (Segment(clean_text(text[start:end])),)))
        at = end
    return blocks


def answer_claims(result: Result) -> dict[int, Verdict]:
    """The verdicts on the answer's own claims by index; verdicts on given claims come after them."""
    count = 0 if result.answer is None else len(result.answer.claims)
    return dict(enumerate(result.verdicts[:count]))


def _segments(
    text: str,
    start: int,
    end: int,
    tags: Sequence[SpatialTag],
    verdicts: Mapping[int, Verdict],
    named: Sequence[tuple[int, int, tuple[int, ...]]],
) -> list[Segment]:
    spans = [(index, verdict.claim.text_span) for index, verdict in verdicts.items()]
    said = [(index, span) for index, span in spans if span is not None]
    own = [tag for tag in tags if tag.start < end and tag.end > start]
    names = [name for name in named if name[0] < end and name[1] > start]
    cuts = {start, end}
    for low, high in (
        *((tag.start, tag.end) for tag in own),
        *(span for _, span in said),
        *((low, high) for low, high, _ in names),
    ):
        cuts |= {cut for cut in (low, high) if start < cut < end}
    edges = sorted(cuts)
    segments = []
    for low, high in itertools.pairwise(edges):
        tag = next((tag for tag in own if tag.start <= low and high <= tag.end), None)
        claims = [index for index, (first, last) in said if first <= low and high <= last]
        if tag is not None and not claims:
            # A word outside the words of every claim belongs to the claims of its relation.
            claims = [index for index, verdict in verdicts.items() if verdict.claim.relation == tag.relation]
        regions = next((found for first, last, found in names if first <= low and high <= last), ())
        relation = "" if tag is None or tag.relation is None else str(tag.relation)
        segments.append(Segment(clean_text(text[low:high]), tag is not None, relation, tuple(claims), regions))
    return segments


def _named(text: str, regions: Sequence[Region]) -> list[tuple[int, int, tuple[int, ...]]]:
    """Places where a text names regions, and the indices of these."""
    by_label: dict[str, list[int]] = {}
    for index, name in enumerate(region_names(regions)):
        by_label.setdefault(name.casefold(), []).append(index)
    labels = [label for label in list(by_label)[:_MOST_NAMES] if 1 < len(label) <= 80]
    if not labels:
        return []
    words = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{words})(?![A-Za-z0-9])", re.IGNORECASE)
    found = []
    for match in pattern.finditer(text[:_LONGEST_SEARCHED]):
        indices = by_label.get(match.group().casefold())
        if indices is not None:
            found.append((match.start(), match.end(), tuple(indices)))
        if len(found) >= _MOST_FOUND:
            break
    return found
