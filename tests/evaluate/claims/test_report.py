from __future__ import annotations

import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from evaluate.claims.claim_data import CLAIMS, EXPECTED, SmallDataset, case, subjects, without_depth
from html_page import Page
from rich.console import Console

from pipeline.claims.compare_answers import Scored
from pipeline.console.claims_report import print_report
from pipeline.evaluate.bootstrap import bound_of
from pipeline.evaluate.claims.baselines import BaselineScore
from pipeline.evaluate.claims.evaluate import evaluate_claims
from pipeline.evaluate.claims.page import against_best, best_baselines, guarantee, page_of, promise
from pipeline.evaluate.claims.report import SCHEMA_VERSION, answer_figures, report_of, thinned_curve
from pipeline.evaluate.claims.run import AnsweredQuestion, ClaimRun, JudgedClaim
from pipeline.evaluate.claims.scores import Judgement, scores
from pipeline.evaluate.plots import reliability_plot, risk_coverage_plot
from pipeline.records import Status
from pipeline.records.calibration import Calibration
from pipeline.records.errors import ConfigError, ExportError
from pipeline.records.result import CalibrationNote

FAR, HELD = (
    CalibrationNote("mixed", "order/predicted", 40, 12, 33),
    CalibrationNote("mixed", "occlusion/measured", 900, 300, 0),
)
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
        kinds=["order/predicted" if item.relation == "closer" else "occlusion/measured" for item in judgements],
        calibrations=[FAR if item.relation == "closer" else HELD for item in judgements],
        calibration=Calibration({}, "mixed", fitted_on="rendered and real frames"),
        risk=0.05,
    )


def with_image_plane(run: ClaimRun) -> ClaimRun:
    """The run, with every fourth claim one of the image plane, which is judged correctly and with certainty."""
    for index, item in enumerate(run.judgements):
        if index % 4 == 0:
            run.judgements[index] = replace(item, relation="left_of", probability=float(item.truth), is_decided=True)
            run.kinds[index], run.calibrations[index] = "", None
            for name, found in run.baselines.items():
                exact = BaselineScore("left_of", item.truth, 1.0 if item.truth else -1.0, item.group)
                run.baselines[name] = [*found[:index], exact, *found[index + 1 :]]
    return run


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
        "tails", "needs", "calibration", "wrong_answers",
    }  # fmt: skip
    assert SCHEMA_VERSION == "1.2"


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


@pytest.mark.parametrize(
    "areas, best, words",
    [
        (
            (0.05, 0.4, 0.2),
            ["box_centre"],
            "box centre, with an area of 20.00%; the verifier's area is 5.00%, 25% of it.",
        ),
        ((0.05, 0.4, 0.0), ["box_centre"], "box centre, with an area of 0.00%; the verifier's area is 5.00%."),
        ((0.0, 0.0, 0.0), ["box_mean", "box_centre"], "box mean, box centre, with an area of 0.00%"),
        ((0.05, 0.4, None), ["box_mean"], "box mean, with an area of 40.00%"),
    ],
    ids=["smaller", "no error", "equal", "undefined"],
)
def test_the_best_baseline_has_the_smallest_area_even_one_of_0(
    areas: tuple[float | None, ...], best: list[str], words: str
) -> None:
    judges = {
        name: {"risk_coverage_area": {"value": area}}
        for name, area in zip(("verifier", "box_mean", "box_centre"), areas, strict=True)
    }
    found = best_baselines(judges)
    assert found is not None and found[0] == best
    assert words in against_best(judges)
    assert (
        best_baselines({"verifier": judges["verifier"]}) is None
        and against_best({"verifier": judges["verifier"]}) == ""
    )


def test_a_baseline_without_an_error_is_named_in_the_report() -> None:
    """Its area is exactly 0, as that of claims that are easy to judge often is."""
    run = a_run()
    run.baselines["box_centre"] = [
        BaselineScore(item.relation, item.truth, 1.0 if item.truth else -1.0, item.group) for item in run.judgements
    ]
    report = report_of(run, dataset="made", configuration={}, draws=0)
    assert report["needs"]["depth"]["judges"]["box_centre"]["risk_coverage_area"]["value"] == 0
    assert "Best baseline: box centre, with an area of 0.00%" in Page(page_of(report)).text


def test_claims_that_need_depth_are_counted_apart_from_those_of_the_image_plane() -> None:
    run = with_image_plane(a_run())
    report = report_of(run, dataset="made", configuration={}, draws=60)
    depth, plane = (report["needs"][need] for need in ("depth", "image_plane"))
    chosen = [item for item, kind in zip(run.judgements, run.kinds, strict=True) if kind]
    assert set(depth) == set(plane) == {"judges", "tails", "reliability", "risk_coverage"}
    for name in ("verifier", "box_mean", "box_centre"):
        assert depth["judges"][name]["claims"] == len(chosen) == 60 and plane["judges"][name]["claims"] == 20
    for name in ("coverage", "accuracy", "forced_accuracy", "risk_coverage_area", "calibration_error"):
        assert depth["judges"]["verifier"][name]["value"] == pytest.approx(getattr(scores(chosen), name)), name
    assert plane["judges"]["verifier"]["accuracy"]["value"] == 1 > depth["judges"]["verifier"]["accuracy"]["value"]
    assert plane["judges"]["box_mean"]["accuracy"]["value"] == 1 > depth["judges"]["box_mean"]["accuracy"]["value"]
    assert [tail["verdicts"] for tail in plane["tails"]] == [20, 20], "their certainty is no merit of the others"
    assert depth["tails"][0]["verdicts"] + 20 == report["tails"][0]["verdicts"]
    assert sum(item["count"] for item in depth["reliability"]) == 60
    text = Page(page_of(report)).text
    assert text.index("Claims that need depth") < text.index("Claims of the image plane")


def test_a_set_of_one_sort_of_claims_has_no_part_for_the_other() -> None:
    report = a_report(draws=0)
    assert list(report["needs"]) == ["depth"]
    assert report["needs"]["depth"]["judges"] == report["judges"]
    assert "image plane" not in Page(page_of(report)).text


def test_the_tails_show_how_many_certain_verdicts_are_wrong(tmp_path: Path) -> None:
    run = a_run()
    for index in range(40):
        item = run.judgements[index]
        is_correct = index not in (3, 17)
        probability = 0.9995 if item.truth is is_correct else 0.0005
        run.judgements[index] = replace(item, probability=probability, is_decided=True)
    report = report_of(run, dataset="made", configuration={})
    first, second = report["needs"]["depth"]["tails"]
    assert (first["below"], second["below"]) == (0.01, 0.001)
    assert (second["verdicts"], second["scenes"], second["wrong"]) == (40, 10, 2)
    assert second["wrong_share"]["value"] == 0.05 and second["stated_error"] == pytest.approx(0.0005)
    assert 0 <= second["wrong_share"]["low"] < 0.05 < second["wrong_share"]["high"]
    words = printed(report, tmp_path)
    assert "State an error below 0.1%: 40 verdicts of 10 scenes, 2 wrong: 5.00%" in words
    assert "5.00%" in Page(page_of(report)).text


def test_three_scenes_have_no_interval_and_all_correct_a_bound(tmp_path: Path) -> None:
    def judged(correct: int) -> dict[str, Any]:
        made = [
            Judgement("closer", True, 0.98 if k < correct else 0.02, True, f"g{g}") for g in range(3) for k in range(5)
        ]
        run = ClaimRun(made, ["metric"] * 15, cases=3, kinds=["order/measured"] * 15, calibrations=[None] * 15)
        return report_of(run, dataset="made", configuration={})

    some, every = judged(4), judged(5)
    assert some["judges"]["verifier"]["accuracy"] == {"value": 0.8, "low": None, "high": None}
    assert "80.0 – 80.0" not in Page(page_of(some)).text + printed(some, tmp_path)
    accuracy = every["judges"]["verifier"]["accuracy"]
    assert (accuracy["low"], accuracy["high"]) == pytest.approx(bound_of(1.0, 3))
    for text in (Page(page_of(every)).text, printed(every, tmp_path)):
        assert "36.8 – 100.0" in text and "3 scenes are too few" in text
    assert "too few" not in Page(page_of(a_report(draws=30))).text


def test_every_family_and_class_of_depth_says_which_curve_applied_and_what_it_guarantees(tmp_path: Path) -> None:
    run = with_image_plane(a_run())
    run.calibrations[1], run.calibrations[2] = None, None
    report = report_of(run, dataset="made", configuration={}, draws=0)
    found = report["calibration"]
    assert (found["name"], found["risk"], found["confidence"], found["decided_at_risk"]) == ("mixed", 0.05, 0.9, 0.05)
    rows = {(row["kind"], row["calibration"] and row["calibration"]["curve"]): row for row in found["kinds"]}
    assert set(rows) == {
        ("occlusion/measured", "occlusion/measured"), ("order/predicted", "order/predicted"), ("order/predicted", None),
    }  # fmt: skip
    for note in (FAR, HELD):
        chosen = [item for item, applied in zip(run.judgements, run.calibrations, strict=True) if applied is note]
        row = rows[note.curve, note.curve]
        assert (row["claims"], row["decided"]) == (len(chosen), sum(item.is_decided for item in chosen))
        assert row["wrong"] == sum(item.is_decided and item.error == 1 for item in chosen)
        assert row["calibration"]["missing_scenes"] == note.missing_scenes
    assert rows["occlusion/measured", "occlusion/measured"]["wrong"] > 0
    assert sum(row["claims"] for row in found["kinds"]) == 60, "claims of the image plane need none"
    assert [row["has_guarantee"] for row in found["kinds"]] == [True, False, False]
    for text in (Page(page_of(report)).text, printed(report, tmp_path)):
        assert "guarantee holds" in text
        assert "no guarantee: at least 33 more scenes needed" in text
        assert "no guarantee: no calibration applied" in text
        assert "at most 5% of a scene's decided verdicts are wrong on average, with 90% confidence" in text


@pytest.mark.parametrize(
    "note, risk, words",
    [
        (HELD, 0.05, "guarantee holds"),
        (HELD, 0.1, "no guarantee: it is for risk 0.05, and risk 0.1 decided"),
        (FAR, 0.05, "no guarantee: at least 33 more scenes needed"),
        (replace(FAR, missing_scenes=1), 0.05, "no guarantee: at least 1 more scene needed"),
        (replace(FAR, missing_scenes=None), 0.05, "no guarantee: no comparable verdict was judged"),
        (None, 0.05, "no guarantee: no calibration applied"),
    ],
)
def test_a_guarantee_is_stated_only_where_it_holds(note: CalibrationNote | None, risk: float, words: str) -> None:
    run = ClaimRun(
        [judgement(1)], ["metric"], kinds=["order/measured"], calibrations=[note],
        calibration=Calibration({}, "mixed"), risk=risk,
    )  # fmt: skip
    found = report_of(run, dataset="made", configuration={}, draws=0)["calibration"]
    assert guarantee(found["kinds"][0], found) == words
    assert found["kinds"][0]["has_guarantee"] is (words == "guarantee holds")
    assert bool(promise(found)) is (note is not None)


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


def printed(report: dict[str, Any], folder: Path) -> str:
    """What the terminal shows, on lines long enough for every sentence."""
    console = Console(record=True, width=240, quiet=False, file=io.StringIO())
    print_report(console, report, folder)
    return console.export_text()


def test_the_console_shows_figures_failures_and_paths(tmp_path: Path) -> None:
    text = printed(a_report(draws=20), tmp_path)
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
        "source": "metric, sensor, unknown", "kind": "order/measured", "calibration": lines[0]["calibration"],
    }  # fmt: skip
    assert lines[0]["calibration"]["curve"] == "order/measured"
    assert [line["kind"] for line in lines[2:4]] == ["", ""] and lines[2]["calibration"] is None, "left of"
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
