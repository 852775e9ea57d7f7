"""Shapes of English clauses other than a subject with a predicate: "The laptop has the mug on its left"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.claims.phrases import AFTER_BE, CAMERA
from pipeline.claims.quantities import MEASURE as MEASURE_BEFORE_NOUN


@dataclass(frozen=True)
class Template:
    """A clause with the names A, B and C, and what it states.

    Args:
        pattern: The clause; ``p`` is a phrase of a relation, ``m`` a measure, ``count`` a number of objects.
        relation: Name of the relation of A to B; None where ``p`` or a word of ``by_word`` names it.
        measure: The measure of a size.
        by_word: Relation of each word of the group ``w``.
    """

    pattern: re.Pattern[str]
    relation: str | None = None
    measure: str | None = None
    by_word: dict[str, str] | None = None


# After "in", "a distance of 2 m between" is a measure, as "2 in between" is not.
MEASURE = MEASURE_BEFORE_NOUN.replace(r"(?!\s+(?:front|back|between|the)\b)", "")
_NAMES = {"A": r"(?P<a>.+?)", "B": r"(?P<b>.+?)", "C": r"(?P<c>.+?)"}
_BE = r"(?:is|are|lies|sits|stands|rests|hangs|appears|remains|can be seen|is located|is situated|is positioned)"
_TO = (
    r"(?:compared\s+(?:to|with)|relative\s+to|in\s+relation\s+to|with\s+respect\s+to|in\s+comparison\s+(?:to|"
    r"with)|than)"
)
_ADVERBS = (
    r"(?:(?:much|slightly|a\s+bit|a\s+little|somewhat|considerably|noticeably|significantly|clearly|"
    r"directly|just|far|even|also)\s+)*"
)
_SEEN = (
    r"(?:\s+(?:visible|present|shown|depicted|here|in\s+(?:total|all)|(?:that|which)\s+(?:is|are)\s+visible|"
    r"can\s+be\s+seen))?"
)
_HERE = r"(?:\s+(?:in|at|on)\s+(?:the|this)\s+(?:given\s+)?(?:image|picture|photo|photograph|scene|frame|view|room))?"
_PICTURE = r"(?:the|this)\s+(?:image|picture|photo|photograph|scene|frame|view|room)"
_COUNT = r"(?:exactly\s+|only\s+|a\s+total\s+of\s+|at\s+least\s+)?(?P<count>\w+)"
_COMPARATIVE = {
    "larger": "larger", "bigger": "larger", "smaller": "smaller", "taller": "taller", "wider": "wider",
    "closer": "closer",
    "nearer": "closer", "farther": "farther", "further": "farther", "higher": "above", "lower": "below",
    "closer to the camera": "closer", "nearer to the camera": "closer", "nearer the camera": "closer",
    "farther from the camera": "farther", "further from the camera": "farther", "farther away": "farther",
    "farther away from the camera": "farther", "further away from the camera": "farther", "further away": "farther",
    "more distant": "farther", "less distant": "closer", "higher up": "above", "lower down": "below",
    "at a higher position": "above", "at a lower position": "below", "in the foreground": "closer",
    "in the background": "farther", "on the left": "left_of", "to the left": "left_of",
    "further to the left": "left_of",
    "further left": "left_of", "on the right": "right_of", "to the right": "right_of",
    "further to the right": "right_of",
    "further right": "right_of", "in front": "in_front_of", "behind": "behind", "above": "above", "below": "below",
    "the larger one": "larger", "the smaller one": "smaller", "the bigger one": "larger", "larger in size": "larger",
    "smaller in size": "smaller", "bigger in size": "larger", "greater in height": "taller",
    "taller in height": "taller",
    "greater in width": "wider", "wider in width": "wider", "longer in width": "wider",
}  # fmt: skip
_GREATER = r"(?:a\s+)?(?:greater|larger|bigger|more|higher)"
_LESSER = r"(?:a\s+)?(?:smaller|lesser|less|lower)"
_SIZES = {
    "size": ("larger", "smaller"),
    "height": ("taller", None),
    "width": ("wider", None),
    "depth": ("farther", "closer"),
}
_EXCEEDS = r"(?:exceeds|surpasses|is\s+(?:much\s+)?(?:greater|larger|bigger|more|higher)\s+than)"
_SHORT_OF = r"(?:is\s+(?:much\s+)?(?:less|smaller|lower)\s+than|falls\s+short\s+of)"
_POSSESSIVE = {"left": "left_of", "right": "right_of"}
_BEHIND_IT = {
    "on its left": "left_of", "to its left": "left_of", "on its right": "right_of", "to its right": "right_of",
    "on its left side": "left_of", "on its right side": "right_of", "above it": "above", "over it": "above",
    "below it": "below", "underneath it": "below", "beneath it": "below", "under it": "below", "behind it": "behind",
    "in front of it": "in_front_of", "on top of it": "on", "on it": "on",
}  # fmt: skip


def _words(words: dict[str, str]) -> str:
    longest = sorted(words, key=len, reverse=True)
    alternatives = "|".join(longest).replace("the camera", CAMERA).replace(" ", r"\s+")
    return f"(?P<w>{alternatives})"


def _template(
    words: str, relation: str | None = None, measure: str | None = None, by_word: dict[str, str] | None = None
) -> Template:
    for name, group in _NAMES.items():
        words = words.replace(f"{{{name}}}", group)
    return Template(re.compile(words, re.IGNORECASE), relation, measure, by_word)


def _of_sizes() -> list[Template]:
    """Comparisons by a noun: "A has a greater height than B", "the height of A exceeds that of B"."""
    made = []
    for noun, (more, less) in _SIZES.items():
        for words, verb, relation in ((_GREATER, _EXCEEDS, more), (_LESSER, _SHORT_OF, less)):
            names = ("{A}", "{B}")
            if relation is None:
                relation, names = more, ("{B}", "{A}")
            a, b = names
            made += [
                _template(rf"{a}\s+has\s+{words}\s+{noun}\s+{_TO}\s+{b}", relation),
                _template(rf"(?:the\s+)?{noun}\s+of\s+{a}\s+{verb}\s+(?:that\s+of\s+)?{b}", relation),
                _template(rf"{a}'s\s+{noun}\s+{verb}\s+{b}(?:'s(?:\s+{noun})?)", relation),
                _template(rf"{a}\s+is\s+{words.replace('(?:a', '(?:an?')}\s+in\s+{noun}\s+{_TO}\s+{b}", relation),
            ]
    return made


TEMPLATES: tuple[Template, ...] = (
    *_of_sizes(),
    # "Compared to B, A is larger", "A is larger compared to B".
    _template(rf"{_TO}\s+{{B}},\s*{{A}}\s+{_BE}\s+{_ADVERBS}{_words(_COMPARATIVE)}", by_word=_COMPARATIVE),
    _template(
        rf"{{A}}\s+{_BE}\s+{_ADVERBS}{_words(_COMPARATIVE)}\s+{_TO}\s+{{B}}(?:\s+(?:is|are))?", by_word=_COMPARATIVE
    ),
    _template(
        r"{A}\s+(?:is|are)\s+(?:\w+ly\s+)?(?P<w>narrower|thinner)\s+than\s+{B}(?:\s+in\s+width|\s+is)?",
        by_word={"narrower": "-wider", "thinner": "-wider"},
    ),
    _template(r"{A}\s+(?:occupies|takes\s+up|occupy|take\s+up)\s+more\s+space\s+than\s+{B}", "larger"),
    _template(r"{A}\s+(?:occupies|takes\s+up|occupy|take\s+up)\s+less\s+space\s+than\s+{B}", "smaller"),
    _template(r"the\s+position\s+of\s+{A}\s+is\s+less\s+distant\s+than\s+(?:that\s+of\s+)?{B}", "closer"),
    _template(r"the\s+position\s+of\s+{A}\s+is\s+more\s+distant\s+than\s+(?:that\s+of\s+)?{B}", "farther"),
    # "B has A behind it", "A is to B's left".
    _template(
        rf"{{B}}\s+(?:has|have)\s+{{A}}\s+(?:(?:parked|standing|sitting|lying|located|positioned|"
        rf"placed)\s+)?{_ADVERBS}{_words(_BEHIND_IT)}",
        by_word=_BEHIND_IT,
    ),
    _template(
        rf"{{A}}\s+{_BE}\s+{_ADVERBS}(?:to|on|at)\s+{{B}}'s?\s+(?:own\s+)?(?P<w>left|right)(?:(?:-hand)?\s+side)?",
        by_word=_POSSESSIVE,
    ),
    _template(
        rf"(?:to|on|at)\s+{{B}}'s?\s+(?P<w>left|right)(?:(?:-hand)?\s+side)?\s+{_BE}\s+{{A}}", by_word=_POSSESSIVE
    ),
    _template(r"{B}\s+supports?\s+{A}", "on"),
    _template(r"{A}\s+(?:is|are)\s+flanked\s+by\s+{B}\s+and\s+{C}", "between"),
    _template(r"{A}\s+occup(?:ies|y)\s+the\s+(?:space|gap|area|spot)\s+between\s+{B}\s+and\s+{C}", "between"),
    _template(rf"{{A}}\s+{_BE}\s+in\s+the\s+middle\s+of\s+{{B}}\s+and\s+{{C}}", "between"),
    _template(rf"between\s+{{B}}\s+and\s+{{C}}\s*,?\s+(?:there\s+)?{_BE}\s+{{A}}", "between"),
    # Contact and hiding.
    _template(r"{A}\s+(?:leans?|rests?|presses|press)\s+(?:up\s+)?against\s+{B}", "touching"),
    _template(r"{A}\s+makes?\s+(?:direct\s+|physical\s+)?contact\s+with\s+{B}", "touching"),
    _template(r"there\s+is\s+(?:direct\s+|physical\s+)?contact\s+between\s+{A}\s+and\s+{B}", "touching"),
    _template(
        r"{A}\s+(?:partially\s+|partly\s+|completely\s+)?(?:blocks|obstructs|is\s+blocking|is\s+obstructing|"
        r"obscures|hides|is\s+hiding)\s+(?:the|our|a|most\s+of\s+the|part\s+of\s+the)\s+view\s+of\s+{B}",
        "occludes",
    ),
    _template(
        r"{A}\s+(?:is\s+|are\s+)?(?:partially\s+|partly\s+)?(?:blocks|blocking|block|hides|hiding|hide|covers|"
        r"covering|cover|conceals|concealing|obscures|obscuring|obstructs|obstructing)\s+(?:a\s+)?(?:part|portion|"
        r"some|most|half)\s+of\s+{B}",
        "occludes",
    ),
    _template(
        r"{A}\s+(?P<not>does\s+not|doesn't|doesn’t|do\s+not|don't|don’t)\s+(?:even\s+)?(?:block|hide|cover|conceal|"
        r"obscure|obstruct)\s+(?:(?:a|any)\s+)?(?:part|portion|bit)\s+of\s+{B}",
        "occludes",
    ),
    _template(
        r"{A}\s+(?:is\s+|are\s+)?(?:blocks|blocking|hides|hiding|conceals|concealing)\s+{B}\s+from\s+(?:view|sight|"
        r"the\s+camera)",
        "occludes",
    ),
    _template(r"{A}\s+overlaps\s+{B}\s+and\s+hides\s+(?:a\s+)?(?:part|some)\s+of\s+it", "occludes"),
    _template(
        r"(?:a\s+)?(?:part|portion|some|most|half)\s+of\s+{A}\s+(?:is|are)\s+(?:being\s+)?(?:hidden|covered|"
        r"occluded|blocked|obscured|concealed)\s+(?:from\s+view\s+)?by\s+{B}",
        "occluded_by",
    ),
    _template(
        r"the\s+view\s+of\s+{A}\s+is\s+(?:partially\s+|partly\s+)?(?:blocked|obstructed|obscured|hidden)\s+by\s+{B}",
        "occluded_by",
    ),
    # The same depth.
    _template(
        rf"{{A}}\s+and\s+{{B}}\s+are\s+(?:equally\s+(?:far|distant|close|near)|equidistant)(?:\s+away)?(?:\s+"
        rf"(?:from|to)\s+{CAMERA})?",
        "same_depth",
    ),
    _template(
        rf"{{A}}\s+and\s+{{B}}\s+(?:share|have)\s+the\s+same\s+(?:depth|distance(?:\s+(?:from|to)\s+{CAMERA})?)",
        "same_depth",
    ),
    _template(
        r"{A}\s+and\s+{B}\s+are\s+(?P<not>not\s+)?(?:touching|in\s+(?:direct\s+|physical\s+)?contact)(?:\s+"
        r"(?:with\s+)?each\s+other)?",
        "touching",
    ),
    _template(r"{A}\s+and\s+{B}\s+(?:touch|are\s+pressed\s+against)\s+each\s+other", "touching"),
    _template(
        rf"{{A}}\s+and\s+{{B}}\s+are\s+(?P<not>not\s+)?at\s+the\s+same\s+(?:depth|distance(?:\s+from\s+{CAMERA})?)",
        "same_depth",
    ),
    # Lengths.
    _template(
        rf"(?:the\s+)?(?:distance|gap|space|separation)\s+(?:between|from|of)\s+{{A}}\s+(?:and|to|from)\s+{{B}}\s+"
        rf"(?:is|measures|equals)\s+(?P<m>{MEASURE})",
        "distance_between",
    ),
    _template(
        rf"(?:there\s+is\s+)?a\s+(?:distance|gap)\s+of\s+(?P<m>{MEASURE})\s+(?:exists\s+|"
        rf"lies\s+)?between\s+{{A}}\s+and\s+{{B}}",
        "distance_between",
    ),
    _template(rf"there\s+(?:is|are)\s+(?P<m>{MEASURE})\s+between\s+{{A}}\s+and\s+{{B}}", "distance_between"),
    _template(
        rf"{{A}}\s+{_BE}\s+at\s+a\s+distance\s+of\s+(?P<m>{MEASURE})\s+(?:away\s+)?(?:from|to)\s+{{B}}",
        "distance_between",
    ),
    _template(rf"{{A}}\s+is\s+separated\s+from\s+{{B}}\s+by\s+(?P<m>{MEASURE})", "distance_between"),
    _template(
        rf"{{A}}\s+and\s+{{B}}\s+are\s+(?P<m>{MEASURE})\s+(?:apart(?:\s+from\s+each\s+other)?|"
        rf"(?:away\s+)?from\s+each\s+other)",
        "distance_between",
    ),
    _template(
        rf"(?:the\s+)?depth(?:\s+value)?\s+of\s+{{A}}\s+is\s+(?P<m>{MEASURE})(?=\s+(?:from|away))(?:\s+away)?"
        rf"(?:\s+from\s+{CAMERA})?",
        "distance_to_camera",
    ),
    _template(rf"the\s+depth\s+value\s+of\s+{{A}}\s+is\s+(?P<m>{MEASURE})", "distance_to_camera"),
    _template(rf"{{A}}\s+{_BE}\s+at\s+a\s+depth\s+of\s+(?P<m>{MEASURE})", "distance_to_camera"),
    _template(rf"from\s+{CAMERA},\s*{{A}}\s+is\s+(?P<m>{MEASURE})\s+away", "distance_to_camera"),
    *(
        template
        for noun in ("height", "width", "depth")
        for template in (
            _template(rf"(?:the\s+)?{noun}\s+of\s+{{A}}\s+(?:is|measures)\s+(?P<m>{MEASURE})", "size", noun),
            _template(rf"{{A}}\s+(?:has|have)\s+a\s+{noun}\s+of\s+(?P<m>{MEASURE})", "size", noun),
            _template(rf"{{A}}\s+(?:is|are|measures?)\s+(?P<m>{MEASURE})\s+in\s+{noun}", "size", noun),
            _template(rf"{{A}}'s\s+{noun}\s+is\s+(?P<m>{MEASURE})", "size", noun),
        )
    ),
    # Numbers of objects.
    _template(rf"(?:in\s+total,?\s+)?there\s+(?:is|are)\s+{_COUNT}\s+{{A}}{_SEEN}{_HERE}{_SEEN}", "count"),
    _template(rf"{_COUNT}\s+{{A}}\s+(?:is|are)\s+(?:visible|present|shown|seen|depicted){_HERE}", "count"),
    _template(rf"{_COUNT}\s+{{A}}\s+can\s+be\s+(?:seen|counted|found){_HERE}", "count"),
    _template(
        rf"(?:i|we|you|one)\s+(?:can\s+)?(?:see|count|find|notice|observe)\s+{_COUNT}\s+{{A}}{_SEEN}{_HERE}", "count"
    ),
    _template(rf"{_PICTURE}\s+(?:contains|shows|has|depicts|features|includes)\s+{_COUNT}\s+{{A}}{_SEEN}", "count"),
    _template(rf"(?:the\s+)?(?:total\s+)?(?:number|count)\s+of\s+{{A}}{_SEEN}{_HERE}\s+is\s+{_COUNT}", "count"),
)
"""The shapes; the first one that fits and whose names are names decides."""

OF_IT = _BEHIND_IT
"""Relation of what something has "behind it", "on its left", by these words."""
HAVING = re.compile(
    rf"(?P<a>.+?)\s+(?:(?:parked|standing|sitting|lying|located|positioned|placed)\s+)?{_ADVERBS}{_words(_BEHIND_IT)}",
    re.IGNORECASE,
)
"""What follows "has": "a plaque below it"."""
PHRASE_WHICH = re.compile(
    rf"(?P<p>{AFTER_BE.pattern})\s+which\s+(?P<a>.+?)\s+(?:is|are|lies|sits|stands|rests|hangs)\s*$", re.IGNORECASE
)
"""A relative clause such as "on which the teapot stands"."""
FOLLOWED = re.compile(
    rf"(?P<w>closest|nearest|farthest|furthest)\s+(?:to|from)\s+{CAMERA}\s+(?:is|are)\s+(?P<a>.+?),\s+"
    rf"(?:which\s+is\s+)?followed\s+by\s+(?P<b>.+?)(?:,?\s+(?:and\s+)?(?:then|finally)\s+(?:by\s+)?(?P<c>.+?))?\s*$",
    re.IGNORECASE,
)
"""An order by distance: "Closest to the camera is the mug, followed by the lamp"."""
