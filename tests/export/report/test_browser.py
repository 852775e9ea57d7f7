"""The report as people use it: in a browser, from disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import scenes
from export.report.report_data import HOSTILE, bare, noisy_scene, result, write_report, write_results
from viewer_pages import opened_browser

from pipeline.export.report.index import write_index
from pipeline.records import Claim, Region, Status, Verdict

FAILURES = (("torn.png", "ingest", "The image is damaged."), ("b", "query", "There is no answer."))
RELATIONS = ("left_of", "closer", "on")
MANY = 10_000


def numbered(number: int) -> Any:
    """One of many results, whose numbers differ."""
    status = list(Status)[number % 3]
    claim = Claim(RELATIONS[number % 3], "cup", "lamp", truth=number % 4 > 0)
    needs = "more" if status is Status.UNDECIDED else None
    verdict = Verdict(claim, status, "Seen.", (number % 97) / 100, number % 50 - 25, "px", needs=needs)
    return bare(
        f"item {number}", question=f"Is the cup number {number} left of the lamp?", verdicts=(verdict,),
        is_correct=number % 5 > 0, correct_answer="yes", seconds={"query": (number * 7919 % MANY) / 100},
        artefacts={"page": f"report/items/page-{number}.html"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of five items: plain, Chinese, of three frames, with hostile texts, and with forty regions."""
    folder = tmp_path_factory.mktemp("run")
    scene = noisy_scene(3)
    second = tuple(replace(region, frame=1) for region in scenes.regions())
    three = result("three frames", scene=scene, regions=(*result().regions, *second))
    third = replace(three.verdicts[0].evidence[0], frame=1, regions=(8, 7))
    three = replace(three, verdicts=(replace(three.verdicts[0], evidence=(third,)), *three.verdicts[1:]))
    chinese = result("chinese", question="杯子在台灯的左边吗？", language="zh")
    crowd = tuple(Region(f"thing {k}", (k % 8 * 18, k // 8 * 22, k % 8 * 18 + 30, k // 8 * 22 + 30)) for k in range(40))
    hostile = bare(HOSTILE, question=HOSTILE, errors=(HOSTILE, "x" * 5000), regions=(Region(HOSTILE, (0, 0, 90, 90)),))
    made = (result(), chinese, three, hostile, bare("crowd", regions=crowd))
    write_report(folder, *made, scene=scene, failures=FAILURES)
    return folder / "report"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of ten thousand results."""
    folder = tmp_path_factory.mktemp("many")
    write_results(folder, *(numbered(number) for number in range(MANY)), failures=FAILURES)
    write_index(folder)
    return folder / "report"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with opened_browser() as opened:
        yield opened


@contextmanager
def opened(browser: Any, path: Path, part: str = "", **settings: Any) -> Iterator[Any]:
    """A page from disk; afterwards, nothing was fetched but files, and no error was logged."""
    context = browser.new_context(**settings)
    page = context.new_page()
    fetched: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.on("console", lambda line: errors.append(line.text) if line.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri() + part)
    try:
        yield page
    finally:
        context.close()
    assert [url for url in fetched if not url.startswith(("file:", "data:"))] == []
    assert [error for error in errors if "GPU stall" not in error and "GL Driver" not in error] == []


def item(report: Path, number: int = 0) -> Path:
    return report / "items" / f"page-{number}.html"


def ready(page: Any) -> Any:
    """Waits until the 3D view is there, and keeps what is selected in it."""
    page.wait_for_function("window.theodoliteViewer")
    page.evaluate(
        """() => {
          window.selected = [];
          const select = theodoliteViewer.select.bind(theodoliteViewer);
          theodoliteViewer.select = (what) => { window.selected.push(what); select(what); };
          return theodoliteViewer.ready;
        }"""
    )
    return page


def lit(page: Any, selector: str) -> list[str]:
    found: list[str] = page.eval_on_selector_all(
        f"{selector}.lit", "all => all.map(one => one.dataset.regions || one.dataset.claim || one.dataset.claims)"
    )
    return found


def drawn(page: Any, claim: int) -> str:
    """How what decided a claim is displayed over the photo."""
    shown: str = page.eval_on_selector(
        f".panel.photo .measure[data-claim='{claim}']", "one => getComputedStyle(one).display"
    )
    return shown


def titles(page: Any) -> list[str]:
    found: list[str] = page.eval_on_selector_all("#rows .what p:first-child", "all => all.map(one => one.textContent)")
    return found


def loaded(page: Any) -> Any:
    page.wait_for_function("document.body.dataset.read === document.body.dataset.chunks")
    page.wait_for_timeout(50)
    return page


def test_a_click_on_a_claim_lights_up_photo_words_and_view(browser: Any, report: Path) -> None:
    with opened(browser, item(report)) as page:
        ready(page).click("#claim-1 .pick")
        assert set(lit(page, ".panel.photo .mark")) == set(lit(page, ".panel.depth .mark")) == {"0", "1"}
        assert set(lit(page, ".chip")) == {"0", "1"} and lit(page, ".word") == ["1"] and lit(page, ".claim") == ["1 0"]
        assert (drawn(page, 1), drawn(page, 2)) == ("block", "none"), "the contour that decided it, and no other"
        page.wait_for_function("window.selected.some(one => one && one.claim === 1)")
        assert page.get_attribute("#claim-1 .pick", "aria-pressed") == "true"
        page.click("#claim-2 .pick")
        assert (drawn(page, 1), drawn(page, 2)) == ("none", "block")
        assert "1.06 m" in page.text_content(".panel.photo .measure[data-claim='2'] .labels.small")
        page.click("#claim-2 .pick")
        page.mouse.move(5, 5)
        assert lit(page, ".mark") == [] and page.get_attribute("#claim-2 .pick", "aria-pressed") == "false"


def test_boxes_words_chips_and_points_lead_to_the_same_claims(browser: Any, report: Path) -> None:
    with opened(browser, item(report)) as page:
        ready(page).hover(".panel.photo .mark[data-regions='3']")
        related = page.eval_on_selector_all(".claim.related", "all => all.map(one => one.id)")
        assert related == ["claim-0", "claim-2", "claim-3"] and lit(page, ".chip") == ["3"]
        page.mouse.move(5, 5)
        page.click(".chip[data-regions='2']")
        assert lit(page, ".panel.photo .mark") == ["2"] and lit(page, ".thing") == ["2"]
        page.wait_for_function("window.selected.some(one => one && one.region === 2)")
        page.click(".word[data-claims='0']")
        page.mouse.move(5, 5)
        assert lit(page, ".claim") == ["3 2"] and set(lit(page, ".panel.photo .mark")) == {"2", "3"}
        page.evaluate("theodoliteViewer.chosen({ claim: 1 })")
        assert lit(page, ".claim") == ["1 0"], "what is chosen in the view lights up everywhere"
        page.evaluate("theodoliteViewer.chosen({ region: 0 })")
        assert lit(page, ".panel.photo .mark") == ["0"] and lit(page, ".claim") == []


def test_keys_walk_through_claims_and_items(browser: Any, report: Path) -> None:
    with opened(browser, item(report)) as page:
        ready(page)
        page.wait_for_function("document.getElementById('position').textContent === '1 / 5'")
        for keys, claims in (
            ("c", ["3 2"]),
            ("c", ["1 0"]),
            ("Shift+C", ["3 2"]),
            ("Shift+C", ["1 3"]),
            ("Escape", []),
        ):
            page.keyboard.press(keys)
            assert lit(page, ".claim") == claims, keys
        page.keyboard.press("?")
        assert page.is_visible("#help")
        page.keyboard.press("j")
        assert page.url.endswith("page-0.html"), "the dialog takes the keys"
        page.keyboard.press("Escape")
        assert not page.is_visible("#help")
        for key, number in (("j", 1), ("ArrowRight", 2), ("k", 1)):
            page.keyboard.press(key)
            page.wait_for_url(f"**/page-{number}.html", wait_until="commit")
            page.wait_for_function(f"document.getElementById('position')?.textContent === '{number + 1} / 5'")


def test_marks_work_from_the_keyboard(browser: Any, report: Path) -> None:
    with opened(browser, item(report)) as page:
        ready(page).focus(".panel.photo .mark[data-regions='2']")
        assert lit(page, ".chip") == ["2"], "focus shows what belongs together"
        page.keyboard.press("Enter")
        page.focus("#theme")
        assert lit(page, ".chip") == ["2"], "and the key keeps it"


def test_a_claim_shows_the_frame_that_it_rests_on(browser: Any, report: Path) -> None:
    with opened(browser, item(report, 2)) as page:
        shown = ".frame:not([hidden])"
        assert page.get_attribute(shown, "data-frame") == "0" and page.locator(".strip button").count() == 3
        page.click(".strip button[data-frame='2']")
        assert page.get_attribute(shown, "data-frame") == "2"
        page.click("#claim-0 .pick")
        assert page.get_attribute(shown, "data-frame") == "1"
        page.click("#claim-1 .pick")
        assert page.get_attribute(shown, "data-frame") == "0"
        page.keyboard.press("f")
        assert page.get_attribute(shown, "data-frame") == "1"


def test_a_link_may_name_the_claim(browser: Any, report: Path) -> None:
    with opened(browser, item(report), "#claim-2") as page:
        assert lit(page, ".claim") == ["3 2"] and page.get_attribute("#claim-2 .pick", "aria-pressed") == "true"


def test_without_scripts_photo_verdicts_and_answer_are_there(browser: Any, report: Path) -> None:
    with opened(browser, item(report, 2), java_script_enabled=False) as page:
        assert page.locator(".panel.photo img").count() == 3 and page.locator(".claim").count() == 4
        assert page.locator("#viewer noscript p").text_content() == "The 3D view needs JavaScript."
    with opened(browser, report / "index.html", java_script_enabled=False) as page:
        assert page.locator("#rows tbody tr").count() == 7


def test_hostile_texts_neither_run_nor_break_the_pages(browser: Any, report: Path) -> None:
    for path in (item(report, 3), report / "index.html"):
        with opened(browser, path) as page:
            dialogs: list[str] = []
            page.on("dialog", lambda dialog, seen=dialogs: seen.append(dialog.message))  # type: ignore[misc]
            page.wait_for_timeout(300)
            assert dialogs == [] and "alert('{{ 7 * 7 }}')" in page.inner_text("main")


@pytest.mark.parametrize("number", range(5))
def test_no_two_labels_overlap_as_they_are_drawn(number: int, browser: Any, report: Path) -> None:
    for width in (375, 1440):
        size = {"width": width, "height": 900}
        with opened(browser, item(report, number), viewport=size, java_script_enabled=False) as page:
            frame = page.locator(".frame").first
            boxes = frame.locator(".photo .labels:not(.measure .labels) .label rect").evaluate_all(
                """all => all.map(one => one.getBoundingClientRect()).filter(one => one.width)
                .map(one => [one.left, one.top, one.right, one.bottom])"""
            )
            photo = frame.locator(".photo img").bounding_box()
            right, bottom = photo["x"] + photo["width"], photo["y"] + photo["height"]
            assert len(boxes) == {4: 40, 3: 1}.get(number, 4)
            for at, one in enumerate(boxes):
                assert (
                    one[0] >= photo["x"] - 1
                    and one[1] >= photo["y"] - 1
                    and one[2] <= right + 1
                    and one[3] <= bottom + 1
                )
                for other in boxes[:at]:
                    across = min(one[2], other[2]) - max(one[0], other[0])
                    down = min(one[3], other[3]) - max(one[1], other[1])
                    assert min(across, down) <= 0.01


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("index.html", "light"),
        ("index.html", "dark"),
        ("items/page-0.html", "light"),
        ("items/page-1.html", "dark"),
        ("items/page-2.html", "light"),
    ],
)
def test_pages_are_accessible(name: str, scheme: str, browser: Any, report: Path) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with opened(browser, report / name, color_scheme=scheme, viewport={"width": 1300, "height": 900}) as page:
        if name == "index.html":
            loaded(page)
        else:
            ready(page)
            for details in page.query_selector_all("details"):
                details.evaluate("one => one.open = true")
            page.click("#claim-1 .pick")
            page.click("#claim-1 .pick")
            page.mouse.move(5, 5)
            page.wait_for_timeout(300)
        found = axe.run(page, options={"preload": False}).response["violations"]
        assert [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found] == []


@pytest.mark.parametrize("name", ["index.html", *(f"items/page-{number}.html" for number in (0, 2, 3))])
def test_phones_need_no_sideways_scrolling(name: str, browser: Any, report: Path) -> None:
    with opened(browser, report / name, viewport={"width": 375, "height": 812}) as page:
        for width in (375, 340):
            page.set_viewport_size({"width": width, "height": 812})
            page.wait_for_timeout(300)
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_theme_is_kept_from_page_to_page(browser: Any, report: Path) -> None:
    with opened(browser, report / "index.html", color_scheme="light") as page:
        paper = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(paper) == "rgb(255, 255, 255)"
        page.keyboard.press("t")
        dark = page.evaluate(paper)
        assert dark != "rgb(255, 255, 255)"
        page.goto(item(report).as_uri())
        assert page.evaluate(paper) == dark


def test_escape_makes_an_enlarged_panel_small_again(browser: Any, report: Path) -> None:
    with opened(browser, item(report)) as page:
        button = ready(page).locator(".panel.photo .enlarge").first
        button.click()
        assert button.get_attribute("title") == "Make smaller" and button.get_attribute("aria-pressed") == "true"
        assert button.locator(".shrink").is_visible() and not button.locator(".grow").is_visible()
        page.keyboard.press("Escape")
        assert page.locator(".panel.large").count() == 0
        assert button.get_attribute("title") == "Enlarge" and button.get_attribute("aria-label") == "Enlarge"


def test_on_phones_a_tap_on_a_claim_leads_to_the_picture_and_back(browser: Any, report: Path) -> None:
    with opened(browser, item(report), viewport={"width": 375, "height": 700}) as page:
        ready(page).click("#claim-2 .pick")
        page.click("#jump >> text=Show in the picture")
        assert page.evaluate("document.querySelector('.panel.photo').getBoundingClientRect().top") < 400
        assert lit(page, ".mark") != []
        page.click("#jump >> text=Back to the claim")
        assert 0 <= page.evaluate("document.querySelector('#claim-2').getBoundingClientRect().top") < 700
        assert not page.is_visible("#jump")


def test_print_is_white_and_without_buttons(browser: Any, report: Path) -> None:
    with opened(browser, item(report), color_scheme="dark") as page:
        ready(page).emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not page.is_visible(".bar") and not page.is_visible(".enlarge")
        assert page.is_visible(".panel.photo img") and page.is_visible("#claim-0")
        assert len(page.pdf()) > 10_000


def test_the_index_paints_within_a_second_and_then_reads_its_rows(browser: Any, large: Path) -> None:
    assert (large / "index.html").stat().st_size < 300_000
    with opened(browser, large / "index.html") as page:
        loaded(page)
        page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
        painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        # Generous for machines that are busy; it takes a tenth of that.
        assert painted < 2500
        assert page.inner_text(".paging.above .status") == f"Rows 1 to 50 of {MANY + 2}"
        assert page.locator("#rows tbody tr").count() == 50


def test_filters_narrow_the_rows_and_live_in_the_address(browser: Any, large: Path) -> None:
    with opened(browser, large / "index.html") as page:
        loaded(page).select_option("[name=verdict]", "refuted")
        page.select_option("[name=outcome]", "answer-wrong")
        page.wait_for_function("document.querySelector('.paging .status').textContent.includes(', from')")
        expected = sum(number % 3 == 1 and number % 5 == 0 for number in range(MANY))
        assert f"of {expected}, from {MANY + 2}" in page.inner_text(".paging.above .status")
        assert "verdict=refuted" in page.url and "outcome=answer-wrong" in page.url
        address = page.url
        page.goto("about:blank")
        page.goto(address)
        loaded(page)
        assert f"of {expected}, from" in page.inner_text(".paging.above .status")
        assert page.input_value("[name=verdict]") == "refuted"
        page.click("#clear")
        page.fill("[name=text]", "NUMBER 4321 lamp")
        page.wait_for_function("document.querySelectorAll('#rows tbody tr').length === 1")
        assert titles(page) == ["Is the cup number 4321 left of the lamp?"]
        page.fill("[name=text]", "no such words")
        page.wait_for_selector("#empty", state="visible")


@pytest.mark.parametrize(
    "field, value, expected",
    [
        ("relation", "1", sum(number % 3 == 1 for number in range(MANY))),
        ("outcome", "verdict-wrong", sum(n % 3 != 2 and (n % 3 == 0) != (n % 4 > 0) for n in range(MANY))),
        ("outcome", "verdict-correct", sum(n % 3 != 2 and (n % 3 == 0) == (n % 4 > 0) for n in range(MANY))),
        ("stage", "ingest", 1),
        ("stage", "any", 2),
        ("stage", "done", MANY),
        ("verdict", "none", 0),
    ],
)
def test_each_filter_keeps_what_fits(field: str, value: str, expected: int, browser: Any, large: Path) -> None:
    with opened(browser, large / "index.html", f"#{field}={value}") as page:
        loaded(page)
        status = page.inner_text(".paging.above .status")
        assert f"of {expected}" in status.split(", from")[0] if expected else status == f"None of {MANY + 2} rows"


def test_columns_sort_and_rows_without_a_value_come_last(browser: Any, large: Path) -> None:
    with opened(browser, large / "index.html") as page:
        loaded(page)
        seconds = "all => all.map(one => one.textContent)"
        page.click("th[data-sort=seconds] button")
        page.wait_for_selector("th[aria-sort=descending]")
        assert page.eval_on_selector_all("#rows td.seconds", seconds)[:2] == ["99.99", "99.98"]
        page.click("th[data-sort=seconds] button")
        page.wait_for_selector("th[aria-sort=ascending]")
        assert page.eval_on_selector_all("#rows td.seconds", seconds)[:2] == ["0.00", "0.01"]
        for step in ("item", "certainty"):
            page.click(f"th[data-sort={step}] button")
            page.wait_for_selector(f"th[data-sort={step}][aria-sort=ascending]")
            if step == "item":
                assert titles(page)[:2] == ["b", "Is the cup number 0 left of the lamp?"]
        assert page.inner_text("#rows td.number >> nth=0") == "50.0%"
        page.evaluate("location.hash = '#sort=certainty&page=201'")
        page.wait_for_function("document.querySelector('.paging .page').textContent === '201 / 201'")
        assert titles(page) == ["torn.png", "b"]


def test_claims_and_objects_are_found_in_rows_without_a_question(browser: Any, tmp_path: Path) -> None:
    def given(number: int) -> Any:
        claims = (Claim("between", f"wedge {number}", "cup", "lamp"), Claim("left_of", "cup", "lamp"))
        verdicts = tuple(Verdict(claim, Status.SUPPORTED, "Seen.", 0.9) for claim in claims)
        region = Region(f"socks {number}", (0, 0, 9, 9))
        return bare(f"item {number}", question=None, answer=None, verdicts=verdicts, regions=(region,))

    write_results(tmp_path, *(given(number) for number in range(300)))
    write_index(tmp_path)
    with opened(browser, tmp_path / "report" / "index.html") as page:
        loaded(page).fill("[name=text]", "between socks 299")
        page.wait_for_function("document.querySelectorAll('#rows tbody tr').length === 1")
        assert "wedge 299 is between cup and lamp; cup is left of lamp" in page.inner_text("#rows td.what")
        page.fill("[name=text]", "nothing of this kind")
        page.wait_for_selector("#empty", state="visible")
        assert page.inner_text(".paging.above .status") == "None of 300 rows"


def test_the_back_button_returns_to_the_same_page(browser: Any, report: Path, large: Path) -> None:
    with opened(browser, large / "index.html") as page:
        loaded(page).click(".paging.above .next")
        page.wait_for_function("document.querySelector('.paging .page').textContent.startsWith('2 /')")
        page.keyboard.press("n")
        page.wait_for_function("document.querySelector('.paging .page').textContent.startsWith('3 /')")
        assert titles(page)[0] == "Is the cup number 100 left of the lamp?"
        page.goto(item(report).as_uri())
        page.go_back()
        loaded(page)
        assert titles(page)[0] == "Is the cup number 100 left of the lamp?"
        page.go_back()
        page.wait_for_function("document.querySelector('.paging .page').textContent.startsWith('2 /')")


def test_items_follow_the_order_of_the_index_as_it_was_filtered(browser: Any, report: Path) -> None:
    with opened(browser, report / "index.html") as page:
        loaded(page).select_option("[name=verdict]", "refuted")
        page.wait_for_function("document.querySelectorAll('#rows tbody tr').length === 3")
        page.keyboard.press("j")
        page.keyboard.press("j")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert page.url.endswith("page-1.html")
        page.wait_for_function("document.getElementById('position').textContent === '2 / 3'")
        with page.expect_navigation():
            page.click(".to-index")
        assert page.url.endswith("#verdict=refuted")
