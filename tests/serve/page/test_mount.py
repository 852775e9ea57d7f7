"""The page in a browser, against a server in this process whose answers are known."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from PIL import Image
from serve.page.fake_service import HOSTILE, SLOW, FakeService, serving
from viewer_pages import opened_browser

from pipeline.serve.records import Ask, JobState, Judge, Rejudge

DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
QUESTION, CHINESE = "Is the cup left of the lamp?", "杯子在台灯的左边吗？"
_REFUSED, _BAD = "Failed to load resource", ("error", "warning")


def png(side: int = 64) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (side, side), (40, 90, 160)).save(data, "PNG")
    return data.getvalue()


@pytest.fixture(scope="module")
def service() -> FakeService:
    return FakeService(0.01)


@pytest.fixture(scope="module")
def address(service: FakeService) -> Iterator[str]:
    with serving(service) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with opened_browser() as opened:
        yield opened


class Watched:
    """A page in a browser, and all that it fetched and complained about.

    Args:
        context: The browser's context, which is the page's own.
        address: Address of the server.
    """

    def __init__(self, context: Any, address: str) -> None:
        context.set_default_timeout(30_000)
        self.context, self.address, self.page = context, address, context.new_page()
        self.fetched: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.fetched.append(request.url))
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type in _BAD else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(address)
        self.page.wait_for_selector(".td-example img")
        self.page.wait_for_selector("#td-ask")

    def check(self, refused: int = 0) -> None:
        """Everything was fetched from this server, and only what was meant to be refused was."""
        fetched, errors = [*self.fetched], [*self.errors]
        self.fetched.clear()
        self.errors.clear()
        assert [url for url in fetched if not url.startswith((f"{self.address}/", "blob:", "data:"))] == []
        wrong = [error for error in errors if "GPU stall" not in error and "GL Driver" not in error]
        assert len(wrong) == refused and all(_REFUSED in error for error in wrong), wrong


@contextmanager
def opened(browser: Any, address: str, size: Any = DESKTOP, *, locale: str = "en-US", **settings: Any) -> Iterator[Any]:
    """A page of its own, which is checked at the end."""
    watched = Watched(browser.new_context(viewport=size, locale=locale, **settings), address)
    try:
        yield watched.page
    finally:
        watched.context.close()
    watched.check()


@pytest.fixture(scope="module")
def watched(browser: Any, address: str) -> Iterator[Watched]:
    """The page that most tests share, because opening one takes longer than most tests."""
    context = browser.new_context(viewport=DESKTOP, locale="en-US")
    yield Watched(context, address)
    context.close()


@pytest.fixture
def page(watched: Watched) -> Iterator[Any]:
    """The shared page without a scene, which is checked at the end."""
    watched.page.evaluate("TheodolitePage.newScene()")
    yield watched.page
    watched.check()


def give(page: Any, *names: str) -> None:
    """Choose images and wait until the server has them."""
    files = [{"name": name, "mimeType": "image/png", "buffer": png()} for name in names or ("room.png",)]
    page.set_input_files("#td-file", files)
    page.wait_for_function(f"document.querySelectorAll('.td-file.td-sent').length === {len(files)}")


def ask(page: Any, question: str = QUESTION) -> Any:
    """Ask, and wait for the answer; returns the turn."""
    before = page.locator(".td-turn").count()
    page.fill("#td-question textarea", question)
    page.press("#td-question textarea", "Enter")
    turn = page.locator(".td-turn").nth(before)
    turn.locator(".td-answer").wait_for()
    return turn


def draw_box(page: Any, first: tuple[float, float], last: tuple[float, float]) -> None:
    """Draw a box over the picture; its corners are shares of the picture's sides."""
    page.get_by_role("button", name="Draw a box").click()
    area = page.locator("#td-workbench .picture-box img").first.bounding_box()
    places = [(area["x"] + x * area["width"], area["y"] + y * area["height"]) for x, y in (first, last)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Use this box").click()


def unfold(page: Any, group: str) -> None:
    """Open a folded group of the left column; tests of one page leave some open."""
    head = page.locator(f"{group} > button")
    if "open" not in (head.get_attribute("class") or "").split():
        head.click()


def lit(page: Any, selector: str) -> list[str]:
    found: list[str] = page.eval_on_selector_all(
        f"{selector}.lit", "all => all.map(one => one.dataset.regions || one.dataset.claims || one.dataset.claim)"
    )
    return found


def serious(page: Any) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    found = axe.Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found if one["impact"] in ("serious", "critical")
    ]


def drop(page: Any, name: str, content: bytes) -> None:
    """Drop a file on the page."""
    page.evaluate(
        """([name, bytes]) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
          const target = document.querySelector("#td-drop");
          for (const type of ["dragover", "drop"]) {
            target.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
          }
        }""",
        [name, list(content)],
    )


def test_an_image_is_dropped_and_asked_about_in_two_languages(page: Any, service: FakeService) -> None:
    before = len(service.given)
    drop(page, "room.png", png())
    page.wait_for_selector(".td-file.td-sent")
    turn = ask(page)
    assert "left of" in turn.text_content() and re.search(r"\d\.\d\d s", turn.text_content())
    assert turn.locator(".td-claim .td-status").all_text_contents() == [
        *("supported", "supported", "refuted", "undecided"),
    ]
    other = ask(page, CHINESE)
    assert "成立" in other.text_content() and other.locator(".td-answer").get_attribute("lang") == "zh-Hans"
    assert len(service.given) == before + 1, "the second question is about the same scene"
    assert serious(page) == []


def test_a_click_on_a_claim_and_on_a_word_lights_up_the_regions(page: Any) -> None:
    give(page)
    turn = ask(page)
    page.wait_for_selector("#td-workbench .mark")
    turn.locator(".td-pick").nth(1).click()
    page.mouse.move(5, 5)
    assert set(lit(page, "#td-workbench .mark")) == {"0", "1"} and "1" in lit(page, ".td-word")
    turn.locator(".td-word").first.click()
    page.mouse.move(5, 5)
    assert set(lit(page, "#td-workbench .mark")) == {"3", "2"}
    turn.locator(".td-thing").first.press("Enter")
    page.mouse.move(5, 5)
    assert lit(page, "#td-workbench .mark") == ["3"]
    assert not turn.locator(".td-reason").first.evaluate("one => one.open")
    turn.locator(".td-reason summary").first.click()
    assert turn.get_by_text("It is 110 px left.").is_visible()


def test_a_box_drawn_by_hand_gets_a_name_and_a_question(page: Any, service: FakeService) -> None:
    give(page)
    draw_box(page, (0.25, 0.25), (0.75, 0.5))
    page.fill("#td-box-name", "mug")
    page.click("#td-box button[value='ask']")
    page.wait_for_function("document.querySelector('#td-question textarea').value.includes('mug')")
    ask(page, "Is the mug left of the lamp?")
    work = service.works[-1]
    assert isinstance(work, Ask)
    assert [one.label for one in work.regions] == ["mug"]
    assert work.regions[0].box_px == pytest.approx((16, 16, 48, 32), abs=1)
    unfold(page, "#td-claim")
    page.fill("#td-claim-subject input", "mug")
    page.get_by_label("in words").check()
    page.fill("#td-claim-words textarea", "The mug is left of the lamp.")
    page.click("#td-claim-judge")
    page.locator(".td-turn").nth(1).locator(".td-claim").wait_for()
    work = service.works[-1]
    assert isinstance(work, Judge) and work.claims == ("The mug is left of the lamp.",)
    assert {"mug", "cup", "lamp"} <= {one.label for one in work.regions}
    page.click("#td-boxes .td-mini")
    assert page.locator("#td-boxes .td-chip").count() == 0


def test_a_kept_box_shows_its_name_until_it_is_removed(page: Any) -> None:
    give(page)
    draw_box(page, (0.25, 0.25), (0.75, 0.5))
    page.fill("#td-box-name", "mug")
    page.click("#td-box button[value='keep']")
    assert page.text_content(".tw-hand-box .tw-tag") == "mug"
    page.click("#td-boxes .td-mini")
    assert page.locator(".tw-hand-box").count() == 0


def test_a_claim_with_a_number_is_stated_as_a_relation(page: Any, service: FakeService) -> None:
    give(page)
    ask(page)
    unfold(page, "#td-claim")
    page.get_by_label("Relation", exact=True).click()
    page.get_by_role("option", name="distance between", exact=True).click()
    assert not page.locator("#td-claim-other").is_visible() and not page.locator("#td-claim-words").is_visible()
    page.fill("#td-claim-subject input", "cup")
    page.fill("#td-claim-object input", "lamp")
    page.fill("#td-claim-value input", "0.5")
    page.click("#td-claim-judge")
    page.locator(".td-turn").nth(1).locator(".td-claim").first.wait_for()
    work = service.works[-1]
    assert isinstance(work, Judge)
    (claim,) = work.claims
    assert not isinstance(claim, str) and (claim.relation, claim.value_m) == ("distance_between", 0.5)
    page.evaluate("TheodolitePage.newScene()")
    page.wait_for_function("document.querySelector('#td-claim-subject input').value === ''")


def test_two_marked_points_are_a_length_that_is_added_once(page: Any, service: FakeService) -> None:
    give(page)
    ask(page)
    page.wait_for_selector("#td-workbench .mark")
    page.get_by_role("button", name="Mark a known length").click()
    area = page.locator("#td-workbench .picture-box img").first.bounding_box()
    for x in (0.25, 0.75):
        page.mouse.click(area["x"] + x * area["width"], area["y"] + 0.5 * area["height"])
    page.get_by_role("button", name="Use these points").click()
    page.wait_for_function("document.activeElement.matches('#td-anchors input[type=number]')")
    page.keyboard.type("20")
    page.click("#td-anchor-add")
    page.click("#td-anchor-judge")
    page.locator(".td-turn").nth(1).locator(".td-answer").wait_for()
    (anchor,) = service.given[-1].anchors
    (x1, y1), (x2, y2) = anchor.points_px
    assert x2 - x1 == pytest.approx(80, abs=1) and y1 == y2
    assert f"pixel ({x1:g}, {y1:g}) to pixel ({x2:g}, {y2:g}) = 20 cm" in page.text_content("#td-anchor-list")
    page.click("#td-anchor-list .td-mini")
    assert page.locator(".tw-hand").count() == 0


def test_the_end_of_a_run_says_nothing_about_the_next(page: Any) -> None:
    failed = page.evaluate(
        """() => {
          const page = TheodolitePage, command = page.command, ids = [];
          const turns = () => [...document.querySelectorAll(".td-turn")];
          const failed = () => turns().map((turn) => Boolean(turn.querySelector(".td-failed")));
          for (let late = 0; late < 9; late++) page.ended();
          page.command = (name, value) => ids.push(value.run);
          for (const title of ["one", "two"]) page.enqueue({ kind: "judge", claims: [title] }, [title]);
          const done = { run: ids[0], kind: "judge", state: "done", turns: [{}] };
          page.tell("run", done);
          page.ended();
          const before = failed();
          page.ended();
          page.command = command;
          return [ids.length, before, failed()];
        }"""
    )
    assert failed == [2, [True, False], [True, True]]


def test_a_known_length_changes_the_metres(page: Any, service: FakeService) -> None:
    give(page)
    ask(page)
    unfold(page, "#td-anchors")
    page.fill("#td-anchor-first input", "cup")
    page.fill("#td-anchors input[type=number]", "9.5")
    page.click("#td-anchor-judge")
    turn = page.locator(".td-turn").nth(1)
    turn.locator("table").wait_for()
    assert turn.locator("tbody td").all_text_contents()[:2] == ["1.06 m ± 0.10 m", "2.12 m ± 0.21 m"]
    assert isinstance(service.works[-1], Rejudge) and service.given[-1].anchors[0].value_m == 0.095
    assert "height of cup = 9.5 cm" in page.text_content("#td-anchor-list")


def test_stop_cancels_the_job_and_so_does_a_closed_tab(browser: Any, address: str, service: FakeService) -> None:
    with opened(browser, address) as page:
        give(page)
        page.fill("#td-question textarea", f"{SLOW} Where?")
        page.click("#td-ask")
        page.get_by_text(SLOW, exact=True).wait_for()
        page.click("#td-stop")
        page.get_by_text("Stopped.", exact=True).wait_for()
        assert list(service.jobs.values())[-1].state is JobState.CANCELLED
        assert not page.locator("#td-stop").is_visible()
        page.fill("#td-question textarea", f"{SLOW} Why?")
        page.press("#td-question textarea", "Enter")
        page.locator(".td-turn").nth(1).get_by_text(SLOW, exact=True).wait_for()
    job = list(service.jobs.values())[-1].id
    for _ in range(100):
        if service.jobs[job].state is JobState.CANCELLED:
            break
        time.sleep(0.1)
    assert service.jobs[job].state is JobState.CANCELLED


def test_questions_wait_for_each_other_and_can_be_changed(page: Any, service: FakeService) -> None:
    give(page)
    page.fill("#td-question textarea", "First?\nSecond?")
    page.click("#td-ask")
    page.fill("#td-question textarea", "Third?")
    page.click("#td-ask")
    page.locator(".td-answer").nth(2).wait_for()
    asked = [work.questions for work in service.works[-2:] if isinstance(work, Ask)]
    assert asked == [("First?", "Second?"), ("Third?",)]
    page.locator(".td-turn").nth(2).locator(".td-edit").click()
    page.fill(".td-edit-form textarea", "Fourth?")
    page.press(".td-edit-form textarea", "Enter")
    page.locator(".td-answer").nth(3).wait_for()
    page.locator(".td-again").first.click()
    page.locator(".td-answer").nth(4).wait_for()
    work = service.works[-1]
    assert isinstance(work, Ask) and work.questions == ("First?",) and work.after in service.store.results


def test_results_are_downloaded_shared_and_found_again(browser: Any, address: str) -> None:
    with opened(browser, address, permissions=["clipboard-read", "clipboard-write"]) as page:
        give(page)
        turn = ask(page)
        with page.expect_download() as download:
            turn.get_by_text("Download").click()
        assert download.value.suggested_filename.endswith(".zip")
        turn.get_by_text("Copy link").click()
        page.wait_for_selector("#td-toast.td-shown")
        assert re.fullmatch(rf"{address}/r/[\w-]+", page.evaluate("navigator.clipboard.readText()"))
        page.reload()
        page.wait_for_selector(".td-example img")
        page.click("#td-history-open")
        page.click(".td-entry")
        page.wait_for_selector(".td-turn .td-answer")
        page.wait_for_selector("#td-workbench .mark")
        ask(page, "And now?")


def test_a_phone_shows_everything_in_one_column(browser: Any, address: str) -> None:
    with opened(browser, address, PHONE, locale="zh-CN", color_scheme="dark", has_touch=True) as page:
        page.wait_for_function("document.querySelector('#td-ask').innerText === '提问'")
        assert page.text_content("#td-choose") == "选择文件"
        page.tap("[data-example=views]")
        page.wait_for_function("document.querySelectorAll('.td-file.td-sent').length === 3")
        page.tap(".td-suggestion >> nth=0")
        page.wait_for_selector(".td-answer")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert serious(page) == []
        page.tap("#td-language-switch")
        page.wait_for_function("document.querySelector('#td-ask').innerText === 'Ask'")
        assert page.text_content("#td-choose") == "Choose files"


def test_errors_and_hostile_words_are_text(page: Any, watched: Watched) -> None:
    page.set_input_files("#td-file", [{"name": "<b>.png", "mimeType": "image/png", "buffer": b"bad"}])
    page.get_by_text("is neither an image nor a video").wait_for()
    watched.check(refused=1)
    page.fill("#td-question textarea", QUESTION)
    page.click("#td-ask")
    page.get_by_text("Give an image or a video first").wait_for()
    give(page)
    turn = ask(page, "hostile <img src=x onerror='window.hacked=1'>")
    assert HOSTILE[:30] in turn.text_content()
    assert page.evaluate("window.hacked === undefined && !document.querySelector('.td-log img, .td-log b')")
    assert (
        page.evaluate("document.querySelector('.td-log').scrollWidth - document.querySelector('.td-log').clientWidth")
        <= 1
    )


def test_files_are_put_in_order_and_removed(page: Any, service: FakeService) -> None:
    give(page, "one.png", "two.png", "three.png")
    page.click("[aria-label='Move one.png back']")
    page.click("[aria-label='Remove three.png']")
    assert page.locator("#td-files .td-file-name").all_text_contents() == ["two.png", "one.png"]
    ask(page)
    assert len(service.given[-1].images) == 2
    page.click("#td-new")
    assert page.locator("#td-files .td-file, .td-turn").count() == 0


def test_the_keyboard_reaches_the_question_and_the_theme_stays(browser: Any, address: str) -> None:
    with opened(browser, address) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "td-skip"
        page.click("#td-theme")
        page.reload()
        page.wait_for_selector(".td-example img")
        page.wait_for_function("document.body.classList.contains('dark')")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert "gradio.app" not in page.content() and "googleapis" not in page.content()
