"""Held-out rendered scenes, as a user would hand them in, with what is asked about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.records import Scene
from pipeline.records.message import Language
from pipeline.synthetic.questions import SceneQuestion, Statement, askable, question_text, questions_about
from pipeline.synthetic.scenes import rendered_sequence
from pipeline.synthetic.view import RenderedObject, RenderedView

SIDE_PX = 256
LANGUAGES: tuple[Language, ...] = ("en", "zh")
SEQUENCE_FRAMES = 3
_QUESTIONS = 4


@dataclass(frozen=True, eq=False)
class NanoCase:
    """One scene.

    Args:
        scene: Its images alone: no depth, no regions, no poses.
        views: What they show.
        questions: Questions of yes or no with ground truth, in English and Chinese in turn.
        further: Questions whose truth is not used, so that each language asks where every askable object is.
    """

    scene: Scene
    views: tuple[RenderedView, ...]
    questions: tuple[SceneQuestion, ...]
    further: tuple[SceneQuestion, ...]

    @property
    def name(self) -> str:
        """What is drawn again as a whole for intervals."""
        return self.scene.id


def nano_case(seed: int, frames: int = 1) -> NanoCase:
    """The scene of a seed and its questions; the same seed gives the same."""
    made = rendered_sequence(seed, frames, size_px=(SIDE_PX, SIDE_PX), tidy=True)
    rng = np.random.default_rng((seed, frames))
    questions = questions_about(made.views, rng, _QUESTIONS, LANGUAGES)
    images = tuple(replace(frame, given_depth=None, pose=None) for frame in made.scene.frames)
    scene = Scene(made.scene.id if frames == 1 else f"{made.scene.id}-frames-{frames}", images)
    further = [one for language in LANGUAGES for one in _remaining(made.views, questions, language)]
    return NanoCase(scene, made.views, tuple(questions), tuple(further))


def shared_objects(views: Sequence[RenderedView]) -> list[RenderedObject]:
    """Objects of the first view that can be asked about in all of them."""
    first, *others = ({item.label: item for item in askable(view)} for view in views)
    return [item for label, item in first.items() if all(label in other for other in others)]


def _remaining(
    views: Sequence[RenderedView], questions: Sequence[SceneQuestion], language: Language
) -> list[SceneQuestion]:
    """Questions of a language about the askable objects that no question of it speaks of."""
    items = shared_objects(views)
    if len(items) < 2:
        return []
    labels = [item.label for item in items]
    asked = [question.statement for question in questions if question.language == language]
    spoken_of = {label for statement in asked for label in (statement.subject, statement.other)}
    missing = [label for label in labels if label not in spoken_of]
    if len(missing) % 2:
        missing.append(next(label for label in labels if label != missing[-1]))
    names_zh = {item.label: item.label_zh for item in items}
    made = [
        Statement("left_of", first, second, False) for first, second in zip(missing[::2], missing[1::2], strict=True)
    ]
    return [SceneQuestion(question_text(one, language, names_zh), language, one) for one in made]
