"""Items that one worker takes through all stages."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import scenes
from stages.runs import item, make_stages, manifest

from pipeline.batch.local import Work
from pipeline.batch.reading import Unfinished
from pipeline.batch.whole_items import Recipe, item_outcomes, sendable
from pipeline.records.errors import GenerationError
from pipeline.stages.depth import DepthStage
from pipeline.stages.group import Asked
from pipeline.stages.timing import StageError


class Unsendable(Exception):
    """Cannot be pickled."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.lock = lambda: None


class Unreadable(GenerationError):
    """Can be pickled, and not made from that again."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


ODD = [
    (Unsendable("It is odd."), "Unexpected Unsendable: It is odd."),
    (Unreadable("It is", "odd."), "It is odd."),
    (GenerationError("It is plain."), "It is plain."),
]


@pytest.mark.parametrize("error, words", ODD)
def test_any_error_of_an_item_reaches_the_caller_with_its_words(tmp_path: Path, error: Exception, words: str) -> None:
    class Failing(DepthStage):
        def all(self, scenes: Any) -> Any:
            raise error

    stages = make_stages(depth=Failing(make_stages().depth.backend))
    source = manifest(tmp_path, item("a", claims=[{"relation": "left_of", "subject": "x", "object": "y"}]))
    (given,) = source.items()
    outcomes = item_outcomes(Work(source, stages), Unfinished(given), Recipe(tmp_path, 1, None))
    ((asked, failure),) = pickle.loads(pickle.dumps(outcomes))
    assert (asked.item_id, failure.stage, str(failure), failure.is_fatal) == ("a", "depth", words, False)


@pytest.mark.parametrize("error, words", ODD)
def test_what_is_sent_has_no_scene_and_errors_that_can_be_read(error: Exception, words: str) -> None:
    known = error if isinstance(error, GenerationError) else StageError("query", error)
    asked = Asked("a", scene=scenes.scene(), ends_item=False, recheck_error=known)
    sent, failure = pickle.loads(pickle.dumps(sendable(asked, StageError("export", error, is_fatal=True))))
    assert (sent.item_id, sent.scene, sent.ends_item, str(sent.recheck_error)) == ("a", None, False, words)
    assert (failure.stage, str(failure), failure.is_fatal) == ("export", words, True)
    assert sendable(Asked("a"), failure)[0].recheck_error is None
