"""Pages of the worst mistakes and of wrong answers, so that they can be looked at."""

from __future__ import annotations

import heapq
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.evaluate.claims.judged_claim import JudgedClaim
from pipeline.evaluate.claims.wrong_answer import WrongAnswer
from pipeline.export.files import write_errors
from pipeline.export.report.assets import REPORT
from pipeline.export.report.item_page import write_item_page
from pipeline.export.stored_scene import StoredScene
from pipeline.export.text import file_name
from pipeline.records import Result
from pipeline.stages.export import depth_errors
from pipeline.stages.group import Asked, Stages, result_of

_VIEW_POINTS = 66_000
_BACK = "../../report.html"


class MistakePages:
    """Writes the pages while claims are judged, because no scene is kept.

    Args:
        folder: Folder of the evaluation; the pages of an older one in it are removed.
        stages: The stages that judge the claims.
        most: Most mistakes that the report lists.
    """

    def __init__(self, folder: Path, stages: Stages, most: int) -> None:
        self.folder = folder
        self.stages = stages
        self.most = most
        self._worst: list[float] = []
        self._pages: dict[str, str] = {}
        self._answers: dict[WrongAnswer, str] = {}
        self._claims: dict[tuple[str, str], int] = {}
        with write_errors(folder / REPORT):
            shutil.rmtree(folder / REPORT, ignore_errors=True)

    def add(self, judged: Asked, mistakes: Sequence[tuple[int, JudgedClaim]]) -> None:
        """Write the page of a scene if one of its mistakes is among the worst so far.

        Args:
            judged: The scene with its verdicts.
            mistakes: Decided and wrong claims with the indices of their verdicts.

        Raises:
            ExportError: If the page cannot be written.
        """
        least = self._worst[0] if len(self._worst) >= self.most else -1.0
        if not any(claim.certainty > least for _, claim in mistakes):
            return
        for index, claim in mistakes:
            heapq.heappush(self._worst, claim.certainty)
            self._claims.setdefault((claim.case, claim.claim), index)
            if len(self._worst) > self.most:
                heapq.heappop(self._worst)
        scene = judged.known_scene
        self._pages[scene.id] = self._write(judged, result_of(judged, self.stages), file_name(scene.id, None))

    def add_answer(self, asked: Asked, wrong: WrongAnswer) -> None:
        """Write the page of a wrong answer.

        Raises:
            ExportError: If the page cannot be written.
        """
        result = replace(result_of(asked, self.stages), correct_answer=wrong.expected, is_correct=False)
        name = file_name(asked.known_scene.id, f"{wrong.asked}: {asked.question}")
        self._answers[wrong] = self._write(asked, result, name)

    def answer_link(self, wrong: WrongAnswer) -> str:
        """Path of the page of a wrong answer, relative to the folder; empty without a page."""
        return self._answers.get(wrong, "")

    def _write(self, asked: Asked, result: Result, name: str) -> str:
        stored = StoredScene(asked.known_scene, depth_errors(asked.known_scene, self.stages.verify.verifier.budget))
        return write_item_page(self.folder, stored, result, name, _VIEW_POINTS, index=_BACK)

    def finish(self, mistakes: Iterable[JudgedClaim]) -> list[str]:
        """Remove the pages of mistakes that are not among the worst after all.

        Args:
            mistakes: The worst mistakes.

        Returns:
            For each of them, the link to its verdict, relative to the folder; empty without a page.

        Raises:
            ExportError: If a file cannot be written or removed.
        """
        links, kept = [], set()
        for claim in mistakes:
            page = self._pages.get(claim.case, "")
            kept.add(Path(page).stem)
            index = self._claims.get((claim.case, claim.claim))
            links.append(page and (page if index is None else f"{page}#claim-{index}"))
        for page in self._pages.values():
            if Path(page).stem not in kept:
                self._remove(Path(page).stem)
        return links

    def _remove(self, name: str) -> None:
        report = self.folder / REPORT
        paths = [report / "items" / f"{name}{suffix}" for suffix in (".html", ".js")]
        with write_errors(report):
            # No two names are the start of each other before a dash: they end in a hash.
            paths += [path for path in (report / "images").iterdir() if path.name.startswith(f"{name}-")]
            for path in (*paths, report / "thumbnails" / f"{name}.jpg"):
                path.unlink(missing_ok=True)
