from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from claims.coordinates.located import frames_of, parse

from pipeline.claims.coordinates.images import Headings, frame_index, frame_of_key, named_frame
from pipeline.claims.resolve import resolve

A, B = [150, 300, 400, 700], [600, 300, 800, 700]
MUG, CUP = {"bbox_2d": A, "label": "mug"}, {"bbox_2d": B, "label": "cup"}
MUGS, CUPS = json.dumps([MUG]), json.dumps([CUP])
APART = [("mug", 0), ("cup", 1)]
NOT_CERTAIN = [("mug", None), ("cup", None)]


@pytest.mark.parametrize(
    ("value", "first", "index"),
    [
        (2, 1, 1),
        (2, 0, 2),
        (1.0, 1, 0),
        ("2", 1, 1),
        ("0", 0, 0),
        ("Image 2", 0, 1),
        ("picture_3", 0, 2),
        ("frame 2", 1, 2),
        ("frame_0", 1, 0),
        ("second image", 0, 1),
        ("图2", 0, 1),
        ("第二张图", 0, 1),
        *((wrong, 1, -1) for wrong in (0, -4, 1.5, True, None, [1], "left", "", float("nan"), float("inf"))),
    ],
)
def test_a_number_of_an_image_becomes_an_index(value: Any, first: int, index: int) -> None:
    assert frame_index(value, first) == index


@pytest.mark.parametrize(
    ("words", "index"),
    [
        *((words, 1) for words in ("Image 2", "image_2", "image2", "IMAGE #2", "Picture no. 2", "photo 2", "view-2")),
        *((words, 1) for words in ("second image", "the second picture", "2nd photo", "Second_view", "**Image 2**:")),
        ("Image two", 1),
        *((words, 1) for words in ("图2", "图片 2", "第二张图片", "第2张", "第二幅图", "图二", "照片2")),
        ("Frame 0", 0),
        ("frame 2", 2),
        ("the first frame", 0),
        ("third view", 2),
        ("第三帧", 2),
        ("Image 0", -1),
        *((words, None) for words in ("mug", "2", "image", "Images 1 and 2", "the image", "", "Fig. 2")),
        *((words, None) for words in ("Image 2 shows a mug", "imagine 2", "last image", "图中")),
        # "The second one" needs no noun in Chinese.
        ("第二", 1),
    ],
)
def test_the_name_of_an_image_is_a_frame_and_other_words_are_not(words: str, index: int | None) -> None:
    assert named_frame(words) == index


@pytest.mark.parametrize(
    ("key", "value", "index"),
    [
        ("image", 2, 1),
        ("Picture", "2", 1),
        ("图片", 2, 1),
        ("view", 1, 0),
        ("image_id", 2, 1),
        ("frame", 1, 1),
        ("image_index", 1, 1),
        ("Frame-Index", 0, 0),
        ("frameId", 1, 1),
        ("image_2", [1], 1),
        ("Image 2", {}, 1),
        ("frame_1", None, 1),
        ("第一张图", [], 0),
        ("second image", [1], 1),
        ("image", "left", -1),
        ("image", 0, -1),
        *((key, 2, None) for key in ("label", "id", "page", "image_url", "timestamp", "image_2")),
        *((key, [2], None) for key in ("image", "frame", "objects", "images")),
    ],
)
def test_a_field_names_a_frame_by_its_value_or_by_itself(key: str, value: Any, index: int | None) -> None:
    assert frame_of_key(key, value) == index


@pytest.mark.parametrize(
    "text",
    [
        f"Image 1:\n{MUGS}\nImage 2:\n{CUPS}",
        f"**Picture 1**\n```json\n{MUGS}\n```\n**Picture 2**\n```json\n{CUPS}\n```",
        f"### Image 1\n{MUGS}\n### Image 2\n{CUPS}",
        f"1. Image 1: mug {A}\n2. Image 2: cup {B}",
        f"Image 1: mug {A}; Image 2: cup {B}",
        f"Image #1\nmug {A}\nImage #2\ncup {B}",
        f"In the first image: mug {A}.\nIn the second image: cup {B}.",
        f"In the first image, the mug is at {A}. In the second image, the cup is at {B}.",
        f"In image 1, I see a mug {A}. In image 2, I see a cup {B}.",
        f"First photo:\n- mug: {A}\n\nSecond photo:\n- cup: {B}",
        f"Frame 0:\n{MUGS}\nFrame 1:\n{CUPS}",
        f"Frame 1:\n{MUGS}\nFrame 2:\n{CUPS}",
        f"图1：\n{MUGS}\n图2：\n{CUPS}",
        f"第一张图中：\n{MUGS}\n第二张图中：\n{CUPS}",
        f"在第1张图片中，mug {A}\n在第2张图片中，cup {B}",
        f"图片一：mug {A}\n图片二：cup {B}",
        f"Image 2:\n{CUPS}\nImage 1:\n{MUGS}",
        f"Image 1:\n| object | box |\n|---|---|\n| mug | {A} |\n\nImage 2:\n| object | box |\n|---|---|\n| cup | {B} |",
        f"Image 1:\n<ref>mug</ref><box>{A}</box>\nImage 2:\n<ref>cup</ref><box>{B}</box>",
    ],
)
def test_a_heading_says_to_which_image_the_coordinates_after_it_belong(text: str) -> None:
    answer = parse(text, frames=2)
    assert sorted(frames_of(answer)) == sorted(APART)
    assert not answer.problems


@pytest.mark.parametrize(
    "value",
    [
        [{"image": 1, **MUG}, {"image": 2, **CUP}],
        [{"picture": "Picture 1", **MUG}, {"picture": "Picture 2", **CUP}],
        [{"frame": 0, **MUG}, {"frame": 1, **CUP}],
        [{"frame": 1, **MUG}, {"frame": 2, **CUP}],
        [{"frame": "frame 1", **MUG}, {"frame": "frame 2", **CUP}],
        [{"image_index": 0, **MUG}, {"image_index": 1, **CUP}],
        [{"图片": 1, **MUG}, {"图片": 2, **CUP}],
        [{"image": 1, "objects": [MUG]}, {"image": 2, "objects": [CUP]}],
        [{"frame_index": 0, "detections": [MUG]}, {"frame_index": 1, "detections": [CUP]}],
        {"image_1": [MUG], "image_2": [CUP]},
        {"Image 1": {"mug": A}, "Image 2": {"cup": B}},
        {"first image": [MUG], "second image": [CUP]},
        {"图1": [MUG], "图2": [CUP]},
        {"frame_0": [MUG], "frame_1": [CUP]},
        {"frame_1": [MUG], "frame_2": [CUP]},
        {"0": [MUG], "1": [CUP]},
        {"1": [MUG], "2": [CUP]},
        {"objects": {"image_1": [MUG], "image_2": [CUP]}},
        {"images": [{"image": 1, "objects": [MUG]}, {"image": 2, "objects": [CUP]}]},
        [[MUG], [CUP]],
    ],
    ids=lambda value: json.dumps(value, ensure_ascii=False)[:50],
)
def test_a_key_a_field_or_the_nesting_says_in_which_image_an_object_is(value: Any) -> None:
    answer = parse(json.dumps(value, ensure_ascii=False), frames=2)
    assert frames_of(answer) == APART
    assert not answer.problems


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        (f"{json.dumps([MUG, {**MUG, 'label': 'pen'}])}\n{CUPS}", [("mug", 0), ("pen", 0), ("cup", 1)]),
        (f"{MUGS}\n{json.dumps([CUP, {**CUP, 'label': 'pen'}])}", [("mug", 0), ("cup", 1), ("pen", 1)]),
        (f"```json\n{json.dumps([MUG, CUP])}\n```\nand\n```json\n{CUPS}\n```", [("mug", 0), ("cup", 0), ("cup", 1)]),
        # One object each may as well be one object after the other.
        (f"{MUGS}\n{CUPS}", NOT_CERTAIN),
        (json.dumps([MUG, CUP]), NOT_CERTAIN),
        (f"mug {A}\ncup {B}", NOT_CERTAIN),
        (f"{MUGS}\n{CUPS}\n{CUPS.replace('cup', 'pen')}", [*NOT_CERTAIN, ("pen", None)]),
    ],
)
def test_as_many_lists_as_images_stand_for_the_images_in_their_order(text: str, frames: list[Any]) -> None:
    assert frames_of(parse(text, frames=2)) == frames


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        # A field decides against a heading.
        (f"Image 2:\n{json.dumps([{'image': 1, **MUG}])}", [("mug", 0)]),
        # What stands before every heading belongs to none.
        (f"{MUGS}\nImage 2:\n{CUPS}", [("mug", None), ("cup", 1)]),
        # The name of an image within a sentence is no heading.
        (f"The mug is in image 1. {MUGS}", [("mug", None)]),
        (f"Image 1 and Image 2 both show it:\n{MUGS}", [("mug", None)]),
        (f"Images 1 and 2:\n{MUGS}", [("mug", None)]),
        (f"Both images: mug {A}", [("mug", None)]),
        # One of two frames, counted from 0 or 1?
        (f"Frame 1:\n{MUGS}", [("mug", None)]),
        (f"Frame 0:\n{MUGS}", [("mug", 0)]),
        (f"Frame 2:\n{MUGS}", [("mug", 1)]),
        (f"The left image: mug {A}. The right image: cup {B}.", NOT_CERTAIN),
        (f"Image A: mug {A}\nImage B: cup {B}", NOT_CERTAIN),
    ],
)
def test_a_box_without_a_certain_image_is_in_none(text: str, frames: list[Any]) -> None:
    assert frames_of(parse(text, frames=2)) == frames


@pytest.mark.parametrize(
    "text",
    [
        MUGS,
        json.dumps({"objects": [MUG]}),
        f"The mug: {A}",
        f"<ref>mug</ref><box>{A}</box>",
        '<point x="275" y="500" alt="mug">mug</point>',
        f"| object | box |\n|---|---|\n| mug | {A} |",
        json.dumps([{"bbox_3d": [0, 0, 2, 1, 1, 1, 0, 0, 0], "label": "mug"}]),
    ],
)
def test_what_resolve_says_of_an_object_whose_image_is_not_stated(text: str) -> None:
    answer = parse(text, frames=2)
    assert [region.frame_is_certain for region in answer.regions] == [False]
    assert sum("does not say which image" in problem for problem in answer.problems) == 1
    for frame in (None, 0, 1):
        found = resolve("mug", answer.regions, frame)
        assert not found.found and found.reason is not None
        assert found.reason.text() == "The answer does not say which image shows 'mug'."
    unknown = resolve("zebra", answer.regions).reason
    assert unknown is not None and "does not say which image" not in unknown.text()
    assert resolve("mug", parse(text).regions).by_frame == {0: 0}


def test_an_object_whose_image_is_not_stated_is_not_found_beside_others_of_the_first_image() -> None:
    answer = parse(f"{MUGS}\nImage 1:\n{CUPS}", frames=2)
    assert resolve("cup", answer.regions).by_frame == {0: 1}
    found = resolve("mug", answer.regions)
    assert not found.found and found.reason is not None and "does not say which image" in found.reason.text()


def test_an_image_that_was_not_given_is_reported() -> None:
    for text in (f"Image 3:\n{MUGS}", json.dumps([{"image": 3, **MUG}]), json.dumps({"image_3": [MUG]})):
        answer = parse(text, frames=2)
        assert not answer.regions
        assert answer.problems == ("'mug' is in an image that was not given; there are 2.",)


@pytest.mark.parametrize(
    ("text", "position", "frame"),
    [
        ("Image 1:\nmug", 12, 0),
        ("Image 1:\nmug\nImage 2:\ncup", 12, 0),
        ("Image 1:\nmug\nImage 2:\ncup", 24, 1),
        ("mug\nImage 2:\ncup", 2, None),
        ("no heading", 5, None),
        ("Frame 1:\nmug", 12, -1),
        ("Frame 0:\nmug\nFrame 1:\ncup", 24, 1),
        ("## Second picture\nmug", 20, 1),
        ("在图2中，杯子", 6, 1),
    ],
)
def test_the_last_heading_before_a_position_counts(text: str, position: int, frame: int | None) -> None:
    assert Headings(text, 2).frame_at(position) == frame


def test_headings_do_not_matter_where_there_is_one_image() -> None:
    assert Headings("Image 2:\nmug", 1).frame_at(12) is None
    assert frames_of(parse(f"Image 2:\n{MUGS}")) == [("mug", 0)]


@pytest.mark.parametrize("form", ["[Image {}] ", "(Image {}) ", "<image {}>\n", "Picture {} - ", "Image {} – "])
def test_a_name_of_an_image_before_a_label_is_no_part_of_it(form: str) -> None:
    text = f"{form.format(1)}mug {A}\n{form.format(2)}cup {B}"
    assert frames_of(parse(text, frames=2)) == APART


@pytest.mark.shared
@pytest.mark.parametrize("name", ["headings", "named_in_each_entry"])
def test_the_shared_answers_put_each_object_into_its_own_image(shared_dir: Path, name: str) -> None:
    text = (shared_dir / "cases" / "grouped" / f"{name}.jsonl").read_text(encoding="utf-8")
    answer = parse(json.loads(text)["response"], frames=2)
    assert frames_of(answer) == APART
    assert [(claim.subject, claim.relation, claim.object) for claim in answer.claims] == [("mug", "closer", "cup")]
    assert not answer.problems
