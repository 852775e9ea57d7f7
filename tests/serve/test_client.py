"""The typed client, against a server without models and against a real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from serve.fake_service import TEXT, FakeService, png

import pipeline
from pipeline.records import Anchor, Camera, Claim, Region, Result, Status
from pipeline.records.errors import DependencyError, GenerationError, InputError, ModelUnavailableError, TheodoliteError
from pipeline.serve.client import Client
from pipeline.serve.client_http import UnreachableError, error_of
from pipeline.serve.problems import BusyError, GoneError, ServeError, UnauthorizedError, UnfitError, UnknownError
from pipeline.serve.records import Ask, JobState, Judge, MeasureDepth

Served = tuple[FakeService, str]
RGB = np.full((6, 8, 3), 90, np.uint8)
REGION = Region("mug", (0, 0, 3, 3))


@pytest.fixture
def served(fake_server: Served) -> tuple[FakeService, Client]:
    return fake_server[0], Client(fake_server[1])


def test_the_package_has_a_client() -> None:
    assert pipeline.Client is Client and "Client" in pipeline.__all__


@pytest.mark.parametrize("form", ["path", "text", "bytes", "array", "picture"])
def test_images_come_in_every_form(served: tuple[FakeService, Client], tmp_path: Path, form: str) -> None:
    service, client = served
    path = tmp_path / "kitchen.png"
    path.write_bytes(png())
    given = {"path": path, "text": str(path), "bytes": png(), "array": RGB, "picture": Image.fromarray(RGB)}[form]
    result = client.ask(given, "Is it?")  # type: ignore[arg-type]
    assert isinstance(result, Result) and result.answer is not None and result.answer.text == TEXT
    assert [str(verdict.status) for verdict in result.verdicts] == ["supported"]
    upload = service.store.upload(service.scenes[0].images[0])
    assert np.array_equal(np.asarray(Image.open(upload.path)), RGB)
    assert upload.name == ("kitchen.png" if form in ("path", "text") else "image-0" + ".png" * (form != "bytes"))


def test_everything_that_comes_with_images_arrives(served: tuple[FakeService, Client]) -> None:
    service, client = served
    depth = np.linspace(1, 2, 48, dtype=np.float32).reshape(6, 8)
    anchors = [
        Anchor("size", ("mug",), value=9.5, unit="cm", measure="height", error=0.3),  # type: ignore[arg-type]
        Anchor("between_px", (), ((1, 2), (3, 4)), value=0.3),  # type: ignore[arg-type]
        Anchor("camera_height", ("floor",), value=1.4),  # type: ignore[arg-type]
        Anchor("plane", ("floor",)),  # type: ignore[arg-type]
    ]
    client.ask(
        [RGB, RGB], ["one?", "two?"], regions=[REGION], hints="none", language="zh", depth=[depth, depth],
        depth_kind="scale_invariant", depth_scale=2.0, camera=Camera(9, 9.5, 3.5, 2.5, 8, 6, "given"),
        anchors=[*anchors, {"to_camera": "mug", "value": 1, "unit": "m"}], options={"ocr": "none"},
    )  # fmt: skip
    (scene,), (work,) = service.scenes, service.works
    assert isinstance(work, Ask) and work.questions == ("one?", "two?") and work.hints == "none"
    assert work.regions[0].box_px == (0, 0, 3, 3) and work.language == "zh"
    assert len(scene.images) == 2 and scene.camera == {"fx": 9.0, "fy": 9.5, "cx": 3.5, "cy": 2.5}
    assert (scene.depth_kind, scene.depth_scale, scene.options) == ("scale_invariant", 2.0, {"ocr": "none"})
    assert scene.anchors[:4] == tuple(anchors) and scene.anchors[4].names == ("mug",)
    assert np.array_equal(np.load(service.store.upload(scene.depth[1]).path), depth)


def test_a_scene_is_sent_once_and_asked_about_often(served: tuple[FakeService, Client]) -> None:
    service, client = served
    scene = client.scene([RGB], camera={"fx": 9, "fy": 9, "cx": 4, "cy": 3})
    first = client.ask(scene, "one?")
    second = client.ask(first, "two?")
    assert first.scene == second.scene == scene.id and len(service.scenes) == 1
    with pytest.raises(InputError, match="fov_deg belongs to new images"):
        client.ask(scene, "three?", fov_deg=60)


def test_claims_and_depth_need_no_question(served: tuple[FakeService, Client]) -> None:
    service, client = served
    claim = Claim("distance_to_camera", "mug", value=1.5, unit="m", truth=True)  # type: ignore[arg-type]
    client.verify(RGB, [claim, "The mug is left of the book."], [REGION], language="en")
    client.depth(RGB)
    judged, measured = service.works
    assert isinstance(judged, Judge) and isinstance(measured, MeasureDepth)
    assert judged.claims[0].value == 1.5 and judged.claims[0].truth is None  # type: ignore[union-attr]
    assert judged.claims[1] == "The mug is left of the book."


def test_texts_and_stages_are_told_while_the_work_runs(served: tuple[FakeService, Client]) -> None:
    service, client = served
    texts: list[str] = []
    stages: list[str] = []
    result = client.ask(RGB, "one?", on_text=texts.append, on_stage=stages.append)
    assert texts == service.texts and stages == ["query"] and result.question == "one?"
    several = client.ask(RGB, ["one?", "two?"], on_stage=stages.append)
    assert [each.question for each in several if each] == ["one?", "two?"]


def test_a_job_is_followed_and_cancelled(served: tuple[FakeService, Client]) -> None:
    service, client = served
    service.ending = "never"
    job = client.submit("ask", RGB, {"question": "one?"})
    kinds = []
    for event in client.events(job.id):
        kinds.append(event.kind)
        if event.kind == "text":
            job.cancel()
    assert kinds[0] == "stage" and kinds[-1] == "state" and service.job(job.id).state is JobState.CANCELLED
    with pytest.raises(TheodoliteError, match="cancelled"):
        job.wait()


def test_of_several_questions_one_may_fail(served: tuple[FakeService, Client]) -> None:
    service, client = served
    service.ending = "some"
    first, second = client.ask(RGB, ["one?", "two?"])
    assert first is not None and second is None


def test_artefacts_are_saved_under_their_name(served: tuple[FakeService, Client], tmp_path: Path) -> None:
    _service, client = served
    result = client.ask(RGB, "one?")
    assert client.save(result, "overlay.jpg", tmp_path) == tmp_path / "overlay.jpg"
    assert Image.open(tmp_path / "overlay.jpg").format == "JPEG"
    assert client.save(result.id, "download.zip", tmp_path / "all.zip").stat().st_size > 1000
    assert client.result(result.id) == result
    with pytest.raises(UnknownError):
        client.save(result, "other.jpg", tmp_path)
    with pytest.raises(InputError, match="cannot be written"):
        client.save(result, "overlay.jpg", tmp_path / "no folder" / "a.jpg")


@pytest.mark.parametrize("name", [b"x" * 10, "missing.png", 3, [3], RGB[:, :, 0], RGB.astype(float)])
def test_what_is_no_image_is_said_here_or_by_the_server(served: tuple[FakeService, Client], name: object) -> None:
    with pytest.raises(TheodoliteError):
        served[1].ask(name, "one?")  # type: ignore[arg-type, call-overload]
    assert served[0].works == []


def test_refusals_become_errors_with_the_servers_sentence(served: tuple[FakeService, Client]) -> None:
    service, client = served
    with pytest.raises(UnfitError, match="The field hints must be"):
        client.ask(RGB, "one?", hints="loud")
    service.refusal = BusyError("The queue is full.", 7)
    with pytest.raises(BusyError, match="The queue is full") as found:
        client.ask(RGB, "one?")
    assert found.value.headers["Retry-After"] == "7"
    service.refusal, service.ending = None, "failed"
    with pytest.raises(GenerationError, match="could not answer"):
        client.ask(RGB, "one?")
    with pytest.raises(GenerationError, match="could not answer"):
        client.ask(RGB, "one?", on_text=lambda text: None)


@pytest.mark.parametrize(
    "status, content, kind, words",
    [
        (401, b'{"detail": "No token."}', UnauthorizedError, "No token."),
        (410, b'{"detail": "Deleted."}', GoneError, "Deleted."),
        (503, b'{"detail": "No model."}', ModelUnavailableError, "No model."),
        (418, b'{"detail": "Tea."}', ServeError, "Tea."),
        (500, b"<html>", ServeError, "status 500"),
        (429, b"[]", BusyError, "status 429"),
    ],
)
def test_each_status_has_its_error(status: int, content: bytes, kind: type, words: str) -> None:
    error = error_of(status, content, {})
    assert type(error) is kind and words in str(error)


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "nonsense", "http://"])
def test_no_server_is_one_sentence(address: str) -> None:
    with pytest.raises(UnreachableError, match="python -m pipeline serve"):
        Client(address).result("x")


def test_another_server_is_recognised(fake_server: Served) -> None:
    with pytest.raises(TheodoliteError):
        Client(fake_server[1] + "/other").result("x")


def test_the_token_is_sent(fake_server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with Client(fake_server[1], token="secret") as client:
        assert client._http._client.headers["Authorization"] == "Bearer secret"
        assert client.is_ready and fake_server[0].is_ready


@pytest.mark.parametrize("token, sent", [(None, "Bearer from the environment"), ("own", "Bearer own"), ("", None)])
def test_the_environment_gives_the_token_where_none_is_given(
    monkeypatch: pytest.MonkeyPatch, token: str | None, sent: str | None
) -> None:
    monkeypatch.setenv("THEODOLITE_TOKEN", "from the environment")
    with Client(token=token) as client:
        assert client._http._client.headers.get("Authorization") == sent
        assert not client._http._client.follow_redirects


def test_without_httpx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "httpx", None)
    with pytest.raises(DependencyError, match=r"theodolite\[serve\]"):
        Client()


@pytest.mark.slow
def test_a_real_server_answers_judges_and_measures(real_server: str, repository: Path, tmp_path: Path) -> None:
    client = Client(real_server)
    photo = next(iter(sorted((repository / "data" / "samples" / "images").iterdir())))
    texts: list[str] = []
    stages: list[str] = []
    first = client.ask(photo, "Is the brown box left of the red ball?", on_text=texts.append, on_stage=stages.append)
    assert client.is_ready and first.answer is not None and texts[-1] == first.answer.text and "query" in stages
    assert {verdict.status for verdict in first.verdicts} <= set(Status) and first.verdicts
    english, chinese = client.ask(first, ["Is the red ball behind the brown box?", "红球在棕色盒子的前面吗？"])
    assert english is not None and chinese is not None and (english.language, chinese.language) == ("en", "zh")
    claims = [Claim("left_of", "ball", "box")]  # type: ignore[arg-type]
    regions = [Region("ball", (10, 10, 60, 60)), Region("box", (150, 150, 220, 220))]
    assert client.verify(first, claims, regions).verdicts[0].status is Status.SUPPORTED
    assert client.depth(first).frames[0].depth_kind == "disparity_affine"
    assert client.save(first, "overlay.jpg", tmp_path).stat().st_size > 1000
