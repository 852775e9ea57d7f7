"""Finds the letter that an answer chose from the options of its question."""

from __future__ import annotations

import re

from pipeline.claims.markup import plain_text

_OPTION = re.compile(r"(?:^|(?<=[\s(（:：,，;；?？。]))\(?([A-H])\s{0,2}[.)）、:：．]\s{0,4}(?=\S)", re.MULTILINE)
_STATED = re.compile(
    r"(?:(?:answer|option|choice|choose|select|pick)(?:\s{1,4}(?:option|choice|letter|is|would\s{1,4}be)){0,4}|"
    r"\bcorrect\s[^.\n?!]{0,60}?\bis|(?:答案|正确选项)(?:应该)?[是为]?|(?:应该?|故|所以)?(?:选择?|选项))"
    r"\s{0,4}[:：=]?\s{0,4}(?:(?:option|choice|选项)\s{0,4})?"
    r"[(（\[\"]?(?-i:([A-H]))(?![A-Za-z'])(?=[)）\]\"]?(?P<rest>[^\n]{0,80}))",
    re.IGNORECASE,
)
_BARE = re.compile(r"\s*+[(（\[\"]?([A-H])(?:[)）\]\".、:：．,，](?P<rest>[^\n]{0,80})|\s*(?=\n|\Z))")


def options_of(question: str) -> dict[str, str]:
    """The options of a multiple-choice question by letter; empty if it has none.

    >>> options_of("Which way? A. Left. B. Right.")
    {'A': 'Left', 'B': 'Right'}
    """
    best: list[re.Match[str]] = []
    run: list[re.Match[str]] = []
    for match in _OPTION.finditer(question):
        if run and match[1] == chr(ord("A") + len(run)):
            run.append(match)
        elif match[1] == "A" and (not run or question[run[-1].end() : match.start()].strip()):
            run = [match]
        if len(run) >= len(best):
            best = list(run)
    if len(best) < 2:
        return {}
    ends = [*(match.start() for match in best[1:]), len(question)]
    texts = [question[match.end() : end].split("\n")[0] for match, end in zip(best, ends, strict=True)]
    return {match[1]: text.strip(" .。;；,，()（）") for match, text in zip(best, texts, strict=True)}


def find_choice(text: str, question: str) -> str | None:
    """The letter that an answer chose.

    Args:
        text: The answer, without its reasoning.
        question: The question with its options.

    Returns:
        The letter; None if the question has no options, or if the answer names none of them or contradicts itself
        by two letters or by a letter with another option's words.
    """
    options = options_of(question)
    if not options:
        return None
    words = plain_text(text[:100_000]).text.strip()
    found = [(match[1], match["rest"]) for match in _STATED.finditer(words)]
    if not found:
        first, last = words.split("\n")[0], words.split("\n")[-1]
        found = [(match[1], match["rest"] or "") for line in {first, last} if (match := _BARE.match(line))]
    if not found:
        named = [letter for letter, option in options.items() if _same(words, option)]
        return named[0] if len(named) == 1 else None
    letters = {letter for letter, _ in found}
    if len(letters) != 1 or not letters <= set(options):
        return None
    letter = letters.pop()
    rest = [other for other, option in options.items() for _, words in found if _same(words, option)]
    return None if rest and letter not in rest else letter


def _same(words: str, option: str) -> bool:
    return bool(option) and words.strip(" .。:：)）\"'").casefold() == option.casefold()
