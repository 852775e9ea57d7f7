from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import scenes
from export.report.report_data import HOSTILE, bare, noisy_scene, result, stored
from html_page import Page

from pipeline.claims.conflicts import conflicts
from pipeline.export.report.item_page import write_item_page
from pipeline.records import Claim, Origin, Region, Result, Status, Verdict
from pipeline.records.message import catalog


def source_of(folder: Path, made: Result, scene: object = None) -> str:
    path = write_item_page(folder, stored(noisy_scene() if scene is None else scene), made, "name", 3000)  # type: ignore[arg-type]
    assert path == "report/items/name.html"
    return (folder / path).read_text(encoding="utf-8")


def parsed(source: str) -> Page:
    return Page(source)


def test_everything_that_led_to_the_verdicts_is_shown(tmp_path: Path) -> None:
    text = parsed(source_of(tmp_path, result())).text
    for words in (
        "Is the cup left of the lamp? The cup is left of the lamp, and the screen hides the cabinet. correct",
        "2 supported 1 refuted 1 undecided",
        "supported cup is left of lamp correct It is 110 px left.",
        "supported screen occludes cabinet wrong",
        "Probability 97.0% Evidence",
        "Probability from calibration default, occlusion/measured: 900 comparable verdicts of 300 scenes.",
        "undecided cup is on screen No step. needs: a clearer step",
        "distance of the nearest visible points 1.06 m",
        "Reasoning Let me see.",
        "Where it located the objects [cup, lamp]",
        "Earlier answers refuted: cup The cup is right of the lamp.",
        "Notes Lens distortion was undone.",
        "hints table", "seed 3", "do_sample false",
        "depth [s] 0.250", "total [s] 0.750", "tokens of the prompt 200", "tokens written 80", "decode_s 0.5",
        "model some-vlm revision r1 theodolite 0.1.0",
        "160 x 120 px; fx 150.0 px, fy 150.0 px, cx 79.5 px, cy 59.5 px; given camera; "
        "metric depth, scale from sensor; given with the input; SHA-256 abababababab",
        "Depth metric depth, scale from sensor",
        "Text in the images: 'EXIT'",
    ):  # fmt: skip
        assert words in text, words


def test_the_answer_is_verbatim_and_its_words_lead_to_claims(tmp_path: Path) -> None:
    made = result()
    assert made.answer is not None
    source = source_of(tmp_path, made)
    assert '<span class="word" role="button" tabindex="0" data-claims="0">left of</span>' in source
    assert re.search(r'<span class="thing" data-regions="3"[^>]*>cup</span>', source)
    shown = re.search(r'<div class="answer-text"[^>]*>(.*?)</div>', source, re.S)
    assert shown is not None
    assert re.sub("<[^>]*>", "", shown[1]) == made.answer.text.split("\n```")[0]


def test_claims_name_their_regions_and_frames(tmp_path: Path) -> None:
    source = source_of(tmp_path, result())
    card = r'<li class="claim (\w+)" id="claim-(\d)" data-claim="\d" data-regions="([\d ]*)" data-frames="(\d*)">'
    cards = re.findall(card, source)
    assert cards == [
        ("supported", "0", "3 2", "0"),
        ("supported", "1", "1 0", "0"),
        ("refuted", "2", "3 2", "0"),
        ("undecided", "3", "1 3", ""),
    ]


def test_the_data_of_the_view_is_a_script(tmp_path: Path) -> None:
    source_of(tmp_path, bare(HOSTILE, question=HOSTILE))
    text = (tmp_path / "report" / "items" / "name.js").read_text(encoding="ascii")
    assert text.startswith("window.theodoliteView={") and text.endswith("};\n") and "</" not in text
    assert json.loads(text[len("window.theodoliteView=") : -2])["version"] == 1


def test_nothing_that_a_model_or_a_user_writes_becomes_markup(tmp_path: Path) -> None:
    made = result(HOSTILE)
    assert made.answer is not None
    answer = replace(
        made.answer, text=HOSTILE, reasoning=HOSTILE, grounding=HOSTILE, model=HOSTILE, revision=HOSTILE,
        generation={HOSTILE: HOSTILE}, prompting={HOSTILE: [HOSTILE]}, spatial_tags=(), problems=(HOSTILE,),
    )  # fmt: skip
    verdict = Verdict(Claim("above", HOSTILE, HOSTILE), Status.UNDECIDED, HOSTILE, needs=HOSTILE)
    hostile = replace(
        made, question=HOSTILE, answer=answer, verdicts=(verdict,), regions=(Region(HOSTILE, (0, 0, 9, 9)),),
        errors=(HOSTILE,), versions={HOSTILE: HOSTILE}, seconds={HOSTILE: 1.0},
        correct_answer=HOSTILE, is_correct=False,
        attempts=(replace(made.attempts[0], reason=HOSTILE, answer=answer, verdicts=(verdict,)),),
    )  # fmt: skip
    scene = noisy_scene()
    scene = replace(scene, frames=(replace(scene.frames[0], name=HOSTILE),))
    source = source_of(tmp_path, hostile, scene)
    page = parsed(source)
    assert page.tags.count("script") == 5, "its own"
    assert "alert('" not in source and "49" not in re.sub(r"\d+\.\d+|data:|[\w-]+=\"[^\"]*\"", "", source)
    assert page.text.count("alert('{{ 7 * 7 }}')") >= 18
    assert page.open == []
    assert not re.search(r"<[^>]*\son\w+=", source), "no handlers within elements"


@pytest.mark.parametrize("text", ["x" * 100_000, "\u202e" * 500, "\ud800\x00\x1b[31m", "\n" * 5000, ""])
def test_hostile_texts_give_a_page(text: str, tmp_path: Path) -> None:
    label = text.encode(errors="ignore").decode().strip() or "a"
    made = bare(label, question=text, regions=(Region(label, (0, 0, 50, 50)),) * 3)
    assert made.answer is not None
    made = replace(made, answer=replace(made.answer, text=text), correct_answer=text)
    assert parsed(source_of(tmp_path, made)).open == []


def test_questions_of_an_item_share_their_pictures(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_item_page(tmp_path, stored(), bare(artefacts={"scene": "scenes/shared.zip"}), name, 100)
    assert sorted(path.name for path in (tmp_path / "report" / "images").iterdir()) == [
        "shared-0-depth.jpg", "shared-0.jpg",
    ]  # fmt: skip
    assert "../images/shared-0.jpg" in parsed((tmp_path / "report/items/two.html").read_text(encoding="utf-8")).links


def test_a_chinese_result_has_only_chinese_words(tmp_path: Path) -> None:
    verdicts = tuple(
        replace(one, claim_text=one.claim.in_words("zh"), reason="已测量。") for one in result().verdicts[:3]
    )
    made = result(question="杯子在台灯的左边吗？", language="zh", verdicts=verdicts, attempts=(), errors=())
    source = source_of(tmp_path, made)
    assert '<html lang="zh-Hans">' in source
    text = parsed(source).text
    for words in (
        "成立",
        "不成立",
        "判定",
        "概率",
        "余量",
        "证据",
        "模型的回答",
        "上一条",
        "键盘快捷键",
        "度量深度，尺度来自传感器",
    ):
        assert words in text or words in source, words
    english = {words for code, words in catalog("en").items() if code.startswith("page_") and "{" not in words}
    shown = re.sub(r"<(pre|code|table).*?</\1>", "", re.sub(r'class="[^"]*"', "", source), flags=re.S)
    assert not [words for words in english if len(words) > 5 and words in shown]


def test_a_chinese_page_has_no_english_units_answers_or_cameras(tmp_path: Path) -> None:
    made = result(question="杯子在台灯的左边吗？", language="zh", correct_answer="no", is_correct=False)
    far = replace(made.verdicts[0], margin=-0.33, unit="of the frame's depth range")
    text = parsed(source_of(tmp_path, replace(made, verdicts=(far,)))).text
    for words in ("帧深度范围的 −33%", "正确答案是：否", "给定的相机", "随输入给出"):
        assert words in text, words


def test_words_that_contradict_the_json_are_flagged(tmp_path: Path) -> None:
    made = result()
    assert made.answer is not None
    (note,) = conflicts([replace(made.answer.claims[1], negated=True)], made.answer.claims)
    source = source_of(tmp_path, replace(made, errors=(note.text(),)))
    assert source.count("words and JSON disagree") == 2, "at the head and at the claim"
    card = source.split('id="claim-1"')[1].split("</li>")[0]
    assert "words and JSON disagree" in card and "Its words say: screen does not occlude cabinet" in card
    assert "disagree" not in source_of(tmp_path, made)


@pytest.mark.parametrize("text", ['```json\n[{"label": "cup"', '[{"label": "cup"}]'])
def test_an_answer_of_json_alone_is_not_shown_as_a_headline(text: str, tmp_path: Path) -> None:
    made = bare()
    assert made.answer is not None
    source = source_of(tmp_path, replace(made, answer=replace(made.answer, text=text)))
    assert "(the answer is only JSON)" in source.split('class="answer"')[1].split("</p>")[0]


def test_several_frames_are_a_strip(tmp_path: Path) -> None:
    scene = noisy_scene(3)
    made = replace(bare(), frames=result(scene=scene).frames)
    source = source_of(tmp_path, made, scene)
    assert source.count('class="frame"') == 3 and source.count('data-frame="2"') == 2
    assert "analytic 3" in source


def test_a_page_without_depth_or_answer_says_so(tmp_path: Path) -> None:
    scene = replace(noisy_scene(), depth=())
    verdict = Verdict(Claim("left_of", "a", "b"), Status.SUPPORTED, "Seen.", 0.9)
    source = source_of(tmp_path, bare(answer=None, question=None, verdicts=(verdict,)), scene)
    text = parsed(source).text
    assert "Given claims" in text and "What the model said" not in text and 'class="panel depth"' not in source


def test_a_result_without_claims_says_so(tmp_path: Path) -> None:
    assert "The answer makes no claim that can be checked." in parsed(source_of(tmp_path, bare())).text


def test_the_page_leads_back_to_where_it_belongs(tmp_path: Path) -> None:
    assert "../index.html" in parsed(source_of(tmp_path, bare())).links
    write_item_page(tmp_path, stored(), bare(), "other", 100, index="../../report.html")
    page = (tmp_path / "report" / "items" / "other.html").read_text(encoding="utf-8")
    assert "../../report.html" in parsed(page).links and "order.js" not in page


def test_many_verdicts_and_regions_are_bounded(tmp_path: Path) -> None:
    verdict = Verdict(Claim("left_of", "a", "b"), Status.SUPPORTED, "Seen.", 0.9)
    regions = tuple(
        Region(f"text {k}", (k % 100, k // 10, k % 100 + 5, k // 10 + 5), origin=Origin.OCR) for k in range(500)
    )
    source = source_of(tmp_path, bare(verdicts=(verdict,) * 300, regions=regions))
    assert source.count('class="claim ') == 200 and "and 100 more verdicts in results.jsonl" in source
    assert len(source) < 600_000


def test_threads_may_write_at_once(tmp_path: Path) -> None:
    def write(number: int) -> str:
        made = result(f"item {number}", artefacts={"scene": f"scenes/s{number % 3}.zip"})
        return write_item_page(tmp_path, stored(), made, f"{'n' * 80}-{number}", 500)

    with ThreadPoolExecutor(6) as pool:
        paths = list(pool.map(write, range(24)))
    for number, path in enumerate(paths):
        assert f"<bdi>item {number}</bdi>" in (tmp_path / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", list(scenes.DepthKind))
def test_metres_are_shown_only_for_metric_depth(kind: scenes.DepthKind, tmp_path: Path) -> None:
    scene = scenes.scene(scenes.as_kind(scenes.depth_m(), kind))
    source = source_of(tmp_path, bare(), scene)
    legend = re.findall(
        r'<div class="legend">\s*<span>([^<]*)</span><span class="ramp"></span><span>([^<]*)</span>', source
    )
    assert legend == ([("0.8 m", "3 m")] if kind is scenes.METRIC else [("near", "far")])
