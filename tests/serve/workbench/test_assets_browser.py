"""The workbench as people use it: in a browser, under a policy that forbids everything it does not need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from export.report.report_data import HOSTILE
from viewer_pages import opened_browser
from workbench_pages import files_of, judged, served, static_files, stored_of

from pipeline.export.result_with_scene import with_scene
from pipeline.records import Claim, DepthKind, Region, Status, Verdict

SIZE_PX = 256
"""Width and height of the samples."""


def hostile() -> Any:
    """A result whose every text is markup."""
    made = judged(0)
    region = Region(HOSTILE, (20, 30, 120, 130))
    claim = Claim("left_of", HOSTILE, "b")
    verdict = Verdict(claim, Status.UNDECIDED, HOSTILE, needs=HOSTILE, claim_text=HOSTILE)
    plain = replace(made, item_id=HOSTILE, question=HOSTILE, regions=(region,), verdicts=(verdict,), answer=None)
    return with_scene(plain, stored_of(made))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server of four results: A and B about one scene of three frames, R of depth without shape, and H."""
    results = {
        "A": judged(4),
        "B": judged(4, claims=(1, 4)),
        "R": judged(0, DepthKind.DISPARITY_AFFINE),
        "H": hostile(),
    }
    files = static_files()
    for name, result in results.items():
        files |= files_of(result, name, 6000)
    with served(files) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with opened_browser() as opened:
        yield opened


@contextmanager
def opened(browser: Any, address: str, language: str = "en", **settings: Any) -> Iterator[Any]:
    """The page; afterwards, nothing was fetched from elsewhere, and no error was logged."""
    context = browser.new_context(**settings)
    context.set_default_timeout(30_000)
    page = context.new_page()
    fetched: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.on("console", lambda line: errors.append(line.text) if line.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{address}/{language}.html")
    try:
        yield page
    finally:
        context.close()
    assert [url for url in fetched if not url.startswith((address, "data:", "blob:"))] == []
    assert [error for error in errors if "GPU stall" not in error and "GL Driver" not in error] == []


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page with result A and its claims."""
    with opened(browser, address, viewport={"width": 1000, "height": 900}) as found:
        shown(found, "A")
        yield found


def shown(page: Any, result: str) -> Any:
    """Shows a result and adds its claims to the chat."""
    data = page.evaluate("id => TheodoliteWorkbench.show(id)", result)
    page.evaluate("([id, claims]) => addClaims(id, claims)", [result, data["claims"]])
    until(page, "document.querySelector('.tw-photo').naturalWidth > 0")
    return data


def until(page: Any, script: str, argument: Any = None) -> None:
    """Wait until a script is true; Playwright's own way evaluates text, which the policy forbids."""
    for _ in range(200):
        if page.evaluate(script, argument):
            return
        page.wait_for_timeout(40)
    raise AssertionError(f"This never came true: {script}")


def lit(page: Any, selector: str) -> set[str]:
    found: list[str] = page.eval_on_selector_all(
        f"{selector}.lit", "all => all.map(one => one.dataset.regions || one.dataset.claim)"
    )
    return set(found)


def told(page: Any, name: str) -> list[Any]:
    """What the workbench told the page by events of a name."""
    found: list[Any] = page.evaluate("name => events.filter(one => one[0] === name).map(one => one[1])", name)
    return found


def claim_with(data: dict[str, Any], frames: list[int]) -> int:
    """A claim about regions of these frames."""
    return next(index for index, claim in enumerate(data["claims"]) if claim["frames"] == frames)


def layer(page: Any) -> dict[str, float]:
    found: dict[str, float] = page.locator(".tw-layer").bounding_box()
    return found


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    page.mouse.move(*end)
    page.mouse.up()


def draw(page: Any, edges: tuple[float, float, float, float]) -> None:
    """Drag a box with these edges [px of the frame]."""
    place = layer(page)
    left, top, right, bottom = (place["xy"[k % 2]] + edge * place["width"] / SIZE_PX for k, edge in enumerate(edges))
    drag(page, (left, top), (right, bottom))


def test_hover_previews_a_claim_and_a_click_keeps_it(page: Any) -> None:
    data = page.evaluate("TheodoliteWorkbench.show('A')")
    regions = {str(region) for region in data["claims"][0]["regions"]}
    page.hover("#A-0")
    assert lit(page, ".mark") == lit(page, ".marks g.label") == regions and lit(page, "#chat button") == {"0"}
    assert data["claims"][0]["text"] in page.inner_text(".tw-said")
    page.mouse.move(2, 890)
    assert lit(page, ".mark") == set()
    page.click("#A-0")
    page.mouse.move(2, 890)
    assert lit(page, ".mark") == regions and page.get_attribute("#A-0", "aria-pressed") == "true"
    assert [(one["result"], one["claim"]) for one in told(page, "select")] == [("A", 0)]
    page.evaluate("claims => addClaims('A', claims)", data["claims"][:2])
    until(page, "document.querySelectorAll('#chat ul:last-child .lit').length === 1")
    page.keyboard.press("Escape")
    assert lit(page, ".mark") == set() and page.get_attribute("#A-0", "aria-pressed") == "false"


def test_what_decided_a_claim_is_drawn_while_it_is_lit(page: Any) -> None:
    data = page.evaluate("TheodoliteWorkbench.show('A')")
    measures = [measure for frame in data["frames"] for measure in frame["drawing"]["measures"]]
    index = measures[0]["claim"]
    drawn = "k => getComputedStyle(document.querySelector(`.measure[data-claim='${k}']`)).display"
    page.click(f"#A-{index}")
    page.keyboard.press("Escape")
    assert page.evaluate(drawn, index) == "none"
    page.click(f"#A-{index}")
    assert page.evaluate(drawn, index) == "block"


def test_boxes_and_chips_pick_their_regions_by_mouse_and_keyboard(page: Any) -> None:
    page.click(".chip:has-text('white ring')")
    chosen = told(page, "select")[-1]
    assert chosen["claim"] is None and chosen["region"] in chosen["regions"] and len(chosen["regions"]) >= 2
    assert lit(page, ".mark") <= {str(region) for region in chosen["regions"]} != set()
    page.click(".chip:has-text('white ring')")
    assert told(page, "select")[-1]["region"] is None and lit(page, ".mark") == set()
    mark = page.locator(".mark[tabindex]").first
    mark.focus()
    assert lit(page, ".mark") == {mark.get_attribute("data-regions")}
    page.keyboard.press("Enter")
    assert told(page, "select")[-1]["regions"].count(int(mark.get_attribute("data-regions"))) == 1


def test_the_frame_of_a_claim_is_shown(page: Any) -> None:
    data = page.evaluate("TheodoliteWorkbench.show('A')")
    index = claim_with(data, [2])
    page.click(f"#A-{index}")
    assert page.get_attribute(".tw-strip [role=tab]:nth-child(3)", "aria-selected") == "true"
    assert page.get_attribute(".tw-photo", "src").endswith("photo-2.jpg")
    assert lit(page, ".mark") == {str(region) for region in data["claims"][index]["regions"]}
    page.focus(".tw-strip [role=tab]:nth-child(3)")
    page.keyboard.press("ArrowLeft")
    assert page.get_attribute(".tw-photo", "src").endswith("photo-1.jpg")
    assert told(page, "frame")[-1] == {"result": "A", "frame": 1}


def test_the_slider_wipes_from_photo_to_depth_by_keyboard_and_pointer(page: Any) -> None:
    visible = """() => { const depth = document.querySelector('.tw-depth');
        return [getComputedStyle(depth).clipPath, depth.hidden]; }"""
    assert page.evaluate(visible)[1], "the photo first"
    page.focus(".tw-slider")
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    assert page.evaluate(visible) == ["inset(0px 70% 0px 0px)", False]
    assert page.get_attribute(".tw-slider", "aria-valuetext") == "30 % depth"
    page.keyboard.press("End")
    assert page.evaluate(visible)[0] == "inset(0px)" or page.evaluate(visible)[0].startswith("inset(0px 0%")
    page.keyboard.press("Home")
    assert page.evaluate(visible)[1]
    page.locator(".tw-slider").fill("50")
    grip, box = page.locator(".tw-grip").bounding_box(), page.locator(".picture-box").bounding_box()
    drag(page, (grip["x"] + 14, grip["y"] + 14), (box["x"] + box["width"] / 4, grip["y"] + 14))
    assert page.input_value(".tw-slider") == "25"
    assert "m" in page.inner_text(".legend") and "no depth" in page.inner_text(".legend")


def test_the_depth_under_the_pointer_is_read(page: Any) -> None:
    box = page.locator(".picture-box").bounding_box()
    page.mouse.move(box["x"] + box["width"] * (129.5 / 256), box["y"] + box["height"] * (200.5 / 256))
    until(page, "document.querySelector('.tw-read').textContent.includes('depth')")
    said = page.inner_text(".tw-read")
    true_m = float(stored_of(judged(4)).scene.depth[0].values[200, 129])
    assert said.startswith("pixel (129, 200)") and " ± " in said
    amount, unit = said.split("depth ")[1].split(" ")[:2]
    assert float(amount) / {"m": 1, "cm": 100}[unit] == pytest.approx(true_m, rel=0.05)


def test_depth_without_shape_has_no_metres(browser: Any, address: str) -> None:
    with opened(browser, address, viewport={"width": 900, "height": 900}) as page:
        shown(page, "R")
        page.get_by_role("button", name="Depth").click()
        box = page.locator(".picture-box").bounding_box()
        page.mouse.move(box["x"] + 100, box["y"] + box["height"] - 20)
        until(page, "document.querySelector('.tw-read').textContent.includes('nearer than')")
        assert " m" not in page.inner_text(".legend").replace(" more", "")


def test_a_claim_lights_up_its_regions_in_3d_and_back(page: Any) -> None:
    page.get_by_role("tab", name="3D view").click()
    page.wait_for_selector(".tv-canvas")
    assert page.evaluate("typeof Theodolite.createViewer") == "function"
    page.evaluate(
        """() => { const create = Theodolite.createViewer; window.viewers = [];
        Theodolite.createViewer = (...given) => { viewers.unshift(create(...given)); return viewers[0]; }; }"""
    )
    page.evaluate("TheodoliteWorkbench.show('B')")
    until(page, "viewers.length === 1 && viewers[0].parts.length > 0")
    page.click("#A-0")
    until(page, "viewers.length === 2 && viewers[0].selection && viewers[0].selection.claim === 0")
    regions = page.evaluate("[...viewers[0].selection.regions]")
    assert set(told(page, "select")[-1]["regions"]) <= set(regions)
    page.evaluate("viewers[0].chosen({ region: 3 })")
    assert told(page, "select")[-1]["region"] == 3 or 3 in told(page, "select")[-1]["regions"]
    assert "3" in page.eval_on_selector_all(".chip.lit", "all => all.flatMap(one => one.dataset.regions.split(' '))")


def test_a_click_on_a_claim_of_another_result_shows_it(page: Any) -> None:
    data = shown(page, "B")
    page.hover("#A-3")
    assert page.evaluate("TheodoliteWorkbench.selected().result") == "B", "a hover changes no picture"
    assert lit(page, "#chat button") == {"3"} and lit(page, ".mark") == set()
    page.click("#A-3")
    until(page, "TheodoliteWorkbench.selected().result === 'A'")
    assert told(page, "select")[-1]["claim"] == 3
    page.click("#B-1")
    until(page, "TheodoliteWorkbench.selected().result === 'B'")
    assert lit(page, ".mark") <= {str(region) for region in data["claims"][1]["regions"]}
    page.evaluate("TheodoliteWorkbench.select({ claim: { result: 'A', index: 1 } })")
    assert page.evaluate("TheodoliteWorkbench.selected()")["claims"] == [1]
    page.evaluate("TheodoliteWorkbench.select(null)")
    assert page.evaluate("TheodoliteWorkbench.selected()")["claims"] == []


@pytest.mark.parametrize(("width", "ratio", "is_large"), [(1000, 1, False), (1000, 1, True), (390, 2, False)])
def test_a_box_drawn_by_hand_has_the_pixels_it_covers(
    browser: Any, address: str, width: int, ratio: int, is_large: bool
) -> None:
    with opened(browser, address, viewport={"width": width, "height": 850}, device_scale_factor=ratio) as page:
        shown(page, "A")
        if is_large:
            page.get_by_role("button", name="Enlarge").click()
        assert page.evaluate("TheodoliteWorkbench.startBox('mug')")
        assert page.get_by_role("button", name="Use this box").is_disabled()
        draw(page, (40, 60, 121, 200))
        page.keyboard.press("Enter")
        (made,) = told(page, "box")
        assert made["box_px"] == pytest.approx([40, 60, 121, 200], abs=1)
        assert (made["frame"], made["name"]) == (0, "mug")
        page.click(".tw-hand-box", position={"x": 8, "y": 60})
        place = layer(page)
        corner = [place["x"] + 121 * place["width"] / SIZE_PX, place["y"] + 200 * place["height"] / SIZE_PX]
        scale = place["width"] / SIZE_PX
        drag(page, (corner[0], corner[1]), (corner[0] + 30 * scale, corner[1] - 20 * scale))
        page.get_by_role("button", name="Use this box").click()
        again = told(page, "box")[-1]
        assert again["box_px"] == pytest.approx([40, 60, 151, 180], abs=1) and again["id"] == made["id"]
        assert page.evaluate("TheodoliteWorkbench.boxes().length") == 1


def test_a_box_is_drawn_by_keyboard_alone(page: Any) -> None:
    page.focus("button[aria-label='Draw a box']")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    for key in ("ArrowRight", "Shift+ArrowDown"):
        page.keyboard.press(key)
    page.get_by_role("button", name="left edge", exact=True).focus()
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    assert told(page, "box")[0]["box_px"] == [55, 74, 193, 202]
    page.focus("button[aria-label='Draw a box']")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Escape")
    assert len(told(page, "box")) == 1 and page.locator(".tw-layer").count() == 0
    page.keyboard.press("Escape")
    page.evaluate("TheodoliteWorkbench.clearDrawn()")
    assert page.evaluate("TheodoliteWorkbench.boxes()") == []


def test_a_finger_draws_a_box_and_the_page_does_not_scroll(browser: Any, address: str) -> None:
    with opened(browser, address, viewport={"width": 390, "height": 700}, has_touch=True, is_mobile=True) as page:
        shown(page, "A")
        page.evaluate("TheodoliteWorkbench.startBox()")
        place = layer(page)
        scale = place["width"] / SIZE_PX
        client = page.context.new_cdp_session(page)

        def touch(kind: str, *at: float) -> None:
            points = [{"x": place["x"] + at[0] * scale, "y": place["y"] + at[1] * scale}] if at else []
            client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        before = page.evaluate("scrollY")
        touch("touchStart", 30, 40)
        for step in range(1, 6):
            touch("touchMove", 30 + 20 * step, 40 + 30 * step)
        touch("touchEnd")
        until(page, "!document.querySelector('.tw-primary').disabled")
        page.keyboard.press("Enter")
        assert told(page, "box")[0]["box_px"] == pytest.approx([30, 40, 130, 190], abs=1)
        assert page.evaluate("scrollY") == before


def test_two_points_of_a_length_are_pixel_centres(page: Any) -> None:
    page.evaluate("TheodoliteWorkbench.startPoints()")
    place = layer(page)
    scale = place["width"] / SIZE_PX
    page.mouse.click(place["x"] + 50.5 * scale, place["y"] + 60.5 * scale)
    page.mouse.click(place["x"] + 180.5 * scale, place["y"] + 200.5 * scale)
    page.get_by_role("button", name="End 2: pixel").focus()
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Enter")
    page.evaluate("TheodoliteWorkbench.startPoints()")
    page.keyboard.press("Escape")
    assert page.locator(".tw-hand.tw-line").count() == 1
    (made,) = told(page, "points")
    assert made["frame"] == 0
    assert [number for point in made["points_px"] for number in point] == pytest.approx([50, 60, 180, 190], abs=1)


def test_a_button_leads_from_a_claim_to_the_picture_and_back(browser: Any, address: str) -> None:
    with opened(browser, address, viewport={"width": 390, "height": 600}) as page:
        shown(page, "A")
        page.locator("#A-11").scroll_into_view_if_needed()
        page.click("#A-11")
        page.get_by_role("button", name="Show in the picture").click()
        assert -10 < page.locator(".tw-panel").bounding_box()["y"] < 100
        page.get_by_role("button", name="Back to the claim").click()
        assert 0 < page.locator("#A-11").bounding_box()["y"] < 600 and not page.is_visible(".tw-jump")


def test_only_ids_are_taken_from_elements_of_the_page(page: Any, address: str) -> None:
    page.evaluate("""() => { events.length = 0; window.fetch = (...given) => { events.push(["fetch", given[0]]);
        return Promise.reject(new Error("no")); }; }""")
    for result in ("//evil.example/x", "../../secret", "https://evil.example", "a b"):
        page.evaluate("result => addClaims(result, [{ status: 'x', text: result }])", result)
        page.locator(f"[id='{result}-0']").click()
    assert told(page, "fetch") == []
    page.evaluate("addClaims('other', [{ status: 'x', text: 'y' }])")
    page.click("#other-0")
    assert told(page, "fetch") == ["/v1/results/other/workbench.json"]


def test_the_page_supplies_what_stands_before_any_image(browser: Any, address: str) -> None:
    with opened(browser, address) as page:
        assert page.is_visible("#empty") and not page.is_visible(".tw-panel")
        photo = f"{address}/v1/results/A/photo-0.jpg"
        page.evaluate("url => TheodoliteWorkbench.showScene({ frames: [{ photo: url, name: 'a.jpg' }] })", photo)
        page.wait_for_selector(".picture-box.tw-sized")
        assert not page.is_visible("#empty") and not page.is_visible(".tw-wipe") and not page.is_visible(".tw-strip")
        page.evaluate("TheodoliteWorkbench.startBox()")
        draw(page, (10, 20, 110, 220))
        page.keyboard.press("Enter")
        assert told(page, "box")[0]["box_px"] == pytest.approx([10, 20, 110, 220], abs=1)
        page.evaluate("TheodoliteWorkbench.setProgress('The model writes', 0.5)")
        assert page.inner_text(".tw-progress") == "The model writes"
        page.evaluate("TheodoliteWorkbench.setProgress(null)")
        assert page.inner_text(".tw-progress") == ""
        page.evaluate("TheodoliteWorkbench.showDepth('R')")
        page.wait_for_selector(".tw-wipe:visible")
        assert page.evaluate("TheodoliteWorkbench.boxes().length") == 1
        page.evaluate("TheodoliteWorkbench.clear()")
        assert page.is_visible("#empty") and page.evaluate("TheodoliteWorkbench.boxes()") == []


def test_a_result_that_is_missing_is_said_and_the_last_one_stays(browser: Any, address: str) -> None:
    with opened(browser, address) as page:
        shown(page, "R")
        found = page.evaluate(
            """() => { window.fetch = () => Promise.resolve({ ok: false, status: 404 });
            return TheodoliteWorkbench.show('nothing'); }"""
        )
        assert found is None and page.inner_text("[role=alert]") == "This result cannot be loaded."
        assert page.evaluate("TheodoliteWorkbench.selected().result") == "R"


def test_texts_of_users_and_models_never_become_markup(browser: Any, address: str) -> None:
    with opened(browser, address) as page:
        page.evaluate("addEventListener('securitypolicyviolation', () => events.push(['violation', 1]))")
        shown(page, "H")
        page.click("#H-0")
        page.evaluate("text => { TheodoliteWorkbench.setProgress(text); TheodoliteWorkbench.startBox(text); }", HOSTILE)
        draw(page, (10, 20, 110, 220))
        page.keyboard.press("Enter")
        assert HOSTILE.strip() in page.evaluate("document.querySelector('.chip bdi').textContent")
        assert page.locator("#host script, #host img[src^=x]").count() == 0
        assert told(page, "violation") == []


def test_mounting_again_keeps_what_is_shown_and_disposing_leaves_nothing(page: Any) -> None:
    page.evaluate("TheodoliteWorkbench.mount(document.getElementById('host'), { language: 'en', words: WORDS })")
    assert page.evaluate("TheodoliteWorkbench.selected().result") == "A"
    page.click("#A-0")
    assert len(told(page, "select")) == 1, "one listener, not two"
    page.evaluate("TheodoliteWorkbench.dispose()")
    assert page.locator(".tw-root").count() == 0
    page.click("#A-1")
    assert len(told(page, "select")) == 1


@pytest.mark.parametrize(("system", "on_body", "is_dark"), [
    ("light", "", False), ("dark", "", True), ("light", "dark", True), ("dark", "gradio", False),
])  # fmt: skip
def test_the_theme_follows_gradio_and_the_system(
    browser: Any, address: str, system: str, on_body: str, is_dark: bool
) -> None:
    with opened(browser, address, color_scheme=system) as page:
        if on_body == "gradio":
            page.evaluate(
                "document.querySelector('main').className = 'gradio-container'; document.body.className = 'x'"
            )
        elif on_body:
            page.evaluate("name => { document.body.className = name; }", on_body)
        until(page, "dark => (document.querySelector('.tw-root').dataset.theme === 'dark') === dark", is_dark)
        ink = page.evaluate("getComputedStyle(document.querySelector('.tw-root')).color")
        assert ink == ("rgb(229, 233, 239)" if is_dark else "rgb(23, 32, 43)")


@pytest.mark.parametrize(
    ("theme", "width", "language", "drawing"),
    [("light", 1100, "en", "startBox('mug')"), ("dark", 390, "zh", "startPoints()")],
)
def test_contrast_names_and_widths_meet_axe(
    browser: Any, address: str, theme: str, width: int, language: str, drawing: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    with opened(browser, address, language, viewport={"width": width, "height": 800}, color_scheme=theme) as page:
        shown(page, "A")
        page.click("#A-0")
        page.locator(".tw-slider").fill("40")
        for action, appears in ((drawing, ".tw-drawing"), ("openTab('3d')", ".tv-canvas")):
            page.evaluate(f"TheodoliteWorkbench.{action}")
            page.wait_for_selector(appears)
            page.keyboard.press("ArrowUp")
            # Labels change their opacity for a moment.
            page.wait_for_timeout(200)
            found = axe.Axe().run(page, {"include": [["#host"]]}).response["violations"]
            assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
