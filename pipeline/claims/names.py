"""Compares names of objects, ignoring letter case, articles, plural, punctuation and width."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from pipeline.claims.markup import listed

_ARTICLE = re.compile(r"^(?:the|a|an|this|that|these|those|its|their|your|my)\s+(?=\S)")
_CHINESE_ARTICLE = re.compile(
    r"^(?:(?:这|那|该|一)(?:个|只|把|张|台|辆|本|支|瓶|件|盏|棵|位|名|座|部|块|条|杯)|这|那|该)(?=..)"
)
_AFTER_HEAD = re.compile(
    r"\s(?:of|with|without|in|on|at|near|by|next|behind|from|to|under|over|for|that|which|who|holding|wearing|"
    r"labell?ed|saying|reading|inside|outside|between)\s"
)
_IRREGULAR = dict(
    pair.split("=")
    for pair in listed(
        "people=person|men=man|women=woman|children=child|shelves=shelf|knives=knife|leaves=leaf|loaves=loaf|mice=mouse|"
        "feet=foot|geese=goose|wolves=wolf|bus=bus|glass=glass|gas=gas|lens=lens|canvas=canvas|sheep=sheep|"
        "buses=bus|lenses=lens|scissors=scissors|chess=chess|bookshelves=bookshelf|tomatoes=tomato|potatoes=potato"
    )
)
_CHINESE = re.compile(r"[\u3400-\u9fff]")


@lru_cache(maxsize=4096)
def normal_name(name: str) -> str:
    """The name in lower case and in the singular, without article and punctuation.

    >>> normal_name("The Black Cars.")
    'black car'
    """
    words = unicodedata.normalize("NFKC", name).casefold().replace("'s ", "s' ")
    words = re.sub(r"[^\w\s#]|_", " ", words)
    words = _ARTICLE.sub("", " ".join(words.split()))
    words = _CHINESE_ARTICLE.sub("", words)
    return " ".join(_singular(word) for word in words.split())


def head_words(name: str) -> tuple[str, ...]:
    """The normalised words of a name up to its head noun: ("red", "cup") for "the red cup on the table"."""
    words = normal_name(_AFTER_HEAD.split(f" {name.strip()} ".casefold(), maxsplit=1)[0])
    return tuple(words.split())


def names_match(reference: str, label: str) -> bool:
    """Whether two names have the same head noun and one adds words to the other: "laptop" and "black laptop"."""
    if _CHINESE.search(reference) and _CHINESE.search(label):
        ours, theirs = (normal_name(name).replace("的", "").replace(" ", "") for name in (reference, label))
        return len(min(ours, theirs, key=len)) > 1 and (ours.endswith(theirs) or theirs.endswith(ours))
    head, other = head_words(reference), head_words(label)
    return head[-1:] == other[-1:] != () and (set(head) <= set(other) or set(other) <= set(head))


def _singular(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("xes", "ches", "shes", "sses", "zzes")):
        return word[:-2]
    if word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
