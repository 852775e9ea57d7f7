from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.export.report.label_layout import Label, Rectangle, Wish, placed_beside, placed_labels, text_units

SIZES = st.tuples(st.floats(120, 1400), st.floats(60, 1400))
NAMES = st.text(st.characters(), max_size=60) | st.sampled_from(["cup", "白色盒子", "a very long name of a thing", ""])


@st.composite
def pictures(draw: st.DrawFn) -> tuple[list[Wish], float, float]:
    width, height = draw(SIZES)
    wishes = []
    for key in range(draw(st.integers(1, 40))):
        x1, x2 = sorted(draw(st.floats(0, width)) for _ in range(2))
        y1, y2 = sorted(draw(st.floats(0, height)) for _ in range(2))
        wishes.append(Wish(key, draw(NAMES), (x1, y1, x2, y2), draw(st.integers(0, 3))))
    return wishes, width, height


def overlap(one: Rectangle, other: Rectangle) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, across) * max(0.0, down)


def assert_legible(labels: list[Label], width: float, height: float) -> None:
    for one, other in itertools.combinations(labels, 2):
        assert overlap(one.rectangle, other.rectangle) == 0
    for label in labels:
        left, top, right, bottom = label.rectangle
        assert left >= 0 and top >= 0 and right <= width + 1e-6 and bottom <= height + 1e-6
        assert label.text_width <= label.width and label.font > 0


@given(pictures())
def test_no_two_labels_overlap_and_all_lie_in_the_picture(picture: tuple[list[Wish], float, float]) -> None:
    wishes, width, height = picture
    labels = placed_labels(wishes, width, height, 14)
    assert [label.key for label in labels] == [wish.key for wish in wishes]
    assert_legible(labels, width, height)


def test_forty_labels_at_one_place_are_all_there() -> None:
    wishes = [Wish(key, f"thing number {key}", (200, 150, 240, 180), 1) for key in range(40)]
    labels = placed_labels(wishes, 460, 345, 13)
    assert_legible(labels, 460, 345)
    assert len(labels) == 40 and all(label.font >= 8 for label in labels)
    far = [label for label in labels if label.leader is not None]
    assert len(far) > 20, "most are too far from the place to do without a line"


def test_a_panorama_without_room_gets_numbers() -> None:
    wishes = [Wish(key, "a long name of a thing", (key * 5, 0, key * 5 + 5, 30)) for key in range(40)]
    labels = placed_labels(wishes, 460, 40, 13)
    assert_legible(labels, 460, 40)
    assert [label.text for label in labels] == [str(key + 1) for key in range(40)]


def test_a_label_stands_on_its_box_where_there_is_room() -> None:
    (label,) = placed_labels([Wish(0, "cup", (100, 100, 160, 180))], 460, 345, 13)
    assert (label.x, label.y + label.height) == (100, 100)
    assert label.leader is None and label.text == "cup"


@pytest.mark.parametrize("box", [(0, 0, 5, 5), (455, 340, 460, 345), (0, 340, 5, 345)])
def test_labels_of_corners_stay_beside_their_box(box: Rectangle) -> None:
    (label,) = placed_labels([Wish(0, "cup", box)], 460, 345, 13)
    assert_legible([label], 460, 345)
    assert label.leader is None


def test_labels_keep_off_other_boxes() -> None:
    under, free = (100.0, 60.0, 180.0, 99.0), (100.0, 100.0, 180.0, 160.0)
    labels = placed_labels([Wish(0, "under", under), Wish(1, "free", free)], 460, 345, 13)
    assert overlap(labels[1].rectangle, under) == 0


def test_a_leader_joins_the_label_and_its_box() -> None:
    boxes = [(200.0, 150.0, 240.0, 180.0)] * 30
    wishes = [Wish(key, "thing", box) for key, box in enumerate(boxes)]
    for label in placed_labels(wishes, 460, 345, 13):
        if label.leader is not None:
            x1, y1, x2, y2 = label.leader
            left, top, right, bottom = label.rectangle
            assert left <= x1 <= right and top <= y1 <= bottom
            assert 200 <= x2 <= 240 and 150 <= y2 <= 180


def test_further_labels_cover_none_of_those_that_are_there() -> None:
    names = placed_labels([Wish(0, "cup", (100, 100, 160, 180))], 460, 345, 13)
    (measure,) = placed_beside([Wish(0, "1.06 m", (110, 92, 112, 94))], 460, 345, 13, names)
    assert_legible([*names, measure], 460, 345)


def test_further_labels_are_left_out_where_there_is_no_room() -> None:
    full = [Label(0, "x", 0, 0, 460, 345, 13, 10)]
    assert placed_beside([Wish(0, "1.06 m", (110, 92, 112, 94))], 460, 345, 13, full) == []


def test_wide_characters_count_double() -> None:
    assert text_units("杯子") == 2 and text_units("il") < text_units("MW") / 2
    assert text_units("e\u0301") == text_units("e"), "an accent takes no room"
