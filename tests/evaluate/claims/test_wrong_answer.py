from __future__ import annotations

import json
from pathlib import Path

from evaluate.claims.claim_data import EXPECTED, SmallDataset, case, subjects
from evaluate.claims.test_run import recorded
from html_page import Page

from pipeline.evaluate.claims.evaluate import evaluate_claims


def test_wrong_answers_are_listed_and_lead_to_their_pages(tmp_path: Path) -> None:
    nearer, nearest = (item.question for item in EXPECTED)
    path = recorded(
        tmp_path, ("a", nearer, "No."), ("a", nearest, "A. cup"), ("b", nearer, "Yes."), ("b", nearest, "C")
    )
    cases = [case(name, claims=(), expected=EXPECTED) for name in ("a", "b")]
    folder = tmp_path / "out"
    made = subjects("vlm=recorded", path, "compare_hints=false")
    report = evaluate_claims(SmallDataset(cases), made, folder, configuration={}, draws=0)
    wrong = report["wrong_answers"]
    assert wrong["count"] == 2
    assert [(one["case"], one["question"], one["expected"], one["said"]) for one in wrong["first"]] == [
        ("a", nearer, EXPECTED[0].answer, "No."),
        ("b", " ".join(nearest.split()), EXPECTED[1].answer, "C"),
    ]
    assert json.loads((folder / "report.json").read_text())["wrong_answers"] == wrong
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert "Wrong answers" in page.text
    links = [link for link in page.links if "items" in link]
    assert links == [one["page"] for one in wrong["first"]]
    source = (folder / links[0]).read_text(encoding="utf-8")
    assert "The correct answer is yes." in source and ">wrong<" in source and "../../report.html" in source
