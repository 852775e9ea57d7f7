"""Input of the quickstart: rendered scenes with questions, and their ground truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from pipeline.claims.names import normal_name
from pipeline.ingest.annotations import Annotations, make_region, read_claims
from pipeline.ingest.item import Item, questions_of
from pipeline.records import Claim, Scene
from pipeline.records.errors import ConfigError, DependencyError, InputError
from pipeline.records.expected import Expected
from pipeline.records.relations import RELATIONS
from pipeline.records.settings import Count, Natural, checked
from pipeline.synthetic.ground_truth import truth_of
from pipeline.synthetic.questions import questions_about
from pipeline.synthetic.scenes import TIDY_SIZE_PX, RenderedScene, rendered_sequence


@dataclass(frozen=True, eq=False)
class _Asked:
    """A rendered scene, the questions about it, and the labels of its objects by their normal names."""

    made: RenderedScene
    expected: tuple[Expected, ...]
    labels: dict[str, str]


class QuickstartSource:
    """Tidy rendered scenes with questions of yes or no, in English and Chinese in turn.

    The scenes have no regions, as the model must find the objects. Only ``depth=file`` uses their exact depth.
    ``expected`` and ``holds`` give the ground truth, for counting alone.

    Args:
        seeds: Seeds of the scenes of one image.
        sequence_seeds: Seeds of the scenes of several images.
        frames: Images of such a scene.
        questions: Questions about each scene.
        question: One question or several, asked about every scene instead; its correct answer is unknown.
        claims: Path of a JSON file of claims, see ``read_claims``, which are judged along.

    Raises:
        ConfigError: If a seed occurs twice, or a number is out of range.
    """

    @checked
    def __init__(
        self,
        seeds: Sequence[Natural],
        sequence_seeds: Sequence[Natural] = (),
        frames: Count = 3,
        questions: Count = 2,
        question: str | Sequence[str] | None = None,
        claims: str | Path | None = None,
    ) -> None:
        self.frames = dict.fromkeys(seeds, 1) | dict.fromkeys(sequence_seeds, frames)
        if not self.frames:
            raise ConfigError("input.seeds and input.sequence_seeds are empty: name a scene.")
        if len(self.frames) < len(seeds) + len(sequence_seeds):
            raise ConfigError("input.seeds and input.sequence_seeds name a scene twice.")
        self.questions = questions
        self.asked = questions_of(question)
        self.claims = claims
        self._known: dict[str, _Asked] = {}

    @cached_property
    def annotations(self) -> Annotations:
        """Regions and claims of ``claims``, read once.

        Raises:
            InputError: If they cannot be used.
        """
        return Annotations() if self.claims is None else read_claims(self.claims)

    def items(self) -> Iterator[Item]:
        """One item per scene.

        Raises:
            DependencyError: If Open3D cannot be imported.
        """
        _check_renderer()
        for seed, frames in self.frames.items():
            asked = _asked(seed, frames, self.questions)
            name = asked.made.scene.id
            self._known[name] = asked
            questions = self.asked or tuple(item.question for item in asked.expected)
            yield Item(name, (Path(name),), questions=questions)

    def count(self) -> int:
        """Number of scenes."""
        return len(self.frames)

    def scene(self, item: Item) -> Scene:
        """The images of an item that ``items`` gave.

        Raises:
            InputError: If there is nothing to ask about them.
        """
        made = self._known[item.id].made.scene
        if not item.questions:
            raise InputError(
                f"Nothing can be asked about scene {item.id} that is clear in all of its {len(made.frames)} images; "
                "choose another seed or fewer input.frames, or give a question."
            )
        given = self.annotations.of(item.id)
        regions = tuple(make_region(region, [TIDY_SIZE_PX] * len(made.frames)) for region in given.regions)
        return replace(made, questions=item.questions, regions=regions, claims=given.claims)

    def expected(self, item_id: str, question: str) -> Expected | None:
        """The correct answer to one of the questions about an item."""
        return next((known for known in self._known[item_id].expected if known.question == question), None)

    def holds(self, item_id: str, claim: Claim) -> bool | None:
        """Whether a claim about named objects is true, wherever the model may have located them.

        All images that show the objects must agree. The truth of a 3D box is unknown, as its claim does not hold it.
        """
        if RELATIONS[claim.relation].rule == "box_3d":
            return None
        asked = self._known[item_id]
        named = _with_labels(claim, asked.labels)
        truths = set()
        for view in asked.made.views:
            if claim.frames and view.index not in claim.frames:
                continue
            try:
                truths.add(truth_of(named, view).holds)
            except InputError:  # The image does not show one of the objects.
                continue
        return truths.pop() if len(truths) == 1 else None


def _asked(seed: int, frames: int, questions: int) -> _Asked:
    made = rendered_sequence(seed, frames, size_px=TIDY_SIZE_PX, tidy=True)
    asked = questions_about(made.views, np.random.default_rng(seed), questions)
    objects = [item for view in made.views for item in view.objects]
    labels = {normal_name(name): item.label for item in objects for name in (item.label, item.label_zh)}
    return _Asked(made, tuple(question.expected for question in asked), labels)


def _check_renderer() -> None:
    try:
        import open3d  # noqa: F401
    except (ImportError, OSError) as error:
        raise DependencyError(
            f"The scenes of the quickstart are rendered with Open3D, which cannot be imported ({error}): install it "
            "with pip, and on Linux the system libraries libusb-1.0-0 libegl1 libgl1 libx11-6 libgomp1; or give an "
            "image of your own with input=PATH."
        ) from error


def _with_labels(claim: Claim, labels: dict[str, str]) -> Claim:
    """The claim with the labels of its objects in place of other spellings and Chinese names."""

    def label(name: str | None) -> str | None:
        return None if name is None else labels.get(normal_name(name), name)

    subject = label(claim.subject) or claim.subject
    return replace(claim, subject=subject, object=label(claim.object), other_object=label(claim.other_object))
