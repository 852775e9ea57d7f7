"""Finds the option that an answer names by its words: "The laptop is the nearest one."."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pipeline.claims.markup import alternatives
from pipeline.claims.names import names_match
from pipeline.claims.prose import parse_prose
from pipeline.claims.quantities import NUMBER_WORDS
from pipeline.claims.questions import Asked, read_question
from pipeline.claims.spatial_words import spatial_tags

_YES = frozenset({"yes", "true", "correct", "是", "是的", "对", "正确", "有", "可以", "能"})
_NO = frozenset({"no", "false", "incorrect", "否", "不", "不是", "不对", "错误", "错", "没有", "不可以", "不能"})
_LEADING = re.compile(
    r"\W*(?:(?:the\s+)?(?:answer|statement|claim)\s+is\s+|that\s+is\s+|it\s+is\s+|that's\s+|答案是)?"
    r"(yes|no|true|false|correct|incorrect|是的|不是|不对|正确|错误|没有|是|否|对|错|不)(?![\w-])"
    r"(?!\s+(?:idea|doubt|wonder|way|problem|clue)\b)",
    re.IGNORECASE,
)
_LEADING_CHINESE = re.compile(r"\W*(是的|不是|不对|正确|错误|没有|否|对|错|是)(?=[，,。.！!\s]|$)")
_TRAILING = re.compile(
    r"\b(?:so|therefore|thus|hence),?\s+(?:the\s+answer\s+is\s+)?(yes|no|true|false)\W*$", re.IGNORECASE
)
_A_PAIR = 2
INVERSE = {
    "left_of": "right_of", "right_of": "left_of", "above": "below", "below": "above", "in_front_of": "behind",
    "behind": "in_front_of", "closer": "farther", "farther": "closer", "larger": "smaller", "smaller": "larger",
}  # fmt: skip
"""The relation that says the same with subject and object exchanged."""
_OPPOSITES = {
    "closer": r"\b(?:farther|further|behind|more distant|farthest|furthest|back)\b|远|后",
    "farther": r"\b(?:closer|nearer|in front|nearest|closest)\b|近|前",
    "larger": r"\b(?:smaller|smallest|tiny)\b|小",
    "smaller": r"\b(?:larger|bigger|largest|biggest)\b|大",
    "taller": r"\b(?:shorter|lower|shortest)\b|矮|低",
    "wider": r"\b(?:narrower|thinner)\b|窄",
    "in_front_of": r"\b(?:behind|farther|further)\b|后",
    "behind": r"\b(?:in front|closer|nearer)\b|前",
}
_OPEN = re.compile(
    r"\b(?:can(?:no|')t|cannot|could not|unable|unsure|not sure|unclear|unknown|uncertain|impossible|hard to|"
    r"difficult to|neither|none|"
    r"both|either|equally|same|depends|not enough|don't know|do not know|i'm sorry|or the|or a)\b|"
    r"无法|不确定|不清楚|都|一样|"
    r"难以|不知道|还是|或者|并非",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:would|too|not|isn't|aren't|never|no longer|nor|wrong|incorrect|rather than|instead of)\b|"
    r"不是|不在|没有|错误|而非",
    re.IGNORECASE,
)
_ASIDE = re.compile(r",\s*(?:which|who|that)\s[^.]*?(?=,|\.|$)|\bcompared\s+(?:to|with)[^.,]*", re.IGNORECASE)
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
_CHINESE_NUMBERS = dict(zip("一二两三四五六七八九十", (1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10), strict=True))
_LABEL = re.compile(r"(?:the\s+)?(?:point\s+|object\s+|box\s+|点)?([A-H])(?:\s+(?:is|has|lies)\b.*)?", re.IGNORECASE)


def chosen_by_words(words: str, options: Mapping[str, str], question: str) -> str | None:
    """The option that an answer without letter chose; None if it names none or several.

    Args:
        words: The answer without markup.
        options: The options by letter.
        question: The question.
    """
    same = [letter for letter, option in options.items() if option and _plain(option) == _plain(words)]
    if not same and (one := re.fullmatch(r"(?:the\s+)?([\w-]+)\s+one\W*", words.strip(), re.IGNORECASE)):
        same = [letter for letter, option in options.items() if one[1].casefold() in option.casefold().split()]
    if len(same) == 1:
        return same[0]
    if (letter := _yes_or_no(words, options)) is not None:
        return letter if letter and not _contradicts(words, _side(options[letter]), question) else None
    if re.search(r"\bnot\b|n't\b|不", re.split(r"[?？\n]", question)[0], re.IGNORECASE):
        return None
    if len(words) > 2000 or _OPEN.search(_ASIDE.sub(" ", words)):
        return None
    asked = _asked(question, options)
    if asked is not None and (decided := _by_claims(words, asked, options)) is not None:
        return decided or None
    named: list[str] = []
    for sentence in _SENTENCE.split(words):
        if _DENIED.search(sentence) or (asked is not None and _is_opposite(sentence, asked)):
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


def _contradicts(words: str, is_yes: bool | None, question: str) -> bool:
    """Whether the sentence after a yes or no states the opposite of it."""
    asked = read_question(re.split(r"[?？\n]", question)[0] + "?")
    if asked is None or asked.kind != "yes_no" or is_yes is None:
        return False
    rest = re.sub(r"^\W*\w+\W+", "", words)
    return any(
        (said.relation, said.subject.casefold(), (said.object or "").casefold())
        == (claim.relation, claim.subject.casefold(), (claim.object or "").casefold())
        and (said.negated is claim.negated) is not is_yes
        for claim in asked.claims
        for said in parse_prose(rest)[0]
    )


def _asked(question: str, options: Mapping[str, str]) -> Asked | None:
    """What a question asks about its options: which stands first, or what is related to something."""
    stem = re.split(r"[?？\n]", question)[0].strip()
    asked = read_question(question) or read_question(f"{stem}? {', '.join(options.values())}")
    return asked if asked is not None and asked.kind in ("which", "what") else None


def _by_claims(words: str, asked: Asked, options: Mapping[str, str]) -> str | None:
    """The option that the claims of an answer choose; "" if they choose several; None if they choose none."""
    wanted, turned = asked.relation.removeprefix("-"), asked.relation.startswith("-")
    firsts: list[str] = []
    for claim in parse_prose(words)[0]:
        relation, first, second = str(claim.relation), claim.subject, claim.object or ""
        if claim.negated or relation not in (wanted, INVERSE.get(wanted)):
            continue
        if (relation == wanted) == turned:
            # That one thing stands behind another does not make the other the first of many.
            if asked.kind == "which" and len(options) > _A_PAIR:
                continue
            first, second = second, first
        if asked.kind == "which" or any(names_match(second, thing) for thing in asked.objects):
            firsts.append(first)
    chosen = {letter for first in firsts for letter in _named_by(first, options)}
    if not chosen:
        return None
    return chosen.pop() if len(chosen) == 1 else ""


def _named_by(name: str, options: Mapping[str, str]) -> list[str]:
    """The options that a name means: those of its letter, else of its words, else of its head noun."""
    labels = {
        letter: match[1].upper() for letter, option in options.items() if (match := _LABEL.fullmatch(option.strip()))
    }
    if len(labels) == len(options) and (said := _LABEL.fullmatch(name.strip())):
        return [letter for letter, label in labels.items() if label == said[1].upper()]
    same = [letter for letter, option in options.items() if _plain(name) == _plain(option)]
    return same or [letter for letter, option in options.items() if names_match(name, option)]


def _is_opposite(sentence: str, asked: Asked) -> bool:
    """Whether a sentence compares by the opposite of what is asked: "farther" where "closer" is."""
    words = _OPPOSITES.get(asked.relation.removeprefix("-"))
    return words is not None and re.search(words, sentence, re.IGNORECASE) is not None


def _yes_or_no(words: str, options: Mapping[str, str]) -> str | None:
    """The option that a leading yes or no chooses; "" if the options are yes and no, and the answer says neither."""
    sides = {letter: _side(option) for letter, option in options.items()}
    if set(sides.values()) - {None} != {True, False}:
        return None
    match = _LEADING.match(words) or _LEADING_CHINESE.match(words) or _TRAILING.search(words)
    if re.match(r"\W*no\s+(?:idea|doubt|wonder|way|problem|clue)\b", words, re.IGNORECASE):
        return ""
    if not match:
        return None
    if re.match(r"\s+(?:and|or|but)\b", words[match.end() :]):
        return ""
    said = _side(match[1])
    if said and re.match(r"\W*(?:it|they|he|she)\s*(?:is|are|does|do)(?:n't|\s+not)\b", words[match.end() :], re.I):
        return ""
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
    if all(re.fullmatch(r"\d+(?:\.\d+)?(?:\s*[a-z]+)?", option) for option in bare.values()):
        return _numbered(sentence, bare)
    if len(set(bare.values())) != len(bare):
        return []
    pattern = re.compile(
        rf"(?<![\w.])(?:{alternatives(map(re.escape, bare.values()))})(?![\w]|\.\d)"
        if _is_latin(bare)
        else alternatives(map(re.escape, bare.values())) or "(?!)"
    )
    said = {match.group() for match in pattern.finditer(sentence.casefold()) if not _cut(sentence, match)}
    return [letter for letter, option in bare.items() if option in said]


def _numbered(sentence: str, options: Mapping[str, str]) -> list[str]:
    """The options that are numbers of a sentence, in digits or in words; none if it holds several numbers."""
    words = {
        word: f"{number:g}"
        for word, number in (*NUMBER_WORDS.items(), *_CHINESE_NUMBERS.items())
        if word not in ("a", "an")
    }
    said = {f"{float(number):g}" for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", sentence)}
    said |= {
        words[word] for word in re.findall(r"[a-z]+", sentence.casefold()) if word in words and word not in ("half",)
    }
    said |= {
        words[sign]
        for sign in re.findall(r"[一二两三四五六七八九十](?=[个只把张台辆本支瓶件盏棵位名座部块条杯])", sentence)
    }
    values = {
        letter: f"{float(match.group()):g}"
        for letter, option in options.items()
        if (match := re.match(r"[\d.]+", option))
    }
    return [letter for letter, value in values.items() if value in said] if len(said) == 1 else []


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
