"""Reads what a question asks, so that a bare answer such as "yes" or "two" becomes the claim that it makes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from pipeline.claims.chinese_shapes import COUNTERS
from pipeline.claims.options import options_of
from pipeline.claims.phrases import AFTER_BE, BASE_VERBS, CAMERA, pattern_relation, relation_named
from pipeline.claims.prose import parse_prose
from pipeline.records import Claim
from pipeline.records.relations import RELATIONS

_I = re.IGNORECASE
_END = re.compile(r"\s*[?？.。!]*\s*$")
_INSTRUCTION = re.compile(
    r"(?:please\s+)?(?:answer|reply|respond|choose|select|give|output|use)\b.*$|(?:请|只)?(?:用|回答|选择).{0,30}$|options?\s*:?.*$|choices?\s*:?.*$", _I | re.S
)
_HERE = r"(?:\s+(?:are|is)\s+)?(?:there|visible|shown|present|seen)?(?:\s*(?:in|on|at)\s+(?:the|this)\s+(?:given\s+)?(?:image|picture|photo|scene|frame|room|view))?"
_COUNT = re.compile(
    r"how\s+many\s+(?P<a>.+?)\s+(?:are|is|can|do|does)\s*(?:there|visible|shown|present|you\s+see|be\s+seen|seen|in\s+(?:the|this)\s+\w+|you\s+count|appear)?.*", _I
)
_COUNT_CHINESE = re.compile(rf"(?:.*?(?:图|画面|照片|图片|图像|场景|房间)[中里上]?)?(?:一?共|总共)?(?:有|能看到|可以看到|看到|看得到|出现了?)(?:几|多少)[{COUNTERS}]?(?P<a>[^，,？?]{{1,12}})")
_COUNT_CHINESE_2 = re.compile(r"(?:.*?[中里]的?)?(?P<a>[^，,？?]{1,12})(?:有(?:几|多少)[个只把张台辆本支瓶件盏棵位名座部块条杯]?|的(?:数量|个数|数目)是多少)")
_RESTRICTED = re.compile(r"\b(?:on|in|at|behind|under|near|next\s+to|left|right|with|without|for)\s+(?:the|a|an|his|her)\b(?!\s+(?:image|picture|photo|scene|frame|room|view))", _I)
_YES_NO = re.compile(r"(?P<verb>is|are|does|do)\s+(?!there\b|it\b|this\b|that\b)(?P<rest>.+)", _I)
_EXISTS = re.compile(r"(?:is|are)\s+there\s+(?P<rest>(?:a|an|any|the)\s+.+)", _I)
_TWO_WAYS = re.compile(
    r"(?:is|are)\s+(?P<a>.+?)\s+(?:located\s+|positioned\s+)?(?:(?:to|on)\s+the\s+)?(?P<w1>left|right|above|below|in\s+front|behind|in\s+front\s+of|closer|farther|nearer|further|larger|smaller|bigger|taller|wider|over|under|on\s+top)"
    r"(?:\s+(?:side\s+)?(?:of|to|than|from))?(?:\s+the\s+camera\s+than)?(?:\s+the\s+camera)?\s*,?\s+or\s+(?:(?:to|on)\s+the\s+)?(?P<w2>left|right|above|below|in\s+front|behind|closer|farther|nearer|further|larger|smaller|bigger|taller|wider|over|under|on\s+top)"
    r"(?:\s+(?:side\s+)?(?:of|to|than|from))?(?:\s+the\s+camera)?(?:\s+than)?\s+(?P<b>.+)",
    _I,
)
_WHERE = re.compile(
    r"(?:where|in\s+which\s+direction|on\s+which\s+side|which\s+side|what\s+is\s+the\s+(?:position|location)\s+of|how)\s+(?:is|are|does|do)?\s*(?P<a>.+?)\s*(?:located|positioned|placed|situated|lie|sit|stand|standing)?\s*"
    r"(?:relative\s+to|in\s+relation\s+to|with\s+respect\s+to|compared\s+(?:to|with)|with\s+regard\s+to|of|from)\s+(?P<b>.+)",
    _I,
)
_SIDE_OF = re.compile(r"(?:on|to)\s+which\s+side\s+of\s+(?P<b>.+?)\s+(?:is|are|does)\s+(?P<a>.+?)(?:\s+(?:located|stand|lie|sit))?", _I)
_WHICH = re.compile(
    r"(?:which|what|who)(?:\s+(?:one|object|item|thing|of\s+(?:these|them|the\s+(?:two|following)|the\s+(?:two\s+)?objects)|\w+))?\s+(?:is|are|appears|stands|lies|looks)\s+(?:positioned\s+|located\s+)?(?P<w>(?:the\s+)?(?:closest|nearest|farthest|furthest|closer|nearer|farther|further|larger|bigger|smaller|taller|wider|largest|biggest|smallest|tallest|widest|highest|lowest|higher|lower|in\s+front|in\s+the\s+front|behind|more\s+distant|most\s+distant)(?:\s+one)?)"
    r"(?:\s+away)?(?:\s+(?:to|from)\s+(?P<to>CAMERA|.+?))?(?:\s+in\s+(?:the|this)\s+(?:image|picture|photo|scene))?\s*[,:;?]\s*(?P<list>.+)".replace("CAMERA", CAMERA),
    _I,
)
_WHICH_OF = re.compile(
    r"(?:which|what)\s+of\s+(?P<list>.+?)\s+is\s+(?P<w>(?:the\s+)?(?:closest|nearest|farthest|furthest|closer|nearer|farther|further|larger|bigger|smaller|taller|wider|in\s+front|behind))(?:\s+away)?(?:\s+(?:to|from)\s+(?P<to>.+?))?", _I
)
_OR_CLOSER = re.compile(
    r"(?:is|are)\s+(?P<list>(?:the\s+|a\s+)?[\w -]+?\s+or\s+(?:the\s+|a\s+)?[\w -]+?)\s+(?P<w>closer|nearer|farther|further|larger|bigger|smaller|taller|wider|in\s+front|behind)(?:\s+away)?(?:\s+(?:to|from)\s+(?P<to>.+?))?", _I
)
_WHAT_IS = re.compile(r"(?:what|which\s+object|which\s+item|who|which)\s+(?:is|are|lies|stands|sits)\s+(?P<rest>.+)", _I)
_HOW_FAR = re.compile(r"how\s+far\s+(?:away\s+)?(?:is|are)\s+(?P<a>.+?)(?:\s+away)?\s+(?:from|to)\s+(?P<b>.+)", _I)
_APART = re.compile(r"how\s+far\s+apart\s+are\s+(?P<a>.+?)\s+and\s+(?P<b>.+)", _I)
_DISTANCE = re.compile(r"what\s+is\s+the\s+(?:\w+\s+){0,2}?(?:distance|gap)\s+(?:between|from)\s+(?P<a>.+?)\s+(?:and|to)\s+(?P<b>.+)", _I)
_AWAY = re.compile(r"how\s+far\s+(?:away\s+)?(?:is|are)\s+(?P<a>.+?)(?:\s+away)?", _I)
_SIZE = re.compile(r"how\s+(?P<w>tall|high|wide|deep|long)\s+(?:is|are)\s+(?P<a>.+)", _I)
_SIZE_OF = re.compile(r"what\s+is\s+the\s+(?P<w>height|width|depth|length)\s+of\s+(?P<a>.+)", _I)
_TRUTH = re.compile(
    r"(?:.*?(?:following\s+)?(?:statement|sentence|caption|claim)\s+(?:true|false|correct|right)\b[^:：?]*[:：?]\s*)?[\"'“]?(?P<said>[^\"”?？]+?)[.\"'”]*\s*(?:[.(]?\s*(?:is\s+(?:this|it|the\s+statement)\s+)?(?:true\s+or\s+false|correct\s+or\s+(?:incorrect|not)|yes\s+or\s+no|right\s+or\s+wrong|true\?|correct\?|t/f)\W*)",
    _I,
)
_TRUTH_FIRST = re.compile(r".*?(?:true\s+or\s+false|(?:is|whether)\s+(?:the|this)\s+(?:following\s+)?(?:statement|sentence|claim|caption)\s+(?:is\s+)?(?:true|correct|right)[^:：?]{0,30})\s*[:：?]\s*[\"'“]?(?P<said>[^\"”]+)", _I)
_TRUTH_CHINESE = re.compile(r"(?:.*?(?:判断|下列|以下|这个|下面)[^：:]{0,16}[:：]\s*)?[“\"]?(?P<said>[^”\"？?]+?)[。”\"]*\s*(?:这(?:句话|种说法|个说法|个判断)?)?(?:是)?(?:对|正确|真|对还是错|正确吗|对吗|是否正确)(?:还是错误|还是错|吗|么)?\W*")
_CHINESE_CHOICE = re.compile(r"(?P<a>[^，,？?]{1,12})(?:在|位于)(?P<b>[^，,？?]{1,12}?)的?(?P<w1>左|右|前|后|上|下)[边面侧方]?还是(?P<w2>左|右|前|后|上|下)[边面侧方]?")
_CHINESE_WHERE = re.compile(r"(?P<a>[^，,？?]{1,12})(?:在|位于)(?P<b>[^，,？?]{1,12}?)的?(?:哪一?[边侧个]?(?:方向|方位|位置|方|面)?|什么(?:位置|方向|方位|地方))")
_CHINESE_WHERE_2 = re.compile(r"相对于(?P<b>[^，,？?]{1,12})[，,]?(?P<a>[^，,？?]{1,12}?)(?:在|位于)(?:哪里|哪儿|哪一?[边侧]|什么位置|什么方向|哪个方向)")
_CHINESE_WHICH = re.compile(r"(?P<a>[^，,？?]{1,12})(?:和|与|跟|、)(?P<b>[^，,？?和与跟]{1,12}?)[，,]?(?:哪一?个|谁|哪一?[只把张台辆本支])(?:物体)?(?:离|距离?)?(?:相机|镜头|我们|摄像头)?(?:更|比较|较)?(?P<w>近|远|大|小|高|宽|靠前|靠后)(?:一些)?")
_CHINESE_WHICH_2 = re.compile(r"(?:哪一?个|谁|什么)(?:物体)?(?:离|距离?)?(?:相机|镜头|我们|摄像头)?(?:更|比较|较|最)?(?P<w>近|远|大|小|高|宽)(?:一些)?[，,：:？?]\s*(?P<a>[^，,？?]{1,12}?)(?:还是|或者?|、)(?P<b>[^，,？?]{1,12})")
_CHINESE_WHAT = re.compile(r"(?P<b>[^，,？?]{1,12}?)的?(?P<w>左边|右边|前面|后面|上面|下面|左侧|右侧|上方|下方|前方|后方)是什么|什么(?:东西|物体)?在(?P<b2>[^，,？?]{1,12}?)的?(?P<w2>左边|右边|前面|后面|上面|下面|左侧|右侧|上方|下方|前方|后方)|(?P<b3>[^，,？?]{1,12}?)的?(?P<w3>左边|右边|前面|后面|上面|下面|左侧|右侧|上方|下方|前方|后方)有什么")
_CHINESE_ON = re.compile(r"(?P<b>[^，,？?]{1,12}?)上(?:有|放着|是)什么|什么(?:东西)?在(?P<b2>[^，,？?]{1,12}?)上")
_CHINESE_FAR = re.compile(r"(?P<a>[^，,？?]{1,12}?)(?:离|距离?|到|和|与|跟)(?P<b>[^，,？?]{1,12}?)(?:之间)?(?:的距离)?(?:有|是)?(?:多远|多少米|多少厘米|多少)|(?P<a2>[^，,？?]{1,12}?)(?:和|与|跟)(?P<b2>[^，,？?]{1,12}?)(?:相距|相隔)(?:多远|多少米|多少)")
_CHINESE_SIZE = re.compile(r"(?P<a>[^，,？?]{1,12}?)(?:的(?P<w>高度|宽度|深度)是多少|有?多(?P<w2>高|宽|长|深))")
_CHINESE_YES_NO = re.compile(r"(?P<said>[^？?]+?)(?:吗|么)|(?P<said2>[^？?]*?)是不是(?P<rest>[^？?]+)|(?P<said3>[^？?]*?)是否(?P<rest3>[^？?]+)")
_ORDER = {
    "closest": "closer", "nearest": "closer", "closer": "closer", "nearer": "closer", "farthest": "farther", "furthest": "farther",
    "farther": "farther", "further": "farther", "more distant": "farther", "most distant": "farther", "larger": "larger",
    "bigger": "larger", "largest": "larger", "biggest": "larger", "smaller": "smaller", "smallest": "smaller", "taller": "taller",
    "tallest": "taller", "wider": "wider", "widest": "wider", "highest": "above", "higher": "above", "lowest": "below", "lower": "below",
    "in front": "in_front_of", "in the front": "in_front_of", "behind": "behind",
    "近": "closer", "远": "farther", "大": "larger", "小": "smaller", "高": "taller", "宽": "wider", "靠前": "in_front_of", "靠后": "behind",
    "左": "left_of", "右": "right_of", "前": "in_front_of", "后": "behind", "上": "above", "下": "below",
}  # fmt: skip
_MEASURES = {
    "tall": "height", "high": "height", "wide": "width", "deep": "depth", "long": None, "height": "height", "width": "width",
    "depth": "depth", "length": None, "高度": "height", "宽度": "width", "深度": "depth", "高": "height", "宽": "width", "深": "depth",
    "长": None,
}  # fmt: skip
_SIDES = {"left": "left_of", "right": "right_of", "over": "above", "under": "below", "in front of": "in_front_of", "on top": "on"}


@dataclass(frozen=True)
class Asked:
    """What a question asks.

    Args:
        kind: ``count``, ``yes_no``, ``relation`` (how A is related to B), ``which`` (which thing stands first in an
            order), ``what`` (what is related to B so), ``number`` (a distance or a size).
        subject: A, or what is counted.
        objects: B; for ``which`` all things that are compared.
        relation: Name of the relation, where the question fixes it.
        relations: Names among which the answer chooses, for ``relation``.
        measure: The measure of a size.
        claims: The claims that "yes" makes.
    """

    kind: str
    subject: str = ""
    objects: tuple[str, ...] = ()
    relation: str = ""
    relations: tuple[str, ...] = ()
    measure: str | None = None
    claims: tuple[Claim, ...] = field(default=())


def read_question(question: str) -> Asked | None:
    """What a question asks about the relation, the number or the size of things; None for any other question.

    Args:
        question: A question in English or Chinese; its options and instructions do not matter.
    """
    question = _plain(question)
    if not question or len(question) > 300:
        return None
    if re.search(r"[\u3400-\u9fff]", question):
        return _chinese(question)
    return _english(question)


def things_of(words: str) -> tuple[str, ...]:
    """The names of a list such as "the mug, the laptop or the lamp"."""
    parts = re.split(r"\s*,\s*(?:or\s+|and\s+)?|\s+or\s+|\s+and\s+|、|还是|或者?|和|与", words.strip(" ?？.。:：()"))
    return tuple(name for part in parts if (name := bare_name(part)))


def bare_name(words: str) -> str:
    """A name without article and punctuation.

    >>> bare_name("the red mug?")
    'red mug'
    """
    words = words.strip(" \t\n?？.。!！,，:：\"'“”()（）*`")
    words = re.sub(r"^(?:the|a|an|this|that)\s+(?=\S)", "", words, flags=_I)
    words = re.sub(r"^(?:这|那|该)(?:个|只|把|张|台|辆|本)?(?=.)", "", words)
    return re.sub(r"\s+(?:in|on|at)\s+(?:the|this)\s+(?:image|picture|photo|scene|frame|view)$", "", words, flags=_I)


def _plain(question: str) -> str:
    options = options_of(question)
    if options:
        first = re.search(r"(?:^|[\s(（:：,，;；?？。])[(（]?[Aa1]\s{0,2}[.)）、:：．]\s{0,4}\S", question)
        question = question[: first.start() + 1] if first else question
    lines = [line.strip() for line in question.strip().split("\n") if line.strip()]
    question = " ".join(lines)
    question = re.sub(r"^(?:question|问题|q)\s*[:：]\s*", "", question, flags=_I)
    question = re.sub(r"^(?:in|from|looking at|based on|according to)\s+(?:the|this)\s+(?:given\s+)?(?:image|picture|photo|scene)\s*,\s*", "", question, flags=_I)
    question = re.sub(r"^(?:考虑|从|根据)?(?:在)?(?:这张)?(?:图|图片|画面|照片|图像)(?:中|里|上)?[，,]\s*", "", question)
    sentences = re.split(r"(?<=[?？])\s*", question)
    if len(sentences) > 1 and _INSTRUCTION.fullmatch(sentences[1].strip()):
        question = sentences[0]
    return question.strip()


def _english(question: str) -> Asked | None:
    if truth := _TRUTH.fullmatch(question) or _TRUTH_FIRST.fullmatch(question):
        return _stated(truth["said"])
    words = _END.sub("", question)
    if count := _COUNT.fullmatch(words):
        if _RESTRICTED.search(words[count.end("a") :]) or _RESTRICTED.search(f"{count['a']} "):
            return None
        return Asked("count", bare_name(count["a"]))
    for pattern in (_WHICH_OF, _OR_CLOSER):
        if match := pattern.fullmatch(words):
            return _which(match)
    if match := _WHICH.fullmatch(words):
        return _which(match)
    if match := _TWO_WAYS.fullmatch(words):
        relations = tuple(_relation(match[group]) for group in ("w1", "w2"))
        if all(relations):
            return Asked("relation", bare_name(match["a"]), (bare_name(match["b"]),), relations=tuple(map(str, relations)))
    if match := _SIDE_OF.fullmatch(words):
        return Asked("relation", bare_name(match["a"]), (bare_name(match["b"]),))
    for pattern in (_HOW_FAR, _DISTANCE, _APART):
        if match := pattern.fullmatch(words):
            if re.fullmatch(CAMERA, match["b"].strip(), _I):
                return Asked("number", bare_name(match["a"]), relation="distance_to_camera")
            return Asked("number", bare_name(match["a"]), (bare_name(match["b"]),), "distance_between")
    for pattern in (_SIZE, _SIZE_OF):
        if match := pattern.fullmatch(words):
            return Asked("number", bare_name(match["a"]), relation="size", measure=_MEASURES[match["w"].casefold()])
    if match := _AWAY.fullmatch(words):
        return Asked("number", bare_name(match["a"]), relation="distance_to_camera")
    if match := _WHERE.fullmatch(words):
        return Asked("relation", bare_name(match["a"]), (bare_name(match["b"]),))
    if match := _EXISTS.fullmatch(words):
        return _stated(f"There is {match['rest']}", exists=True)
    if (match := _YES_NO.fullmatch(words)) and "n't" not in words[:8]:
        return _yes_no(match["verb"].casefold(), match["rest"])
    if match := _WHAT_IS.fullmatch(words):
        return _what(match["rest"])
    return None


def _which(match: re.Match[str]) -> Asked | None:
    groups = match.groupdict()
    if (to := groups.get("to")) and not re.fullmatch(CAMERA, to.strip(), _I):
        return None
    word = re.sub(r"^the\s+|\s+one$", "", " ".join(groups["w"].casefold().split()))
    things = things_of(groups["list"])
    return Asked("which", objects=things, relation=_ORDER[word]) if len(things) > 1 and word in _ORDER else None


def _relation(words: str) -> str | None:
    words = " ".join(words.casefold().split())
    if words in _SIDES:
        return _SIDES[words]
    if words in _ORDER:
        return _ORDER[words]
    named = relation_named(words)
    return str(named[0]) if named else None


def _yes_no(verb: str, rest: str) -> Asked | None:
    """What "is A left of B" asks: the claims of "A is left of B"."""
    if re.search(r"\bor\b|\bnot\b", rest, _I):
        return None
    if verb in ("does", "do"):
        for match in BASE_VERBS.finditer(rest):
            said = rest[: match.start()] + _finite(match.group(), verb) + rest[match.end() :]
            if (asked := _stated(said)) is not None:
                return asked
        return None
    for match in re.finditer(r"\s(?=\S)", rest):
        if (asked := _stated(f"{rest[: match.start()]} {verb} {rest[match.end() :]}")) is not None:
            return asked
    return None


def _finite(words: str, verb: str) -> str:
    if verb == "do":
        return words
    first, _, more = words.partition(" ")
    ending = "es" if first.endswith(("ch", "sh", "x", "s")) else "s"
    return f"{first}{ending} {more}".strip()


def _stated(said: str, *, exists: bool = False) -> Asked | None:
    claims, problems = parse_prose(f"{said.strip()[:1].upper()}{said.strip()[1:].rstrip('.')}.")
    claims = tuple(replace(claim, text_span=None) for claim in claims)
    if not claims or problems:
        return None
    return Asked("exists" if exists else "yes_no", claims=claims)


def _what(rest: str) -> Asked | None:
    """What "what is to the left of B" asks."""
    match = AFTER_BE.match(rest)
    if match is None or not rest[match.end() :].strip():
        return None
    relation = pattern_relation(match)
    if RELATIONS[relation].objects != 1 or RELATIONS[relation].value == "required":
        return None
    return Asked("what", objects=(bare_name(rest[match.end() :]),), relation=relation)


def _chinese(question: str) -> Asked | None:
    words = _END.sub("", question)
    if match := _COUNT_CHINESE.fullmatch(words):
        return None if re.search(r"[上下左右前后里]的|在", match["a"]) else Asked("count", bare_name(match["a"]))
    if match := _CHINESE_CHOICE.fullmatch(words):
        relations = (_ORDER[match["w1"]], _ORDER[match["w2"]])
        return Asked("relation", bare_name(match["a"]), (bare_name(match["b"]),), relations=relations)
    for pattern in (_CHINESE_WHERE, _CHINESE_WHERE_2):
        if match := pattern.fullmatch(words):
            return Asked("relation", bare_name(match["a"]), (bare_name(match["b"]),))
    for pattern in (_CHINESE_WHICH, _CHINESE_WHICH_2):
        if match := pattern.fullmatch(words):
            return Asked("which", objects=(bare_name(match["a"]), bare_name(match["b"])), relation=_ORDER[match["w"]])
    if match := _CHINESE_WHAT.fullmatch(words):
        side = next(match[group] for group in ("w", "w2", "w3") if match[group])
        thing = next(match[group] for group in ("b", "b2", "b3") if match[group])
        return Asked("what", objects=(bare_name(thing),), relation=_ORDER[side[0]])
    if match := _CHINESE_ON.fullmatch(words):
        return Asked("what", objects=(bare_name(match["b"] or match["b2"]),), relation="on")
    if match := _CHINESE_SIZE.fullmatch(words):
        word = match["w"] or match["w2"]
        return Asked("number", bare_name(match["a"]), relation="size", measure=_MEASURES[word])
    if match := _CHINESE_FAR.fullmatch(words):
        a, b = match["a"] or match["a2"], match["b"] or match["b2"]
        if re.fullmatch(r"相机|镜头|摄像头|我们|观察者", b):
            return Asked("number", bare_name(a), relation="distance_to_camera")
        return Asked("number", bare_name(a), (bare_name(b),), "distance_between")
    if match := _COUNT_CHINESE_2.fullmatch(words):
        return Asked("count", bare_name(match["a"]))
    if "还是" in words or "不是" in words.replace("是不是", ""):
        return None
    if match := _CHINESE_YES_NO.fullmatch(words):
        said = match["said"] or (match["said2"] or "") + (match["rest"] or "") or (match["said3"] or "") + (match["rest3"] or "")
        return _stated_chinese(said)
    if match := _TRUTH_CHINESE.fullmatch(question):
        return _stated_chinese(match["said"])
    return None


def _stated_chinese(said: str) -> Asked | None:
    said = re.sub(r"^.*[:：]\s*", "", said)
    claims, problems = parse_prose(f"{said.strip(' 。“”')}。")
    claims = tuple(replace(claim, text_span=None) for claim in claims)
    return Asked("yes_no", claims=claims) if claims and not problems else None
