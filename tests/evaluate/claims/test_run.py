from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scenes
from benchmarks.claims import _rendered as rendered_rows
from evaluate.claims.claim_data import CLAIMS, EXPECTED, SmallDataset, case, image, subjects, without_depth
from stages.doubles import CountingDepth, ScriptedModel

from pipeline.evaluate.claims.report import answer_figures
from pipeline.evaluate.claims.run import ClaimRun, JudgedClaim, _batches, kind_of, relation_of, run_claims, source_of
from pipeline.evaluate.claims.scores import scores
from pipeline.models.depth.given import GivenDepth
from pipeline.models.vlm.base import Request, Step
from pipeline.records import Anchor, Claim, DepthKind, DepthMap, Evidence, Frame, Scene, Status, Verdict
from pipeline.records.errors import ConfigError, DepthError, InputError
from pipeline.records.expected import AnswerKind, Expected
from pipeline.stages.depth import DepthStage


def run_of(cases: Sequence[object], *overrides: str) -> ClaimRun:
    return run_claims(SmallDataset(cases), subjects(*overrides))  # type: ignore[arg-type]


def recorded(folder: Path, *answers: tuple[str, str, str]) -> str:
    """A file of recorded answers, as an override."""
    lines = [{"id": name, "question": question, "response": text} for name, question, text in answers]
    (folder / "answers.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return f"vlm.path={folder / 'answers.jsonl'}"


def test_every_claim_is_judged_once_by_verifier_and_baselines() -> None:
    seen: list[JudgedClaim] = []
    done: list[str] = []
    dataset = SmallDataset([case("a"), case("b")])
    run = run_claims(dataset, subjects(), on_claim=seen.append, on_case=done.append)
    assert (run.cases, run.failures, done) == (2, [], ["a", "b"])
    assert len(run.judgements) == len(seen) == 2 * len(CLAIMS)
    assert [item.truth for item in run.judgements] == [claim.truth for claim in CLAIMS] * 2
    assert {item.group for item in run.judgements} == {"a", "b"}
    assert set(run.baselines) == {"box_mean", "box_centre", "nearest_mode"}
    assert all(len(scores) == len(run.judgements) for scores in run.baselines.values())
    assert [item.judgement for item in seen] == run.judgements
    assert run.kinds == [item.kind for item in seen]
    kinds = [*["order/measured"] * 2, "", "", *["occlusion/measured"] * 2, *["distance/measured"] * 2]
    assert run.kinds == kinds * 2, "left of is of the image plane"
    assert [note and note.curve for note in run.calibrations] == [kind or None for kind in run.kinds]
    assert run.calibration is not None and {note.name for note in run.calibrations if note} == {run.calibration.name}
    assert run.risk == 0.05
    decided = [item for item in run.judgements if item.is_decided]
    assert len(decided) >= 6 and all(item.error == 0 for item in decided)
    assert set(run.sources) == {"metric, sensor, unknown"}


def test_a_network_is_judged_without_the_ground_truth_beside_it() -> None:
    stages = subjects().stages
    seen: list[Frame] = []
    verify = stages.verify

    class Watched:
        def __getattr__(self, name: str) -> object:
            return getattr(verify, name)

        def __call__(self, scene: Scene, *rest: object) -> object:
            seen.extend(scene.frames)
            return verify(scene, *rest)

    made = replace(subjects(), stages=replace(stages, verify=Watched()))
    run_claims(SmallDataset([case("a")]), made)
    assert seen and all(frame.given_depth is None for frame in seen)


def test_a_limit_ends_the_run_early_and_baselines_can_be_left_out() -> None:
    run = run_claims(SmallDataset([case(name) for name in "abc"]), subjects("baselines=false"), limit=2)
    assert (run.cases, len(run.judgements), run.baselines) == (2, 2 * len(CLAIMS), {})


def test_cases_without_questions_are_not_held_for_a_model() -> None:
    made = subjects()
    read: list[str] = []
    cases = (read.append(name) or case(name) for name in "abc")  # type: ignore[func-returns-value]
    batches = _batches(cases, replace(made, ways={"raw": made.stages}))
    assert len(next(batches)) == len(read) == 1


def test_a_failing_case_is_named_and_the_others_go_on() -> None:
    run = run_of([case("a"), without_depth("broken"), case("c")])
    assert {item.group for item in run.judgements} == {"a", "c"}
    ((name, part, reason),) = run.failures
    assert (name, part) == ("broken", "depth") and "depth" in reason
    assert run.cases == 3


def test_entries_that_a_data_set_skipped_are_failures() -> None:
    dataset = SmallDataset([case("a")])
    dataset.unreadable = {"torn.png": "The image torn.png is damaged."}
    assert run_claims(dataset, subjects()).failures == [("torn.png", "reading", "The image torn.png is damaged.")]


@pytest.mark.parametrize(
    "cases, words",
    [
        ([], "holds no claims"),
        ([without_depth("broken")], r"Nothing of data set small could be judged: .*broken, depth"),
        ([case("a", claims=())], "holds no claims, and its questions need a model"),
    ],
)
def test_without_any_judgement_the_run_fails_with_the_reason(cases: list[object], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        run_of(cases)
    assert "\n" not in str(caught.value)


def test_an_error_that_concerns_all_cases_ends_the_run() -> None:
    class Absent(GivenDepth):
        def estimate(self, frames: Sequence[Frame]) -> list[DepthMap]:
            raise ConfigError("No such model.")

    made = subjects()
    with pytest.raises(ConfigError, match="No such model"):
        run_claims(SmallDataset([case("a")]), replace(made, stages=replace(made.stages, depth=DepthStage(Absent()))))


def test_an_error_of_one_baseline_leaves_the_others() -> None:
    class Broken:
        name = "broken"

        def score(self, scene: Scene, claim: Claim) -> float | None:
            raise DepthError("out of order")

    made = subjects()
    run = run_claims(SmallDataset([case("a")]), replace(made, baselines=(*made.baselines, Broken())))
    assert [score.score for score in run.baselines["broken"]] == [None] * len(CLAIMS)
    assert all(score.score is not None for score in run.baselines["box_centre"])
    assert run.failures == [("a", "broken", "out of order")]


def test_mistakes_are_decided_and_wrong_with_the_most_confident_first() -> None:
    wrong = tuple(replace(claim, truth=not claim.truth) for claim in CLAIMS)
    run = run_of([case("a", claims=wrong)])
    assert len(run.mistakes) == sum(item.is_decided for item in run.judgements) > 3
    confidence = [item.judgement.confidence for item in run.mistakes]
    assert confidence == sorted(confidence, reverse=True)
    assert all(item.reason and item.is_mistake for item in run.mistakes)


def test_only_the_worst_mistakes_are_kept() -> None:
    wrong = tuple(replace(claim, truth=not claim.truth) for claim in CLAIMS)
    run = run_of([case(f"case {k}", claims=wrong) for k in range(30)], "baselines=false")
    assert len(run.mistakes) == 50
    assert sum(item.error for item in run.judgements) > 50


@pytest.mark.parametrize(
    "claim, name",
    [
        (Claim("closer", "a", "b"), "closer"),
        (Claim("closer", "a", "b", value=1, unit="m"), "closer, with a number"),
        (Claim("size", "a", value=1, unit="m"), "size"),
    ],
)
def test_claims_with_an_optional_number_are_counted_apart(claim: Claim, name: str) -> None:
    assert relation_of(claim) == name


@pytest.mark.parametrize(
    "claim, kind",
    [
        (Claim("farther", "cup", "lamp"), "order/predicted"),
        (Claim("occluded_by", "cup", "lamp"), "occlusion/predicted"),
        (Claim("taller", "cup", "lamp"), "size/predicted"),
        (Claim("left_of", "cup", "lamp"), ""),
        (Claim("below", "cup", "lamp"), ""),
        (Claim("above", "cup", "lamp", measure="world"), "image_order/predicted"),
        (Claim("between", "cup", "lamp", other_object="screen"), ""),
        (Claim("count", "cup", value=1, unit="count"), ""),
    ],
)
def test_claims_are_told_apart_by_what_they_are_judged_by(claim: Claim, kind: str) -> None:
    affine = scenes.as_kind(scenes.depth_m(), DepthKind.DISPARITY_AFFINE)
    verdict = Verdict(claim, Status.UNDECIDED, "why", needs="more", evidence=(Evidence(1),))
    scene = replace(scenes.scene(frames=2), depth=(scenes.as_kind(scenes.depth_m(), DepthKind.METRIC), affine))
    assert kind_of(claim, verdict, scene) == kind
    unseen = replace(verdict, evidence=())
    assert kind_of(claim, unseen, scene) == kind.replace("predicted", "measured"), "of the first frame"
    assert kind_of(claim, unseen, replace(scene, depth=())) == kind.replace("predicted", "no depth")


def test_the_source_of_depth_is_that_of_the_claims_frames() -> None:
    metric = scenes.as_kind(scenes.depth_m(), DepthKind.METRIC)
    affine = scenes.as_kind(scenes.depth_m(), DepthKind.DISPARITY_AFFINE)
    scene = replace(scenes.scene(frames=2), depth=(metric, affine))
    assert source_of(scene, (1,)) == "disparity_affine, unknown"
    assert source_of(scene) == "metric, sensor, unknown / disparity_affine, unknown"
    assert source_of(replace(scene, depth=())) == "no depth"


def test_answers_are_scored_raw_with_hints_and_after_their_verdicts(tmp_path: Path) -> None:
    nearer, nearest = (item.question for item in EXPECTED)
    path = recorded(
        tmp_path, ("a", nearer, "No."), ("a", nearest, "A. cup"), ("b", nearer, "Yes."), ("b", nearest, "C. cabinet")
    )
    cases = [case(name, claims=(), expected=EXPECTED) for name in ("a", "b", "c")]
    run = run_of(cases, "vlm=recorded", path)
    assert [(item.case, item.category) for item in run.questions] == [
        (name, category) for name in ("a", "b", "c") for category in ("order", "")
    ]
    assert run.judgements == []
    found = [item.answers["with_hints"] for item in run.questions]
    assert [None if item is None else item.score for item in found] == [0, 1, 1, 0, None, None]
    # "No" denies that the screen is in front of the cabinet, "cabinet" that the cup is nearer; both are refuted.
    assert [item.status for item in found if item is not None] == [
        Status.REFUTED, Status.SUPPORTED, Status.SUPPORTED, Status.REFUTED,
    ]  # fmt: skip
    assert [item.score_after for item in found if item is not None] == [1, 1, 1, 0.5]
    assert [item.answers["raw"] for item in run.questions] == found, "recorded answers do not depend on the prompt"
    assert {(name, part) for name, part, _ in run.failures} == {("c", "query")}


def test_a_correct_answer_that_is_not_a_number_fails_alone(tmp_path: Path) -> None:
    broken = Expected("How far is the cup?", "near", AnswerKind.NUMBER, unit="m")
    path = recorded(tmp_path, ("a", broken.question, "1 m"), ("b", EXPECTED[0].question, "Yes."))
    cases = [case("a", claims=(), expected=(broken,)), case("b", claims=(), expected=EXPECTED[:1])]
    run = run_of(cases, "vlm=recorded", path, "compare_hints=false")
    assert [item.answers["with_hints"] is None for item in run.questions] == [True, False]
    assert [(name, part) for name, part, _ in run.failures] == [("a", "score")]


def test_without_comparison_the_model_is_asked_once(tmp_path: Path) -> None:
    path = recorded(tmp_path, ("a", EXPECTED[0].question, "Yes."), ("a", EXPECTED[1].question, "A"))
    run = run_of([case("a", expected=EXPECTED)], "vlm=recorded", path, "compare_hints=false")
    assert all(list(item.answers) == ["with_hints"] for item in run.questions)
    assert len(run.judgements) == len(CLAIMS), "the claims of the data set are judged beside the answers"


def test_a_real_model_is_asked_with_and_without_hints(tiny_qwen3vl: Path, tmp_path: Path) -> None:
    made = case("a", claims=(), expected=EXPECTED)
    frame = replace(made.scene.frames[0], rgb=image())
    run = run_of(
        [replace(made, scene=replace(made.scene, frames=(frame,)))],
        "vlm=qwen3vl", f"vlm.model={tiny_qwen3vl}", "vlm.device=cpu", "vlm.max_new_tokens=8",
    )  # fmt: skip
    assert not run.failures
    assert [set(item.answers) for item in run.questions] == [{"raw", "with_hints"}] * 2
    assert all(
        answer is not None and 0 <= answer.score <= 1 for item in run.questions for answer in item.answers.values()
    )


def test_the_raw_prompt_has_no_depth_and_the_other_has(tmp_path: Path) -> None:
    made = subjects("vlm=recorded", recorded(tmp_path, ("a", EXPECTED[0].question, "Yes.")))
    raw, hinted = (made.ways[name].query for name in ("raw", "with_hints"))
    assert raw is not None and hinted is not None
    assert (raw.hints, raw.steps, raw.second_look, raw.recheck) == ("none", "one", "off", 0)
    assert hinted.hints == "table"
    scene = made.stages.depth(case("a", expected=EXPECTED).scene)
    question = EXPECTED[0].question
    prompts = [stage.answer_request(stage.prompt(scene, question)).prompt_text for stage in (raw, hinted)]
    assert "0.80" in prompts[1] and "0.80" not in prompts[0]


def test_the_baselines_use_the_tolerance_of_the_verifier() -> None:
    made = subjects("verify.verifier.settings.tolerance=0.5")
    assert {baseline.tolerance for baseline in made.baselines} == {0.5}  # type: ignore[attr-defined]
    assert np.isclose(made.stages.verify.verifier.settings.tolerance, 0.5)


def test_asking_again_is_measured_as_in_run() -> None:
    """The model first says that the screen is behind the cabinet, and corrects itself when asked again."""

    def script(request: Request) -> str:
        said = "in front of" if request.step is Step.RECHECK else "behind"
        return f"{'Yes' if said != 'behind' else 'No'}, the screen is {said} the cabinet."

    cases = [case(name, claims=(), expected=EXPECTED[:1]) for name in "abcd"]
    found = {}
    for recheck in (0, 1):
        made = subjects("vlm=openai", f"query.recheck={recheck}", "query.steps=one")
        model = ScriptedModel(script)
        for way in made.ways.values():
            assert way.query is not None
            way.query.model = model
        run = run_claims(SmallDataset(cases), made)
        assert run.failures == []
        assert [request.step for request in model.requests].count(Step.RECHECK) == 4 * recheck
        rows = {row["asked"]: row for row in answer_figures(run.questions, 0, 0)}
        keys = ("accuracy_before", "accuracy", "asked_again", "refuted")
        found[recheck] = {name: [row[key]["value"] for key in keys] for name, row in rows.items()}
    assert found[0] == {"raw": [0, 0, 0, 1], "with_hints": [0, 0, 0, 1]}
    assert found[1] == {"raw": [0, 0, 0, 1], "with_hints": [0, 1, 1, 0]}


def test_an_anchor_of_a_case_gives_its_claims_metres() -> None:
    shape = replace(scenes.as_kind(scenes.depth_m(), DepthKind.SCALE_INVARIANT, 3.0), backend="rendered")
    made = case("a", CLAIMS[6:], depth=shape)
    anchor = Anchor.from_plain({"to_camera": "lamp", "measure": "z", "value": 1.5, "unit": "m"})
    without, anchored = (
        run_of([replace(made, scene=replace(made.scene, anchors=anchors))]) for anchors in ((), (anchor,))
    )
    assert [item.is_decided for item in without.judgements] == [False, False]
    assert [item.is_decided for item in anchored.judgements] == [True, True]
    assert anchored.sources == ["metric, anchor, rendered"] * 2


def test_a_model_that_is_missing_is_found_before_any_depth_is_computed() -> None:
    depth = CountingDepth()
    made = subjects("vlm=recorded", "vlm.path=nowhere.jsonl")
    stages = {name: replace(way, depth=DepthStage(depth)) for name, way in made.ways.items()}
    broken = replace(made, stages=replace(made.stages, depth=DepthStage(depth)), ways=stages)
    with pytest.raises(InputError, match=r"nowhere\.jsonl cannot be read"):
        run_claims(SmallDataset([case("a", expected=EXPECTED)]), broken)
    assert depth.asked == []


def test_every_rendered_row_of_the_benchmark_judges_as_many_claims_as_asked() -> None:
    rows = list(rendered_rows(0, 8))
    assert [len(run.judgements) for _, _, run in rows] == [8, 8, 8, 8]
    assert all(0.0 <= scores(run.judgements).accuracy <= 1.0 for _, _, run in rows)
    assert all(len(found) == 8 for _, _, run in rows for found in run.baselines.values())
