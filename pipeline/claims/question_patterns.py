"""Patterns of questions about space, in English and Chinese."""

from __future__ import annotations

import re

from pipeline.claims.chinese_shapes import COUNTERS
from pipeline.claims.markup import alternatives
from pipeline.claims.phrases import CAMERA

I = re.IGNORECASE  # noqa: E741
_IMAGE = r"(?:image|picture|photo|scene|frame|room|view)"
_IN_IMAGE = rf"(?:\s+(?:in|on|at|of)\s+(?:the|this)\s+(?:given\s+)?{_IMAGE})?"
_PLACED = r"(?:located|positioned|placed|situated|standing|lying|seated)"
_VERB = r"(?:is|are|appears|stands|lies|looks|sits|hangs)"
ORDER = {
    "closest": "closer", "nearest": "closer", "closer": "closer", "nearer": "closer", "farthest": "farther",
    "furthest": "farther",
    "farther": "farther", "further": "farther", "more distant": "farther", "most distant": "farther",
    "larger": "larger",
    "bigger": "larger", "largest": "larger", "biggest": "larger", "smaller": "smaller", "smallest": "smaller",
    "taller": "taller",
    "tallest": "taller", "shorter": "-taller", "wider": "wider", "widest": "wider", "narrower": "-wider",
    "highest": "above",
    "higher": "above", "lowest": "below", "lower": "below", "in front": "in_front_of", "in the front": "in_front_of",
    "in front of": "in_front_of", "behind": "behind", "left": "left_of", "right": "right_of", "above": "above",
    "below": "below",
    "over": "above", "under": "below", "on top": "on",
    "近": "closer", "远": "farther", "大": "larger", "小": "smaller", "高": "taller", "宽": "wider",
    "矮": "-taller", "窄": "-wider",
    "靠前": "in_front_of", "靠后": "behind", "左": "left_of", "右": "right_of", "前": "in_front_of", "后": "behind",
    "上": "above", "下": "below",
}  # fmt: skip
"""The relation of a word of order; a leading minus exchanges the two things."""
MEASURES = {
    "tall": "height", "high": "height", "wide": "width", "deep": "depth", "long": None, "height": "height",
    "width": "width",
    "depth": "depth", "length": None, "高度": "height", "宽度": "width", "深度": "depth", "高": "height",
    "宽": "width",
    "深": "depth", "长": None,
}  # fmt: skip
"""The measure of each word."""
_SIDE_WORDS = ("left", "right")
_COMPARED = alternatives(word for word in ORDER if word.isascii() and word not in _SIDE_WORDS).replace(" ", r"\s+")
_W = rf"(?P<w>(?:the\s+)?(?:{_COMPARED})(?:\s+one)?)"
_TO = rf"(?:\s+away)?(?:\s+(?:to|from)\s+(?P<to>{CAMERA}|.+?))?"
_WHICH = (
    r"(?:which|what|who)(?:\s+(?:one|of\s+(?:these|them|the\s+(?:two|following)(?:\s+\w+)?|the\s+"
    r"(?:two\s+)?objects)|\w+))?"
)
_OF = r"(?:\s+side)?(?:\s+(?:of|to|than|from))?"


def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(words, I)


COUNT = tuple(
    map(
        _pattern,
        (
            r"how\s+many\s+(?P<a>.+?)\s+(?:are|is|can|do|does)\b(?P<rest>.*)",
            rf"(?:count|(?:what\s+is|state|give|tell\s+me)\s+the\s+(?:total\s+)?number\s+of)\s+"
            rf"(?:the\s+)?(?P<a>.+?)(?P<rest>{_IN_IMAGE})",
        ),
    )
)
"""Questions for a number of objects; what follows may restrict it."""
RESTRICTED = _pattern(
    rf"\b(?:on|in|at|behind|under|near|next\s+to|left|right|with|without|for|above|below)\b(?!\s+(?:the|this)\s+"
    rf"(?:given\s+)?{_IMAGE})"
)
"""Words that restrict a count to a part of the image."""
METRES = tuple(
    map(
        _pattern,
        (
            rf"how\s+many\s+(?:metres|meters)\s+(?:away\s+)?from\s+(?P<camera>{CAMERA})\s+(?:is|are)\s+(?P<a>.+)",
            r"how\s+many\s+(?:metres|meters)\s+(?:(?:lie|are|is|separate)\s+)?(?:there\s+)?"
            r"(?:between\s+)?(?P<a>.+?)\s+(?:and|from)\s+(?P<b>.+)",
        ),
    )
)
"""Questions for a distance whose answer needs no unit."""
WHICH = tuple(
    map(
        _pattern,
        (
            rf"{_WHICH}\s+{_VERB}\s+(?:more|further|farther|located\s+further)\s+to\s+the\s+(?P<w>left|"
            rf"right)(?P<to>)\s*,\s*(?P<list>.+)",
            rf"{_WHICH}\s+{_VERB}\s+(?:{_PLACED}\s+)?(?:the\s+)?{_W}{_TO}{_IN_IMAGE}\s*[,:;?]\s*(?P<list>.+)",
            rf"(?:which|what)\s+is\s+{_W}\s+(?:object|thing|item)(?:\s+of\s+(?:these|the\s+\w+))?{_TO}\s*[,:;?]\s*(?P<list>.+)",
            rf"(?:which|what)\s+of\s+(?P<list>.+?)\s+{_VERB}\s+{_W}{_TO}{_IN_IMAGE}",
            rf"(?:of|between|among)\s+(?P<list>.+?),\s+(?:which|what)(?:\s+one|\s+object)?\s+{_VERB}\s+{_W}{_TO}",
            rf"(?:is|are)\s+(?P<list>(?:the\s+|an?\s+)?[\w -]+?\s+or\s+(?:the\s+|an?\s+)?[\w -]+?)\s+{_W}{_TO}",
            rf".*?:\s*(?P<list>the\s+.+?\s+and\s+the\s+[^.]+?)\.\s+{_WHICH}\s+{_VERB}\s+{_W}{_TO}",
        ),
    )
)
"""Questions which of several things stands first in an order."""
TWO_WAYS = _pattern(
    rf"(?:is|are)\s+(?P<a>.+?)\s+(?:{_PLACED}\s+)?(?:(?:to|on)\s+)?(?:the\s+)?(?P<w1>left|right|{_COMPARED}){_OF}"
    rf"(?:\s+the\s+camera)?(?:\s+than)?"
    rf"\s*,?\s+or\s+(?:(?:to|on)\s+)?(?:the\s+)?(?P<w2>left|right|{_COMPARED}){_OF}(?:\s+the\s+camera)?"
    rf"(?:\s+than)?\s+(?P<b>.+)"
)
"""Questions that offer two relations: "left or right of"."""
WHERE = tuple(
    map(
        _pattern,
        (
            rf"(?:on|to)\s+which\s+side\s+of\s+(?P<b>.+?)\s+(?:is|are|does)\s+(?P<a>.+?)(?:\s+(?:{_PLACED}|stand|"
            rf"lie|sit))?",
            rf"(?:where|in\s+which\s+direction|on\s+which\s+side|what\s+is\s+the\s+(?:position|location)\s+of|"
            rf"how(?!\s+(?:many|much|far|tall|wide|high|deep|long)\b))\s+(?:(?:is|are|does|do)\s+)?"
            rf"(?P<a>.+?)\s+(?:(?:{_PLACED}|stand|lie|sit)\s+)?"
            rf"(?:relative\s+to|in\s+relation\s+to|with\s+respect\s+to|compared\s+(?:to|with)|with\s+regard\s+to|"
            rf"of|from)\s+(?P<b>.+?){_IN_IMAGE}",
        ),
    )
)
"""Questions how one thing lies to another."""
PLACES = _pattern(
    r"(?:is|are)\s+(?P<a>.+?)\s+(?:(?:located|placed|positioned)\s+)?(?:under|on|above|behind|in\s+front\s+of|below|over|beside|next\s+to|to\s+the\s+\w+\s+of)\s.+?\s+or\s+"
    r"(?:under|on|above|behind|in\s+front\s+of|below|over|beside|next\s+to|to\s+the\s+\w+\s+of)\s.+"
)
"""Questions that offer two places."""
IN_UNIT = _pattern(r"\s*,?\s+\(?in\s+(?P<unit>met(?:er|re)s|centimet(?:er|re)s|cm|mm|feet|inches|m)\)?(?=\s*$|\s*\?)")
"""Words of a question for a unit."""
PLACE = _pattern(rf"where\s+(?:is|are)\s+(?P<a>[^,]+?)(?:\s+{_PLACED})?")
"""Questions where a thing is."""
FAR = tuple(
    map(
        _pattern,
        (
            r"how\s+far\s+apart\s+are\s+(?P<a>.+?)\s+and\s+(?P<b>.+)",
            r"how\s+far\s+(?:away\s+)?(?:is|are)\s+(?P<a>.+?)(?:\s+away)?\s+(?:from|to)\s+(?P<b>.+)",
            r"(?:what\s+is|measure|estimate|state|give)\s+the\s+(?:\w+\s+){0,2}?(?:distance|gap)\s+(?:between|"
            r"from)\s+(?P<a>.+?)\s+(?:and|to)\s+(?P<b>.+)",
            r"how\s+far\s+(?:away\s+)?(?:is|are)\s+(?P<a>.+?)(?:\s+away)?",
        ),
    )
)
"""Questions for a distance."""
NOT_STRAIGHT = _pattern(r"\b(?:horizontally|vertically|in\s+pixels|on\s+average)\b")
"""Words of distances that no relation stands for."""
SIZE = tuple(
    map(
        _pattern,
        (
            r"how\s+(?P<w>tall|high|wide|deep|long)\s+(?:is|are)\s+(?P<a>.+)",
            r"what\s+is\s+the\s+(?P<w>height|width|depth|length)\s+of\s+(?P<a>.+)",
        ),
    )
)
"""Questions for a size."""
TRUTH = tuple(
    map(
        _pattern,
        (
            r".*?[:：]\s*[\"“](?P<said>[^\"”]+)[\"”]\s*(?:is\s+(?:that|this|it)\s+)?(?:true\s+or\s+false|correct|"
            r"right|true)\W*",
            r"[\"“]?(?P<said>[^\"”?？:：]+?)[.\"”]*\s*[.(]?\s*(?:is\s+(?:this|it|that|the\s+statement)\s+)?"
            r"(?:true\s+or\s+false|correct\s+or\s+(?:incorrect|not)|yes\s+or\s+no|right\s+or\s+wrong|true\?|"
            r"correct\?|t/f)\W*",
            r".*?(?:true\s+or\s+false|(?:is|whether)\s+(?:the|this)\s+(?:following\s+)?(?:statement|sentence|claim|"
            r"caption)\s+(?:is\s+)?"
            r"(?:true|correct|right)[^:：?]{0,30})\s*[:：?]\s*[\"“]?(?P<said>[^\"”]+)",
            r"(?:判断对错|判断正误|判断题|判断下列说法是否正确|[以下]*说法是否正确|.{0,10}(?:判断|下列|以下|"
            r"下面)[^：:]{0,16})\s*[:：]\s*[“\"]?(?P<said>[^”\"？?]+?)[。”\"]*\s*"
            r"(?:这(?:句话|种说法|个说法|个判断)?)?(?:是)?(?:(?:对|正确|真)(?:还是错误?|吗|么)?|是否正确)?\W*",
            r"[“\"]?(?P<said>[^”\"？?:：]+?)[。”\"]*\s*(?:这(?:句话|种说法|个说法|个判断)?)(?:是)?(?:对|正确|真|对还是错|正确吗|对吗|是否正确)"
            r"(?:还是错误|还是错|吗|么)?\W*",
        ),
    )
)
"""Questions whether a statement is true."""
CONFIRM = _pattern(r"(?:can|could)\s+you\s+(?:confirm|tell(?:\s+me)?|verify|say|check)\s+(?:if|whether)\s+(?P<said>.+)")
APPEAR = _pattern(
    r"(?P<verb>does|do)\s+(?P<a>.+?)\s+(?:appear|lie|stand|sit|hang)\s+(?P<rest>(?:on|to|at|in|above|below|behind|"
    r"under|between)\b.+)"
)
YES_NO = _pattern(r"(?P<verb>is|are|does|do)\s+(?!there\b|it\b|this\b|that\b)(?P<rest>.+)")
EXISTS = _pattern(r"(?:is|are)\s+there\s+(?P<rest>(?:an?|any|the)\s+.+)")
WHAT = _pattern(
    r"(?:what(?:\s+(?:object|thing|item))?|which\s+\w+|who|which)\s+(?:is|are|lies|stands|sits|hangs)\s+(?P<rest>.+)"
)
"""Questions what stands in a relation to something."""

_N = r"[^，,？?]{1,12}"
_SIDES = "左边|右边|前面|后面|上面|下面|左侧|右侧|上方|下方|前方|后方|左面|右面|前边|后边"
_WHO = r"(?:哪一?个|谁|哪一?[只把张台辆本支件])(?:物体|东西)?"
_FROM_CAMERA = r"(?:离|距离?)?(?:相机|镜头|我们|摄像头|观察者)?"
CHINESE_COUNT = tuple(
    map(
        _pattern,
        (
            rf"(?:.*?(?:图|画面|照片|图片|图像|场景|房间)[中里上]?)?(?:一?共|总共)?(?:有|你?能看到|你?可以看到|看到|看得到|出现了?)(?:几|"
            rf"多少)[{COUNTERS}扇]?(?P<a>{_N})",
            rf"(?:.*?[中里]的?)?(?P<a>{_N})(?:有(?:几|多少)[{COUNTERS}扇]?|的(?:数量|个数|数目)是多少)",
        ),
    )
)
CHINESE_TWO_WAYS = _pattern(
    rf"(?P<a>{_N})(?:在|位于)(?P<b>{_N}?)的?(?P<w1>左|右|前|后|上|下)[边面侧方]?还是(?P<w2>左|右|前|后|上|下)[边面侧方]?"
)
_DIRECTION = r"(?:哪里|哪儿|哪一?[边侧个]?(?:方向|方位|位置|方|面)?|什么(?:位置|方向|方位|地方))"
CHINESE_WHERE = tuple(
    map(
        _pattern,
        (
            rf"(?P<a>{_N}?)相对于(?P<b>{_N}?)(?:在|位于){_DIRECTION}",
            rf"相对于(?P<b>{_N}?)[，,]?(?P<a>{_N}?)(?:在|位于){_DIRECTION}",
            rf"(?P<a>{_N}?)(?:在|位于)(?P<b>{_N}?)的?{_DIRECTION}",
        ),
    )
)
CHINESE_PLACE = _pattern(rf"(?P<a>{_N})在(?:哪里|哪儿|什么地方)")
CHINESE_WHICH = tuple(
    map(
        _pattern,
        (
            rf"(?P<list>[^？?]{{1,30}}?)(?:[三四五六两]?[个点只]?(?:物体|点)?[中里]|这几个)?[，,]?{_WHO}{_FROM_CAMERA}(?:更|比较|较|"
            rf"最)?(?P<w>近|远|大|小|高|宽|矮|窄|靠前|靠后)(?:一些)?",
            rf"(?P<list>[^？?]{{1,30}}?)[，,]?{_WHO}在(?P<w>前|后)[面边方]?",
            rf"{_WHO}{_FROM_CAMERA}(?:更|比较|较|最)?(?P<w>近|远|大|小|高|宽)(?:一些)?[，,：:？?]\s*(?P<list>[^？?]{{3,40}})",
        ),
    )
)
CHINESE_WHAT = tuple(
    map(
        _pattern,
        (
            rf"(?P<b>{_N}?)的?(?P<w>{_SIDES})(?:是|有)什么(?:东西|物体)?",
            rf"什么(?:东西|物体)?在(?P<b>{_N}?)的?(?P<w>{_SIDES})",
            rf"(?P<b>{_N}?)(?P<w>上)(?:有|放着|是|摆着)什么(?:东西)?",
            rf"什么(?:东西)?在(?P<b>{_N}?)(?P<w>上)",
        ),
    )
)
CHINESE_FAR = tuple(
    map(
        _pattern,
        (
            rf"(?P<a>{_N}?)(?:和|与|跟)(?P<b>{_N}?)(?:相距|相隔)(?:多远|(?P<metres>多少米)|多少)",
            rf"(?P<a>{_N}?)(?:离|距离?|到|和|与|跟)(?P<b>{_N}?)(?:之间)?(?:的距离)?(?:大?约)?(?:有|是)?(?:多远|(?P<metres>多少米)|多少厘米|多少)",
        ),
    )
)
CHINESE_SIZE = _pattern(rf"(?P<a>{_N}?)(?:的(?P<w>高度|宽度|深度)是多少|有?多(?P<w2>高|宽|长|深))")
CHINESE_YES_NO = _pattern(
    r"(?P<said>[^？?]+?)(?:吗|么)|(?P<said2>[^？?]*?)是不是(?P<rest2>[^？?]+)|(?P<said3>[^？?]*?)是否(?P<rest3>[^？?]+)"
)
