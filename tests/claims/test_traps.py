"""What looks like a statement, a choice or coordinates, and is none or another."""

from __future__ import annotations

import pytest
from claims.in_brief import in_brief

from pipeline.claims.answer import ParsedAnswer, parse_answer
from pipeline.claims.coordinates.families import CoordinateChoice, convention_of
from pipeline.claims.regions import Images
from pipeline.records.camera import Camera

CAMERA = Camera.from_fov(640, 480, 60)
LEFT = "Is the cup left of the box?"
WHICH = "Which is farther, the cup or the box?"
PLACES = "Where is the cup? A. Left of the box. B. Right of the box. C. Behind the box."
YES_NO = "Is the cup left of the box? A. Yes B. No"


def parse(text: str, question: str = "", choice: CoordinateChoice = "thousandths", frames: int = 1) -> ParsedAnswer:
    return parse_answer(text, Images([CAMERA] * frames, convention=convention_of("", choice)), question)


@pytest.mark.parametrize(
    "text",
    [
        "The cup is left of the box. That is wrong.",
        "The cup is left of the box. This statement is false.",
        "The cup is left of the box (this is not true).",
        "The cup is left of the box ❌",
        "✗ The cup is left of the box.",
        "~~The cup is left of the box.~~",
        "杯子在盒子左边（错误）。",
        "False: the cup is behind the box.",
        "It isn't clear that the cup is behind the box.",
        "It is not the cup that is behind the box.",
        "The cup is anything but behind the box.",
        "All but one cup are behind the box.",
        "The cup is left of the box, probably.",
        "The cup is left of the box, I think.",
        "The cup is left of the box, or so it seems.",
        "The cup is left of the box, assuming the image is not mirrored.",
        "The cup is left of the box, according to option A.",
        "A. The cup is left of the box.\nB. The cup is right of the box.\nNone of these is correct.",
        "For example, the cup is left of the box.",
        "In the mirror, the cup is left of the box.",
        "On the poster, the cat is left of the dog.",
        "The cup is between 2 and 3 m from the box.",
    ],
)
def test_what_is_denied_hedged_or_of_another_scene_is_told_and_no_claim(text: str) -> None:
    found = parse(text)
    assert found.claims == ()
    assert found.problems


@pytest.mark.parametrize(
    "text",
    [
        "The cup is left of the box. No wait, it is right of the box.",
        "The cup is left of the box. Actually, no. It is right of it.",
        "The cup is left of the box... hmm, scratch that, right of the box.",
        "The cup is left of the box. I was wrong: it is right of the box.",
        "The cup is left of the box. On closer inspection, it is right of the box.",
        "The cup is left of the box. Correction: the cup is right of the box.",
        "The cup is left of the box. Wait, no, it's to the right of the box.",
    ],
)
def test_a_correction_takes_the_statement_before_it_back(text: str) -> None:
    found = parse(text)
    assert [in_brief(claim) for claim in found.claims] == ["cup right of box"]
    assert any("taken back" in problem for problem in found.problems)


@pytest.mark.parametrize(
    ("text", "question", "claims"),
    [
        ("not the cup", WHICH, []),
        ("anything but the cup", WHICH, []),
        ("the cup, not the box", WHICH, ["cup farther box"]),
        ("the closer one is the cup", WHICH, []),
        ("cup?", WHICH, []),
        ("不是杯子", "杯子和盒子哪个更近？", []),
        ("not the box", "What is behind the cup?", []),
        ("不是盒子", "杯子后面是什么？", []),
        ("anywhere but behind the box", "Where is the cup?", []),
        ("No. Yes.", LEFT, []),
        ("Yes, it isn't.", LEFT, []),
        ("No, the image is too dark.", LEFT, []),
        ("No, there is no cup.", LEFT, []),
        ("Yes, if you look from the left.", "Is the cup behind the box?", []),
        ("不对，是在左边。", "杯子在盒子左边吗？", []),
        ("No", "Is the cup completely behind the box?", []),
        ("No", "Is only the cup left of the box?", []),
        ("No", "Are both cups left of the box?", []),
        ("No", "Can you tell if the cup is left of the box?", []),
        ("left", "Is it the left or right one?", []),
        ("Correct, it is not on the plate.", "Is the cup not on the plate?", []),
        ("The plant.", "Which object is behind the sofa, the lamp or the plant?", ["plant behind sofa"]),
        ("the left one", "Is the left or right cup closer to the camera?", []),
        ("A", "Which is closer to the camera? A. cup B. lamp C. same", ["cup closer lamp"]),
    ],
)
def test_a_bare_answer_claims_no_more_than_it_says(text: str, question: str, claims: list[str]) -> None:
    assert [in_brief(claim) for claim in parse(text, question).claims] == claims


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("The least likely answer is B.", PLACES),
        ("The wrong answer is A.", PLACES),
        ("The incorrect option is A.", PLACES),
        ("错误的答案是A", PLACES),
        ("Is the answer A?", PLACES),
        ("Answer: A?", PLACES),
        ("No idea", YES_NO),
        ("Yes, it is not left of the box.", YES_NO),
        ("No, the cup is left of the box.", YES_NO),
        ("lamp is left of the box", "Which object is NOT left of the box? A. cup B. lamp"),
    ],
)
def test_a_rejected_or_contradicted_option_is_not_chosen(text: str, question: str) -> None:
    assert parse(text, question).choice is None


@pytest.mark.parametrize(
    ("text", "choice", "box"),
    [
        ("Normalized to 0-1000: mug [64, 48, 320, 240]", "pixels", (0.064, 0.048, 0.32, 0.24)),
        ("mug [64, 48, 320, 240] (out of 1000)", "pixels", (0.064, 0.048, 0.32, 0.24)),
        ("坐标归一化到0-1000：mug [64, 48, 320, 240]", "pixels", (0.064, 0.048, 0.32, 0.24)),
        ("mug: [64, 48, 320, 240] pixels", "thousandths", (0.1, 0.1, 0.5, 0.5)),
        ("Pixel values: mug [64, 48, 320, 240]", "thousandths", (0.1, 0.1, 0.5, 0.5)),
        ("以像素为单位：mug [64, 48, 320, 240]", "thousandths", (0.1, 0.1, 0.5, 0.5)),
        ("Not in pixels but in thousandths: mug [64, 48, 320, 240]", "thousandths", (0.064, 0.048, 0.32, 0.24)),
        ("percent: mug [10, 20, 30, 40]", "thousandths", (0.1, 0.2, 0.3, 0.4)),
        ("mug [10, 20, 30, 40] (%)", "thousandths", (0.1, 0.2, 0.3, 0.4)),
        ("Format [ymin, xmin, ymax, xmax]: mug [100, 200, 300, 400]", "thousandths", (0.2, 0.1, 0.4, 0.3)),
        ("Boxes as [x, y, width, height]: mug [100, 200, 300, 400]", "thousandths", (0.1, 0.2, 0.4, 0.6)),
    ],
)
def test_the_unit_and_the_order_that_an_answer_states_count(
    text: str, choice: CoordinateChoice, box: tuple[float, ...]
) -> None:
    (region,) = parse(text, choice=choice).regions
    left, top, right, bottom = region.box_px
    assert (left / 640, top / 480, right / 640, bottom / 480) == pytest.approx(box)


@pytest.mark.parametrize(
    "text",
    [
        "mug: [ 1e2, 2e2, 3e2, 4e2 ]",
        "mug: [NaN, 200, 300, 400]",
        "Camera coordinates: mug at (0.2, 0.1, 1.5)",
        "mug 在图像宽度的10%到30%，高度的20%到40%",
        f"mug: [{'9' * 390}, 1, 2, 3]",
        "person: [12, 34, 56",
    ],
)
def test_coordinates_that_were_not_read_are_told(text: str) -> None:
    found = parse(text)
    assert found.regions == ()
    assert found.problems == ("The answer holds coordinates in a notation that was not understood.",)


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("In the second image: mug [100,200,300,400]. In the first: cup [500,200,700,400].", [1, None]),
        ("### Image 1\nmug [100,200,300,400]\n### Both images\ncup [500,200,700,400]", [0, None]),
        (
            '[{"label":"mug","bbox_2d":[1,2,300,400],"image":0},{"label":"cup","bbox_2d":[5,2,70,400],"image":1}]',
            [None] * 2,
        ),
    ],
)
def test_an_image_that_is_not_plainly_named_is_not_certain(text: str, frames: list[int | None]) -> None:
    regions = parse(text, frames=2).regions
    assert [region.frame if region.frame_is_certain else None for region in regions] == frames


@pytest.mark.parametrize(
    "text",
    [
        '```json\n[{"label": "mug", "bbox_2d": [100, 200, 300, 400]}]\n``` The mug is in front of the laptop.',
        '{"answer": "Yes", "objects": [{"label": "mug", "bbox_2d": [100, 200, 300, 400]}]}',
        '```json\n{"objects": [], "answer": "The mug is in front of the laptop."}\n```',
        '<point x="100" y="200" alt="mug">mug</point> <point x="500" y="200" alt="laptop">laptop</point> The mug is in '
        "front of the laptop.",
    ],
)
def test_prose_beside_and_within_json_and_tags_is_read(text: str) -> None:
    found = parse(text, "Is the mug in front of the laptop?")
    assert [in_brief(claim) for claim in found.claims] == ["mug in front of laptop"]


@pytest.mark.parametrize(
    "text", ['{"label":"\ud800mug","bbox_2d":[100,200,300,400]}', "mug\ud800: [100, 200, 300, 400]"]
)
def test_lone_surrogates_are_replaced(text: str) -> None:
    (region,) = parse(text).regions
    assert "\ufffd" in region.label


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("杯子在盒子左边。实际上，杯子在盒子的右边。", ["杯子 right of 盒子"]),
        ("杯子在盒子左边，不对，应该在右边。", []),
        ("烟囱在屋顶上。", ["烟囱 on 屋顶"]),
        ("鼠标紧挨着键盘。", ["鼠标 touching 键盘"]),
        ("盒子位于杯子的右侧，即杯子在盒子左侧。", ["盒子 right of 杯子", "杯子 left of 盒子"]),
    ],
)
def test_chinese_corrections_and_names_are_kept_apart(text: str, claims: list[str]) -> None:
    assert [in_brief(claim) for claim in parse(text).claims] == claims


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("pyautogui.click(x=500, y=200)", ["object"]),
        ("man [120, 80, 550, 970] riding horse [100, 300, 900, 990]", ["man", "horse"]),
        ("dining table [120, 80, 550, 970]", ["dining table"]),
    ],
)
def test_labels_are_names_of_things(text: str, labels: list[str]) -> None:
    assert [region.label for region in parse(text).regions] == labels


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            '{"images": [{"boxes": [{"label": "a", "bbox_2d": [1, 2, 300, 400]}]}, '
            '{"boxes": [{"label": "b", "bbox_2d": [5, 2, 70, 400]}]}]}',
            [("a", 0), ("b", 1)],
        ),
        ('{"boxes": [{"x1": 100, "y1": 200, "x2": 300, "y2": 400, "label": "a", "image": 2}]}', [("a", 1)]),
        ('{"image": 1, "points": [{"x": 100, "y": 200, "name": "a"}]}', [("a", 0)]),
    ],
)
def test_lists_of_boxes_keep_their_labels_and_images(text: str, found: list[tuple[str, int]]) -> None:
    regions = parse(text, frames=2).regions
    assert [(region.label, region.frame) for region in regions] == found
    assert all(region.frame_is_certain for region in regions)
