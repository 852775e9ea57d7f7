"""What the page sends becomes records, or a sentence that says what is missing."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pipeline.records import AnchorKind, Claim
from pipeline.records.errors import InputError, RecordError
from pipeline.serve.page.requests import CONFIGURED, Settings, request_of
from pipeline.serve.problems import TooLargeError, UnfitError
from pipeline.serve.records import Ask, Judge, Rejudge, SceneInput
from pipeline.serve.settings import Limits


def sent(**changes: Any) -> dict[str, Any]:
    return {"run": "1", "kind": "ask", "page_language": "en", "images": ["a"], "questions": ["Where?"], **changes}


def scene_of(plain: dict[str, Any], **settings: Any) -> SceneInput:
    scene = request_of(plain, Settings(**settings), Limits()).scene
    assert isinstance(scene, SceneInput)
    return scene


def test_a_scene_takes_its_files_and_the_options_that_differ() -> None:
    scene = scene_of(sent(images=["a", "b"]), ocr="rapidocr", depth=CONFIGURED, segment="")
    assert (scene.images, scene.depth, scene.options) == (("a", "b"), (), {"ocr": "rapidocr"})
    assert (scene.camera, scene.fov_deg, scene.depth_scale) == (None, None, None)


def test_depth_files_choose_the_depth_of_files() -> None:
    scene = scene_of(sent(depth=["d"]), depth_kind="disparity_affine", depth_scale=0.001)
    assert (scene.depth, scene.options["depth"]) == (("d",), "file")
    assert (scene.depth_kind, scene.depth_scale) == ("disparity_affine", 0.001)
    assert scene_of(sent(depth=["d"]), depth="nano").options["depth"] == "nano"
    assert scene_of(sent(depth=["d"], depth_scale=0.002)).depth_scale == 0.002


@pytest.mark.parametrize(
    ("settings", "focal_px"),
    [({"focal_px": 500.0}, 500.0), ({"focal_35mm": 28.0}, 28 * math.hypot(640, 480) / math.hypot(36, 24))],
)
def test_a_focal_length_makes_a_camera_with_its_centre_in_the_middle(
    settings: dict[str, float], focal_px: float
) -> None:
    camera = scene_of(sent(size=[640, 480]), **settings).camera
    assert camera is not None
    assert camera["fx"] == camera["fy"] == pytest.approx(focal_px)
    assert (camera["cx"], camera["cy"]) == (319.5, 239.5)


def test_a_field_of_view_is_passed_on() -> None:
    scene = scene_of(sent(), fov_deg=70.0)
    assert (scene.camera, scene.fov_deg) == (None, 70.0)


def test_the_camera_of_an_example_gives_way_to_a_given_one() -> None:
    camera = {"fx": 1.0, "fy": 2.0, "cx": 3.0, "cy": 4.0}
    assert scene_of(sent(camera=camera)).camera == camera
    assert scene_of(sent(camera=camera), fov_deg=60.0).camera is None


@pytest.mark.parametrize(
    ("plain", "settings", "words"),
    [
        (sent(images=[]), {}, "Give an image"),
        (sent(images=[], page_language="zh"), {}, "请先给出图片"),
        (sent(size=None), {"focal_px": 500.0}, "cannot read the size"),
        (sent(size=[1]), {"focal_px": 500.0}, "cannot read the size"),
        (sent(), {"focal_px": 500.0, "fov_deg": 60.0}, "only one"),
        ([], {}, "reload the page"),
    ],
)
def test_what_is_missing_is_said_in_the_language_of_the_page(plain: Any, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        request_of(plain, Settings(**settings), Limits())


def test_questions_become_one_request_with_the_boxes_that_they_name() -> None:
    box = {"label": "mug", "box_px": [1, 2, 30, 40], "frame": 1}
    plain = sent(questions=[" Where? ", "", 7, "Why?"], regions=[box])
    work = request_of(plain, Settings(hints="table", language="zh"), Limits()).work("s")
    assert isinstance(work, Ask)
    assert (work.scene, work.questions, work.hints, work.language) == ("s", ("Where?", "Why?"), "table", "zh")
    assert [(one.label, one.box_px, one.frame, str(one.origin)) for one in work.regions] == [
        ("mug", (1, 2, 30, 40), 1, "given")
    ]
    after = request_of(sent(after="r"), Settings(), Limits()).work("s")
    assert isinstance(after, Ask) and after.after == "r"
    assert request_of(sent(), Settings(), Limits()).work("s") == Ask("s", ("Where?",))
    assert request_of(sent(hints="none"), Settings(), Limits()).work("s") == Ask("s", ("Where?",), hints="none")
    assert request_of(sent(hints="none"), Settings(hints="both"), Limits()).work("s") == Ask(
        "s", ("Where?",), hints="both"
    )


def test_claims_are_sentences_or_relations() -> None:
    claims = ["The cup is left of the lamp.", {"relation": "behind", "subject": "cup", "object": "lamp"}, " "]
    work = request_of(sent(kind="judge", claims=claims, page_language="zh"), Settings(), Limits()).work("s")
    assert isinstance(work, Judge)
    first, second = work.claims
    assert first == claims[0] and isinstance(second, Claim) and second.relation == "behind"
    assert work.language is None, "the sentence tells its language"
    work = request_of(sent(kind="judge", claims=claims[1:], page_language="zh"), Settings(), Limits()).work("s")
    assert isinstance(work, Judge) and work.language == "zh"


def test_known_lengths_are_judged_with_the_answer_of_a_result() -> None:
    anchor = {"size": "cup", "measure": "height", "value": 9.5, "unit": "cm"}
    request = request_of(sent(kind="rejudge", scene="s", result="r", anchors=[anchor]), Settings(), Limits())
    assert request.work("t") == Rejudge("t", "r")
    assert [one.kind for one in request.anchors] == [AnchorKind.SIZE]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"questions": []}, InputError),
        ({"questions": "Where?"}, InputError),
        ({"kind": "judge", "claims": []}, InputError),
        ({"kind": "judge", "claims": [{"relation": "near-ish", "subject": "a"}]}, UnfitError),
        ({"kind": "judge", "claims": [{"relation": "behind", "subject": "a"}]}, RecordError),
        ({"kind": "rejudge"}, InputError),
        ({"kind": "delete"}, InputError),
        ({"regions": [3]}, UnfitError),
        ({"regions": [{"label": "a", "box_px": [9, 0, 1, 1]}]}, RecordError),
        ({"regions": [{"label": "a", "box_px": "long"}]}, UnfitError),
    ],
)
def test_work_that_makes_no_sense_is_refused(changes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        request_of(sent(**changes), Settings(), Limits()).work("s")


@pytest.mark.parametrize("anchor", [{}, {"size": "cup"}, {"size": "cup", "value": -1, "unit": "m"}, 3, {"url": "x"}])
def test_lengths_that_make_no_sense_are_refused(anchor: Any) -> None:
    with pytest.raises(UnfitError):
        request_of(sent(anchors=[anchor]), Settings(), Limits())


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"regions": [{"label": "a" * 900_000, "box_px": [0, 0, 9, 9]}]}, UnfitError, "regions.0.label"),
        (
            {"regions": [{"label": "a", "box_px": [0, 0, 9, 9], "evil": 1}]},
            UnfitError,
            "no field regions.0.evil",
        ),
        ({"regions": [{"label": "a", "box_px": [0, 0, 9, 9]}] * 201}, TooLargeError, "has 201 regions"),
        ({"anchors": [{"size": "cup", "value": 1, "unit": "m", "measure": "height"}] * 2000}, UnfitError, "anchors"),
        ({"images": ["a"] * 5000}, UnfitError, "uploads"),
        ({"images": [{"path": "a"}]}, UnfitError, "uploads.0"),
        ({"camera": {"evil": 1}}, UnfitError, "camera"),
        ({"camera": "evil"}, UnfitError, "camera"),
        ({"depth": ["d"], "depth_scale": -1}, UnfitError, "depth_scale"),
        ({"questions": ["a" * 4001]}, TooLargeError, "4001 characters"),
        ({"questions": ["a?"] * 9}, TooLargeError, "has 9 questions"),
        ({"hints": "evil"}, UnfitError, "hints"),
        ({"after": "a" * 101}, UnfitError, "after"),
        ({"scene": "a" * 101}, UnfitError, "scene"),
        ({"kind": "judge", "claims": ["a"] * 101}, TooLargeError, "has 101 claims"),
        ({"kind": "judge", "claims": [7]}, UnfitError, "claims.0"),
        ({"kind": "rejudge", "scene": "s", "result": "r" * 101}, UnfitError, "result"),
        ({"kind": "rejudge", "scene": "s", "result": "r", "anchors": [{"evil": 1}]}, UnfitError, "anchors.0"),
    ],
)
def test_what_the_page_sends_keeps_to_the_limits_of_the_api(
    changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        request_of(sent(**changes), Settings(), Limits()).work("s")


def test_options_of_the_page_keep_to_the_limits_of_the_api() -> None:
    for settings in ({"ocr": "o" * 101}, {"depth_kind": "evil"}, {"depth_scale": -1.0}, {"fov_deg": 200.0}):
        with pytest.raises(UnfitError):
            request_of(sent(depth=["d"]), Settings(**settings), Limits())
