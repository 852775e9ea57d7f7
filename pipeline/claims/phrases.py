"""The relations of words: the registry's phrases in the forms of sentences and of JSON."""

from __future__ import annotations

import re

from pipeline.claims.markup import listed
from pipeline.records.relations import RELATIONS, RelationName

CAMERA = r"(?:the (?:camera|viewer|observer|photographer|lens)|the camera lens|us|you|me)"
"""Pattern of the words for the camera."""
_LINKING = re.compile(r"(?: than| of| to| as| by| from| the camera)+$")
_VERB_RELATIONS = ("occludes", "touching")
_IGNORED = re.compile(r"(?<![a-z])the(?![a-z])|[\W_]+|在|的")

CAMERA_NAMES = frozenset(
    listed("camera|the camera|viewer|the viewer|observer|the observer|lens|the lens|相机|镜头|摄像头|我们")
)
"""Names of the camera."""


def _inflected() -> tuple[dict[str, str], dict[str, str]]:
    """Finite verbs ("occludes") and their other forms ("occlude", "occluding"), each with its relation."""
    finite: dict[str, str] = {}
    others: dict[str, str] = {}
    for name in _VERB_RELATIONS:
        for phrase in RELATIONS[name].english:
            match = re.fullmatch(r"((?:partially |partly )?)(\w+?)(es|s)( in front of)?", phrase)
            if not match:
                continue
            adverb, stem, ending, rest = match[1], match[2], match[3], match[4] or ""
            sibilant = stem.endswith(("ch", "sh", "x"))
            base = stem if sibilant or ending == "s" else stem + "e"
            finite[phrase] = name
            others[adverb + base + rest] = name
            others[adverb + base.removesuffix("e") + "ing" + rest] = name
    return finite, others


_FINITE, _OTHER_FORMS = _inflected()

ENGLISH: dict[str, str] = {
    phrase: entry.name for entry in RELATIONS.values() for phrase in entry.english
} | _OTHER_FORMS
"""Every English phrase of the registry and further forms of its verbs, with the name of the relation."""

CHINESE: dict[str, str] = {phrase: entry.name for entry in reversed([*RELATIONS.values()]) for phrase in entry.chinese}
"""Every Chinese phrase of the registry with the name of its relation; the first entry wins."""


def english_pattern(words: dict[str, str]) -> re.Pattern[str]:
    """One pattern of many phrases, the longest first; ``lastgroup`` is the relation's name and a number."""
    longest_first = sorted(words.items(), key=lambda item: len(item[0]), reverse=True)
    parts = []
    for number, (phrase, name) in enumerate(longest_first):
        escaped = re.sub(r"the (?:camera|viewer)", lambda _: CAMERA, phrase).replace(" ", r"\s+")
        if phrase.endswith(" on"):
            # "Sitting on the left of" and "sitting on top of" are other relations.
            escaped += r"(?!\s+(?:the\s+)?(?:top|left|right)\b)"
        parts.append(rf"(?P<{name}__{number}>{escaped})")
    return re.compile(rf"(?:{'|'.join(parts)})(?![\w-])", re.IGNORECASE)


def pattern_relation(match: re.Match[str]) -> str:
    """Name of the relation of a match of ``english_pattern``."""
    return str(match.lastgroup).partition("__")[0]


AFTER_BE = english_pattern({phrase: name for phrase, name in ENGLISH.items() if phrase not in _FINITE})
"""Phrases that follow "is" or "are"."""

VERBS = english_pattern(_FINITE)
"""Finite verbs: "occludes", "touches"."""

BASE_VERBS = english_pattern({phrase: name for phrase, name in (_FINITE | _OTHER_FORMS).items() if "ing" not in phrase})
"""Verbs after a plural or after "does not"."""


def _key(words: str) -> str:
    return _IGNORED.sub("", words.casefold())


def _names() -> dict[str, str]:
    names = {_key(name): name for name in RELATIONS} | {"distance": "distance_between"}
    for phrase, name in (*ENGLISH.items(), *CHINESE.items()):
        names.setdefault(_key(phrase), name)
    for phrase, name in ENGLISH.items():
        names.setdefault(_key(_LINKING.sub("", phrase)), name)
    return names


_NAMES = _names()


def relation_named(words: str) -> tuple[RelationName, bool] | None:
    """The relation of a name or phrase, and whether the words deny it; None if it is unknown.

    Letter case, spaces, hyphens and underscores do not matter.

    >>> relation_named("is NOT in front of")
    (<RelationName.IN_FRONT_OF: 'in_front_of'>, True)
    """
    key = _key(words[:80])
    for prefix, negated in (("", False), ("is", False), ("are", False), ("isnot", True), ("not", True), ("不", True)):
        name = _NAMES.get(key.removeprefix(prefix)) if key.startswith(prefix) else None
        if name is not None:
            return RelationName(name), negated
    return None
