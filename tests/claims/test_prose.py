from __future__ import annotations

import pytest
from claims.in_brief import in_brief

from pipeline.claims.prose import parse_prose
from pipeline.records import Origin
from pipeline.records.message import message

ENGLISH = [
    ("The laptop is in front of the router.", ["laptop in front of router"]),
    ("The mug isn't behind the laptop.", ["mug not behind laptop"]),
    ("The ball is right of the box.box at 358. The cup is above it.", ["ball right of box"]),
    ("The icon notes.txt is left of the cup.", ["icon notes.txt left of cup"]),
    ("The mug is not behind the laptop.", ["mug not behind laptop"]),
    ("A is 30 cm to the left of B", ["A left of B", "A distance between B 30 cm"]),
    ("A is about 1.2 m from the camera.", ["A distance to camera 1.2 m"]),
    ("A is 0.3 m closer than B.", ["A closer B 0.3 m"]),
    ("The box occludes the cup.", ["box occludes cup"]),
    ("The box hides about 30% of the cup.", ["box occludes cup 0.3 fraction"]),
    ("The cup is partially hidden by the box.", ["cup occluded by box"]),
    ("The TV does not block the window.", ["TV not occludes window"]),
    ("No, the TV does not hide part of the window.", ["TV not occludes window"]),
    ("The TV doesn't cover any part of the window.", ["TV not occludes window"]),
    ("The TV does not hide most of the window.", []),
    ("A is left of B and behind C.", ["A left of B", "A behind C"]),
    ("The mug is left of the bowl and the plate.", ["mug left of bowl", "mug left of plate"]),
    ("The mug is left of the bowl, and the fork is right of it.", ["mug left of bowl"]),
    ("The chair is closer to the camera than the table.", ["chair closer table"]),
    ("The chair is closer to the viewer than the table by 0.5 m.", ["chair closer table 0.5 m"]),
    ("The mug is between the plate and the bowl.", ["mug between plate and bowl"]),
    ("The man is 1.8 m tall.", ["man size 1.8 m"]),
    ("The table is over 2 m wide.", ["table size at_least 2 m"]),
    ("The cup and the plate are left of the box.", ["cup left of box", "plate left of box"]),
    ("The distance between the cup and the box is about 2 metres.", ["cup distance between box 2 m"]),
    ("The distance from the camera to the chair is 2.5 m.", ["chair distance to camera 2.5 m"]),
    ("The cup and the bowl are 30 cm apart.", ["cup distance between bowl 30 cm"]),
    ("The cup and the bowl are touching.", ["cup touching bowl"]),
    ("To the left of the laptop is a mug.", ["mug left of laptop"]),
    ("There is a mug behind the laptop.", ["mug behind laptop"]),
    ("There are three mugs in the image.", ["mugs count 3"]),
    ("In the image, there are 3 mugs.", ["mugs count 3"]),
    ("The number of mugs in the image is 3.", ["mugs count 3"]),
    ("The total number of mugs is three in this photo.", ["mugs count 3"]),
    ("Yes, the **laptop** is *directly in front of* the router in the image.", ["laptop in front of router"]),
    ("- The sign that says EXIT is above the door", ["sign that says EXIT above door"]),
    ('The sign that says "Mind the gap" is above the door.', ['sign that says "Mind the gap" above door']),
    ("The green can is to the right of the orange.", ["green can right of orange"]),
    ("The cup is on the table.", ["cup on table"]),
    ("The dog is as far away as the cat.", ["dog same depth cat"]),
    ("The chair is 2 m away.", ["chair distance to camera 2 m"]),
    ("The height of the table is 75 cm.", ["table size 75 cm"]),
    ("The box is smaller than the crate.", ["box smaller crate"]),
    ("Speaker 1 is behind speaker 2.", ["Speaker 1 behind speaker 2"]),
    ("The box is not on the table but under the table.", ["box not on table", "box below table"]),
    ("The mug is behind the laptop, slightly blurred.", ["mug behind laptop"]),
    ("There are three cubes.", ["cubes count 3"]),
    ("The number of cubes is 3.", ["cubes count 3"]),
    (
        "The speaker is positioned behind the guitar's body, but you could say it is behind its neck.",
        ["speaker behind guitar's body"],
    ),
    (
        "Neither the mug nor the cup is behind the laptop.",
        ["mug not behind laptop", "cup not behind laptop"],
    ),
]  # fmt: skip

CHINESE = [
    ("笔记本电脑在路由器的前面。", ["笔记本电脑 in front of 路由器"]),
    ("杯子不在盒子左边。", ["杯子 not left of 盒子"]),
    ("杯子比盒子更近。", ["杯子 closer 盒子"]),
    ("不是，杯子不在盒子左边。", ["杯子 not left of 盒子"]),
    ("沙发比桌子近0.5米。", ["沙发 closer 桌子 0.5 m"]),
    ("A遮挡了B", ["A occludes B"]),
    ("盒子遮住了杯子的一部分。", ["盒子 occludes 杯子"]),
    ("这个杯子没有遮挡那个盒子。", ["杯子 not occludes 盒子"]),
    ("A被B遮挡。", ["A occluded by B"]),
    ("A离相机1.2米。", ["A distance to camera 1.2 m"]),
    ("A和B相距30厘米。", ["A distance between B 30 cm"]),
    ("A在B和C之间。", ["A between B and C"]),
    ("A高1.8米。", ["A size 1.8 m"]),
    ("杯子在盒子左边30厘米处。", ["杯子 left of 盒子", "杯子 distance between 盒子 30 cm"]),
    ("杯子在盒子的左前方。", ["杯子 left of 盒子", "杯子 in front of 盒子"]),
    ("杯子在盒子的左边，在碗的后面。", ["杯子 left of 盒子", "杯子 behind 碗"]),
    ("图中有三把椅子。", ["椅子 count 3"]),
    ("图中有三个杯子", ["杯子 count 3"]),
    ("有三个杯子。", ["杯子 count 3"]),
    ("从图中可以看到，有三个杯子。", ["杯子 count 3"]),
    ("书在桌子上。", ["书 on 桌子"]),
    ("从图中可以看到，黑色的椅子在沙发的右侧。", ["黑色的椅子 right of 沙发"]),
    ("写着出口的牌子在门的上方。", ["写着出口的牌子 above 门"]),
    ("桌子的高度约为75厘米。", ["桌子 size 75 cm"]),
    ("图中的杯子在盒子左边，不在碗右边。", ["杯子 left of 盒子", "杯子 not right of 碗"]),
    ("椅子和沙发一样远。", ["椅子 same depth 沙发"]),
]  # fmt: skip

NO_CLAIM = [
    "Can the speaker fit behind the guitar?",
    "If the mug is behind the laptop, the laptop is in front of the mug.",
    "The mug could be behind the laptop.",
    "The mug appears to be behind the laptop.",
    "The red arrow would move the mug left of the bowl.",
    "No, the speaker **cannot** fit behind the guitar — at least not in the setup shown in the image.",
    "The mug is not directly behind the laptop.",
    "The mug is behind the laptop or the router.",
    "It is behind the box.",
    "The lamp is on the left.",
    "There is a green can on the left.",
    "The image is on the wall.",
    "The cup is on the left side of the table.",
    "The train is behind schedule.",
    "The dog is not as far away as the cat.",
    "The dog is twice as far away as the cat.",
    "The mug is next to the bowl.",
    "No cup is behind the laptop.",
    "Neither is behind the laptop.",
    "If the mug is behind the laptop, then the laptop is in front of the mug and the lamp is left of it.",
    "I think that the mug is behind the laptop and left of the lamp.",
    "The caption says that the mug is behind the laptop.",
    "When the door is open, the mug is behind the door.",
    "The mug is either behind the laptop or left of it.",
    "It is not true that the mug is behind the laptop.",
    "The goal is to move the apple between the can and the orange.",
    "The closest object is the chair.",
    "The mug was behind the laptop.",
    "So, if you mean “can the mug be placed behind the laptop?” — yes, it already is.",
    "Move the mug behind the laptop.",
    "The answer is based on the image.",
    "The robot is holding an apple.",
    "There are three options.",
    "The number of steps is 3.",
    "There are two ways to see it in the image.",
    "In the image, there are two mugs on the table.",
    "有三个杯子放在架子旁边。",
    "The user says the mug is left of the box.",
    "This means the mug is left of the box.",
    "The statement that the mug is left of the box is made by him.",
    "The mug is not only left of the box.",
    "The mug is left of the box rather than the bowl.",
    "The view is blocked by the tree.",
    "The front of the car is behind the tree.",
    "小明说杯子在盒子左边。",
    "我认为杯子在盒子左边。",
    "桌子不是在椅子左边。",
    "杯子可能在盒子左边。",
    "如果杯子在盒子左边，那么盒子在杯子右边。",
    "音箱能放在吉他后面吗？",
    "杯子是否在盒子左边",
    "它在盒子后面。",
    "杯子在左边。",
    "杯子在盒子旁边。",
    "灯在墙上。",
    "杯子或者碗在盒子的左边。",
]


@pytest.mark.parametrize(("text", "claims"), [*ENGLISH, *CHINESE])
def test_a_plain_statement_becomes_its_claims(text: str, claims: list[str]) -> None:
    found, _ = parse_prose(text)
    assert [in_brief(claim) for claim in found] == claims
    for claim in found:
        assert claim.origin is Origin.PROSE
        assert claim.text_span is not None
        start, end = claim.text_span
        assert 0 <= start < end <= len(text) and text[start:end].strip() == text[start:end]


@pytest.mark.parametrize("text", NO_CLAIM)
def test_what_is_no_plain_statement_becomes_no_claim(text: str) -> None:
    assert parse_prose(text)[0] == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("The mug is next to the bowl.", 'Not understood: "The mug is next to the bowl"'),
        ("The mug is left of the bowl, and the fork is right of it.", "Not fully understood"),
        ("The mug could be behind the laptop.", "Not taken as a claim"),
        ("The cup is behind " + "the very old " * 40 + "box.", "too long"),
        ("杯子在盒子旁边。", "Not understood"),
        ("There are three options.", 'Not understood: "There are three options"'),
        ("There are 3 cubes on the table.", "Not understood"),
        ("The number of ways is 3.", "Not understood"),
        ("有三个杯子放在架子旁边。", "Not understood"),
        ("There is a cube.", None),
        ("The number of cubes is large.", None),
        ("The robot is holding an apple.", None),
        ("The mug is behind the laptop.", None),
    ],
)
def test_a_spatial_sentence_without_claim_is_reported(text: str, problem: str | None) -> None:
    _, problems = parse_prose(text)
    assert len(problems) == (problem is not None)
    assert problem is None or problem in problems[0].text()


def test_only_the_first_problems_are_listed() -> None:
    _, problems = parse_prose(" ".join(f"The mug is next to bowl {number}." for number in range(30)))
    assert len(problems) == 11 and problems[-1] == message("more_problems", count=20)


@pytest.mark.parametrize(
    ("text", "labels", "claims"),
    [
        ("The black laptop is behind the mug.", ["laptop", "mug"], ["laptop behind mug"]),
        ("The laptop bag is behind the mug.", ["laptop"], ["laptop bag behind mug"]),
        ("The salt and pepper is left of the mug.", ["salt and pepper"], ["salt and pepper left of mug"]),
        ("The left speaker is behind the mug.", ["left speaker"], ["left speaker behind mug"]),
        ("The left speaker is behind the mug.", [], []),
        ("There are two chairs.", ["chair"], ["chairs count 2"]),
        ("There are 3 chairs.", ["chair"], ["chairs count 3"]),
        ("The number of chairs is 3.", ["chair"], ["chairs count 3"]),
        ("有三个杯子。", ["杯子"], ["杯子 count 3"]),
        ("There are two chairs on the stage.", ["chair"], []),
        ("There are two options.", ["chair"], []),
        ("The 出口 is left of the mug.", ["出口"], ["出口 left of mug"]),
        ("在建的楼在树的左边。", ["在建的楼"], ["在建的楼 left of 树"]),
    ],
)
def test_known_labels_are_preferred(text: str, labels: list[str], claims: list[str]) -> None:
    assert [in_brief(claim) for claim in parse_prose(text, labels)[0]] == claims


@pytest.mark.parametrize(
    ("text", "frames", "perspective"),
    [
        ("In image 2, the cup is above the plate.", (1,), "camera"),
        ("In the first image, the cup is above the plate.", (0,), "camera"),
        ("From the driver's perspective, the cup is left of the plate.", (), "driver"),
        ("The cup is left of the plate from the viewer's point of view.", (), "camera"),
        ("图2中，杯子在盒子左边。", (1,), "camera"),
        ("从司机的角度看，杯子在盒子左边。", (), "司机"),
    ],
)
def test_the_image_and_the_point_of_view_are_kept(text: str, frames: tuple[int, ...], perspective: str) -> None:
    (claim,), _ = parse_prose(text)
    assert (claim.frames, claim.perspective) == (frames, perspective)


def test_spans_are_characters_of_the_raw_text() -> None:
    text = "Look:\n\n1. The **red mug** is *behind* the `box`. It is 2 m wide.\n"
    (claim, width), _ = parse_prose(text)
    assert in_brief(width) == "red mug size 2 m"
    assert claim.text_span is not None
    assert text[slice(*claim.text_span)] == "The **red mug** is *behind* the `box"


@pytest.mark.parametrize(
    ("text", "comparison", "measure"),
    [
        ("The table is at least 2 m wide.", "at_least", "width"),
        ("The table is less than 1 m tall.", "at_most", "height"),
        ("The table is around 1 m deep.", "about", "depth"),
    ],
)
def test_how_a_number_is_meant_is_kept(text: str, comparison: str, measure: str) -> None:
    (claim,), _ = parse_prose(text)
    assert (claim.comparison, claim.measure) == (comparison, measure)
