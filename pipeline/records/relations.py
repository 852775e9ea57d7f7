"""The closed registry of spatial relations: their names, words, needs and rules.

Adding a relation means adding one entry here, and its claim and denial to ``wording/``; the parsers, the JSON Schema
and the verifier read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class Need(StrEnum):
    """The least that a depth map must carry for a relation to be judged."""

    NOTHING = "nothing"
    ORDER = "order"
    SHAPE = "shape"
    METRIC = "metric"


class ValueUse(StrEnum):
    """Whether a claim of this relation carries a number."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True)
class Relation:
    """One entry of the registry.

    Args:
        name: The name used in code, JSON and configuration.
        english: Phrases that state it, longest first.
        chinese: The same in Chinese.
        objects: How many objects the subject is related to: 0, 1 or 2.
        need: What the depth must carry; ``SHAPE`` is depth up to one common scale factor.
        rule: Name of the module in ``pipeline.verify.rules`` that judges it.
        options: Constant keyword arguments of that rule.
        value: Whether a claim carries a number.
        value_need: What the depth must carry when the claim carries a number.
        symmetric: Whether subject and object may be exchanged.
        counts: Whether the subject names all regions of its label rather than one.
        implied: Whether an answer states it without words, so that no prompt offers it.
    """

    name: str
    english: tuple[str, ...]
    chinese: tuple[str, ...]
    objects: int
    need: Need
    rule: str
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    value: ValueUse = ValueUse.NONE
    value_need: Need = Need.METRIC
    symmetric: bool = False
    counts: bool = False
    implied: bool = False


def _relation(name: str, english: str, chinese: str, **rest: Any) -> Relation:
    options: dict[str, Any] = {key: rest.pop(key) for key in ("axis", "sign", "extent") if key in rest}
    return Relation(
        name, tuple(english.split("|")), tuple(chinese.split("|")), options=MappingProxyType(options), **rest
    )


# fmt: off
_ENTRIES = (
    _relation(
        "left_of",
        "to the left-hand side of|on the left-hand side of|at the left-hand side of|to the left side of|on the "
        "left side of"
        "|at the left side of|to the left of|on the left of|at the left of|left of",
        "左侧|左边|左方|左面|左",
        objects=1, need=Need.NOTHING, rule="image_order", axis="x", sign=1,
    ),
    _relation(
        "right_of",
        "to the right-hand side of|on the right-hand side of|at the right-hand side of|to the right side of"
        "|on the right side of|at the right side of|to the right of|on the right of|at the right of|right of",
        "右侧|右边|右方|右面|右",
        objects=1, need=Need.NOTHING, rule="image_order", axis="x", sign=-1,
    ),
    _relation(
        "above",
        "at a higher position than|higher up than|above|higher than|over",
        "上方|上面|上边|之上|高于",
        objects=1, need=Need.NOTHING, rule="image_order", axis="y", sign=1,
    ),
    _relation(
        "below",
        "at a lower position than|lower down than|below|lower than|beneath|underneath|under",
        "下方|下面|下边|之下|底下|低于",
        objects=1, need=Need.NOTHING, rule="image_order", axis="y", sign=-1,
    ),
    _relation(
        "in_front_of",
        "in front of|ahead of",
        "前方|前面|前边|之前|前",
        objects=1, need=Need.ORDER, rule="depth_order", sign=1, value=ValueUse.OPTIONAL,
    ),
    _relation(
        "behind",
        "behind|at the back of|in back of",
        "后方|后面|后边|之后|背后|后",
        objects=1, need=Need.ORDER, rule="depth_order", sign=-1, value=ValueUse.OPTIONAL,
    ),
    _relation(
        "closer",
        "closer to the camera than|nearer to the camera than|nearer the camera than|less distant from the camera than"
        "|less distant than|less far away than|closer to the front than|closer than|nearer than",
        "更靠近相机|离相机更近|距离相机更近|更靠近镜头|离镜头更近|离我们更近|更近|较近",
        objects=1, need=Need.ORDER, rule="depth_order", sign=1, value=ValueUse.OPTIONAL,
    ),
    _relation(
        "farther",
        "farther away from the camera than|further away from the camera than|farther from the camera than"
        "|further from the camera than|more distant from the camera than|deeper in the scene than|deeper into the "
        "scene than"
        "|farther away than|further away than|farther back than|further back than|more distant than|farther than|"
        "further than",
        "离相机更远|距离相机更远|离镜头更远|离我们更远|更远|较远",
        objects=1, need=Need.ORDER, rule="depth_order", sign=-1, value=ValueUse.OPTIONAL,
    ),
    _relation(
        "same_depth",
        "at the same distance from the camera as|as far away from the camera as|as far from the camera as"
        "|as close to the camera as|as near to the camera as|at the same depth as|at the same distance as|as far "
        "away as"
        "|as far as|as close as|as near as",
        "同样远|一样远|同一深度|相同深度|深度相同",
        objects=1, need=Need.SHAPE, rule="same_depth", symmetric=True,
    ),
    _relation(
        "between",
        "in the gap between|in the space between|in the middle between|halfway between|midway between|sandwiched "
        "between"
        "|wedged between|in between|between",
        "之间|中间",
        objects=2, need=Need.NOTHING, rule="between",
    ),
    _relation(
        "occludes",
        "partially occludes|partly occludes|partially hides|partly hides|partially covers|occludes|hides"
        "|covers|blocks|obscures|conceals|obstructs|overlaps in front of",
        "部分遮挡|遮挡|遮住|挡住|盖住",
        objects=1, need=Need.ORDER, rule="occlusion", sign=1, value=ValueUse.OPTIONAL, value_need=Need.ORDER,
    ),
    _relation(
        "occluded_by",
        "partially occluded by|partly occluded by|partially hidden by|partly hidden by|blocked from view by"
        "|hidden from view by|occluded by|hidden by|hidden behind|covered by|blocked by|obscured by|concealed by"
        "|obstructed by",
        "被部分遮挡|被遮挡|被挡住|被遮住|被盖住",
        objects=1, need=Need.ORDER, rule="occlusion", sign=-1, value=ValueUse.OPTIONAL, value_need=Need.ORDER,
    ),
    _relation(
        "touching",
        "in direct contact with|in physical contact with|in contact with|making contact with|leaning against"
        "|leaned against|pressed up against|pressed against|propped up against|propped against|resting against"
        "|up against|touching|touches",
        "接触|紧贴|靠着|碰到",
        objects=1, need=Need.SHAPE, rule="contact", symmetric=True,
    ),
    _relation(
        "on",
        "on the top of|on top of|resting on|sitting on|lying on|standing on|placed on|perched on|supported by|atop|on",
        "放在|摆在|位于顶部",
        objects=1, need=Need.SHAPE, rule="contact", axis="y",
    ),
    _relation(
        "larger",
        "larger than|bigger than",
        "更大|大于|比较大",
        objects=1, need=Need.SHAPE, rule="size_order", sign=1, extent="size",
    ),
    _relation(
        "smaller",
        "smaller than",
        "更小|小于|比较小",
        objects=1, need=Need.SHAPE, rule="size_order", sign=-1, extent="size",
    ),
    _relation(
        "taller",
        "taller than",
        "更高|高过",
        objects=1, need=Need.SHAPE, rule="size_order", sign=1, extent="height",
    ),
    _relation(
        "wider",
        "wider than",
        "更宽|宽于",
        objects=1, need=Need.SHAPE, rule="size_order", sign=1, extent="width",
    ),
    _relation(
        "distance_between",
        "away from|apart from|from",
        "距离|相距",
        objects=1, need=Need.METRIC, rule="distance_between", value=ValueUse.REQUIRED, symmetric=True,
    ),
    _relation(
        "distance_to_camera",
        "away from the camera|from the camera|from the viewer|away",
        "离相机|距相机|距离相机",
        objects=0, need=Need.METRIC, rule="distance_to_camera", value=ValueUse.REQUIRED,
    ),
    _relation(
        "size",
        "tall|high|wide|long|deep",
        "高|宽|长|深",
        objects=0, need=Need.METRIC, rule="size", value=ValueUse.REQUIRED,
    ),
    _relation(
        "count",
        "in number",
        "个|只|把|张|台|辆",
        objects=0, need=Need.NOTHING, rule="count", value=ValueUse.REQUIRED, counts=True,
    ),
    _relation(
        "box_3d",
        "where its 3d box says|inside its 3d box",
        "在其三维框处|在三维框内",
        objects=0, need=Need.NOTHING, rule="box_3d", implied=True,
    ),
)
# fmt: on

RELATIONS: Mapping[str, Relation] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
"""Every relation by name."""

RelationName = StrEnum("RelationName", {name.upper(): name for name in RELATIONS})  # type: ignore[misc]
"""The names as an enumeration, for the JSON Schema."""
