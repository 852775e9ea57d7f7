"""Patterns of English sentences about space."""

from __future__ import annotations

import re

from pipeline.claims.phrases import AFTER_BE, CAMERA_NAMES, VERBS
from pipeline.claims.quantities import MEASURE

HEDGE = re.compile(
    r"\b(?:if|whether|unless|could|can(?!\s+(?:is|are|isn't|of|on|in|and|with|lies|sits|stands|has)\b|\s*(?:$|[,:)]))|cannot|can't|couldn't|may|might|maybe|perhaps|possibly|probably|presumably|likely|"
    r"unlikely|would|wouldn't|should|shouldn't|will|won't|must|needs?|seems?|seemed|appears?|appeared|apparently|suggests?|"
    r"suppose|assum(?:e|es|ing)|imagine|think|believe|guess|hard to|difficult to|not sure|unsure|unclear|uncertain|"
    r"unknown|impossible|potentially|supposedly|hypothetically|either|neither|or|as if|as though|in order to|"
    r"no longer|not only|not necessarily|never|sometimes|usually|typically|in the sense|let's|please|"
    r"incorrect|false|wrong|untrue|not true|estimate[ds]?|was|were|had been|except|without)\b|n't know",
    re.IGNORECASE,
)
"""Words of sentences that are not plain statements about the image."""

_I = re.IGNORECASE
LEAD = re.compile(
    r"\s*(?:(?:yes|no|so|therefore|thus|hence|overall|also|and|first|second|third|finally|"
    r"in (?:fact|summary|short|conclusion)|"
    r"additionally|moreover|furthermore|meanwhile|similarly|specifically|as (?:shown|seen)(?: here)?|here|now|clearly|"
    r"(?:based on|looking at|in|from|as (?:shown|seen) in) (?:the|this) (?:given )?"
    r"(?:image|picture|photo|scene|frame|view)|"
    r"(?:final |correct |short )?answer|conclusion|observation|explanation|note|relative to the camera)\s*[,:]\s*"
    r"|(?:therefore|thus|hence|so|also|and)\s+)",
    _I,
)
FRAME_LEAD = re.compile(
    r"\s*in\s+(?:(?:the\s+)?(?:picture|image|frame|photo)\s+(?P<number>\d{1,3})|"
    r"the\s+(?P<word>first|second|third|fourth)\s+(?:picture|image|frame|photo))\s*,\s*",
    _I,
)
_VIEW = r"from\s+(?P<view>[^,]{1,40}?)(?:'s)?\s+(?:perspective|point\s+of\s+view|viewpoint|view)"
VIEW_LEAD = re.compile(rf"\s*{_VIEW}\s*,\s*", _I)
VIEW_TAIL = re.compile(rf"\s+(?:as\s+seen\s+)?{_VIEW}\s*$", _I)
VIEWS_OF_CAMERA = CAMERA_NAMES | {"this", "our", "your", "my", "the camera's", "the photographer", "the image"}
TAIL = re.compile(
    r"\s+(?:(?:with)?in\s+(?:the|this)\s+(?:given\s+)?(?:image|picture|photo|scene|frame|view)|as\s+well|too|overall|is|are|"
    r"in\s+(?:the\s+)?(?:2d|3d|image)\s+(?:space|plane))\s*$",
    _I,
)
BY_TAIL = re.compile(rf"\s+by\s+(?P<measure>{MEASURE})\s*$", _I)
SPLIT = re.compile(r"\s*,?\s+(?P<joint>and|but|while|whereas)\s+(?:also\s+)?|\s*,\s*|\s+[–-]{1,2}\s+|\s*[—:]\s*", _I)
IS_OR_ARE = re.compile(r"\s(?:(?:is|are)(?:\s*(?P<not>\bnot|n't))?|lies|sits|stands|rests)\s+", _I)
DOES_NOT = re.compile(r"\s(?:does|do)(?:\s+not|n't)\s+", _I)
POSITION = re.compile(
    r"(?:located|positioned|situated|placed|sitting|standing|lying|resting|seated|parked|found)\s+", _I
)
ADVERB = re.compile(
    r"(?:clearly|directly|immediately|just|right|slightly|partially|partly|also|currently|already|actually|indeed|still|"
    r"much|far|a\s+bit|a\s+little|noticeably|significantly|physically|visibly|well)\s+",
    _I,
)
MEASURED = re.compile(rf"(?P<measure>{MEASURE})\s+", _I)
SHARE = re.compile(r"\s*(?P<measure>(?:about\s+|around\s+)?\d{1,3}(?:\.\d+)?\s?%)\s+(?:of\s+)?", _I)
FINITE_VERB = re.compile(rf"\s(?P<verb>{VERBS.pattern})", _I)
STATED = re.compile(rf"\s(?:(?:{MEASURE}|[a-z]+ly|just|right)\s+)?{AFTER_BE.pattern}", _I)
NOT = re.compile(r"not\s+", _I)
ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3}
RELATION_GROUPS = ("distance_of", "distance_between", "same_depth", "touching", "size", "count")
_HERE = (
    r"(?:in|at|from|on)\s+(?:(?:the|this)\s+)?(?:(?:given|first|second|third|fourth)\s+)?"
    r"(?:image|picture|photo|scene|frame|view|room)\b"
)
HERE = re.compile(rf"\b{_HERE}", _I)
"""Words by which a number of objects is a number in the image."""
COUNTING = re.compile(r"\bthere\s+(?:is|are)\s+(?:exactly\s+)?(\w+)\s|\bnumber\s+of\b.+\sis\s+(\w+)", _I)
"""A sentence that states a number of objects, if one of the groups is a number."""
RESTRICTED = re.compile(r"\s(?:on|in|at|with|without|for)\s", _I)
"""Words that restrict a count: "two cups on the table" does not state how many cups there are."""
_AND_ARE = r"(?P<a>.+?)\s+and\s+(?P<b>.+?)\s+are\s+"
WHOLE_SENTENCES = tuple(
    re.compile(pattern, _I)
    for pattern in (
        rf"(?:the\s+)?(?P<distance_of>distance|gap)\s+(?:between|from)\s+(?P<a>.+?)\s+(?:and|to)\s+(?P<b>.+?)\s+is\s+"
        rf"(?P<measure>{MEASURE})",
        rf"{_AND_ARE}(?P<measure>{MEASURE})\s+(?P<distance_between>apart|(?:away\s+)?from\s+each\s+other)",
        rf"{_AND_ARE}(?P<same_depth>at\s+the\s+same\s+(?:depth|distance(?:\s+from\s+the\s+camera)?))",
        rf"{_AND_ARE}(?P<not>not\s+)?(?P<touching>touching(?:\s+each\s+other)?|in\s+contact(?:\s+with\s+each\s+other)?)",
        rf"(?:the\s+)?(?P<size>height|width|depth)\s+of\s+(?P<a>.+?)\s+is\s+(?P<measure>{MEASURE})",
        rf"(?P<a>.+?)\s+has\s+a\s+(?P<size>height|width|depth)\s+of\s+(?P<measure>{MEASURE})",
        rf"there\s+(?:is|are)\s+(?:exactly\s+)?(?P<count>\w+)\s+(?P<a>.+?)(?:\s+{_HERE})?",
        rf"(?:the\s+)?(?:total\s+)?number\s+of\s+(?P<a>.+?)(?:\s+{_HERE})?\s+is\s+(?P<count>\w+)",
    )
)
EXISTS = re.compile(r"there\s+(?:is|are)\s+(?=(?:an?|the)\s)", _I)
THERE_IS = re.compile(r"\s+(?:is|are|lies|sits|stands|there\s+(?:is|are))\s+(?=(?:an?|the)\s)", _I)
MEASURE_OF_WORD = dict(
    tall="height", high="height", height="height", wide="width", width="width", deep="depth", depth="depth"
)
"""The measure of "2 m tall" and of "a height of 2 m"."""
