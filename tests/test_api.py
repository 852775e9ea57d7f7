from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scenes
from PIL import Image
from scenes import RGB

import pipeline
from pipeline import Pipeline, spatial_query
from pipeline.records import Anchor, Camera, Claim, DepthMap, Frame, Region, Result
from pipeline.records.camera import CameraSource
from pipeline.records.errors import (
    ConfigError,
    DepthError,
    GenerationError,
    InputError,
    ModelUnavailableError,
    RecordError,
)

BLOCK = json.dumps(
    {
        "objects": [
            {"label": "screen", "bbox_2d": [188, 417, 469, 792], "picture": 1},
            {"label": "cabinet", "bbox_2d": [375, 250, 688, 833], "picture": 1},
        ],
        "claims": [{"relation": "in_front_of", "subject": "screen", "object": "cabinet"}],
    }
)
ANSWER = f"The screen is in front of the cabinet.\n```json\n{BLOCK}\n```"
CAMERA = {"fx": 150.0, "fy": 150.0, "cx": 79.5, "cy": 59.5}


@pytest.fixture
def recorded(tmp_path: Path) -> list[str]:
    """Overrides that answer every question of the item "item" with the same words."""
    line = json.dumps({"id": "item", "model": "demo", "revision": "r1", "response": ANSWER})
    (tmp_path / "answers.jsonl").write_text(line)
    return ["vlm=recorded", f"vlm.path={tmp_path / 'answers.jsonl'}", "cache_dir=null"]


@pytest.fixture
def asking(recorded: list[str]) -> Pipeline:
    return Pipeline.from_config(recorded)


def image(kind: str, folder: Path) -> object:
    path = folder / "photo.png"
    Image.fromarray(RGB).save(path)
    return {
        "array": RGB,
        "PIL": Image.fromarray(RGB),
        "path": path,
        "name": str(path),
        "frame": Frame(RGB, Camera.from_fov(scenes.WIDTH, scenes.HEIGHT, 60)),
    }[kind]


def status(result: Result) -> list[str]:
    return [str(verdict.status) for verdict in result.verdicts]


@pytest.mark.parametrize("kind", ["array", "PIL", "path", "name", "frame"])
def test_an_image_may_come_in_any_form(asking: Pipeline, kind: str, tmp_path: Path) -> None:
    result = asking.ask(image(kind, tmp_path), "Where?", depth=scenes.depth_m(), camera=CAMERA)  # type: ignore[arg-type]
    assert status(result) == ["supported"]
    assert result.answer is not None
    assert (result.answer.text, result.answer.model) == (ANSWER, "demo")
    (frame,) = result.frames
    assert (frame.camera.fx, frame.camera.source) == (150.0, CameraSource.GIVEN)
    assert frame.sha256 == Frame(RGB, frame.camera).digest
    assert result.artefacts == {}


def test_several_frames_are_one_scene(asking: Pipeline, tmp_path: Path) -> None:
    depth = DepthMap.from_values(scenes.depth_m(), "metric", "sensor")
    result = asking.ask([RGB, Image.fromarray(RGB)], "Where?", depth=[depth, depth], output_dir=tmp_path)
    assert len(result.frames) == 2
    assert status(result) == ["supported"]
    assert (tmp_path / result.artefacts["overlay"]).is_file()


def test_an_assumed_field_of_view_is_the_configurations(recorded: list[str]) -> None:
    asking = Pipeline.from_config([*recorded, "depth=none", "input=photo.jpg", "input.fov_deg=90"])
    assert asking.ask(RGB, "Where?").frames[0].camera.fx == pytest.approx(80.0)


def test_claims_are_judged_without_a_model() -> None:
    claims = [
        Claim("closer", "screen", "cabinet"),
        Claim("occludes", "cabinet", "screen"),
        Claim("above", "cup", "bed"),
    ]
    result = Pipeline.from_config(["cache_dir=null"]).judge(RGB, claims, scenes.regions(), depth=scenes.depth_m())
    assert status(result) == ["supported", "refuted", "undecided"]
    assert (result.answer, result.question) == (None, None)
    assert [verdict.claim for verdict in result.verdicts] == claims


def test_one_pipeline_serves_many_questions(asking: Pipeline) -> None:
    together = asking.ask_all(RGB, ["One?", "Two?"], depth=scenes.depth_m())
    one_by_one = [asking.ask(RGB, question, depth=scenes.depth_m()) for question in ("One?", "Two?")]
    for results in (together, one_by_one):
        found = [(result.question, result.answer and result.answer.text) for result in results]
        assert found == [("One?", ANSWER), ("Two?", ANSWER)]
    assert asking.ask_all(RGB, [], depth=scenes.depth_m()) == []
    with pytest.raises(InputError, match="list of texts"):
        asking.ask_all(RGB, "One?")


@pytest.mark.parametrize(
    "frames, question, arguments, error, words",
    [
        (RGB, " ", {}, InputError, "empty"),
        (RGB, None, {}, InputError, "empty"),
        (RGB, "Where?", {}, DepthError, "depth"),
        (RGB, "Where?", {"depth": np.ones((4, 4))}, InputError, "another aspect ratio"),
        (RGB, "Where?", {"depth": "depth.png"}, InputError, "not str"),
        (RGB, "Where?", {"depth": [1.0]}, InputError, "not float"),
        (RGB, "Where?", {"depth": np.zeros((120, 160))}, InputError, "no valid pixel"),
        (RGB, "Where?", {"depth": np.full((120, 160), 200, np.uint8)}, RecordError, "integers have no unit"),
        (RGB, "Where?", {"camera": (1, 2, 3, 4)}, InputError, "camera must be given as"),
        (b"bytes", "Where?", {}, InputError, "not int"),
        ([RGB, RGB], "Where?", {"depth": scenes.depth_m()}, InputError, "2 images but 1 depth"),
        (RGB, "Where?", {"camera": {"fx": 1.0}}, InputError, "camera lacks"),
        (RGB, "Where?", {"cameras": CAMERA}, TypeError, "no option cameras; there are camera, depth, trust_input"),
        ("none.jpg", "Where?", {}, InputError, "none.jpg"),
        (RGB[..., 0], "Where?", {}, InputError, r"\(H, W, 3\)"),
        (RGB.astype(np.float32), "Where?", {}, RecordError, "uint8"),
        ([], "Where?", {}, RecordError, "no frames"),
        (RGB, "Where?", {"depth": scenes.depth_m(), "item_id": "other"}, GenerationError, "other"),
    ],
    ids=[
        "blank",
        "none",
        "no depth",
        "small",
        "path",
        "number",
        "empty",
        "integers",
        "tuple",
        "bytes",
        "few",
        "camera",
        "option",
        "file",
        "grey",
        "float",
        "no frame",
        "id",
    ],
)
def test_what_cannot_work_is_reported_in_one_sentence(
    asking: Pipeline, frames: object, question: str, arguments: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        asking.ask(frames, question, **arguments)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "overrides, error, words",
    [
        (["resume=low"], ConfigError, "resume must be true or false"),
        (["verify.verifier.risk=low"], ConfigError, "risk must be a number"),
        (["depth=none"], ConfigError, "vlm=qwen3vl"),
        (["vlm=openai", "depth=midas", "cache_dir=null"], ModelUnavailableError, "hf download Intel/dpt-hybrid-midas"),
    ],
)
def test_a_configuration_that_cannot_answer_is_refused(
    overrides: list[str], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        Pipeline.from_config(overrides).ask(RGB, "Where?")


def test_a_spatial_query_gives_exactly_four_keys(recorded: list[str], tmp_path: Path) -> None:
    np.save(tmp_path / "depth.npy", scenes.depth_m())
    found = spatial_query(RGB, "Is the screen in front?", [*recorded, "depth=none"])
    assert set(found) == {"answer", "spatial_tags", "model_version", "verdicts"}
    assert (found["answer"], found["model_version"]) == (ANSWER, "demo@r1")
    (tag,) = found["spatial_tags"]
    assert tag["word"] == found["answer"][tag["start"] : tag["end"]] == "in front of"
    (verdict,) = found["verdicts"]
    assert verdict["needs"]
    assert set(verdict) == {"claim", "claim_text", "status", "probability", "reason", "needs"}
    assert (verdict["status"], verdict["claim"]["subject"]) == ("undecided", "screen")
    json.dumps(found)


def test_a_name_that_the_package_lacks_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such"):
        pipeline.no_such  # noqa: B018
    assert set(pipeline.__all__) == {"Client", "Pipeline", "read_run", "spatial_query", "__version__"}


def test_notes_about_the_input_stay_in_the_result_beside_anchors() -> None:
    depth = np.full((60, 80), 2.0)
    depth[20:40, 10:30] = 1.0
    regions = [Region("cup", (10, 20, 30, 40)), Region("wall", (40, 5, 75, 55))]
    result = Pipeline.from_config(["depth=file"]).judge(
        np.zeros((60, 80, 3), np.uint8),
        [Claim("in_front_of", "cup", "wall")],
        regions,
        depth=DepthMap.from_values(depth, "scale_invariant"),
        camera={"fx": 1.0, "fy": 4 / 3, "cx": 0.5, "cy": 0.5},
        anchors=[Anchor.from_plain({"size": "jug", "measure": "height", "value": 9, "unit": "cm"})],
    )
    assert any("shares of the image's sides" in note for note in result.errors)
    assert any("jug" in note for note in result.errors)
