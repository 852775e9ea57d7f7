"""The shapes of Chinese clauses that state something about space."""

from __future__ import annotations

import re

from pipeline.claims.markup import alternatives
from pipeline.claims.quantities import MEASURE
from pipeline.claims.sentences import NAME, QUOTED
from pipeline.records.relations import RELATIONS

_NOT_IN_NAMES = (
    "，,。；;：:、！!？?（）()\\s在比被离距与跟及是有把让使不没对从到这那它他她们我你哪谁每各都也就则但而或吧…"
)
_LETTER = rf"[^{_NOT_IN_NAMES}]"
# Words of things that hold characters which elsewhere belong to the grammar.
_THINGS = "吉他|拖把|扫把|火把|门把手|高跟鞋|天使|对讲机|酒吧|吧台|和服|比萨|比基尼|到达"
_WORD = rf"(?:{NAME}+|(?:{_THINGS}|{_LETTER}|{QUOTED}){{1,20}}?)"
_PRONOUN = "[它他她]们?|两者|后者"
_NAME = rf"(?:(?:这|那|该|另)?{_WORD}|{_PRONOUN})"
_S, _O = rf"(?P<s>{_NAME}(?:[和与跟、]{_NAME}){{0,3}})", rf"(?P<o>{_NAME})"
_OS = rf"(?P<o>{_NAME}(?:[和与跟、]{_NAME}){{0,3}})"
_M = rf"(?P<m>{MEASURE})"
_NOT = r"(?P<not>并?不|没有?|并?未)"
CAMERA = r"(?:相机|镜头|摄像头|摄像机|观察者|我们)"
"""Words for the camera."""
_POSTURES = (
    "放置|摆放|悬挂|安装|固定|坐落|放|摆|站|坐|躺|趴|挂|夹|停|靠|搁|立|蹲|紧挨|紧贴|贴|卡|装|悬|铺|堆|睡|走|漂|"
    "斜靠|等|卧|跪|躲|藏|飞|游|爬|跑|悬浮|飘|埋|蜷缩|紧靠|紧跟"
)
_ALSO = "(?:不仅|不但|不光|既|又|都|也|还|均|全部?|正|就|则)?"
_AT = rf"(?:{_ALSO}{_NOT}?(?:就|正好?|直接|刚好|是|被)?(?:位于|处于|(?:{_POSTURES})于|(?:{_POSTURES})?(?:着)?在))"
COUNTERS = "个只把张台辆本支瓶件盏棵位名座部块条杯头匹艘架幅片根双份"
"""Measure words."""
_HERE = "图片?[中里上]|图像[中里]|画面[中里]|照片[中里上]|场景[中里]|房间[里中]|这里"
_PLACED = ("left_of", "right_of", "above", "below", "in_front_of", "behind")
_HAND = {"左手边": "left_of", "右手边": "right_of", "左手侧": "left_of", "右手侧": "right_of"}
_PLACES = alternatives([*(phrase for name in _PLACED for phrase in RELATIONS[name].chinese), *_HAND])
_HIDING = "部分遮挡|遮挡住?|遮住|挡住|盖住|遮盖住?|遮蔽|掩盖|挡"
_DIGIT = r"\d{1,3}|[一二两三四五六七八九十]"
_NUMBER = rf"(?P<n>{_DIGIT})"
COUNTING = re.compile(rf"有(?:{_DIGIT})[{COUNTERS}]".replace("(?:", "(", 1))
"""Words that state a number of objects."""
_COMPARED = {
    "closer": (
        *RELATIONS["closer"].chinese, "靠近相机", "靠近镜头", "离相机近", "近", "更接近观察者", "更接近相机",
        "更接近镜头", "更靠近我们",
        "更靠近观察者", "离观察者更近",
    ),
    "farther": (
        *RELATIONS["farther"].chinese, "离相机远", "远", "更远离相机", "更远离镜头", "离观察者更远",
    ),
    "larger": (*RELATIONS["larger"].chinese, "大"),
    "smaller": (*RELATIONS["smaller"].chinese, "小"),
    "taller": (*RELATIONS["taller"].chinese, "高"),
    "wider": (*RELATIONS["wider"].chinese, "宽"),
    "-taller": ("更矮", "矮"),
    "-wider": ("更窄", "窄"),
}  # fmt: skip
RELATION_OF = (
    {phrase: name for name, phrases in _COMPARED.items() for phrase in phrases}
    | {phrase: name for name in _PLACED for phrase in RELATIONS[name].chinese}
    | _HAND
)
"""Relation of a place or a comparison; a leading minus exchanges subject and object."""
_COMPARISONS = alternatives(word for words in _COMPARED.values() for word in words)
_LITTLE = r"(?:一些|一点儿?|得多|很多|许多|不少)?"
_ADVERB = "(?:还|稍微?|略微?|要|明显|更加|显得|相对)*"
PLACES_OF_MEASURES = {
    "尺寸大": "larger", "尺寸小": "smaller", "高度大": "taller", "高度小": "-taller", "高度高": "taller",
    "宽度大": "wider",
    "宽度小": "-wider", "宽度宽": "wider", "深度大": "farther", "深度小": "closer", "位置高": "above",
    "位置低": "below",
}  # fmt: skip
"""Relation of a comparison by a noun."""
_NOUNS = "尺寸|体积|大小|个头|高度|宽度|深度|位置"
_MORE = "大于|高于|超过|大过|宽于|大|高|宽"
_LESS = "小于|低于|不及|小|低|矮|窄"
SIZES = {"高": "height", "宽": "width", "深": "depth", "长": None, "高度": "height", "宽度": "width", "深度": "depth"}
"""The measure of each word."""
DIAGONAL = {"左": "left_of", "右": "right_of", "前": "in_front_of", "后": "behind", "上": "above", "下": "below"}
"""The relation of each half of a diagonal."""
RELATION_OF_SHAPE = {
    "hides": "occludes",
    "hidden": "occluded_by",
    "camera": "distance_to_camera",
    "apart": "distance_between",
    "same": "same_depth",
    "touch": "touching",
    "onto": "on",
    "middle": "between",
}
"""The relation of shapes that have one."""
_ONE = rf"(?:一[{COUNTERS}])?"
_HERE_IS = rf"(?:有|是|为|(?:{_POSTURES})着){_ONE}"
_HAS = rf"(?:有|(?:{_POSTURES})[着有了]){_ONE}"

SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("between", rf"(?:{_S})??{_AT}{_O}(?:和|与|跟){_O.replace('<o>', '<o2>')}的?(?:正)?(?:之间|中间)"),
        ("middle", rf"{_O}(?:和|与|跟){_O.replace('<o>', '<o2>')}的?(?:正)?(?:之间|中间){_HERE_IS}{_S}"),
        ("diagonal", rf"(?:{_S})??{_AT}{_OS}的?(?P<sides>[左右][前后上下])(?:方|侧|边|面)?"),
        ("touch", rf"(?:{_S})??{_NOT}?(?:斜?靠|倚|贴|紧贴)在{_O}(?:上|旁)"),
        ("place", rf"(?:{_S})??{_AT}{_OS}的?(?:正)?(?P<r>{_PLACES})(?:{_M}(?:处|远)?)?"),
        ("onto", rf"{_O}(?:的)?(?:上面?|顶上)(?:{_POSTURES})[着了]{_ONE}{_S}"),
        ("place", rf"(?:在)?{_O}的?(?:正)?(?P<r>{_PLACES}){_HERE_IS}{_S}"),
        ("onto", rf"{_O}(?:的)?(?:上面?|顶上)(?:{_HAS}){_S}"),
        (
            "on",
            rf"(?:{_S})??{_ALSO}(?P<not>没有?|并?不)?(?:是|被)?(?:{_POSTURES})?在{_O}(?:的)?(?:上|(?<![屋山棚])(?:顶部|顶上))",
        ),
        (
            "by_noun",
            rf"(?:{_S})??的?(?P<noun>{_NOUNS})(?:比{_O}(?:的"
            rf"(?:{_NOUNS}))?{_ADVERB}更?(?P<more>[大高宽])?(?P<less>[小低矮窄])?{_LITTLE}|"
            rf"(?:(?P<over>{_MORE})|(?P<under>{_LESS})){_O.replace('<o>', '<o3>')}(?:的(?:{_NOUNS}))?)",
        ),
        (
            "compare",
            rf"(?:{_S})??(?P<not>并?不)?要?(?:离|距离?){CAMERA}(?:的距离)?比{_O}{_ADVERB}(?P<r>更?近|更?远|较近|较远)了?{_LITTLE}",
        ),
        ("compare", rf"(?:{_S})??(?P<not>并?不)?要?比{_O}{_ADVERB}(?P<r>{_COMPARISONS})了?(?:{_LITTLE}|{_M})"),
        ("verb", rf"(?:{_S})??(?P<not>并?不)?(?P<r>大于|小于|宽于|高于|低于|高过){_O}"),
        (
            "hidden",
            rf"(?:{_S})??(?:的?(?:一部分|部分|一半))?(?P<not>没有?|并?未)?(?:部分)?(?:被|让|受到|为){_O}(?:完全|所|的|部分)?(?:{_HIDING})(?:了|"
            rf"住)?(?:一部分|部分|{_M})?",
        ),
        ("hides", rf"(?:{_S})??{_NOT}?(?:完全)?(?:{_HIDING})[了着住]?(?:(?:一?部分|{_M})的?)?{_O}(?:的一?部分)?"),
        ("hides", rf"(?:{_S})??{_NOT}?把{_O}(?:的一?部分|部分|完全)?(?:{_HIDING})(?:了|住)?(?:一?部分|{_M})?"),
        ("camera", rf"(?:{_S})??(?:离|距离?|到|与|和){CAMERA}(?:的距离)?(?:大?约)?(?:是|为|有)?{_M}(?:远)?"),
        ("camera", rf"(?:{_S})??的深度(?:大?约)?(?:是|为|有)?{_M}"),
        (
            "apart",
            rf"(?P<s>{_NAME})(?:和|与|跟|到){_O}(?:之间)?(?:的)?(?:距离|相距|相隔|间距|间隔)(?:大?约)?(?:是|为|有)?{_M}",
        ),
        ("apart", rf"(?:{_S})??(?:离|距离?){_O}(?:大?约)?(?:有|是|为)?{_M}(?:远)?"),
        (
            "same",
            rf"(?P<s>{_NAME})(?:和|与|跟){_O}(?:离|距离?|到)?(?:{CAMERA})?(?:的)?(?P<not>不)?(?:距离)?(?:在|处于|位于)?(?:同样远|一样远|"
            rf"一样近|同一深度|相同深度|深度相同|距离相同|距离一样|距离相等)",
        ),
        (
            "touch",
            rf"(?P<s>{_NAME})(?:和|与|跟){_O}(?:互相|相互|直接)?(?P<not>没有?)?(?:接触|紧贴|靠在一起|碰在一起|挨在一起)(?:在一起)?",
        ),
        ("touch", rf"(?:{_S})??(?P<not>没有?|并?未)?(?:倚靠|紧?靠|紧贴|贴|倚|碰到|接触到?|紧?挨)(?:了|着)?{_O}"),
        ("size", rf"(?:{_S})??的?(?P<r>高度|宽度|高|宽|长|深)(?:大?约)?(?:是|为|有)?{_M}"),
        ("size", rf"(?:{_S})??(?:大?约)?(?:有|大约)?{_M}(?P<r>高|宽|长|深)"),
        (
            "count",
            rf"(?:{_HERE})?(?:一?共|总共)?(?:一共)?(?:有|(?:可以|能够?)?看(?:到|见)|出现(?:了)?|(?:我)?数到了?|包含(?:了)?|"
            rf"显示了?){_NUMBER}[{COUNTERS}]{_O}",
        ),
        ("count", rf"(?:{_HERE})?的?{_O}的?(?:数量|个数|数目|总数)(?:是|为){_NUMBER}[{COUNTERS}]?"),
        (
            "is_there",
            rf"(?:{_HERE}|[^，,]{{0,8}}[角侧边处])?有(?:一[{COUNTERS}]){_S}(?:{_POSTURES})?在{_O}(?:的)?(?:上|顶部)",
        ),
        ("describes", rf"(?:{_POSTURES})?在{_O}的?(?:正)?(?P<r>{_PLACES})的{_S}(?:正?在|是|穿|戴|很|看|拿).{{0,20}}"),
    )
)
"""The shapes; the first that a clause fits as a whole decides."""

REFERENCE = re.compile(rf"(?:与|和|跟|同|相比于?|相较于?|相对于|对比|比起){_O}(?:相比|比起来|比较|来说|而言)?")
"""A part that names what the next one is compared with: "与电脑相比"."""
COMPARED_PART = re.compile(
    rf"{_S}(?:的(?:{_NOUNS}))?{_ADVERB}(?:(?:在|位于|处于)(?P<place>{_PLACES})|(?P<r>{_COMPARISONS}|"
    rf"离{CAMERA}更?[近远])){_LITTLE}"
)
"""A comparison whose object was named before: "杯子更大"."""
ORDER = re.compile(
    rf"(?:离|距离?){CAMERA}(?P<w>最近|最远)的?是{_S},?[，,](?:其次|接着|然后)是{_O}"
    rf"(?:[，,](?:最后|再次|然后|接着)是{_O.replace('<o>', '<o2>')})?"
)
"""An order by distance: "离相机最近的是杯子，其次是台灯"."""
