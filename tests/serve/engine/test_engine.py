"""Jobs of many clients in one engine."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from serve.engine.fakes import eventually, frame_of, kinds, world
from stages.doubles import ScriptedModel

from pipeline.models.vlm.base import Generation, Request, Step
from pipeline.records import Anchor, Claim, Region, Scene, Status
from pipeline.records.errors import GenerationError, InputError, ModelUnavailableError, StoppedError, UnaskableError
from pipeline.serve.engine.readiness import Readiness
from pipeline.serve.problems import BusyError
from pipeline.serve.records import (
    Ask,
    Job,
    JobState,
    Judge,
    MaskedRegion,
    MeasureDepth,
    Rejudge,
    RunLengths,
    SceneInput,
    Upload,
)
from pipeline.serve.settings import Limits

BOX = Region("box", (2, 2, 10, 20))
CUP = Region("cup", (20, 2, 30, 20))
LEFT = "The cup is left of the box."


@dataclass
class Gated(ScriptedModel):
    """Waits at a gate before it answers, and stops as its listener says."""

    gate: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)
    inside: int = 0
    most_inside: int = 0

    def generate(self, request: Request) -> Generation:
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        self.entered.set()
        try:
            deadline = time.monotonic() + 20
            while not self.gate.wait(0.005):
                assert time.monotonic() < deadline
                if request.listener is not None:
                    request.listener.on_text("So far")
                    if request.listener.is_stopped:
                        raise StoppedError("stopped")
            return super().generate(request)
        finally:
            self.inside -= 1


def gated(answer: str = "Yes.") -> Gated:
    return Gated(lambda request: f"{answer} {request.question}")


def test_a_question_is_answered_judged_and_stored_before_its_job_is_done() -> None:
    with world() as w:
        scene = w.scene()
        ticket = w.submit(Ask(scene, ("Where?",)))
        job = w.done(ticket)
        assert (job.state, job.problem, job.position, job.stage) == (JobState.DONE, None, None, None)
        (stored,) = job.results
        result, kept, of_scene, of_job = w.store.results[stored]
        assert (result.question, result.answer.text) == ("Where?", "About Where?")
        assert (of_scene, of_job) == (scene, job.id)
        assert kept.scene.depth[0].backend == "counting" and len(kept.errors) == 1
        assert {"ingest", "depth", "query", "verify"} <= result.seconds.keys()
        assert w.store.log == [f"{job.id} {stored}", f"{job.id} done"]
        assert kinds(ticket) == [
            "state running", "stage ingest", "stage depth", "stage query", "text", "stage verify",
            f"result {stored}", "state done",
        ]  # fmt: skip


def test_a_scene_is_read_and_measured_once_for_all_questions_and_clients() -> None:
    with world() as w:
        tickets = [w.submit(Ask(w.scene("photo5"), (f"{n}?",)), f"client {n}") for n in range(6)]
        results = [result for ticket in tickets for result in w.results(ticket)]
        assert [result.question for result in results] == [f"{n}?" for n in range(6)]
        assert w.reader.count == [("photo5",)] and len(w.depth.asked) == 2, "once, and once to load it"
        assert sum("depth" in result.seconds for result in results) == 1, "only the first paid for it"


def test_questions_that_wait_while_the_model_works_are_answered_in_one_call() -> None:
    model = gated()
    with world(model=model, query={"batch_size": 8}) as w:
        first = w.submit(Ask(w.scene("photo1"), ("First?",)))
        assert model.entered.wait(20)
        others = [w.submit(Ask(w.scene(f"photo{n}"), (f"{n}?",)), f"client {n}") for n in range(2, 8)]
        eventually(lambda: len(w.engine._asking._waiting) == 6)
        model.gate.set()
        assert [w.done(ticket).state for ticket in (first, *others)] == [JobState.DONE] * 7
        assert model.batches == [1, 6]


def test_no_call_holds_more_questions_than_a_batch_and_clients_take_turns() -> None:
    model = gated()
    with world(model=model, query={"batch_size": 2}, limits=Limits(questions=4)) as w:
        first = w.submit(Ask(w.scene("photo1"), ("First?",)), "zoe")
        assert model.entered.wait(20)
        many = w.submit(Ask(w.scene("photo1"), ("a1?", "a2?", "a3?")), "anna")
        one = w.submit(Ask(w.scene("photo1"), ("b1?",)), "ben")
        eventually(lambda: len(w.engine._asking._waiting) == 3 or one.job.position == 1)
        model.gate.set()
        for ticket in (first, many, one):
            assert w.done(ticket).state is JobState.DONE
        assert max(model.batches) == 2
        asked = [request.question for request in model.requests]
        assert asked[0] == "First?" and sorted(asked[1:]) == ["a1?", "a2?", "a3?", "b1?"]


def test_questions_with_other_options_are_not_answered_together() -> None:
    model = gated()
    with world(model=model) as w:
        first = w.submit(Ask(w.scene("photo1"), ("First?",)))
        assert model.entered.wait(20)
        works = [
            Ask(w.scene("photo1"), ("1?",)), Ask(w.scene("photo1"), ("2?",), language="zh"),
            Ask(w.scene("photo1"), ("3?",)), Ask(w.scene("photo1"), ("4?",), hints="table"),
        ]  # fmt: skip
        tickets = [w.submit(work) for work in works]
        eventually(lambda: len(w.engine._asking._waiting) == 4)
        model.gate.set()
        results = [w.results(ticket)[0] for ticket in (first, *tickets)]
        assert [result.language for result in results] == ["en", "en", "zh", "en", "en"]
        answers = [batch for batch in model.batches]
        assert answers[:3] == [1, 2, 1]


def test_the_model_is_never_entered_by_two_threads() -> None:
    model = gated()
    model.gate.set()
    with world(model=model, limits=Limits(client_jobs=64)) as w:
        scenes = [w.scene(f"photo{n}") for n in range(4)]
        tickets: list[object] = []
        threads = [
            threading.Thread(
                target=lambda n=n: tickets.append(w.submit(Ask(scenes[n % 4], (f"q{n}?",)), f"client {n % 8}"))
            )
            for n in range(32)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [w.done(ticket).state for ticket in tickets] == [JobState.DONE] * 32
        assert model.most_inside == 1


def test_no_answer_is_mixed_up_among_32_clients() -> None:
    def script(request: Request) -> str:
        return f"{request.question} sees {int(request.pixels[0][0, 0, 0])}"

    with world(script, limits=Limits(client_jobs=64, queue=200), scenes=4) as w:
        wrong: list[str] = []

        def client(number: int) -> None:
            scene = w.scene(f"photo{number}")
            for turn in range(4):
                (result,) = w.results(w.submit(Ask(scene, (f"{number}.{turn}?",)), f"client {number}"))
                if result is None or result.answer.text != f"{number}.{turn}? sees {number}":
                    wrong.append(f"{number}.{turn}: {result}")

        threads = [threading.Thread(target=client, args=(number,)) for number in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert wrong == [] and len(w.store.results) == 128
        assert max(w.model.batches) > 1


def test_one_question_that_fails_does_not_fail_its_batch_mates() -> None:
    def script(request: Request) -> str:
        if "odd" in request.question:
            raise GenerationError("The model said nothing.")
        return "Fine."

    with world(script, batch_wait_ms=200) as w:
        good, bad = w.submit(Ask(w.scene(), ("1?",)), "a"), w.submit(Ask(w.scene(), ("odd?",)), "b")
        both = w.submit(Ask(w.scene(), ("2?", "odd?")), "c")
        assert w.done(good).state is JobState.DONE
        assert w.done(bad).state is JobState.FAILED
        assert (bad.job.problem["status"], bad.job.results) == (502, (None,))
        assert w.done(both).state is JobState.DONE and both.job.results[1] is None
        assert both.job.results[0] is not None and both.job.problem["status"] == 502
        assert max(w.model.batches) == 4


@pytest.mark.parametrize(
    "error, status",
    [
        (MemoryError("too much"), 500),
        (ZeroDivisionError("a secret"), 500),
        (ModelUnavailableError("no such model at /home/secret"), 503),
        (InputError("The image is odd."), 422),
        (UnaskableError("The prompt takes more positions than the model has."), 422),
    ],
)
def test_whatever_the_model_raises_is_the_problem_of_that_job_and_the_engine_lives_on(
    error: Exception, status: int
) -> None:
    @dataclass
    class Failing(ScriptedModel):
        def generate_all(self, requests: object) -> list[Generation]:
            if any("bad" in request.question for request in requests):  # type: ignore[attr-defined]
                raise error
            return super().generate_all(requests)  # type: ignore[arg-type, return-value]

        def generate(self, request: Request) -> Generation:
            if "bad" in request.question:
                raise error
            return super().generate(request)

    with world(model=Failing(lambda request: "Fine.")) as w:
        job = w.done(w.submit(Ask(w.scene(), ("bad?",))))
        assert (job.state, job.results) == (JobState.FAILED, (None,))
        assert job.problem is not None and job.problem["status"] in (status, 502)
        assert "secret" not in str(job.problem)
        assert w.done(w.submit(Ask(w.scene(), ("good?",)))).state is JobState.DONE


def test_a_file_that_cannot_be_read_fails_its_jobs_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    with world() as w, caplog.at_level(logging.INFO):
        bad, other = w.submit(Ask(w.scene("broken"), ("What of it?",))), w.submit(MeasureDepth(w.scene("broken")))
        good = w.submit(Ask(w.scene("photo2"), ("2?",)))
        assert [w.done(ticket).state for ticket in (bad, other, good)] == [
            JobState.FAILED, JobState.FAILED, JobState.DONE,
        ]  # fmt: skip
        assert bad.job.problem == {
            "type": "about:blank", "title": "Internal Server Error", "status": 500,
            "detail": "The server failed; its log says why.",
        }  # fmt: skip
        assert "ZeroDivisionError" in caplog.text
        for private in ("secret words", "What of it", bad.job.id):
            assert private not in caplog.text


def test_a_waiting_job_that_is_cancelled_leaves_the_queue() -> None:
    model = gated()
    with world(model=model, query={"batch_size": 1}) as w:
        running = [w.submit(Ask(w.scene(), (f"{n}?",))) for n in range(2)]
        waiting = [w.submit(Ask(w.scene(), (f"{n}?",))) for n in range(2, 5)]
        assert [ticket.job.position for ticket in waiting] == [1, 2, 3]
        w.engine.cancel(waiting[0].job.id)
        assert waiting[0].job.state is JobState.CANCELLED and waiting[0].job.position is None
        assert [ticket.job.position for ticket in waiting[1:]] == [1, 2]
        model.gate.set()
        assert [w.done(ticket).state for ticket in (*running, *waiting[1:])] == [JobState.DONE] * 4
        assert "2?" not in [request.question for request in model.requests]
        assert kinds(waiting[0])[-1] == "state cancelled"


def test_a_running_job_that_is_cancelled_stops_at_the_next_token_and_frees_its_place() -> None:
    model = gated()
    with world(model=model, query={"batch_size": 1}, limits=Limits(client_jobs=1)) as w:
        ticket = w.submit(Ask(w.scene(), ("Long?",)))
        assert model.entered.wait(20)
        eventually(lambda: "text" in kinds(ticket))
        with pytest.raises(BusyError, match="1 jobs"):
            w.submit(Ask(w.scene(), ("2?",)))
        w.engine.cancel(ticket.job.id)
        assert ticket.job.state is JobState.CANCELLED and w.store.jobs[ticket.job.id].state is JobState.CANCELLED
        eventually(lambda: model.inside == 0)
        assert w.engine.counts() == {"waiting": 0, "running": 0}
        model.gate.set()
        assert w.done(w.submit(Ask(w.scene(), ("3?",)))).state is JobState.DONE
        assert [job for _, _, _, job in w.store.results.values()] != [ticket.job.id]


def test_a_job_that_stops_leaves_its_batch_mates_alone() -> None:
    model = gated()
    with world(model=model, batch_wait_ms=300) as w:
        stopped, other = w.submit(Ask(w.scene(), ("1?",)), "a"), w.submit(Ask(w.scene(), ("2?",)), "b")
        assert model.entered.wait(20)
        w.engine.cancel(stopped.job.id)
        eventually(lambda: model.inside == 1)
        model.gate.set()
        assert (stopped.job.state, w.done(other).state) == (JobState.CANCELLED, JobState.DONE)


def test_reading_goes_on_for_others_when_one_who_waits_for_the_scene_leaves() -> None:
    with world() as w:
        w.reader.gate = threading.Event()
        first, second = (w.submit(Ask(w.scene("photo3"), (f"{n}?",))) for n in range(2))
        eventually(lambda: w.reader.count == [("photo3",)])
        w.engine.cancel(first.job.id)
        w.reader.gate.set()
        assert w.done(second).state is JobState.DONE
        assert len(w.reader.count) == 1


def test_a_scene_for_which_nobody_waits_any_more_is_not_measured() -> None:
    with world() as w:
        eventually(lambda: w.engine.readiness.is_ready)
        w.reader.gate = threading.Event()
        ticket = w.submit(Ask(w.scene("photo3"), ("1?",)))
        eventually(lambda: w.reader.count == [("photo3",)])
        w.engine.cancel(ticket.job.id)
        w.reader.gate.set()
        later = w.submit(Ask(w.scene("photo3"), ("2?",)))
        assert w.done(later).state is JobState.DONE
        assert len(w.depth.asked) == 2, "once to load it, and once for the second"


def test_a_job_that_runs_too_long_is_stopped_and_says_so() -> None:
    model = gated()
    with world(model=model, limits=Limits(job_s=0.3)) as w:
        job = w.done(w.submit(Ask(w.scene(), ("Long?",))))
        assert (job.state, job.problem["status"]) == (JobState.FAILED, 504)
        assert "longer than 0.3 s and was stopped; ask fewer questions" in job.problem["detail"]
        eventually(lambda: model.inside == 0)


def test_a_full_queue_refuses_with_the_time_to_retry() -> None:
    model = gated()
    with world(model=model, query={"batch_size": 1}, limits=Limits(queue=2, client_jobs=99)) as w:
        tickets = [w.submit(Ask(w.scene(), (f"{n}?",)), f"client {n}") for n in range(4)]
        with pytest.raises(BusyError) as refused:
            w.submit(Ask(w.scene(), ("more?",)))
        assert 1 <= int(refused.value.headers["Retry-After"]) <= 600
        w.engine.cancel(tickets[3].job.id)
        w.submit(Ask(w.scene(), ("now?",)))
        model.gate.set()


def test_one_client_fills_at_most_half_of_the_queue() -> None:
    model = gated()
    with world(model=model, query={"batch_size": 1}, limits=Limits(queue=4, client_jobs=99)) as w:
        started = [w.submit(Ask(w.scene(), (f"{n}?",)), "greedy") for n in range(4)]
        with pytest.raises(BusyError, match="half of the queue"):
            w.submit(Ask(w.scene(), ("more?",)), "greedy")
        others = [w.submit(Ask(w.scene(), (f"{n}?",)), f"modest {n}") for n in range(2)]
        model.gate.set()
        assert {w.done(ticket).state for ticket in (*started, *others)} == {JobState.DONE}


def test_one_client_cannot_take_all_places() -> None:
    model = gated()
    with world(model=model, query={"batch_size": 1}, limits=Limits(client_jobs=3)) as w:
        greedy = [w.submit(Ask(w.scene(), (f"a{n}?",)), "greedy") for n in range(3)]
        with pytest.raises(BusyError, match="You have 3 jobs"):
            w.submit(Ask(w.scene(), ("a4?",)), "greedy")
        modest = w.submit(Ask(w.scene(), ("b?",)), "modest")
        model.gate.set()
        assert [w.done(ticket).state for ticket in (*greedy, modest)] == [JobState.DONE] * 4
        assert w.submit(Ask(w.scene(), ("a5?",)), "greedy")


def test_claims_are_judged_without_the_model_even_while_it_works() -> None:
    model = gated()
    with world(model=model) as w:
        scene = w.scene("photo1")
        slow = w.submit(Ask(scene, ("Long?",)))
        assert model.entered.wait(20)
        claims = (LEFT, Claim("left_of", "box", "cup"), "盒子在杯子的左边。")
        regions = (BOX, CUP, Region("盒子", BOX.box_px), Region("杯子", CUP.box_px))
        (result,) = w.results(w.submit(Judge(scene, claims, regions)))
        assert not slow.is_stopped
        assert [verdict.status for verdict in result.verdicts] == [
            Status.REFUTED, Status.SUPPORTED, Status.SUPPORTED,
        ]  # fmt: skip
        assert (result.question, result.answer) == (None, None)
        assert {region.origin for region in result.regions} == {"given"}
        model.gate.set()


def test_depth_alone_is_a_result_without_question_and_claims() -> None:
    with world() as w:
        ticket = w.submit(MeasureDepth(w.scene("photo1", "photo2")))
        (result,) = w.results(ticket)
        assert (result.question, result.answer, result.verdicts) == (None, None, ())
        assert [str(frame.depth_kind) for frame in result.frames] == ["metric", "metric"]
        stored = w.store.results[ticket.job.results[0]][1]
        assert [float(depth.values[0, 0]) for depth in stored.scene.depth] == pytest.approx([1.01, 1.02])
        assert w.model.requests == []


def test_another_known_length_judges_the_same_answer_again_without_reading_or_asking() -> None:
    with world(lambda request: "The cup is 3 m wide.") as w:
        scene = w.scene("photo1")
        ticket = w.submit(Ask(scene, ("How wide?",), regions=(CUP,)))
        (first,) = w.results(ticket)
        anchor = Anchor("to_camera", ("cup",), value=3.0)  # type: ignore[arg-type]
        again = w.submit(Rejudge(w.scene("photo1", anchors=(anchor,)), ticket.job.results[0]))
        (second,) = w.results(again)
        assert (second.question, second.answer) == (first.question, first.answer)
        assert [str(result.frames[0].scale_source) for result in (first, second)] == ["model", "anchor"]
        assert second.verdicts[0].probability > first.verdicts[0].probability + 0.05
        assert (len(w.model.requests), len(w.reader.count)) == (1, 1)
        before, after = (
            w.store.results[each.job.results[0]][1].scene.depth[0].values[0, 0] for each in (ticket, again)
        )
        assert after > 2 * before


def test_a_refuted_answer_is_asked_again_with_the_evidence_and_becomes_an_attempt() -> None:
    def script(request: Request) -> str:
        return "The box is left of the cup." if request.step is Step.RECHECK else LEFT

    with world(script) as w:
        scene = w.scene("photo1")
        first = w.submit(Ask(scene, ("Where is the cup?",), regions=(BOX, CUP)))
        assert [verdict.status for verdict in w.results(first)[0].verdicts] == [Status.REFUTED]
        again = w.submit(Ask(scene, (), after=first.job.results[0]))
        (result,) = w.results(again)
        assert result.question == "Where is the cup?" and result.answer.text == "The box is left of the cup."
        assert [verdict.status for verdict in result.verdicts] == [Status.SUPPORTED]
        (attempt,) = result.attempts
        assert attempt.answer.text == LEFT and attempt.verdicts[0].status is Status.REFUTED
        (recheck,) = [request for request in w.model.requests if request.step is Step.RECHECK]
        assert LEFT in recheck.prompt_text
        assert "stage recheck" in kinds(again)
        texts = [event.data for event in again.events.so_far()[0] if event.kind == "text"]
        assert texts[-1] == {"question": 0, "attempt": 1, "text": "The box is left of the cup."}


def test_asking_again_twice_keeps_both_attempts() -> None:
    with world(lambda request: LEFT) as w:
        scene = w.scene("photo1")
        first = w.submit(Ask(scene, ("Where?",), regions=(BOX, CUP)))
        w.done(first)
        second = w.submit(Ask(scene, (), after=first.job.results[0]))
        w.done(second)
        third = w.submit(Ask(scene, (), after=second.job.results[0]))
        assert [len(result.attempts) for result in w.results(third)] == [2]


def test_asking_again_that_fails_fails_its_job() -> None:
    def script(request: Request) -> str:
        if request.step is Step.RECHECK:
            raise GenerationError("The model said nothing.")
        return LEFT

    with world(script) as w:
        scene = w.scene("photo1")
        first = w.submit(Ask(scene, ("Where?",), regions=(BOX, CUP)))
        w.done(first)
        job = w.done(w.submit(Ask(scene, (), after=first.job.results[0])))
        assert (job.state, job.problem["status"]) == (JobState.FAILED, 502)


def test_a_region_outside_of_the_scene_is_the_clients_problem() -> None:
    with world() as w:
        far = Region("cup", (1, 1, 2, 2), frame=3)
        job = w.done(w.submit(Ask(w.scene(), ("1?",), regions=(far,))))
        assert (job.state, job.problem["status"]) == (JobState.FAILED, 422)
        assert "frame 3" in job.problem["detail"]


def test_the_stages_and_the_log_do_not_learn_what_clients_call_their_files(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[Request] = []

    class Naming(ScriptedModel):
        def generate(self, request: Request) -> Generation:
            asked.append(request)
            said = f"Nothing for {request.item_id}, photo1.png, cup: {request.question}"
            if "bad" in request.question:
                raise GenerationError(said)
            if "long" in request.question:
                raise UnaskableError(f"The prompt of {request.item_id} is too long.")
            return super().generate(request)

    def read(given: SceneInput, uploads: Mapping[str, Upload]) -> Scene:
        return Scene("private name", (replace(frame_of("photo1"), name="private frame"),))

    with world(model=Naming(lambda request: "Fine."), read=read) as w, caplog.at_level(logging.INFO):
        scene = w.scene("photo1")
        good, bad, long = (w.submit(Ask(scene, (f"{word}?",), (CUP,))) for word in ("good", "bad one", "long"))
        (result,) = w.results(good)
        assert result is not None and (result.item_id, result.frames[0].name) == ("private name", "private frame")
        stored = w.store.results[good.job.results[0] or ""][1].scene
        assert (stored.id, stored.frames[0].name) == ("private name", "private frame")
        assert w.done(bad).problem["status"] == 502
        assert w.done(long).problem["detail"] == "The prompt of private name is too long."
    assert {request.item_id for request in asked} == {f"job-{each.job.id[:6]}" for each in (good, bad, long)}
    assert f"failed in the stage query: Nothing for job-{bad.job.id[:6]}, …, …: … GenerationError" in caplog.text
    assert f"Job {good.job.id[:6]}, ask: done after" in caplog.text
    assert not any(word in caplog.text for word in ("private", "photo1", "cup", "bad one"))


def test_a_mask_of_another_size_than_its_image_is_the_clients_problem() -> None:
    with world() as w:
        cup = MaskedRegion(CUP, RunLengths((14_000, 14_000), (0, 14_000**2)))
        job = w.done(ticket := w.submit(Ask(w.scene(), ("1?",), regions=(cup,))))
        assert (job.state, job.problem["status"]) == (JobState.FAILED, 422)
        assert "is 14000 x 14000 pixels, but its image is 32 x 24" in job.problem["detail"]
        assert w.store.jobs[job.id].work.regions == (cup,)  # type: ignore[union-attr]
        eventually(lambda: ticket.job.work.regions == ())  # type: ignore[union-attr]


def test_masks_are_decoded_for_the_job_and_not_kept_after_it() -> None:
    with world() as w:
        cup = MaskedRegion(CUP, RunLengths((24, 32), (24 * 20, 48, 24 * 10)))
        job = w.done(ticket := w.submit(Judge(w.scene(), (LEFT,), (BOX, cup))))
        (result,) = w.results(ticket)
        assert result is not None and [region.mask is None for region in result.regions] == [True, False]
        assert int(np.sum(result.regions[1].mask)) == 48 and ticket.job.work.regions == ()  # type: ignore[union-attr]
        assert w.store.jobs[job.id].work.regions == (BOX, cup)  # type: ignore[union-attr]


@pytest.mark.parametrize("call", ["add_result", "update_job"])
def test_a_full_disk_is_a_problem_of_the_job_and_the_engine_lives_on(call: str) -> None:
    with world() as w:
        w.store.fails = {call}
        job = w.done(w.submit(Ask(w.scene(), ("1?",))))
        assert job.state is (JobState.FAILED if call == "add_result" else JobState.DONE)
        w.store.fails = set()
        assert w.done(w.submit(Ask(w.scene(), ("2?",)))).state is JobState.DONE


def test_a_job_that_cannot_be_written_down_takes_no_place() -> None:
    with world(limits=Limits(client_jobs=1)) as w:
        w.store.fails = {"add_job"}
        with pytest.raises(OSError):
            w.submit(Ask(w.scene(), ("1?",)))
        w.store.fails = set()
        assert w.done(w.submit(Ask(w.scene(), ("2?",)))).state is JobState.DONE


def test_stopping_finishes_what_runs_and_interrupts_what_waits() -> None:
    model = gated()
    with world(model=model, query={"batch_size": 1}) as w:
        running, more = (w.submit(Ask(w.scene(), (f"{n}?",))) for n in range(2))
        waiting = w.submit(Ask(w.scene(), ("3?",)))
        assert model.entered.wait(20)
        threading.Timer(0.2, model.gate.set).start()
        w.engine.stop(20)
        assert [ticket.job.state for ticket in (running, more, waiting)] == [
            JobState.DONE, JobState.DONE, JobState.INTERRUPTED,
        ]  # fmt: skip
        assert w.store.jobs[waiting.job.id].problem["status"] == 503
        with pytest.raises(BusyError, match="stopping"):
            w.submit(Ask(w.scene(), ("4?",)))


def test_an_idle_engine_stops_at_once_even_while_its_models_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    loading, gate = threading.Event(), threading.Event()

    def load(_readiness: Readiness) -> None:
        loading.set()
        assert gate.wait(20)

    monkeypatch.setattr(Readiness, "load_model", load)
    monkeypatch.setattr(Readiness, "load_depth", load)
    with world() as w:
        assert loading.wait(20)
        start = time.monotonic()
        w.engine.stop(20)
        assert time.monotonic() - start < 0.9
        gate.set()


def test_a_job_that_comes_while_the_engine_stops_is_interrupted() -> None:
    with world() as w:
        add_job = w.store.add_job

        def stop_meanwhile(job: Job) -> None:
            add_job(job)
            w.engine.stop(0)

        w.store.add_job = stop_meanwhile  # type: ignore[method-assign]
        ticket = w.submit(Ask(w.scene(), ("1?",)))
        assert ticket.job.state is JobState.INTERRUPTED
        assert w.store.jobs[ticket.job.id].state is JobState.INTERRUPTED


def test_stopping_interrupts_what_does_not_finish_in_time() -> None:
    model = gated()
    with world(model=model) as w:
        ticket = w.submit(Ask(w.scene(), ("Long?",)))
        assert model.entered.wait(20)
        start = time.monotonic()
        w.engine.stop(0.2)
        assert time.monotonic() - start < 5
        assert ticket.job.state is JobState.INTERRUPTED
        assert w.store.jobs[ticket.job.id].state is JobState.INTERRUPTED


def test_a_group_takes_questions_of_one_set_of_options_and_few_frames() -> None:
    model = gated()
    with world(model=model, query={"batch_size": 8}) as w:
        first = w.submit(Ask(w.scene("photo1"), ("First?",)))
        assert model.entered.wait(20)
        big = [w.submit(Ask(w.scene(*(f"photo{n}" for n in range(20 * k, 20 * k + 20))), (f"{k}?",))) for k in (1, 2)]
        eventually(lambda: len(w.engine._asking._waiting) == 2)
        model.gate.set()
        assert Counter(w.done(ticket).state for ticket in (first, *big)) == {JobState.DONE: 3}
        assert model.batches == [1, 1, 1]


def read_there(given: SceneInput, uploads: Mapping[str, Upload]) -> Scene:
    """Reads in a worker, which some files end."""
    if "deadly" in given.images:
        os._exit(9)
    return Scene(f"read by {os.getpid()}", tuple(frame_of(name) for name in given.images))


def test_workers_read_and_judge_and_the_death_of_one_fails_only_its_job() -> None:
    with world(workers=1, read=read_there) as w:
        claims, regions = (Claim("left_of", "box", "cup"),), (BOX, CUP)
        (first,) = w.results(w.submit(Judge(w.scene("photo1"), claims, regions)))
        assert first.item_id.startswith("read by ") and first.item_id != f"read by {os.getpid()}"
        assert [verdict.status for verdict in first.verdicts] == [Status.SUPPORTED]
        dead = w.done(w.submit(Judge(w.scene("deadly"), claims, regions)))
        assert (dead.state, dead.problem["status"]) == (JobState.FAILED, 500)
        (second,) = w.results(w.submit(Judge(w.scene("photo2"), claims, regions)))
        assert second.item_id.startswith("read by ") and second.item_id != first.item_id
        assert second.verdicts == first.verdicts
