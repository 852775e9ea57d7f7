"""Patterns of English sentences about space."""

from __future__ import annotations

import re

from pipeline.claims.phrases import AFTER_BE, CAMERA_NAMES, VERBS
from pipeline.claims.quantities import MEASURE

HEDGE = re.compile(
    r"\b(?:if|whether|unless|could|(?<!the )(?<!a )(?<!this )(?<!watering )(?<!trash )(?<!garbage )(?<!soda )(?<!tin )"
    r"(?<!beer )(?<!spray )can(?!\s+(?:be\s+(?:seen|found)|see|is|are|isn't|of|on|in|and|with|lies|sits|"
    r"stands|has)\b|\s*(?:$|[,:)]))|cannot|can't|couldn't|may|might|maybe|perhaps|possibly|probably|presumably|"
    r"likely|normally|generally|in\s+general|unlikely|would|wouldn't|should|shouldn't|will|won't|must|needs?|seems?|seemed|appears?(?!\s+(?:in|on|above|below|beneath|under|behind|between|at|left|right|to\s+the)\b)|appeared|apparently|"
    r"suggests?|"
    r"suppose|assum(?:e|es|ing)|imagine|think|believe|guess|hard to|difficult to|not sure|unsure|unclear|uncertain|"
    r"unknown|impossible|potentially|supposedly|hypothetically|either|or|as if|as though|in order to|"
    r"no longer|not only|not necessarily|never|sometimes|usually|typically|in the sense|let's|please|"
    r"incorrect|false|wrong|untrue|not true|estimate[ds]?|was|were|had been|except|without|rather than|instead of|"
    r"used to|"
    r"anything but|all but|provided that|"
    r"looks? (?:like|as)|sounds? like|no longer|as far as|in theory|ideally|once|until|almost|nearly)\b|n't know",
    re.IGNORECASE,
)
"""Words of sentences that are not plain statements about the image."""

_I = re.IGNORECASE
LEAD = re.compile(
    r"\s*(?:(?:yes|no\s+wait|no|wait|correct|right|exactly|correction|sorry|hold\s+on|i\s+mean|on\s+second\s+thought|"
    r"on\s+closer\s+inspection|i\s+was\s+wrong|let\s+me\s+correct(?:\s+that)?|okay|ok|sure|indeed|hmm+|well|honestly|interestingly|visually|spatially|notably|obviously|of\s+course|"
    r"actually|in\s+the\s+end|if\s+you\s+look\s+(?:closely|carefully)|of\s+the\s+(?:two|three)|in\s+terms\s+of\s+\w+|"
    r"so|therefore|thus|hence|overall|also|and|first|second|third|finally|"
    r"in (?:fact|summary|short|conclusion)|"
    r"additionally|moreover|furthermore|meanwhile|similarly|specifically|as (?:shown|seen)(?: here)?|here|now|clearly|"
    r"(?:based on|looking at|in|from|as (?:shown|seen) in) (?:the|this) (?:given )?"
    r"(?:image|picture|photo|scene|frame|view)|"
    r"(?:final |correct |short )?answer|conclusion|observation|explanation|note|relative to the camera)\s*[,:]\s*"
    r"|(?:therefore|thus|hence|so|also|and|it(?:'s|\s+is)\s+(?:true|clear)\s+that)\s+)",
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
    r"\s+(?:(?:with)?in\s+(?:the|this)\s+(?:given\s+)?(?:image|picture|photo|scene|frame|view)|as\s+well|too|"
    r"overall|is|are|"
    r"in\s+the\s+(?:spatial\s+|overall\s+|current\s+)?(?:layout|arrangement|composition|setup)|"
    r"in\s+(?:the\s+)?(?:2d|3d|image)\s+(?:space|plane))\s*$",
    _I,
)
BY_TAIL = re.compile(rf"\s+by\s+(?P<measure>{MEASURE})\s*$", _I)
BOUNDARY = re.compile(
    r"\s*[,;]\s*(?!or\b)(?:(?P<joint>and\s+so|and|but|yet|while|whereas|although|even\s+though|though|because|"
    r"since|so\s+that|so|"
    r"which|who|that|with|as)\s+(?:also\s+|then\s+)?)?"
    r"|\s+(?P<word>and|but|while|whereas|although|even\s+though|though|because|since|so\s+that|so(?=\s+(?:the|a|an|"
    r"it|if|unless))|"
    r"which|who|that(?=\s+(?:is|are|stands?|sits?|lies|rests?|hangs?|leans?|the|a|an)\b)|with(?=\s+(?:the|an?|only|"
    r"another|one|two)\b)|"
    r"as(?=\s+(?:the|a|an|it|they)\b))\s+(?:also\s+|then\s+)?"
    r"|\s+[–-]{1,2}\s+|\s*—\s*|\s*:\s+",
    _I,
)
"""Where a clause, a part of a list or a remark may begin."""
JOINS = re.compile(r"\s(?:and|as\s+well\s+as|along\s+with)\s", _I)
"""Words without which commas make no list."""
LIST = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+|\s+as\s+well\s+as\s+|\s+along\s+with\s+", _I)
BOTH = re.compile(r"both\s+(?:of\s+)?", _I)
SUBJECT_TAIL = re.compile(
    r"\s+(?:in\s+turn|itself|themselves|both|each|all|then|also|clearly|currently|still|now|actually|indeed)$", _I
)
PRONOUN = re.compile(r"(?:it|they|them|he|she|him|her|this\s+one|these|those)", _I)
ONE = re.compile(
    r"(?:(?P<one>one)|(?:the\s+)?(?:other|another)(?:\s+one)?)(?:\s+(?P<kind>(?!one\b)[\w-]+))?|"
    r"the\s+(?P<ones>[\w-]+(?:\s[\w-]+)?)\s+one",
    _I,
)
NEITHER = re.compile(r"neither\s+(?P<a>.+?)\s+nor\s+(?P<b>.+?)$", _I)
SCOPE = re.compile(
    r"(?:normally|generally|usually|typically|often|ideally|hypothetically|traditionally|in\s+theory|in\s+general|"
    r"in\s+(?:an?|any|most|the)\s+(?:typical|usual|original|ideal|other)|according\s+to|as\s+(?:the\s+)?\w+\s+(?:says?|states?|claims?|suggests?|shows?)|"
    r"imagine|suppose|assume|let's\s+say|i\s+(?:wish|hope)|it\s+would|as\s+per|for\s+(?:example|instance)|e\.g\.|"
    r"answer\s+in\s+the\s+form|contrary\s+to|"
    r"it\s*(?:is|'s)(?:n't|\s+not)\s+(?:clear|certain|true|obvious|the\s+case|(?:the|an?)\s[^,]{1,40}\s(?:that|which|who)))",
    _I,
)
"""Words at the start of a sentence that speak of another image than this one, or of what somebody says."""
CORRECTION = re.compile(
    r"\s*(?:actually|wait|correction|sorry|no\s*,|no\s+wait|hold\s+on|on\s+second\s+thought|i\s+mean|rather|"
    r"hmm+|scratch\s+that|i\s+was\s+wrong|let\s+me\s+correct|on\s+closer\s+inspection|"
    r"however,?\s+(?:this|that)\s+is\s+(?:an?\s+)?(?:illusion|mistake|wrong|incorrect))\b|"
    r"\s*(?:不，|不,|不对|实际上|其实|更正|等等|我错了|说错了)",
    _I,
)
"""Words at the start of a sentence that takes another one back."""
CORRECTED = re.compile(
    r"\b(?:scratch\s+that|no,?\s+wait|wait,?\s+no|sorry|i\s+mean|correction|i\s+was\s+wrong)\b|"
    r"[，,。]\s*(?:不对|错了|说错了|更正|我是说)",
    _I,
)
"""Words within a sentence that take back what it began with."""
TAKES_BACK = re.compile(
    r"\W*(?:(?:that|this)\s+(?:statement\s+|claim\s+)?(?:is|was)\s+(?:wrong|false|incorrect|untrue|not\s+(?:true|correct|"
    r"right))|(?:verdict|answer|status|result)\s*[:：]?\s*(?:false|no|wrong|incorrect)|(?:actually|wait|no|hmm+)(?:,\s*no)?|"
    r"scratch\s+that|i\s+was\s+wrong|let\s+me\s+correct(?:\s+that)?|这(?:是)?(?:错误的?|不对的?))\W*",
    _I,
)
"""A sentence that takes back the one before it."""
NOT_STATED = re.compile(
    r"[❌✗✘]|~~|[(（]\s*(?:(?:this|that)\s+is\s+)?(?:not\s+true|false|wrong|incorrect|错误|不正确|不对)\s*[)）]|"
    r"[:：]\s*(?:false|wrong|incorrect|错误)\W*$|^\W*(?:false|wrong|incorrect|untrue|not\s+true)\s*[:：]|\b(?:anything|all)\s+but\b|"
    r"\bor\s+so\s+it\s+seems\b|\bbetween\s+\d[\d.]*\s*\w{0,3}\s+and\s+\d|"
    r"^\W*(?:on|in)\s+the\s+(?:poster|mirror|reflection|painting|screen|monitor|tv)\s*,"
    r"|^\W*it\s*(?:is|'s)(?:n't|\s+not)\s+(?:the|an?)\s[^,]{1,40}\s(?:that|which|who)\b",
    _I,
)
"""Marks of a sentence that states nothing about the scene, or is told to be false."""
NONE_OF_THESE = re.compile(
    r"\W*(?:none|neither)\s+of\s+(?:these|them|those|the\s+(?:above|options|statements|two))\b.*\b(?:correct|true|right|"
    r"apply|applies)\b",
    _I,
)
"""A sentence by which nothing that stands before it is stated."""
TRAILING_HEDGE = re.compile(
    r"(?:probably|perhaps|maybe|possibly|presumably|apparently|allegedly|i\s+(?:think|believe|guess|suppose|assume)|"
    r"(?:or\s+)?so\s+it\s+seems|it\s+seems|assuming\b.*|provided\b.*|unless\b.*|according\s+to\b.*|as\s+per\b.*|"
    r"if\s+(?:the\s+image|this|it|i)\b.*)",
    _I,
)
"""What follows a clause and takes its certainty away."""
CONDITION = re.compile(
    r"(?:,\s*|and\s+|but\s+|so\s+|even\s+)*(?:if|unless|whether|suppose|assuming|provided|when(?!\s+(?:viewed|"
    r"seen))|whenever|until|before|after|in\s+case)\b",
    _I,
)
"""Words with which a condition or another time begins."""
ATTRIBUTION = re.compile(
    r"(?<!that )(?<!which )\b(?:says?|said|means?|states?|claims?|told|tells|reads?|suggests?|implies|according|"
    r"supposed|"
    r"question|statement)\b",
    _I,
)
"""Words of a clause that tells what somebody says."""
SHOWS_THAT = re.compile(r"\b(?:see|seen|notice|observe|shows?|clear|evident|obvious|visible|find|note)\s*$", _I)
"""Words after which "that" introduces what is the case."""
DETERMINER = re.compile(r"\b(?:the|an?|another|this|that|one)\s+|(?=\ue000)(?<!\ue000)", _I)
SWAPPED = re.compile(r"(?P<w>shorter|narrower|thinner)\s+(?:than|compared\s+(?:to|with))", _I)
"""Comparisons that say of the object what the relation says of the subject."""
SWAPPED_RELATIONS = {"shorter": "taller", "narrower": "wider", "thinner": "wider"}
ORDER_OF_NAMES = re.compile(
    r"(?:from\s+)?(?P<from>left|right)\s+to\s+(?P<to>right|left)\s*(?:,|:|there\s+(?:is|are)|(?:we|you|i)\s+(?:can\s+)?see|are|is)*\s+(?P<list>.+)",
    _I,
)
"""An order along the image: "from left to right, a lamp, a bed and a wardrobe"."""
SHOWN = re.compile(
    r"(?:(?:i|we|you|one)\s+(?:can\s+)?(?:see|notice|find|observe)|(?:the|this)\s+(?:image|picture|photo|"
    r"photograph|scene|frame|view)\s+"
    r"(?:shows|contains|depicts|features|includes|has)|there\s+(?:is|are)|it\s+is)\s+",
    _I,
)
"""Words that introduce what an image shows."""
PAST = re.compile(r"\b(?:was|were|had\s+been)\b", _I)
SUBORDINATE = re.compile(r"\s*(?:because|although|even\s+though|though|since|while|as(?=\s+(?:the|a|an)\b))\s+", _I)
"""Words with which a subordinate clause begins a sentence."""
RELATIVE = re.compile(r"\s(?:that|which|who)\s+(?=(?:is|are|sits?|stands?|lies|rests?|hangs?)\s)", _I)
HAS = re.compile(r"\s*(?:has|have)\s+", _I)
AFTER_NAME = re.compile(
    r"(?:in|on|at|near|by|with|behind|above|below|under|and|that|which|who|\w+ing|parked|placed|located)\b|$", _I
)
"""What may follow the name of a thing that an image shows."""
ONLY = re.compile(r"(?:only|just|also)\s+(?=(?:the|an?|one|two|\ue000))", _I)
WORD_END = re.compile(r"(?<=\S)(?=\s)|(?<=\S)$")
VERB_LIKE = re.compile(
    r"(?:is|are|can|left|has|have|looks?|wears?|holds?|faces?|dominates?|\w{2,}(?:s|ed))\b(?!\s+of\b)", _I
)
PLACE_IN_IMAGE = re.compile(
    r"(?:(?:is|are|located|positioned|situated|visible)\s+)*(?:in|at|on|near|towards?|to|from|closer\s+to|"
    r"close\s+to)\s+the\s+(?:\w+[\s-]){0,4}?(?:half|part|corner|side|edge|center|centre|middle|"
    r"foreground|background|left|right|top|bottom|portion|area)(?:\s+(?:half|part|corner|side|edge|portion|area))?"
    r"(?:\s+of\s+(?:the|this)\s+(?:image|picture|photo|photograph|frame|scene|view))?",
    _I,
)
"""A place in the image, which states nothing about two objects."""
_POSTURES = (
    r"lies|sits|stands|rests|hangs|waits|leans|remains|hovers|flies|floats|runs|rises|towers|looms|sleeps|naps|hides|"
    r"crouches|kneels|squats|perches|dangles|swings|stretches|extends|sprawls|lounges|reclines|grows|stays|stops|parks|"
    r"balances|dozes|appears|ha(?:s|ve)\s+been\s+(?:placed|left|put|set|stowed|parked|stored|laid|hung|positioned)"
)
IS_OR_ARE = re.compile(
    rf"\s(?:(?:is|are)(?:\s*(?P<not>\bnot|n't))?(?:\s+being)?|(?:can|could)\s+be\s+(?:seen|found)|{_POSTURES})\s+"
    r"|(?<=\bit)'s\s+|(?<=there)'s\s+",
    _I,
)
BASE_POSTURE = re.compile(
    r"\s(?:lie|sit|stand|rest|hang|wait|lean|remain|hover|fly|float|run|rise|sleep|hide|stay|grow)\s+", _I
)
DOES_NOT = re.compile(r"\s(?:does|do)(?:\s+not|n't)\s+", _I)
_PARTICIPLES = (
    r"located|positioned|situated|placed|sitting|standing|lying|resting|seated|parked|found|hanging|hung|mounted|"
    r"set|perched|visible|seen|"
    r"leaning|waiting|walking|laid|kept|stacked|installed|fixed|tucked|shown|centered|centred"
)
POSITION = re.compile(rf"(?:{_PARTICIPLES})\s+", _I)
ADVERB = re.compile(
    r"(?:clearly|directly|immediately|just|right|slightly|partially|partly|also|currently|already|actually|indeed|"
    r"still|"
    r"much|far|a\s+bit|a\s+little|noticeably|significantly|considerably|somewhat|physically|visibly|well|mostly|"
    r"completely|fully|"
    r"diagonally|both|all|even|only|entirely|largely|heavily|being|farther|further|in\s+the\s+middle,)\s+",
    _I,
)
IDIOM = re.compile(r"on\s+the\s+phone\s+(?=\S)", _I)
"""Words of a place that say what somebody does: "on the phone behind the counter"."""
SIDES = {
    "upper": "above", "top": "above", "lower": "below", "bottom": "below", "front": "in_front_of", "rear": "behind",
    "back": "behind", "left": "left_of", "right": "right_of",
}  # fmt: skip
"""The relation of each word of "to the upper left of"."""
DIAGONAL = re.compile(
    r"(?:to|at|on|in)\s+the\s+(?P<first>upper|lower|top|bottom|front|rear|back)[\s-](?P<second>left|right)(?:\s+"
    r"(?:side|corner))?\s+of\s+",
    _I,
)
MEASURED = re.compile(rf"(?P<measure>{MEASURE})\s+", _I)
SHARE = re.compile(r"\s*(?P<measure>(?:about\s+|around\s+)?\d{1,3}(?:\.\d+)?\s?%)\s+(?:of\s+)?", _I)
_PHRASE = re.sub(r"\?P<\w+>", "?:", AFTER_BE.pattern)
PAIR = re.compile(
    rf"(?P<first>(?:\w+ly\s+)?(?:{_PHRASE}|to\s+the\s+(?:left|right)(?:\s+of)?|"
    rf"on\s+the\s+(?:left|right)(?:\s+of)?|in\s+front|larger|bigger|smaller|taller|wider|closer|"
    rf"nearer|farther|further))\s+(?:and|but)\s+(?:also\s+)?(?:(?:slightly|directly|partly|just|"
    rf"a\s+bit)\s+)?(?P<second>{_PHRASE})",
    _I,
)
"""Two relations to one object: "above and to the left of"."""
MODIFIER = re.compile(
    rf"\s(?P<rest>(?:(?:{MEASURE}|[a-z]+ly|just|right|far|{_PARTICIPLES})\s+){{0,3}}(?:{_PHRASE}|"
    rf"{DIAGONAL.pattern.replace('?P<first>', '?:').replace('?P<second>', '?:')}))",
    _I,
)
"""A place within a noun phrase or after an object: " on the left of the desk"."""
FINITE_VERB = re.compile(rf"\s(?P<verb>{VERBS.pattern})", _I)
NOT = re.compile(r"not\s+", _I)
ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3}
COUNTING = re.compile(r"\bthere\s+(?:is|are)\s+(?:exactly\s+)?(\w+)\s|\bnumber\s+of\b.+\sis\s+(\w+)", _I)
"""A sentence that states a number of objects, if one of the groups is a number."""
RESTRICTED = re.compile(r"\s(?:on|in|at|with|without|for)\s", _I)
"""Words that restrict a count: "two cups on the table" does not state how many cups there are."""
EXISTS = re.compile(
    r"(?:there(?:'s|\s+is|\s+are)|(?:you'll|you\s+(?:can|will))\s+(?:find|see)|(?:i|we|you)\s+(?:can\s+)?(?:see|find|"
    r"notice))\s+(?=(?:an?|the|another)\s|\ue000)",
    _I,
)
THERE_IS = re.compile(
    r"\s*,?\s+(?:there\s+(?:is|are)|is|are|lies|sits|stands|hangs|rests|lie|sit|stand)\s+(?=(?:an?|the|another|"
    r"one)\s|\ue000)",
    _I,
)
SEEN_LAST = re.compile(
    r"\s+(?:can\s+be\s+(?:seen|found)|(?:is|are)\s+(?:visible|located|seen|placed|positioned|found))\s*$", _I
)
"""Words at the end of "directly left of the printer, a stack of paper can be seen"."""
COMMA = re.compile(r"\s*,\s*")
MEASURE_OF_WORD = dict(
    tall="height", high="height", height="height", wide="width", width="width", deep="depth", depth="depth"
)
"""The measure of "2 m tall" and of "a height of 2 m"."""
