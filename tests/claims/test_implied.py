from __future__ import annotations

import pytest

from pipeline.claims.answer import parse_answer
from pipeline.claims.implied import chosen_extreme, order_of_boxes, places_of_boxes
from pipeline.claims.regions import Images
from pipeline.records import Box3D, Region
from pipeline.records.camera import Camera


def box(label: str, z_m: float, frame: int = 0) -> Region:
    return Region(label, (0, 0, 1, 1), frame=frame, box_3d=Box3D((0, 0, z_m), (1, 1, 1)))


@pytest.mark.parametrize(
    ("regions", "stated"),
    [
        ([box("sofa", 3), box("table", 2), box("lamp", 4)], [("table", "sofa", 0), ("sofa", "lamp", 0)]),
        ([box("car", 14.78), box("car", 6.28)], [("car#2", "car#1", 0)]),
        ([box("cup", 2.0), box("plate", 2.05)], []),
        ([box("cup", 2.0), box("plate", 2.11)], [("cup", "plate", 0)]),
        ([box("cup", 1.0), box("plate", 2.0, frame=1), box("lamp", 3.0, frame=1)], [("plate", "lamp", 1)]),
        ([Region("cup", (0, 0, 1, 1)), box("plate", 2.0), box("wall", -1.0)], []),
    ],
)
def test_boxes_of_a_frame_state_their_order_from_near_to_far(regions: list[Region], stated: list) -> None:
    assert [(claim.subject, claim.object, *claim.frames) for claim in order_of_boxes(regions)] == stated


def test_every_box_states_its_place_in_its_frame() -> None:
    claims = places_of_boxes([box("car", 14.8), Region("cup", (0, 0, 1, 1)), box("car", 6.3), box("lamp", 2, frame=1)])
    assert [(str(claim.relation), claim.subject, claim.frames) for claim in claims] == [
        ("box_3d", "car#1", (0,)),
        ("box_3d", "car#2", (0,)),
        ("box_3d", "lamp", (1,)),
    ]
    assert claims[0].in_words() == "car#1 is where its 3D box says"


def test_an_answer_with_3d_boxes_claims_their_places_and_order() -> None:
    entry = '{{"bbox_3d": [0, 0, {z}, 0.5, 0.5, 0.5, 0, 0, 0], "label": "{label}"}}'
    text = f"[{entry.format(z=2, label='cup')}, {entry.format(z=3, label='sofa')}]"
    found = parse_answer(text, Images([Camera(500, 500, 320, 240, 640, 480)]))
    assert [(str(claim.relation), claim.subject) for claim in found.claims] == [
        ("closer", "cup"),
        ("box_3d", "cup"),
        ("box_3d", "sofa"),
    ]


OPTIONS = "\nA. chair\nB. plant\nC. window"


@pytest.mark.parametrize(
    ("question", "choice", "expected"),
    [
        ("Which object is farthest?" + OPTIONS, "C", [("farther", "window", "chair"), ("farther", "window", "plant")]),
        (
            "Which is closest to the camera?" + OPTIONS,
            "A",
            [("closer", "chair", "plant"), ("closer", "chair", "window")],
        ),
        ("哪个物体最近？" + OPTIONS, "B", [("closer", "plant", "chair"), ("closer", "plant", "window")]),
        ("Which object is closest to the sofa?" + OPTIONS, "A", []),
        ("Which object is red?" + OPTIONS, "A", []),
        ("Which is nearest and which is farthest?" + OPTIONS, "A", []),
        ("Which object is farthest?" + OPTIONS, None, []),
        ("Which object is farthest?" + OPTIONS, "D", []),
        ("Which object is farthest?", "A", []),
    ],
)
def test_choosing_an_extreme_orders_it_against_the_others(question: str, choice: str | None, expected: list) -> None:
    found = chosen_extreme(question, choice)
    assert [(claim.relation, claim.subject, claim.object) for claim in found] == expected
