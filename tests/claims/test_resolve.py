from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.claims.names import normal_name
from pipeline.claims.resolve import merge, resolve, resolve_all
from pipeline.records import Origin, Region


def region(label: str, frame: int = 0, origin: Origin = Origin.MODEL, **attributes: str) -> Region:
    return Region(label, (0, 0, 1, 1), frame, origin=origin, attributes=attributes)


REGIONS = [
    region("black laptop"),
    region("car"),
    region("car"),
    region("EXIT", origin=Origin.OCR),
    region("Rice", name_zh="米饭", name_en="Rice"),
    region("出口", origin=Origin.OCR),
    region("laptop bag"),
    region("knives"),
    region("black laptop", frame=1),
    region("黑色的椅子"),
    region("Mind the gap", origin=Origin.OCR),
    region("ＴＶ stand"),
    region("bottle", origin=Origin.OCR),
    region("bottle"),
]


@pytest.mark.parametrize(
    ("reference", "by_frame"),
    [
        ("black laptop", {0: 0, 1: 8}),
        ("The Black Laptops.", {0: 0, 1: 8}),
        ("laptop", {0: 0, 1: 8}),
        ("big black laptop on the table", {0: 0, 1: 8}),
        ("black laptop#1", {0: 0, 1: 8}),
        ("car#2", {0: 2}),
        ("Car #1", {0: 1}),
        ("米饭", {0: 4}),
        ("rice", {0: 4}),
        ("knife", {0: 7}),
        ("TV stand", {0: 11}),
        ("椅子", {0: 9}),
        ("the sign that says EXIT", {0: 3}),
        ('text "EXIT"', {0: 3}),
        ("the word EXIT", {0: 3}),
        ("the EXIT sign", {0: 3}),
        ("写着出口的牌子", {0: 5}),
        ("写着“出口”的牌子", {0: 5}),
        ("sign saying 'mind the gap'", {0: 10}),
        ("the sign that says MIND THE QAP", {0: 10}),
        ("bottle", {0: 13}),
    ],
)
def test_a_name_finds_its_region(reference: str, by_frame: dict[int, int]) -> None:
    resolution = resolve(reference, REGIONS)
    assert resolution.by_frame == by_frame and resolution.found


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("car", "2 regions are called 'car' in frame 1; say car#1 or car#2."),
        ("car#3", "only 2 regions called 'car'"),
        ("cup", "No region is called 'cup'; there are: black laptop, car, EXIT"),
        ("white laptop", "No region is called"),
        ("phone bag", "No region is called"),
        ("the sign that says CLOSED", "No region is called"),
        ("traffic sign", "No region is called"),
        ("", "No region is called"),
    ],
)
def test_a_name_without_region_has_a_reason(reference: str, reason: str) -> None:
    resolution = resolve(reference, REGIONS)
    assert not resolution.found and reason in resolution.reason.text()


def test_one_frame_may_be_asked_for() -> None:
    assert resolve("laptop", REGIONS, frame=1).by_frame == {1: 8}
    assert "in frame 2" in resolve("car", REGIONS, frame=1).reason.text()
    assert resolve("car", [], frame=None).reason.code == "no_regions"


def test_a_doubt_in_one_frame_leaves_the_other() -> None:
    resolution = resolve("cat", [region("cat"), region("cat"), region("cat", frame=1)])
    assert resolution.by_frame == {1: 2} and resolution.reason.code == "several_of_name"


def test_two_kinds_of_one_thing_are_ambiguous() -> None:
    resolution = resolve("laptop", [region("black laptop"), region("white laptop")])
    assert resolution.reason.text() == "'laptop' may be 'black laptop' or 'white laptop' in frame 1; say which."


def test_all_regions_of_a_name_are_found_for_counting() -> None:
    assert resolve_all("cars", REGIONS) == (1, 2)
    assert resolve_all("laptops", REGIONS) == (0, 8)
    assert resolve_all("unicorns", REGIONS) == ()


@given(st.text(max_size=40))
def test_any_name_resolves_or_says_why_not(name: str) -> None:
    resolution = resolve(name, REGIONS)
    assert resolution.found or resolution.reason


@given(st.text(max_size=40))
def test_a_normal_name_has_no_case(name: str) -> None:
    assert normal_name(name) == normal_name(name).casefold()


@pytest.mark.parametrize(
    ("label", "box", "frame", "kept"),
    [
        ("cup", (1, 0, 10, 10), 0, 1),
        ("The Cup", (0, 0, 10, 9), 0, 1),
        ("cup", (20, 0, 30, 10), 0, 2),
        ("plate", (0, 0, 10, 10), 0, 2),
        ("cup", (0, 0, 10, 10), 1, 2),
    ],
)
def test_what_is_seen_again_is_kept_once(label: str, box: tuple, frame: int, kept: int) -> None:
    merged = merge([Region("cup", (0, 0, 10, 10))], [Region(label, box, frame=frame)])
    assert len(merged) == kept
    assert merged[0].label == "cup"
