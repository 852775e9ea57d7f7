"""Builds the prompt that asks a question again, with what was measured about the first answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.claims.markup import shorten
from pipeline.models.vlm.base import ImagePart, Request, Step, TextPart
from pipeline.models.vlm.templates import defuse, one_line, render
from pipeline.records import Status, Verdict
from pipeline.records.message import Language

# A few times what an answer needs; an output that never ended would crowd out everything else.
_LONGEST_ANSWER = 4000
_LONGEST_SENTENCE = 300
_MOST_CLAIMS = 20


def build_recheck_request(
    first: Request,
    answer_text: str,
    verdicts: Sequence[Verdict],
    language: Language,
    small: Sequence[str] = (),
    more: Sequence[ImagePart | TextPart] = (),
) -> Request:
    """The prompt that asks the model to think again.

    It begins with the whole first prompt, so that a backend can reuse what it computed for it.

    Args:
        first: The prompt of the first answer.
        answer_text: The first answer.
        verdicts: Verdicts on the claims of that answer. The prompt gives refuted claims with what was measured,
            supported claims alone, and no undecided claims.
        language: Language of the prompt.
        small: Names of objects that were too small to be measured.
        more: Images that show them enlarged, with their captions; they follow the first prompt.
    """
    refuted = [verdict for verdict in verdicts if verdict.status is Status.REFUTED]
    supported = [verdict.claim.in_words(language) for verdict in verdicts if verdict.status is Status.SUPPORTED]
    cut = answer_text if len(answer_text) <= _LONGEST_ANSWER else f"{answer_text[:_LONGEST_ANSWER]}…"
    findings = []
    if refuted:
        listed = "\n".join(_refuted(verdict, language) for verdict in refuted[:_MOST_CLAIMS])
        hold = render(language, "recheck_supported", claims=_listed(supported)) if supported else ""
        findings.append(render(language, "recheck_refuted", refuted=listed, supported=hold))
    if small:
        findings.append(render(language, "recheck_small", names=_listed(small)))
    text = render(language, "recheck", answer=defuse(cut.strip()), findings="\n\n".join(findings))
    asked = render(language, "question", question=defuse(first.question.strip()))
    return replace(first, parts=(*first.parts, *more, TextPart(f"\n\n{text}\n\n{asked}")), step=Step.RECHECK)


def _refuted(verdict: Verdict, language: Language) -> str:
    measured = ""
    for evidence in verdict.evidence:
        if evidence.numbers:
            numbers = _safe(", ".join(f"{name} {value:.4g}" for name, value in evidence.numbers.items()))
            measured += render(language, "recheck_measured", number=evidence.frame + 1, numbers=numbers)
    claim = _safe(verdict.claim.in_words(language))
    return render(language, "recheck_claim", claim=claim, reason=_safe(verdict.reason), measured=measured)


def _listed(names: Sequence[str]) -> str:
    return "; ".join(map(_safe, names[:_MOST_CLAIMS]))


def _safe(words: str) -> str:
    return one_line(shorten(words, _LONGEST_SENTENCE))
