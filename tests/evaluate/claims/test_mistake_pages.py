from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evaluate.claims.claim_data import CLAIMS, SmallDataset, case, subjects
from html_page import Page

from pipeline.datasets.base import Case
from pipeline.evaluate.claims.evaluate import evaluate_claims
from pipeline.evaluate.claims.mistake_pages import MistakePages
from pipeline.evaluate.claims.run import run_claims

# The ground truth is turned around, so that correct verdicts are mistakes.
LIES = tuple(replace(claim, truth=not claim.truth) for claim in CLAIMS)


def evaluated(folder: Path, cases: Sequence[Case]) -> list[dict[str, str]]:
    mistakes: list[dict[str, str]] = evaluate_claims(
        SmallDataset(cases), subjects("baselines=false"), folder, configuration={}, draws=0
    )["mistakes"]
    return mistakes


def test_a_wrong_verdict_leads_to_its_item_with_one_click(tmp_path: Path) -> None:
    mistakes = evaluated(tmp_path, [case("right"), case("wrong", LIES[:2])])
    assert {mistake["case"] for mistake in mistakes} == {"wrong"}
    links = [link for link in Page((tmp_path / "report.html").read_text(encoding="utf-8")).links if "items" in link]
    assert links == [mistake["page"] for mistake in mistakes] and len(links) == 2
    assert json.loads((tmp_path / "report.json").read_text())["mistakes"] == mistakes
    for mistake in mistakes:
        path, _, claim = mistake["page"].partition("#")
        source = (tmp_path / path).read_text(encoding="utf-8")
        card = source.split(f'id="{claim}"')[1].split("</li>")[0]
        assert mistake["claim"] in card and ">wrong<" in card
        back = [link for link in Page(source).links if link.endswith("report.html")]
        assert back == ["../../report.html"]
    assert (tmp_path / "report" / "assets" / "report.css").is_file()
    assert len(list((tmp_path / "report" / "items").glob("*.html"))) == 1, "no page of what is correct"


def test_without_mistakes_there_are_no_pages_and_older_ones_go(tmp_path: Path) -> None:
    evaluated(tmp_path, [case("wrong", LIES[:2])])
    assert (tmp_path / "report").is_dir()
    assert evaluated(tmp_path, [case("right")]) == []
    assert not (tmp_path / "report").exists()


def test_pages_of_the_worst_mistakes_stay(tmp_path: Path) -> None:
    pages = MistakePages(tmp_path, subjects().stages, 2)
    # Left and right are certain; distances are less so.
    cases = [case("unsure", LIES[6:]), case("sure", LIES[2:4]), case("late", LIES[6:])]
    run = run_claims(SmallDataset(cases), subjects("baselines=false"), on_mistakes=pages.add)
    worst = run.mistakes[:2]
    assert [claim.case for claim in worst] == ["sure", "sure"]
    links = pages.finish(worst)
    assert all(link.startswith("report/items/sure-") for link in links)
    names = {path.name.split("-")[0] for path in (tmp_path / "report").rglob("*.*") if path.parent.name != "assets"}
    assert names == {"sure"}, "pages and pictures of the others are gone, and the late one was never written"
