from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from evaluate.claims.claim_data import CLAIMS, EXPECTED, SmallDataset, case, subjects, without_depth
from html_page import Page
from rich.console import Console

from pipeline.claims.compare_answers import Scored
from pipeline.console.claims_report import print_report
from pipeline.evaluate.claims.baselines import BaselineScore
from pipeline.evaluate.claims.evaluate import evaluate_claims
from pipeline.evaluate.claims.page import area_gain, page_of
from pipeline.evaluate.claims.report import SCHEMA_VERSION, answer_figures, report_of, thinned_curve
from pipeline.evaluate.claims.run import AnsweredQuestion, ClaimRun, JudgedClaim
from pipeline.evaluate.claims.scores import Judgement, scores
from pipeline.evaluate.plots import reliability_plot, risk_coverage_plot
from pipeline.records import Status
from pipeline.records.errors import ConfigError, ExportError

HOSTILE = '<script>alert("1")</script> & {{ 7 * 7 }}'


def judgement(k: int) -> Judgement:
    """One of a series of judgements: mostly correct, some undecided, two relations, four per scene."""
    truth, probability = k % 2 == 0, 0.02 + 0.96 * ((k * 37) % 100) / 100
    if truth != (probability > 0.5) and k % 9:
        probability = 1 - probability
    relation = "closer" if k % 3 else "occludes"
    return Judgement(relation, truth, probability, abs(probability - 0.5) > 0.4, f"scene {k // 4}")


def a_run(count: int = 80) -> ClaimRun:
    judgements = [judgement(k) for k in range(count)]
    scored = [BaselineScore(item.relation, item.truth, math.sin(k), item.group) for k, item in enumerate(judgements)]
    mistake = JudgedClaim(HOSTILE, "closer", HOSTILE, True, 0.01, Status.REFUTED, HOSTILE, "metric", "scene 0")
    return ClaimRun(
        judgements,
        ["metric, sensor" if k % 2 else "disparity_affine" for k in range(count)],
        {"box_mean": scored, "box_centre": scored},
        mistakes=[mistake],
        failures=[(HOSTILE, "depth", "no depth")],
        cases=count // 4,
        seconds={"verify": 0.5},
    )


def a_report(**changes: Any) -> dict[str, Any]:
    return report_of(a_run(), dataset=HOSTILE, configuration={"dataset": {"path": HOSTILE}, "limit": None}, **changes)


def test_the_report_holds_the_figures_of_its_judgements() -> None:
    run, report = a_run(), a_report(draws=50)
    expected = scores(run.judgements)
    found = report["judges"]["verifier"]
    assert report["schema_version"] == SCHEMA_VERSION
    assert (found["claims"], found["decided"]) == (80, sum(item.is_decided for item in run.judgements))
    for name in ("coverage", "accuracy", "forced_accuracy", "risk_coverage_area", "calibration_error"):
        figure = found[name]
        assert figure["value"] == pytest.approx(getattr(expected, name))
        assert figure["low"] <= figure["value"] <= figure["high"] or name == "calibration_error"
    assert set(report["judges"]) == {"verifier", "box_mean", "box_centre"}
    assert report["dataset"] == {
        "name": HOSTILE, "cases": 20, "claims": 80, "true_claims": 40, "questions": 0, "scenes": 20,
    }  # fmt: skip


def test_every_key_of_version_1_stays() -> None:
    assert set(a_report(draws=0)) == {
        "schema_version", "dataset", "judges", "occlusion", "relations", "sources", "reliability", "risk_coverage",
        "answers", "mistakes", "failures", "seconds", "bootstrap", "configuration", "versions",
    }  # fmt: skip


def test_parts_add_up_to_the_whole() -> None:
    report = a_report(draws=0)
    for part in ("relations", "sources"):
        assert sum(judges["verifier"]["claims"] for judges in report[part].values()) == 80
        assert all(set(judges) == set(report["judges"]) for judges in report[part].values())
    counts = [judges["verifier"]["claims"] for judges in report["relations"].values()]
    assert counts == sorted(counts, reverse=True)
    assert sum(item["count"] for item in report["reliability"]) == 80
    assert report["occlusion"]["verifier"]["claims"] == report["relations"]["occludes"]["verifier"]["claims"]


def test_the_same_run_gives_the_same_report_and_another_seed_other_intervals() -> None:
    assert a_report(draws=40) == a_report(draws=40)
    assert a_report(draws=40)["judges"] != a_report(draws=40, seed=1)["judges"]


def test_undefined_figures_are_null() -> None:
    report = report_of(ClaimRun(cases=1), dataset="none", configuration={})
    text = json.dumps(report, allow_nan=False)
    assert json.loads(text)["judges"]["verifier"]["accuracy"] == {"value": None, "low": None, "high": None}


def test_a_long_curve_is_thinned_but_keeps_its_ends_and_its_area() -> None:
    made = [judgement(k) for k in range(5000)]
    curve = thinned_curve(made)
    assert len(curve["coverage"]) == len(curve["risk"]) == 200
    assert (curve["coverage"][0], curve["coverage"][-1]) == (1 / 5000, 1)
    area = sum(curve["risk"]) / len(curve["risk"])
    assert area == pytest.approx(scores(made).risk_coverage_area, abs=0.01)
    assert len(thinned_curve(made[:7])["risk"]) == 7


def question(k: int, score: float, status: Status, after: float, category: str = "") -> AnsweredQuestion:
    return AnsweredQuestion(
        f"case {k}", f"case {k}", category, EXPECTED[0], {"raw": Scored("yes", score, status, after), "hints": None}
    )


def test_answers_are_counted_raw_refuted_and_after_verdicts() -> None:
    asked = [
        question(0, 1, Status.SUPPORTED, 1),
        question(1, 1, Status.UNDECIDED, 1, "size"),
        question(2, 0, Status.REFUTED, 1),
        question(3, 1, Status.REFUTED, 0, "size"),
        question(4, 0, Status.UNDECIDED, 0),
    ]
    rows = answer_figures(asked, draws=20, seed=0)
    assert [(row["asked"], row["category"]) for row in rows] == [
        (name, category) for category in (None, "", "size") for name in ("raw", "hints")
    ]
    raw = {key: item["value"] for key, item in rows[0].items() if isinstance(item, dict)}
    assert raw == {
        "accuracy": 0.6, "accuracy_before": 0.6, "asked_again": 0, "understood": 1, "refuted": 0.4, "supported": 0.2,
        "accuracy_not_refuted": pytest.approx(2 / 3),
        "accuracy_supported": 1, "refuted_wrong": 0.5, "accuracy_after_verdicts": 0.6,
    }  # fmt: skip
    assert rows[1]["accuracy"]["value"] == rows[1]["understood"]["value"] == 0, "no answer is a wrong one"
    assert rows[1]["refuted_wrong"]["value"] is None


def test_the_gain_compares_with_the_best_baseline() -> None:
    report = a_report(draws=0)
    report["judges"]["box_mean"]["risk_coverage_area"]["value"] = 0.4
    report["judges"]["box_centre"]["risk_coverage_area"]["value"] = 0.2
    report["judges"]["verifier"]["risk_coverage_area"]["value"] = 0.05
    assert area_gain(report) == ("box_centre", pytest.approx(0.25))
    del report["judges"]["box_mean"], report["judges"]["box_centre"]
    assert area_gain(report) is None


@pytest.mark.parametrize("report", [a_report(draws=30), a_report(draws=0)], ids=["intervals", "no intervals"])
def test_the_page_is_complete_and_self_contained(report: dict[str, Any]) -> None:
    source = page_of(report)
    page = Page(source)
    assert page.open == [] and page.links == []
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert {"svg", "table", "style"} <= set(page.tags)
    assert "@import" not in source and "url(http" not in source
    # Namespaces are the only addresses.
    assert set(re.findall(r"https?://[^\"'<\s]+", source)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_texts_of_the_data_are_escaped() -> None:
    source = page_of(a_report(draws=0))
    assert "<script>" not in source
    assert Page(source).text.count(HOSTILE) >= 4, "data set, claim, reason, failure and configuration show it as it is"


def test_the_page_of_answers_alone_has_no_plots() -> None:
    run = ClaimRun(questions=[question(k, 1, Status.SUPPORTED, 1) for k in range(3)], cases=3)
    page = Page(page_of(report_of(run, dataset="asked", configuration={}, draws=10)))
    assert "svg" not in page.tags and "Answers of the model" in page.text and page.open == []


def test_plots_take_their_colours_from_the_page_and_repeat() -> None:
    report = a_report(draws=0)
    made = (risk_coverage_plot(report["risk_coverage"]), reliability_plot(report["reliability"]))
    assert made == (risk_coverage_plot(report["risk_coverage"]), reliability_plot(report["reliability"]))
    for svg in made:
        assert svg.startswith("<svg") and "var(--ink)" in svg and "var(--series-0)" in svg
        assert not re.search(r"#[0-9a-f]{6}", svg)
    first, second = (set(re.findall(r'id="([^"]+)"', svg)) for svg in made)
    assert first and second and not first & second
    assert "box mean" in made[0]


def test_the_console_shows_figures_failures_and_paths(tmp_path: Path) -> None:
    console = Console(record=True, width=160)
    print_report(console, a_report(draws=20), tmp_path)
    text = console.export_text()
    assert HOSTILE in text and "box centre" in text and str(tmp_path / "report.html") in text
    assert "depth: no depth" in text


def test_files_are_written_and_replaced(tmp_path: Path) -> None:
    cases = [case("a"), case("b"), without_depth("c"), case("d")]
    for expected in (4, 2):
        dataset = SmallDataset(cases[:expected])
        report = evaluate_claims(dataset, subjects(), tmp_path / "out", configuration={"seed": 0}, draws=20)
        assert json.loads((tmp_path / "out" / "report.json").read_text()) == report
        lines = [json.loads(line) for line in (tmp_path / "out" / "claims.jsonl").read_text().splitlines()]
        assert len(lines) == report["dataset"]["claims"] == len(CLAIMS) * (3 if expected == 4 else 2)
    assert lines[0] == {
        "case": "a", "group": "a", "relation": "closer", "claim": "screen is closer than cabinet", "truth": True,
        "probability": lines[0]["probability"], "status": "supported", "reason": lines[0]["reason"],
        "source": "metric, sensor, unknown",
    }  # fmt: skip
    assert Page((tmp_path / "out" / "report.html").read_text()).open == []


@pytest.mark.parametrize(
    "numbers, words",
    [
        ({"limit": 0}, "limit must be a whole number of at least 1, or null, not 0"),
        ({"draws": -1}, "draws must be a whole number of at least 0"),
        ({"seed": None}, "seed must be a whole number of at least 0"),
    ],
)
def test_numbers_out_of_range_are_refused(tmp_path: Path, numbers: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        evaluate_claims(SmallDataset([case("a")]), subjects(), tmp_path, configuration={}, **numbers)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="file"):
        evaluate_claims(SmallDataset([case("a")]), subjects(), tmp_path / "file", configuration={})
