"""Claims, regions and depth in; verdicts out."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Annotated, Any

from annotated_types import Interval

from pipeline.geometry.regions import boxes_iou
from pipeline.records import Claim, Evidence, Region, Scene, Status, Verdict
from pipeline.records.calibration import Calibration, Curve
from pipeline.records.error_budget import ErrorBudget
from pipeline.records.message import Language, Message, message
from pipeline.records.relations import RELATIONS, Need, Relation
from pipeline.records.result import CalibrationNote
from pipeline.records.settings import Share, checked
from pipeline.records.weights import Weights
from pipeline.verify.mixture import judge_alternatives
from pipeline.verify.named_regions import (
    NEEDS_CONFIRMATION,
    NamedRegions,
    is_doubted,
    least_shown,
    together,
    trust_in,
)
from pipeline.verify.rules.base import CannotMeasure, Finding, Settings
from pipeline.verify.rules.object_view import ObjectView
from pipeline.verify.rules.view import FrameView
from pipeline.verify.views import Views, views_of

_MOST_CERTAIN = 1e-6
# Depth whose distance to that of the calibration is larger is unlike it [standard deviations].
_FAMILIAR = 3.0
_NEEDS_CALIBRATION, _NEEDS_NETWORK = "needs_calibration", "needs_network"
# Findings with these needs say themselves why they decide nothing.
_EXPLAINED = (_NEEDS_CALIBRATION, _NEEDS_NETWORK, NEEDS_CONFIRMATION)
# Boxes that overlap more than this cannot be told apart.
_SAME_IOU = 0.95


@dataclass(frozen=True)
class _Judged:
    """The finding of one frame, or why there is none."""

    frame: int
    regions: tuple[int, ...]
    found: Finding | CannotMeasure


class Verifier:
    """Judges claims by geometry.

    Args:
        risk: Accepted probability of a wrong decided verdict, in (0, 0.5): a claim is supported where its
            probability is at least 1 - risk, refuted where it is at most risk, and undecided in between.
        budget: Error of every measurement.
        weights: Weights of the fitted models; None takes those that ship.
        calibration: How stated probabilities are corrected; None takes that which ships.
        settings: How objects are cut out and numbers compared.
        frame_correlation: How much of the error is common to all frames, in [0, 1]: 0 lets each frame vote
            for itself, 1 takes their mean.

    Raises:
        ConfigError: If the risk is not in (0, 0.5), or the correlation not in [0, 1].
    """

    @checked
    def __init__(
        self,
        risk: Annotated[float, Interval(gt=0, lt=0.5)] = 0.05,
        budget: ErrorBudget | None = None,
        settings: Settings | None = None,
        frame_correlation: Share = 0.7,
        weights: Weights | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self.risk = risk
        self.weights = weights or Weights.shipped()
        self.calibration = calibration or Calibration.shipped()
        self.frame_correlation = frame_correlation
        self.budget = budget or ErrorBudget()
        self.settings = settings or Settings()

    def with_fits(self, weights: Weights, calibration: Calibration) -> Verifier:
        """The same verifier with other weights and another calibration."""
        return Verifier(self.risk, self.budget, self.settings, self.frame_correlation, weights, calibration)

    def judge(
        self, scene: Scene, regions: Sequence[Region], claims: Sequence[Claim], language: Language = "en"
    ) -> tuple[Verdict, ...]:
        """Judge each claim.

        Args:
            scene: Frames, with depth where there is any.
            regions: Regions that the claims may name; indices of the evidence refer to them.
            claims: The claims.
            language: Language of the verdicts' sentences.

        Returns:
            One verdict per claim, in the same order. The same input gives the same verdicts.
        """
        regions = tuple(regions)
        images, own = self.views(scene, regions)
        names = NamedRegions(regions)
        return tuple(
            self._judge_claim(claim, own if reads_depth(claim) else images, names, language) for claim in claims
        )

    def views(self, scene: Scene, regions: tuple[Region, ...]) -> tuple[Views, Views]:
        """Frames and regions in the pixels of the images, and on the grids of the depth's own samples."""
        return views_of(scene, regions, self.budget, self.settings, self.weights)

    def _judge_claim(
        self,
        claim: Claim,
        seen: Views,
        names: NamedRegions,
        language: Language,
    ) -> Verdict:
        views, objects = seen.views, seen.objects
        relation = RELATIONS[claim.relation]
        named = names.of(claim, relation, len(views))
        if isinstance(named, CannotMeasure):
            return _verdict(claim, language, Status.UNDECIDED, named.reason, named.needs)
        found = together(named)
        if not found:
            refusal = names.why_apart(claim)
            undecided = _verdict(claim, language, Status.UNDECIDED, refusal.reason, refusal.needs)
            return self._merged(claim, views, objects, named, undecided, language)
        rule: Callable[..., Finding] = importlib.import_module(f"pipeline.verify.rules.{relation.rule}").judge
        by_depth = reads_depth(claim)
        curves = {frame: self._curve(relation, views[frame]) if by_depth else None for frame in found}
        judged = []
        for frame, indices in found.items():
            located = [objects[index] for index in indices]
            try:
                views[frame].require(need_of(claim))
                if relation.objects and _coincide([item.region for item in located]):
                    raise CannotMeasure("same_region", "needs_distinct_regions")
                trust = trust_in([item.region for item in located])
                if by_depth:
                    finding = judge_alternatives(rule, claim, located, **relation.options)
                    if (own := curves[frame]) is not None:
                        finding = self._calibrated(finding, own[1], views[frame].is_familiar)
                else:
                    finding = rule(claim, *located, **relation.options)
                finding = self._averaged(finding, trust, located)
                judged.append(_Judged(frame, indices, finding))
            except CannotMeasure as refusal:
                judged.append(_Judged(frame, indices, _with_all_small(refusal, located)))
        first = next(iter(found))
        key, curve = curves[first] or ("", None)
        verdict = self._fuse(claim, judged, language, curve)
        if verdict.status is Status.UNDECIDED and not any(
            is_doubted(names.regions[i]) for f in found.values() for i in f
        ):
            verdict = self._merged(claim, views, objects, named, verdict, language, curve)
        if curve is None:
            return verdict
        return replace(verdict, calibration=self._note(key, curve, views[first].features))

    def _curve(self, relation: Relation, view: FrameView) -> tuple[str, Curve] | None:
        """Key and curve of the calibration for verdicts about a relation in a frame with depth."""
        try:
            return self.calibration.of(relation.rule, view.depth, view.is_familiar)
        except CannotMeasure:
            return None

    def _calibrated(self, finding: Finding, curve: Curve, is_familiar: bool) -> Finding:
        """The finding with its calibrated probability; it says so where that is what leaves it undecided."""
        probability = curve.apply(finding.probability)
        before, after = self._status(finding.probability), self._status(probability)
        if before is Status.UNDECIDED or after is not Status.UNDECIDED:
            return replace(finding, probability=probability)
        if not is_familiar:
            note = finding.note + message("unfamiliar_image")
            return replace(finding, probability=probability, note=note, needs=_NEEDS_NETWORK)
        note = finding.note + message("calibration_limits", verdicts=curve.verdicts)
        return replace(finding, probability=probability, note=note, needs=_NEEDS_CALIBRATION)

    def _averaged(self, finding: Finding, trust: float, located: Sequence[ObjectView]) -> Finding:
        """The finding averaged over the doubt about its regions: of other things nothing is known.

        It says so where that is what leaves it undecided.
        """
        if trust == 1:
            return finding
        probability = trust * finding.probability + (1 - trust) / 2
        averaged = replace(finding, probability=probability)
        if self._status(finding.probability) is Status.UNDECIDED or self._status(probability) is not Status.UNDECIDED:
            return averaged
        least = least_shown([item.region for item in located])
        note = finding.note + message("region_doubted", label=least.label, probability=least.shown)
        return replace(averaged, note=note, needs=NEEDS_CONFIRMATION)

    def _note(self, key: str, curve: Curve, features: Mapping[str, float]) -> CalibrationNote:
        distance = curve.distance(features)
        # The guarantee is about verdicts that are decided at its own risk.
        holds = self.risk <= self.calibration.risk and (distance or 0.0) <= _FAMILIAR
        return CalibrationNote(
            self.calibration.name,
            key,
            curve.verdicts,
            curve.scenes,
            curve.missing_scenes if holds else None,
            None if distance is None else round(distance, 2),
        )

    def _merged(
        self,
        claim: Claim,
        views: list[FrameView],
        objects: Sequence[ObjectView],
        named: Sequence[Mapping[int, int]],
        undecided: Verdict,
        language: Language,
        curve: Curve | None = None,
    ) -> Verdict:
        """Let the points of all posed frames together decide what no single frame decides."""
        contradicts = any(item.probability is not None for item in undecided.evidence) and undecided.probability == 0.5
        if len(views) < 2 or contradicts:
            return undecided
        from pipeline.verify import fusion
        from pipeline.verify.rules.merged import posed_frames

        if claim.relation not in fusion.JUDGED:
            return undecided
        posed = [frame for frame in posed_frames(views) if any(frame in by_frame for by_frame in named)]
        if len(posed) < 2:
            return undecided
        try:
            located = [{frame: objects[index] for frame, index in by_frame.items()} for by_frame in named]
            finding = fusion.judge(claim, views, located)
        except CannotMeasure as refusal:
            note = message("posed_together", reason=refusal.reason)
            more = Evidence(posed[0], note=note.text(language), note_code=refusal.reason.code)
            return replace(undecided, evidence=(*undecided.evidence, more))
        if curve is not None:
            finding = replace(finding, probability=curve.apply(finding.probability))
        probability = _probability(finding, claim.negated)
        status = self._status(probability)
        indices = tuple(next(iter(by_frame.values())) for by_frame in named)
        together = _Judged(posed[0], indices, finding)
        evidence = (*undecided.evidence, _evidence(together, claim.negated, language))
        if status is Status.UNDECIDED:
            return replace(undecided, evidence=evidence)
        return _verdict(
            claim, language, status, finding.note, finding=finding, probability=probability, evidence=evidence
        )

    def _fuse(self, claim: Claim, judged: list[_Judged], language: Language, curve: Curve | None) -> Verdict:
        """Let the frames vote in log-odds; frames that contradict each other decide nothing."""
        evidence = tuple(_evidence(item, claim.negated, language) for item in judged)
        found = [
            (item.frame, item.found, _probability(item.found, claim.negated))
            for item in judged
            if isinstance(item.found, Finding)
        ]
        if not found:
            refusals = [item.found for item in judged if isinstance(item.found, CannotMeasure)]
            return _verdict(
                claim,
                language,
                Status.UNDECIDED,
                refusals[0].reason,
                refusals[0].needs,
                evidence=evidence,
                small_regions=tuple(dict.fromkeys(index for refusal in refusals for index in refusal.regions)),
            )
        for_it = [frame for frame, _, probability in found if self._status(probability) is Status.SUPPORTED]
        against = [frame for frame, _, probability in found if self._status(probability) is Status.REFUTED]
        # Frames of one scene share most of their errors, so n of them count for less than n.
        shared = 1 + (len(found) - 1) * self.frame_correlation
        log_odds = sum(_log_odds(probability) for _, _, probability in found) / shared
        probability = 1 / (1 + math.exp(-log_odds))
        if curve is not None:
            probability = curve.bounded(probability)
        _, strongest, _ = max(found, key=lambda item: abs(_log_odds(item[2])))
        status, reason = self._status(probability), strongest.note
        needs: Message | None = None
        if for_it and against:
            status, probability = Status.UNDECIDED, 0.5
            reason = message("frames_contradict", supporting=tuple(for_it), refuting=tuple(against))
            needs = message("needs_meant_frame")
        elif status is Status.UNDECIDED:
            # At exactly one half the note already says why nothing can be decided.
            explained = probability == 0.5 or strongest.needs in _EXPLAINED
            reason = strongest.note if explained else strongest.note + message("within_error")
            needs = message(strongest.needs)
        return _verdict(claim, language, status, reason, needs, strongest, probability=probability, evidence=evidence)

    def _status(self, probability: float) -> Status:
        if probability >= 1 - self.risk:
            return Status.SUPPORTED
        return Status.REFUTED if probability <= self.risk else Status.UNDECIDED


def _coincide(regions: Sequence[Region]) -> bool:
    """Whether two of the regions cannot be told apart."""
    return any(
        first is second
        or (first.mask is None and second.mask is None and boxes_iou(first.box_px, second.box_px) > _SAME_IOU)
        for first, second in combinations(regions, 2)
    )


def _with_all_small(refusal: CannotMeasure, located: Sequence[ObjectView]) -> CannotMeasure:
    """A refusal for too few pixels, extended to all of the claim's regions that have too few."""
    if not refusal.regions:
        return refusal
    small: list[int] = []
    for item in located:
        try:
            item.pixels  # noqa: B018
        except CannotMeasure as other:
            small += other.regions
    return CannotMeasure(refusal.reason, refusal.needs.code, tuple(small))


def reads_depth(claim: Claim) -> bool:
    """Whether a claim is judged by depth, rather than by places in the image alone."""
    return RELATIONS[claim.relation].need is not Need.NOTHING or claim.measure == "world"


def need_of(claim: Claim) -> Need:
    """The least that depth must carry for a claim to be judged."""
    relation = RELATIONS[claim.relation]
    return relation.value_need if claim.value is not None and relation.need is not Need.NOTHING else relation.need


def _verdict(
    claim: Claim,
    language: Language,
    status: Status,
    reason: Message,
    needs: Message | None = None,
    finding: Finding | None = None,
    **rest: Any,
) -> Verdict:
    """The verdict with its sentences in a language, and the margin of a finding."""
    if finding is not None:
        rest |= {"margin": -finding.margin if claim.negated else finding.margin, "unit": finding.unit}
    return Verdict(
        claim,
        status,
        reason.text(language),
        needs=None if needs is None else needs.text(language),
        claim_text=claim.in_words(language),
        reason_code=reason.code,
        needs_code=None if needs is None else needs.code,
        **rest,
    )


def _probability(finding: Finding, negated: bool) -> float:
    probability = min(max(finding.probability, 0.0), 1.0)
    return 1 - probability if negated else probability


def _log_odds(probability: float) -> float:
    clipped = min(max(probability, _MOST_CERTAIN), 1 - _MOST_CERTAIN)
    return math.log(clipped / (1 - clipped))


def _evidence(item: _Judged, negated: bool, language: Language) -> Evidence:
    found = item.found
    if isinstance(found, CannotMeasure):
        return Evidence(item.frame, item.regions, note=found.reason.text(language), note_code=found.reason.code)
    return Evidence(
        item.frame,
        item.regions,
        found.numbers,
        found.points,
        _probability(found, negated),
        found.note.text(language),
        found.note.code,
        found.contour_px,
    )
