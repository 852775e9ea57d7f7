"""The service with the small models that ship, and a real store."""

from __future__ import annotations

import asyncio
import io
import itertools
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from PIL import Image

from pipeline.api import Pipeline
from pipeline.records import Anchor, Claim, Region, Status
from pipeline.serve.problems import UnfitError, UnknownError
from pipeline.serve.records import Ask, Event, JobState, Judge, MeasureDepth, Rejudge, SceneInput, Work
from pipeline.serve.service import Service
from pipeline.serve.settings import Limits, ServeSettings, StoreSettings
from pipeline.serve.store.store import Store
from pipeline.synthetic.scenes import RenderedScene, rendered_scene

Value = TypeVar("Value")
RED_BLUE = "Is the red ball left of the blue ball?"


def run(work: Coroutine[Any, Any, Value], seconds: float = 120.0) -> Value:
    return asyncio.run(asyncio.wait_for(work, seconds))


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.from_config(["cache_dir=null"], config_name="serve")


@pytest.fixture(scope="module")
def rendered() -> RenderedScene:
    return rendered_scene(3, size_px=(256, 256), tidy=True)


@dataclass
class Served:
    service: Service
    store: Store

    def upload(self, rgb: np.ndarray, name: str = "photo.png") -> str:
        file = io.BytesIO()
        Image.fromarray(rgb).save(file, "PNG")
        with self.store.new_upload() as incoming:
            incoming.write(file.getvalue())
            return incoming.finish(name).id

    def scene(self, rgb: np.ndarray, **rest: Any) -> str:
        return self.service.add_scene(SceneInput((self.upload(rgb),), **rest), "anna")

    def done(self, work: Work) -> Any:
        job = self.service.submit(work, "anna")
        return run(self.service.wait(job.id))

    def result(self, work: Work) -> Any:
        job = self.done(work)
        assert job.problem is None
        return self.store.result(job.results[0])


def serve(pipeline: Pipeline, folder: Path, **settings: Any) -> Iterator[Served]:
    chosen = replace(
        ServeSettings(choices={"depth": ["file"], "segment": ["none", "grabcut"]}, **settings),
        store=StoreSettings(folder=str(folder)),
    )
    store = Store(chosen.store)
    service = Service(pipeline, chosen, store)
    asyncio.run(service.start())
    yield Served(service, store)
    asyncio.run(service.stop(1))
    store.close()


@pytest.fixture(scope="module")
def served(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from serve(pipeline, tmp_path_factory.mktemp("store"))


def test_it_is_ready_once_the_models_are_loaded(served: Served) -> None:
    async def ready() -> None:
        while not served.service.is_ready:
            await asyncio.sleep(0.05)

    run(ready())
    described = served.service.describe()
    assert (described["is_ready"], described["is_small"], described["answers_questions"]) == (True, True, True)
    assert described["models"]["vlm"] == {"option": "nano", "model": "theodolite-vl-nano"}
    assert described["choices"] == {"depth": ["nano", "file"], "ocr": ["none"], "segment": ["none", "grabcut"]}
    assert described["limits"]["questions"] == Limits().questions
    assert "/" not in str(described)


def test_an_answer_over_the_service_is_that_of_the_pipeline(
    pipeline: Pipeline, served: Served, rendered: RenderedScene
) -> None:
    rgb = rendered.scene.frames[0].rgb
    found = served.result(Ask(served.scene(rgb), (RED_BLUE,)))
    expected = pipeline.ask(rgb, RED_BLUE)
    assert (found.answer.text, found.verdicts) == (expected.answer.text, expected.verdicts)
    assert found.frames[0].sha256 == expected.frames[0].sha256


def test_text_streams_and_events_can_be_followed_again(served: Served, rendered: RenderedScene) -> None:
    scene = served.scene(rendered.scene.frames[0].rgb)
    job = served.service.submit(Ask(scene, (RED_BLUE,)), "anna")

    async def followed(after: int = 0) -> list[Event]:
        return [event async for event in served.service.events(job.id, after)]

    events = run(followed())
    numbers = [event.number for event in events]
    assert numbers == sorted(set(numbers))
    texts = [event.data["text"] for event in events if event.kind == "text"]
    assert len(texts) >= 2 and all(later.startswith(earlier) for earlier, later in itertools.pairwise(texts))
    result = served.store.result(served.service.job(job.id).results[0])
    assert texts[-1] == result.answer.text
    assert [event.kind for event in events[-2:]] == ["result", "state"] and events[-1].data["state"] == "done"
    assert run(followed(numbers[-3])) == events[-2:]


def test_a_follow_up_question_reuses_the_scene_and_what_the_model_read(served: Served) -> None:
    rgb = rendered_scene(11, size_px=(256, 256), tidy=True).scene.frames[0].rgb
    scene = served.scene(rgb)
    first, second = (served.result(Ask(scene, (question,))) for question in (RED_BLUE, "How many objects are there?"))
    assert "depth" in first.seconds and "depth" not in second.seconds
    assert second.answer.cached_tokens > 0
    assert sum(second.seconds.values()) < sum(first.seconds.values()) / 2


def test_questions_in_two_languages_about_two_scenes_are_answered_at_once(served: Served) -> None:
    async def ask_all() -> list[Any]:
        jobs = []
        for seed, question in ((21, RED_BLUE), (22, "红球在蓝球的左边吗？")):
            rgb = rendered_scene(seed, size_px=(256, 256), tidy=True).scene.frames[0].rgb
            jobs.append(served.service.submit(Ask(served.scene(rgb), (question,)), f"client {seed}"))
        return [await served.service.wait(job.id) for job in jobs]

    results = [served.store.result(job.results[0]) for job in run(ask_all())]
    assert [result.language for result in results] == ["en", "zh"]
    assert len({result.frames[0].sha256 for result in results}) == 2


def test_claims_depth_and_anchors_need_no_model(served: Served, rendered: RenderedScene) -> None:
    rgb = rendered.scene.frames[0].rgb
    scene = served.scene(rgb)
    regions = (Region("cup", (10, 10, 60, 60)), Region("box", (150, 10, 220, 60)))
    judged = served.result(Judge(scene, ("The cup is left of the box.", Claim("right_of", "cup", "box")), regions))
    assert judged.verdicts[-1].status is Status.REFUTED and judged.answer is None
    depth = served.result(MeasureDepth(scene))
    assert (depth.verdicts, str(depth.frames[0].depth_kind)) == ((), "disparity_affine")
    job = served.done(Judge(scene, (Claim("right_of", "cup", "box"),), regions))
    anchored = served.service.add_scene(
        replace(served.store.scene(scene), anchors=(Anchor("to_camera", ("cup",), value=1.0),)),  # type: ignore[arg-type]
        "anna",
    )
    again = served.result(Rejudge(anchored, job.results[0]))
    assert again.verdicts[0].status is Status.REFUTED


def test_depth_that_comes_with_the_image_is_used(served: Served, rendered: RenderedScene) -> None:
    frame = rendered.scene.frames[0]
    assert frame.given_depth is not None
    values = np.where(frame.given_depth.valid, frame.given_depth.values * 1000, 0).astype(np.uint16)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    with served.store.new_upload() as incoming:
        incoming.write(file.getvalue())
        depth = incoming.finish("depth.png").id
    given = SceneInput((served.upload(frame.rgb),), (depth,), depth_scale=0.001)
    result = served.result(MeasureDepth(served.service.add_scene(given, "anna")))
    assert (str(result.frames[0].depth_kind), str(result.frames[0].scale_source)) == ("metric", "sensor")


@pytest.mark.parametrize(
    "change, error, words",
    [
        ({"images": ()}, UnfitError, "at least one image"),
        ({"images": ("nothing",)}, UnknownError, "."),
        ({"options": {"depth": "midas"}}, UnfitError, "choose from nano, file"),
        ({"options": {"vlm": "openai"}}, UnfitError, "choose from none"),
    ],
)
def test_a_scene_that_cannot_be_is_refused_at_once(
    served: Served, rendered: RenderedScene, change: dict[str, Any], error: type[Exception], words: str
) -> None:
    given = replace(SceneInput((served.upload(rendered.scene.frames[0].rgb),)), **change)
    with pytest.raises(error, match=words):
        served.service.add_scene(given, "anna")


def test_an_image_that_cannot_be_decoded_is_named_by_its_clients_name(served: Served) -> None:
    with served.store.new_upload() as incoming:
        incoming.write(b"\x89PNG\r\n\x1a\n" + bytes(100))
        upload = incoming.finish("holiday.png").id
    job = served.done(Ask(served.service.add_scene(SceneInput((upload,)), "anna"), (RED_BLUE,)))
    assert job.state is JobState.FAILED and job.problem["status"] in (415, 422)
    assert "holiday.png" in job.problem["detail"] and "/" not in job.problem["detail"]


def test_a_job_can_be_cancelled_and_left(served: Served, rendered: RenderedScene) -> None:
    rgb = rendered_scene(31, size_px=(256, 256), tidy=True).scene.frames[0].rgb
    job = served.service.submit(Ask(served.scene(rgb), (RED_BLUE,)), "anna")
    assert served.service.cancel(job.id).state is JobState.CANCELLED
    assert run(served.service.wait(job.id)).state is JobState.CANCELLED
    other = served.service.submit(Ask(served.scene(rgb), (RED_BLUE,)), "anna")
    served.service.leave(other.id)
    assert served.service.job(other.id).state is JobState.CANCELLED
    served.service.leave("nothing")
    with pytest.raises(UnknownError):
        served.service.cancel("nothing")


def test_a_restarted_server_still_tells_of_jobs_and_results(
    pipeline: Pipeline, rendered: RenderedScene, tmp_path: Path
) -> None:
    for served in serve(pipeline, tmp_path):
        job = served.done(MeasureDepth(served.scene(rendered.scene.frames[0].rgb)))
        stopped = served.service.submit(Ask(served.scene(rendered.scene.frames[0].rgb), (RED_BLUE,)), "anna")
        run(served.service.stop(0))
    for served in serve(pipeline, tmp_path):

        async def followed(service: Service = served.service) -> list[Event]:
            return [event async for event in service.events(job.id)]

        assert [(event.kind, *event.data.values()) for event in run(followed())] == [
            ("result", 0, job.results[0]), ("state", "done"),
        ]  # fmt: skip
        assert served.store.result(job.results[0]).verdicts == ()
        assert run(served.service.wait(stopped.id)).state is JobState.INTERRUPTED


def test_workers_read_and_judge_as_one_process_does(
    pipeline: Pipeline, served: Served, rendered: RenderedScene, tmp_path: Path
) -> None:
    rgb = rendered.scene.frames[0].rgb
    expected = served.result(Ask(served.scene(rgb), (RED_BLUE,)))
    for other in serve(pipeline, tmp_path, workers=1):
        found = other.result(Ask(other.scene(rgb), (RED_BLUE,)))
        assert (found.answer.text, found.verdicts, found.frames) == (
            expected.answer.text, expected.verdicts, expected.frames,
        )  # fmt: skip
