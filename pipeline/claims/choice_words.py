"""Finds the option that an answer names by its words: "The laptop is the nearest one."."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pipeline.claims.markup import alternatives
from pipeline.claims.spatial_words import spatial_tags

_YES = frozenset({"yes", "true", "correct", "是", "是的", "对", "正确", "有", "可以", "能"})
_NO = frozenset({"no", "false", "incorrect", "否", "不", "不是", "不对", "错误", "错", "没有", "不可以", "不能"})
_LEADING = re.compile(
    r"\W*(?:(?:the\s+)?(?:answer|statement|claim)\s+is\s+|that\s+is\s+|it\s+is\s+|that's\s+|答案是)?"
    r"(yes|no|true|false|correct|incorrect|是的|不是|不对|正确|错误|没有|是|否|对|错|不)(?![\w-])",
    re.IGNORECASE,
)
_LEADING_CHINESE = re.compile(r"\W*(是的|不是|不对|正确|错误|没有|否|对|错|是)(?=[，,。.！!\s]|$)")
_OPEN = re.compile(
    r"\b(?:can(?:no|')t|cannot|could not|unable|unsure|not sure|unclear|unknown|uncertain|impossible|hard to|"
    r"difficult to|neither|none|"
    r"both|either|equally|same|depends|not enough|don't know|do not know|i'm sorry|or the|or a)\b|"
    r"无法|不确定|不清楚|都|一样|"
    r"难以|不知道|还是|或者|并非",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:not|isn't|aren't|never|no longer|nor|wrong|incorrect|rather than|instead of)\b|不是|不在|没有|错误|而非",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.!。！;；\n]+(?=\s|$|[^\d\s])")
_REFERENCE = re.compile(
    r"\b(?:than|compared\s+(?:with|to)|relative\s+to|in\s+relation\s+to|with\s+respect\s+to|next\s+to|beside|"
    r"because|since|which|while|whereas|but|from\s+(?:the|it))\b.*?(?=,|$)|"
    r"比[^，,。]*?(?=更|要|近|远|高|低|大|小|宽|$)|因为.*|而(?!且).*",
    re.IGNORECASE,
)
_STATED = re.compile(
    r"(?:\banswer\s+is|\bso\b|\btherefore\b|\bthus\b|\bhence\b|答案是|所以|因此)\s*,?\s*(?P<rest>[^\n]*)$",
    re.IGNORECASE,
)
_WHERE = re.compile(
    r"where\s+(?:is|are)\s+(?:the\s+|a\s+)?(?P<a>.+?)\s+(?:located\s+|positioned\s+|placed\s+)?(?:relative\s+to|"
    r"in\s+relation\s+to|with\s+respect\s+to|compared\s+to)\s+(?:the\s+|a\s+)?(?P<b>[^?.\n(]+)|"
    r"(?P<c>[^，,。？\s]{1,12})在(?P<d>[^，,。？\s]{1,12}?)的",
    re.IGNORECASE,
)
_LABEL = re.compile(r"(?:the\s+)?(?:point\s+|object\s+|box\s+|点)?([A-H])(?:\s+(?:is|has|lies)\b.*)?", re.IGNORECASE)


def chosen_by_words(words: str, options: Mapping[str, str], question: str) -> str | None:
    """The option that an answer without letter chose; None if it names none or several.

    Args:
        words: The answer without markup.
        options: The options by letter.
        question: The question.
    """
    same = [letter for letter, option in options.items() if option and _plain(option) == _plain(words)]
    if len(same) == 1:
        return same[0]
    if (letter := _yes_or_no(words, options)) is not None:
        return letter or None
    if len(words) > 2000 or _OPEN.search(words):
        return None
    named: list[str] = []
    for sentence in _SENTENCE.split(words):
        if _DENIED.search(sentence):
            continue
        main = _REFERENCE.sub(" ", sentence)
        stated = _STATED.search(main)
        found = _named(stated["rest"] if stated else main, options, question)
        if stated and len(found) == 1:
            return found[0]
        named += found
    if len(set(named)) != 1 or _is_turned(words, question, options[named[0]]):
        return None
    return named[0]


def _yes_or_no(words: str, options: Mapping[str, str]) -> str | None:
    """The option that a leading yes or no chooses; "" if the options are yes and no, and the answer says neither."""
    sides = {letter: _side(option) for letter, option in options.items()}
    if set(sides.values()) - {None} != {True, False}:
        return None
    match = _LEADING.match(words) or _LEADING_CHINESE.match(words)
    if not match:
        return None
    if re.match(r"\s+(?:and|or|but)\b", words[match.end() :]):
        return ""
    said = _side(match[1])
    chosen = [letter for letter, side in sides.items() if side is said]
    return chosen[0] if len(chosen) == 1 else ""


def _plain(words: str) -> str:
    words = words.strip(" \t\n*_`\"'“”‘’()（）.。:：,，;；!！").casefold()
    return re.sub(r"^(?:to the|on the|the|a|an)\s+", "", words)


def _side(word: str) -> bool | None:
    first = word.casefold().strip(" .,。，")
    return True if first in _YES else False if first in _NO else None


def _named(sentence: str, options: Mapping[str, str], question: str) -> list[str]:
    """The options whose words stand in a sentence; a longer option hides a shorter one within it."""
    labels = {
        letter: match[1].upper() for letter, option in options.items() if (match := _LABEL.fullmatch(option.strip()))
    }
    if len(labels) == len(options):
        found = re.findall(r"(?:\b(?:point|object|box)\s+|点\s?)([A-H])\b|\b([A-H])(?=\s+is\b)", sentence)
        said = {first or second for first, second in found}
        return [letter for letter, label in labels.items() if label in said]
    bare = {
        letter: re.sub(r"^(?:the|a|an|to the|on the)\s+", "", option.casefold()) for letter, option in options.items()
    }
    bare = {letter: option for letter, option in bare.items() if option}
    if len(set(bare.values())) != len(bare):
        return []
    pattern = re.compile(
        rf"(?<![\w.])(?:{alternatives(map(re.escape, bare.values()))})(?![\w]|\.\d)"
        if _is_latin(bare)
        else alternatives(map(re.escape, bare.values())) or "(?!)"
    )
    said = {match.group() for match in pattern.finditer(sentence.casefold()) if not _cut(sentence, match)}
    return [letter for letter, option in bare.items() if option in said]


def _is_latin(options: Mapping[str, str]) -> bool:
    return all(option.isascii() for option in options.values())


def _cut(sentence: str, match: re.Match[str]) -> bool:
    """Whether a match is a part of a longer number."""
    before, after = sentence[: match.start()][-1:], sentence[match.end() :][:1]
    return (match.group()[:1].isdigit() and (before.isdigit() or before == ".")) or (
        match.group()[-1:].isdigit() and after.isdigit()
    )


def _is_turned(words: str, question: str, option: str) -> bool:
    """Whether an answer to "where is A relative to B" speaks of B relative to A, whose side is the other one."""
    asked = _WHERE.search(question)
    if asked is None or not spatial_tags(option):
        return False
    first, second = ((asked[a] or asked[b] or "").strip(" ?？").casefold() for a, b in (("a", "c"), ("b", "d")))
    said = words.casefold().strip()
    if re.match(r"(?:it|they)\b|[它他她]", said):
        return False
    at_first, at_second = said.find(first), said.find(second)
    return bool(second) and at_second >= 0 and (at_first < 0 or at_second < at_first)
