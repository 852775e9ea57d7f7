"""What the chat shows of a job, from its place in the queue to its answers."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from serve.page.fake_service import HOSTILE, SLOW, FakeService

from pipeline.serve.page.conversation import _batches, conversation, opened, regions_of
from pipeline.serve.page.requests import Settings
from pipeline.serve.problems import BusyError
from pipeline.serve.records import Ask, Event, Job, JobState, Judge, Rejudge, Work
from pipeline.serve.settings import Limits

QUESTION = "Is the cup left of the lamp?"


def service() -> FakeService:
    made = FakeService(0.001)
    made.uploads["a"] = b""
    return made


def sent(**changes: Any) -> dict[str, Any]:
    plain = {"run": "7", "kind": "ask", "page_language": "en", "images": ["a"], "questions": [QUESTION]}
    return {**plain, **changes}


def updates(fake: FakeService, plain: Any, settings: Settings = Settings()) -> list[dict[str, Any]]:  # noqa: B008
    async def collected() -> list[dict[str, Any]]:
        return [update async for update in conversation(fake, plain, settings, "me", Limits())]

    return asyncio.run(collected())


def test_a_question_goes_from_the_queue_through_the_stages_to_its_answer() -> None:
    found = updates(service(), sent())
    assert [one["position"] for one in found if "position" in one] == [2, 1]
    assert list(dict.fromkeys(one.get("stage") for one in found)) == [None, "depth", "query"]
    last = found[-1]
    assert (last["run"], last["kind"], last["state"], last["scene"]) == ("7", "ask", "done", "scene-1")
    (turn,) = last["turns"]
    assert turn["title"] == QUESTION and turn["result"] in turn["html"] and turn["seconds"] >= 0
    assert [one["label"] for one in turn["regions"]] == ["cabinet", "screen", "lamp", "cup"]
    assert len(turn["regions"][0]["box_px"]) == 4 and turn["regions"][0]["frame"] == 0


def test_the_words_of_an_answer_grow_without_its_coordinates() -> None:
    fake = service()
    fake.step_s = 0.03
    texts = [one["turns"][0]["text"] for one in updates(fake, sent()) if one["turns"][0].get("text")]
    assert len(texts) > 2 and all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert not any("```" in text or "json" in text for text in texts)


def test_several_questions_are_one_job_with_a_turn_each() -> None:
    fake = service()
    found = updates(fake, sent(questions=[QUESTION, "杯子在台灯的左边吗？"]))
    first, second = found[-1]["turns"]
    assert 'lang="en"' in first["html"] and 'lang="zh-Hans"' in second["html"]
    (work,) = fake.works
    assert isinstance(work, Ask) and len(work.questions) == 2
    assert 'lang="en"' in next(one for one in found if "html" in one["turns"][0])["turns"][0]["html"]


def test_a_known_scene_is_not_made_again() -> None:
    fake = service()
    updates(fake, sent())
    found = updates(fake, sent(scene="scene-1"))
    assert found[-1]["scene"] == "scene-1" and len(fake.given) == 1


def test_claims_are_judged_without_a_question() -> None:
    fake = service()
    found = updates(fake, sent(kind="judge", claims=["The cup is left of the lamp."]))
    (work,) = fake.works
    (turn,) = found[-1]["turns"]
    assert isinstance(work, Judge) and turn["title"] and "geometry alone" in turn["html"]


def test_a_known_length_makes_another_scene_and_shows_what_changed() -> None:
    fake = service()
    first = updates(fake, sent())[-1]
    anchor = {"size": "cup", "measure": "height", "value": 9.5, "unit": "cm"}
    plain = sent(kind="rejudge", scene=first["scene"], result=first["turns"][0]["result"], anchors=[anchor])
    last = updates(fake, plain)[-1]
    assert isinstance(fake.works[-1], Rejudge) and fake.works[-1].scene == last["scene"] != first["scene"]
    assert fake.given[-1].images == ("a",) and fake.given[-1].anchors[0].value == 9.5
    html = last["turns"][0]["html"]
    assert "1.06 m" in html and "2.12 m" in html and "9.5 cm" in html


def test_pieces_of_text_wait_for_each_other_and_for_nothing_else() -> None:
    async def events() -> Any:
        yield Event(1, "text", {"text": "a"})
        await asyncio.sleep(0)
        for number in range(2, 200):
            yield Event(number, "text", {"text": "a" * number})
            await asyncio.sleep(0)
        await asyncio.sleep(0.2)
        yield Event(200, "text", {"text": "last words before a pause"})
        await asyncio.sleep(0.2)
        yield Event(201, "state", {"state": "done"})

    async def collected() -> list[list[int]]:
        return [[event.number for event in batch] async for batch in _batches(events())]

    found = asyncio.run(collected())
    assert [number for batch in found for number in batch] == list(range(1, 202))
    assert len(found) < 12 and [200] in found, "a pause shows what came before it"


def test_events_that_fail_end_the_batches_with_their_error() -> None:
    async def events() -> Any:
        yield Event(1, "text", {"text": "a"})
        raise BusyError("no")

    async def collected() -> None:
        async for _ in _batches(events()):
            continue

    with pytest.raises(BusyError):
        asyncio.run(collected())


def test_a_conversation_that_is_left_cancels_its_job() -> None:
    fake = service()

    async def left() -> None:
        updates = conversation(fake, sent(questions=[SLOW]), Settings(), "me", Limits())
        async for update in updates:
            if update["turns"][0].get("text"):
                break
        await updates.aclose()  # type: ignore[attr-defined]

    asyncio.run(left())
    (job,) = fake.jobs.values()
    assert job.state is JobState.CANCELLED


def test_a_stopped_job_says_so_and_keeps_its_words() -> None:
    fake = service()

    async def stopped() -> list[dict[str, Any]]:
        found = []
        async for update in conversation(fake, sent(questions=[SLOW]), Settings(), "me", Limits()):
            found.append(update)
            if update["turns"][0].get("text") == SLOW:
                fake.cancel(update["job"])
        return found

    last = asyncio.run(stopped())[-1]
    assert last["state"] == "cancelled" and last["turns"][0]["text"] == SLOW and "html" not in last["turns"][0]


@pytest.mark.parametrize(
    ("plain", "status", "words"),
    [
        (sent(images=["unknown"]), 404, "There is no upload"),
        (sent(images=[]), 422, "Give an image"),
        (sent(scene="scene-9"), 404, "no such scene"),
        (sent(kind="rejudge", scene="scene-9", result="r"), 404, "no such scene"),
        ("{}", 422, "reload"),
        (sent(anchors=[{"size": "cup"}]), 422, "unit"),
    ],
)
def test_what_cannot_be_done_is_a_problem_in_words(plain: Any, status: int, words: str) -> None:
    fake = service()
    last = updates(fake, plain)[-1]
    assert (last["state"], last["problem"]["status"]) == ("failed", status)
    assert words in last["problem"]["detail"] and not fake.jobs


class Broken(FakeService):
    """Fails in a way that nobody foresaw."""

    def submit(self, work: Work, client: str) -> Job:
        raise RuntimeError("/secret/path")


class Busy(FakeService):
    """Has no place left."""

    def submit(self, work: Work, client: str) -> Job:
        raise BusyError("The queue is full; try again later.")


@pytest.mark.parametrize(("kind", "status", "words"), [(Broken, 500, "log says why"), (Busy, 429, "try again")])
def test_errors_show_no_inside(kind: type[FakeService], status: int, words: str) -> None:
    fake = kind(0.001)
    fake.uploads["a"] = b""
    problem = updates(fake, sent())[-1]["problem"]
    assert problem["status"] == status and words in problem["detail"] and "secret" not in str(problem)


class Silent(FakeService):
    """Tells nothing of a job but its end, as after a restart."""

    async def events(self, id: str, after: int = 0) -> Any:
        done = self.store.add(next(iter(self.store.results.values())))
        self.jobs[id] = Job(id, self.jobs[id].work, "me", JobState.DONE, 0.0, results=(done,))
        yield Event(1, "state", {"state": "done"})


def test_a_job_whose_events_are_gone_still_shows_its_results() -> None:
    fake = Silent(0.001)
    fake.uploads["a"] = b""
    updates_before = service()
    updates(updates_before, sent())
    fake.store.results = dict(updates_before.store.results)
    assert updates(fake, sent())[-1]["turns"][0]["html"]


def test_a_stored_result_opens_as_a_conversation() -> None:
    fake = service()
    result_id = updates(fake, sent())[-1]["turns"][0]["result"]
    found = opened(fake, result_id, "en")
    assert (found["state"], found["scene"], found["turns"][0]["title"]) == ("done", "scene-1", QUESTION)
    assert opened(fake, "gone", "zh")["problem"]["detail"] == "此结果已删除。"
    assert opened(fake, None, "en")["state"] == "failed"


def test_hostile_words_stay_text() -> None:
    turn = updates(service(), sent(questions=["hostile"]))[-1]["turns"][0]
    assert "<img" not in turn["html"] and turn["title"] == "hostile"
    assert HOSTILE[:20] in turn["regions"][0]["label"]


def test_lines_of_text_are_no_regions_to_name() -> None:
    fake = service()
    updates(fake, sent())
    (result,) = fake.store.results.values()
    assert "EXIT" not in [one["label"] for one in regions_of(result)]
