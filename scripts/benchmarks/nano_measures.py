"""What the two small models are measured by, scene after scene; everything that a model says is free-running.

Convention: a box is (left, top, right, bottom) [px] at 256 x 256 px. The corner error of an object is the mean of the
absolute errors of its four edges [px].
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from benchmarks.nano_cases import SIDE_PX, NanoCase, shared_objects

from pipeline.claims.compare_answers import value_of
from pipeline.claims.names import normal_name
from pipeline.claims.regions import Images
from pipeline.datasets.annotated.claims import can_carry
from pipeline.evaluate.claims.scores import Judgement
from pipeline.evaluate.depth.alignment import Alignment, fit_alignment
from pipeline.geometry.regions import boxes_iou
from pipeline.records import Answer, Claim, DepthKind, DepthMap, Origin, Region, Scene, Status
from pipeline.records.errors import TheodoliteError
from pipeline.records.expected import AnswerKind, Expected
from pipeline.stages.generations import generate_all
from pipeline.stages.query import QueryStage
from pipeline.stages.reading import grounded_regions
from pipeline.stages.verify import VerifyStage
from pipeline.synthetic.claims import claims_of
from pipeline.synthetic.ground_truth import truth_of
from pipeline.synthetic.questions import SceneQuestion, askable, named
from pipeline.synthetic.view import RenderedView

CLAIMS_PER_SCENE = 10
# More claims than any scene has.
_ALL = 1_000_000


@dataclass(frozen=True)
class Located:
    """How well an asked object is located in one image; with an IoU of 0 and 256 px off where it is not."""

    case: str
    language: str
    frames: int
    iou: float
    corner_error_px: float


@dataclass(frozen=True)
class Answered:
    """Whether a question was answered rightly, by the name of the way in which it was asked."""

    case: str
    language: str
    frames: int
    relation: str
    right: dict[str, bool]


@dataclass
class Measures:
    """Everything that was measured; the first of a pair is the case.

    Depth and claims are those of scenes of one image.

    Args:
        located: Per asked object, image and question.
        answered: Per question.
        abs_rel: Per image, AbsRel after alignment in disparity.
        ordered: Per pair of objects, whether the medians of their disparity are in the right order.
        judgements: Per claim.
        seconds: Time by part.
    """

    located: list[Located] = field(default_factory=list)
    answered: list[Answered] = field(default_factory=list)
    abs_rel: list[tuple[str, float]] = field(default_factory=list)
    ordered: list[tuple[str, bool]] = field(default_factory=list)
    judgements: list[Judgement] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Add the time that something takes to its part."""
        start = time.perf_counter()
        yield
        self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - start


@dataclass(frozen=True)
class Subjects:
    """What is measured: the stages, as the configuration builds them.

    Args:
        depth: Gives a scene its depth.
        judge: Judges claims.
        one_step: Asks without hints, in one step.
        two_steps: Asks where the objects are, and then the question with the table of their depths.
        told: Asks in one step with the table of what the scene itself holds; None leaves that out.
    """

    depth: Callable[[Scene], Scene]
    judge: VerifyStage
    one_step: QueryStage
    two_steps: QueryStage
    told: QueryStage | None = None


def measure(subjects: Subjects, cases: Sequence[NanoCase], found: Measures) -> None:
    """Measure some scenes, whose questions the model is asked together."""
    with found.timed("depth"):
        scenes = [subjects.depth(case.scene) for case in cases]
    with found.timed("verify"):
        for case, scene in zip(cases, scenes, strict=True):
            if len(case.views) == 1:
                found.abs_rel.append((case.name, abs_rel(scene.depth[0], case.views[0])))
                found.ordered += [(case.name, right) for right in pairs_in_order(scene.depth[0], case.views[0])]
                found.judgements += judged(subjects.judge, scene, case.views[0])
    with found.timed("ask"):
        _ask(subjects, cases, scenes, found)


def _ask(subjects: Subjects, cases: Sequence[NanoCase], scenes: Sequence[Scene], found: Measures) -> None:
    pairs = list(zip(cases, scenes, strict=True))
    asked = [(case, scene, question) for case, scene in pairs for question in case.questions]
    ways = {
        "one_step": subjects.one_step.ask_all([(case.scene, question.text) for case, _, question in asked]),
        "two_steps": subjects.two_steps.ask_all([(scene, question.text) for _, scene, question in asked]),
    }
    if subjects.told is not None:
        ways["told"] = subjects.told.ask_all(
            [(told_scene(case, question), question.text) for case, _, question in asked]
        )
    for position, (case, _, question) in enumerate(asked):
        right = {name: is_correct(question, outcomes[position]) for name, outcomes in ways.items()}
        relation = question.statement.relation
        found.answered.append(Answered(case.name, question.language, len(case.views), relation, right))
        outcome = ways["two_steps"][position]
        found.located += located(case, question, outcome.grounding if isinstance(outcome, Answer) else None)
    further = [(case, scene, question) for case, scene in pairs for question in case.further]
    stage = subjects.two_steps
    requests = [stage.grounding_request(scene, question.text) for _, scene, question in further]
    for (case, _, question), said in zip(further, generate_all(stage.model, stage.cache, requests), strict=True):
        found.located += located(case, question, None if isinstance(said, TheodoliteError) else said.text)


def located(case: NanoCase, question: SceneQuestion, grounding: str | None) -> list[Located]:
    """How well the two objects of a question are located in every image; an object is known by its label."""
    regions = (
        () if grounding is None else grounded_regions(grounding, Images([frame.camera for frame in case.scene.frames]))
    )
    found = []
    for view in case.views:
        objects = {item.label: item for item in view.objects}
        for label in (question.statement.subject, question.statement.other):
            item = objects[label]
            name = normal_name(item.label if question.language == "en" else item.label_zh)
            boxes = [one.box_px for one in regions if one.frame == view.index and normal_name(one.label) == name]
            iou, error_px = 0.0, float(SIDE_PX)
            if boxes:
                iou = boxes_iou(boxes[0], item.box_px)
                error_px = float(np.mean(np.abs(np.subtract(boxes[0], item.box_px))))
            found.append(Located(case.name, question.language, len(case.views), iou, error_px))
    return found


def is_correct(question: SceneQuestion, outcome: Answer | TheodoliteError) -> bool:
    """Whether an answer says the right one of yes and no; what is missing or not understood is wrong."""
    expected = Expected(question.text, "yes" if question.statement.holds else "no", AnswerKind.YES_NO)
    return isinstance(outcome, Answer) and value_of(expected, outcome) == expected.answer


def told_scene(case: NanoCase, question: SceneQuestion) -> Scene:
    """The scene with exact boxes, masks and disparity of the two objects: the best table that there can be."""
    labels = (question.statement.subject, question.statement.other)
    names = dict(zip(labels, named(question.statement, question.language, _names_zh(case)), strict=True))
    regions = [
        Region(names[item.label], item.box_px, view.index, mask=item.visible, origin=Origin.GIVEN)
        for view in case.views
        for item in view.objects
        if item.label in labels
    ]
    return replace(case.scene, regions=tuple(regions), depth=tuple(_exact_disparity(view) for view in case.views))


def _names_zh(case: NanoCase) -> dict[str, str]:
    return {item.label: item.label_zh for item in shared_objects(case.views)}


def _exact_disparity(view: RenderedView) -> DepthMap:
    exact = _exact(view)
    disparity = np.divide(1, exact.values, out=np.zeros_like(exact.values), where=exact.valid)
    return DepthMap(disparity, exact.valid, DepthKind.DISPARITY_AFFINE, backend="rendered")


def _exact(view: RenderedView) -> DepthMap:
    exact = view.frame.given_depth
    assert exact is not None
    return exact


def abs_rel(depth: DepthMap, view: RenderedView) -> float:
    """AbsRel of an image as MiDaS measures it: ``conf/protocol/midas_zero_shot.yaml``.

    Scale and shift by least squares in disparity over all pixels with true depth; aligned depth is clamped to the
    largest true depth.
    """
    exact = _exact(view)
    both = exact.valid & depth.valid
    values, true_m = (depth_map.values[both].astype(np.float64) for depth_map in (depth, exact))
    fit = fit_alignment(values, true_m, depth.kind, Alignment.SCALE_SHIFT_DISPARITY)
    return float(np.mean(np.abs(fit.depth_m(values) - true_m) / true_m))


def pairs_in_order(depth: DepthMap, view: RenderedView) -> Iterator[bool]:
    """Whether predicted disparity orders the askable objects, by the medians over their visible pixels.

    Only pairs of which one is clearly closer, see ``pipeline.synthetic.ground_truth``.
    """
    medians = {item.label: float(np.median(depth.values[item.visible])) for item in askable(view)}
    for first, second in combinations(medians, 2):
        holds = truth_of(Claim("closer", first, second, origin=Origin.GIVEN), view).holds  # type: ignore[arg-type]
        if holds is not None:
            nearer, farther = (first, second) if holds else (second, first)
            yield medians[nearer] > medians[farther]


def judged(judge: VerifyStage, scene: Scene, view: RenderedView) -> list[Judgement]:
    """Verdicts on true and false claims that the depth can carry, of the true boxes without masks."""
    kind = scene.depth[0].kind
    drawn = claims_of(view, np.random.default_rng(int(scene.id.removeprefix("rendered-"))), _ALL)
    # They come in pairs of a true and a false one, which stay together.
    pairs = zip(drawn[::2], drawn[1::2], strict=True)
    carried = [pair for pair in pairs if all(can_carry(claim, kind) for claim in pair)]
    claims = tuple(claim for pair in carried[: CLAIMS_PER_SCENE // 2] for claim in pair)
    verdicts = judge(replace(scene, regions=view.regions(masks=False), claims=claims), None).verdicts
    return [
        Judgement(
            str(claim.relation),
            bool(claim.truth),
            verdict.probability,
            verdict.status is not Status.UNDECIDED,
            scene.id,
        )
        for claim, verdict in zip(claims, verdicts, strict=True)
    ]
