from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from viewer_pages import (
    Opened,
    result_of,
    scene_of_two_frames,
)

from pipeline.export.stored_scene import StoredScene
from pipeline.export.viewer.data import view_data
from pipeline.records import Camera, Frame, Region, Scene


def test_the_first_frame_is_drawn_soon(opened: Opened) -> None:
    seconds = opened.ask("seconds")
    assert seconds < 10, "far beyond what it takes, for machines that do much at once"
    pixels = opened.ask(
        """() => { viewer.draw(); const gl = viewer.canvas.getContext("webgl2") || viewer.canvas.getContext("webgl");
        const bytes = new Uint8Array(4 * gl.drawingBufferWidth * gl.drawingBufferHeight);
        gl.readPixels(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
        let covered = 0; for (let i = 3; i < bytes.length; i += 4) covered += bytes[i] > 0;
        return covered / (bytes.length / 4); }"""
    )
    assert pixels > 0.5


def test_a_drag_turns_and_a_wheel_zooms_without_a_pick(opened: Opened) -> None:
    before = opened.ask("viewer.project([0.5, 0, 1.5])")
    x, y = opened.centre()
    opened.page.mouse.move(x, y)
    opened.page.mouse.down()
    opened.page.mouse.move(x + 60, y + 20, steps=4)
    opened.page.mouse.up()
    turned = opened.ask("viewer.project([0.5, 0, 1.5])")
    assert abs(turned["x"] - before["x"]) > 2
    opened.page.mouse.wheel(0, -300)
    opened.page.wait_for_function("depth => viewer.project([0.5, 0, 1.5]).depth < depth", arg=turned["depth"])
    assert opened.ask("events.length") == 0


def test_the_wheel_scrolls_a_long_page_until_the_view_is_chosen(opened: Opened) -> None:
    opened.ask("document.body.appendChild(document.createElement('div')).style.height = '2000px'")
    x, y = opened.centre()
    before = opened.ask("viewer.view.distance")
    opened.page.mouse.move(x, y)
    opened.page.mouse.wheel(0, 100)
    opened.page.wait_for_function("window.scrollY > 0")
    assert opened.ask("viewer.view.distance") == before
    opened.page.locator(".tv-canvas").focus()
    opened.page.mouse.wheel(0, 100)
    opened.page.wait_for_function("before => viewer.view.distance > before", arg=before)


def test_what_is_dragged_follows_the_pointer(opened: Opened) -> None:
    """A point before the target moves with the drag, as on a ball that one turns."""
    opened.ask("viewer.setPreset('camera')")
    target = opened.ask("viewer.view.target.toArray()")
    near = [target[0], target[1], target[2] - 0.5]
    before = opened.ask("p => viewer.project(p)", near)
    x, y = opened.centre()
    opened.page.mouse.move(x, y)
    opened.page.mouse.down()
    opened.page.mouse.move(x + 50, y + 30, steps=5)
    opened.page.mouse.up()
    after = opened.ask("p => viewer.project(p)", near)
    assert after["x"] > before["x"] + 5 and after["y"] > before["y"] + 3
    opened.page.keyboard.down("Shift")
    opened.page.mouse.down()
    opened.page.mouse.move(x + 90, y + 10, steps=5)
    opened.page.mouse.up()
    moved = opened.ask("() => viewer.project(viewer.view.target.clone().toArray())")
    shown = opened.ask("p => viewer.project(p)", target)
    assert shown["x"] - moved["x"] == pytest.approx(40, abs=12)
    assert shown["y"] - moved["y"] == pytest.approx(-20, abs=12)


@pytest.mark.parametrize(
    ("name", "nearer", "higher"), [("top", (0, -1, 0), (0, 0, 1)), ("side", (1, 0, 0), (0, -1, 0))]
)
def test_the_views_from_above_and_from_the_side(
    opened: Opened, name: str, nearer: tuple[int, ...], higher: tuple[int, ...]
) -> None:
    """The wall is upright, so up is that of the image: -y."""
    opened.ask("name => viewer.setPreset(name)", name)
    seen = (
        "([way, length]) => viewer.project([0, 1, 2].map((k) => viewer.view.target.getComponent(k) + length * way[k]))"
    )
    middle = opened.ask(seen, [nearer, 0])
    up = opened.ask("viewer.data.frames[0].up")
    assert up == pytest.approx([0, -1, 0], abs=0.2)
    toward = opened.ask(seen, [up if name == "top" else nearer, 0.1])
    assert toward["depth"] < middle["depth"] - 0.08
    assert opened.ask(seen, [higher, 0.1])["y"] < middle["y"] - 3


def test_names_never_cover_each_other_and_are_no_markup(browser: Any, tmp_path: Path) -> None:
    stored, result = scene_of_two_frames()
    evil = "<img src=x onerror=alert(1)></script>"
    crowd = tuple(Region(f"thing {k}", (250 + 3 * k, 210, 360, 310)) for k in range(12))
    data = view_data(stored, replace(result, regions=(Region(evil, (250, 200, 370, 320)), *crowd), verdicts=()))
    opened = Opened(browser, tmp_path, data)
    opened.page.wait_for_selector(".tv-label:not([hidden])")
    boxes = opened.ask(
        """[...document.querySelectorAll(".tv-label:not([hidden])")].map((label) => {
        const box = label.getBoundingClientRect();
        return [box.left, box.top, box.right, box.bottom, label.textContent]; })"""
    )
    assert len(boxes) >= 4 and evil in [box[4] for box in boxes]
    for k, one in enumerate(boxes):
        for other in boxes[:k]:
            beside = one[0] >= other[2] - 0.1 or other[0] >= one[2] - 0.1
            assert beside or one[1] >= other[3] - 0.1 or other[1] >= one[3] - 0.1, (one, other)
    assert opened.complaints == [] and opened.page.locator("img").count() == 0
    opened.page.close()


def test_a_theme_that_is_set_counts_before_that_of_page_and_system(opened: Opened) -> None:
    ground = "getComputedStyle(document.querySelector('.tv-root')).backgroundColor"
    opened.ask("document.documentElement.dataset.theme = 'light'")
    opened.ask("viewer.setTheme('dark')")
    assert opened.ask(ground) == "rgb(20, 23, 27)"
    opened.ask("document.documentElement.dataset.theme = 'dark'")
    opened.ask("viewer.setTheme('light')")
    assert opened.ask(ground) == "rgb(255, 255, 255)"
    opened.ask("viewer.setTheme(null)")
    assert opened.ask(ground) == "rgb(20, 23, 27)"


def test_another_viewer_looks_from_where_the_first_one_does(opened: Opened) -> None:
    opened.ask("() => { viewer.view.orbit(0.4, 0.1); viewer.view.pan(20, 5); viewer.view.zoom(0.8); }")
    seen = opened.ask("viewer.project([0.1, 0.2, 1.5])")
    opened.ask("() => { window.eye = viewer.eye(); viewer.setPreset('top'); }")
    assert opened.ask("viewer.project([0.1, 0.2, 1.5])") != pytest.approx(seen)
    opened.ask("viewer.setEye(eye)")
    assert opened.ask("viewer.project([0.1, 0.2, 1.5])") == pytest.approx(seen)
    pressed = "document.querySelectorAll('.tv-toolbar [aria-pressed=true]')[0].textContent"
    assert opened.ask(pressed) == "Photo", "it is none of the three views"


def test_the_depth_of_a_point_has_the_interval_of_its_errors(opened: Opened) -> None:
    """Relative errors 0.01 + 0.002 z and 0.001 + 0.0005 z, and a common one of 0.03."""
    own = math.hypot(0.01 + 0.002 * 2, 0.001 + 0.0005 * 2)
    error_m = 2 * math.hypot(1.96 * own, (math.exp(1.96 * 0.03) - math.exp(-1.96 * 0.03)) / 2)
    text = "([z, kind]) => Theodolite.depthText(viewer.data.words, { ...viewer.data.frames[0], kind: kind }, z, 0)"
    said = opened.ask(text, [2.0, "metric"])
    length, _, error = said.removesuffix(" m").partition(" m ± ")
    assert float(length) == 2.0 and float(error) == pytest.approx(error_m, abs=0.006)
    assert opened.ask(text, [2.0, "scale_invariant"]) == f"2 ± {1.96 * 2 * own:.2g} units"


@pytest.mark.parametrize(("theme", "is_dark"), [("dark", True), ("light", False)])
def test_the_theme_of_the_page_counts_before_that_of_the_system(
    browser: Any, tmp_path: Path, data: dict[str, Any], theme: str, is_dark: bool
) -> None:
    opened = Opened(browser, tmp_path, data, color_scheme="light" if is_dark else "dark")
    opened.ask("theme => { document.documentElement.dataset.theme = theme; }", theme)
    colour = opened.ask("getComputedStyle(document.querySelector('.tv-root')).backgroundColor")
    assert (max(map(int, colour.removeprefix("rgb(").rstrip(")").split(","))) < 60) == is_dark
    opened.page.close()


def test_a_chinese_result_has_a_chinese_viewer(browser: Any, tmp_path: Path) -> None:
    stored, result = scene_of_two_frames()
    opened = Opened(browser, tmp_path, view_data(stored, replace(result, language="zh")))
    assert [button.inner_text() for button in opened.page.locator(".tv-button").all()][:4] == [
        "相机", "俯视", "侧视", "照片",
    ]  # fmt: skip
    x, y = opened.centre()
    opened.page.mouse.click(x, y)
    opened.page.mouse.click(x + 100, y)
    assert opened.page.locator(".tv-picked").inner_text().startswith("距离 ")
    assert "132 000" in opened.page.locator(".tv-count").inner_text()
    opened.page.close()


def test_the_keyboard_turns_zooms_chooses_views_and_picks(opened: Opened) -> None:
    opened.page.locator(".tv-canvas").focus()
    at = "[0, 1, 2].map((k) => viewer.project([0.1 * k, 0.1, 1.5]).x)"
    seen = [opened.ask(at)]
    for key in ("ArrowLeft", "+", "2", "3", "1"):
        opened.page.keyboard.press(key)
        seen.append(opened.ask(at))
    assert len({tuple(places) for places in seen}) == 5, "the camera view is where it began"
    assert seen[0] == pytest.approx(seen[-1])
    opened.page.keyboard.press("Enter")
    assert opened.ask("events.length") >= 1


def test_touch_turns_with_one_finger_and_zooms_with_two(browser: Any, tmp_path: Path, data: dict[str, Any]) -> None:
    opened = Opened(browser, tmp_path, data, has_touch=True, viewport={"width": 390, "height": 700})
    x, y = opened.centre()
    client = opened.page.context.new_cdp_session(opened.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": px, "y": py, "id": k} for k, (px, py) in enumerate(points)]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    before = opened.ask("[viewer.view.distance, ...viewer.view.camera.quaternion.toArray()]")
    touch("touchStart", (x, y))
    touch("touchMove", (x + 30, y))
    touch("touchMove", (x + 60, y))
    touch("touchEnd")
    turned = opened.ask("[viewer.view.distance, ...viewer.view.camera.quaternion.toArray()]")
    assert turned[0] == pytest.approx(before[0]) and turned[1:] != pytest.approx(before[1:])
    touch("touchStart", (x - 20, y), (x + 20, y))
    touch("touchMove", (x - 40, y), (x + 40, y))
    touch("touchMove", (x - 60, y), (x + 60, y))
    touch("touchEnd")
    pinched = opened.ask("[viewer.view.distance, ...viewer.view.camera.quaternion.toArray()]")
    assert pinched[0] < 0.7 * turned[0]
    assert opened.ask("events.length") == 0 and opened.complaints == []
    opened.page.close()


def test_a_chosen_claim_keeps_its_regions_bright_and_fades_the_rest(opened: Opened) -> None:
    script = """() => { const part = viewer.parts[0]; const found = {};
      for (let i = 0; i < part.points.count; i++) {
        const region = part.points.regions[i];
        (found[region] = found[region] || new Set()).add(part.tints[4 * i + 3]); }
      return Object.fromEntries(Object.entries(found).map(([k, set]) => [k, [...set]])); }"""
    assert set(map(tuple, opened.ask(script).values())) == {(255,)}
    opened.ask("viewer.select({ claim: 0 })")
    chosen = opened.ask(script)
    assert chosen["0"] == chosen["1"] == [255] and chosen["-1"] == [40]
    opened.page.wait_for_function("document.querySelectorAll('.tv-label-line:not([hidden])').length === 2")
    opened.ask("viewer.select({ region: 1 })")
    chosen = opened.ask(script)
    assert chosen["1"] == [255] and chosen["0"] == chosen["-1"] == [40]
    opened.ask("viewer.select(null)")
    assert set(map(tuple, opened.ask(script).values())) == {(255,)}
    assert opened.ask("events.length") == 0


def test_a_click_on_a_name_selects_its_region_and_says_so(opened: Opened) -> None:
    opened.page.wait_for_selector(".tv-label-region:not([hidden])")
    box = opened.page.locator(".tv-label-region", has_text="cube").bounding_box()
    opened.page.mouse.click(box["x"] + 6, box["y"] + 6)
    assert opened.ask("events") == [["select", {"region": 0, "claim": None}]]
    opened.page.wait_for_timeout(100)
    box = opened.page.locator(".tv-label-region", has_text="cube").bounding_box()
    opened.page.mouse.click(box["x"] + 6, box["y"] + 6)
    assert opened.ask("events")[1] == ["select", {"region": None, "claim": None}]


def test_every_colour_and_view_is_drawn(opened: Opened) -> None:
    for name in ("Depth", "Region", "Error", "Photo", "Top", "Side", "Camera"):
        opened.page.get_by_role("button", name=name, exact=True).click()
        assert opened.page.get_by_role("button", name=name, exact=True).get_attribute("aria-pressed") == "true"
    opened.page.get_by_role("combobox").select_option(index=2)
    opened.page.wait_for_function("viewer.parts.length === 1")
    opened.ask("viewer.setPointSize(6)")
    assert opened.ask("viewer.pointSize") == 6
    opened.ask("viewer.dispose()")
    assert opened.page.locator(".tv-root").count() == 0


def test_data_without_frames_shows_its_notice(browser: Any, tmp_path: Path) -> None:
    stored = StoredScene(Scene("item", (Frame(np.zeros((4, 4, 3), np.uint8), Camera(4, 4, 1.5, 1.5, 4, 4)),)))
    opened = Opened(browser, tmp_path, view_data(stored, result_of(stored)))
    assert "There is no depth" in opened.page.locator(".tv-root").inner_text()
    opened.ask(
        """() => { viewer.select({ claim: 0 }); viewer.setColour("depth"); viewer.setPreset("top");
        viewer.setPointSize(3); viewer.resize(); viewer.dispose(); }"""
    )
    assert opened.complaints == []
    opened.page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast_and_names_meet_axe(browser: Any, tmp_path: Path, data: dict[str, Any], theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    opened = Opened(browser, tmp_path, data, color_scheme=theme)
    opened.ask("viewer.setColour('region')")
    opened.page.wait_for_timeout(200)
    found = axe.Axe().run(opened.page).response["violations"]
    assert [(item["id"], [node["html"] for node in item["nodes"]]) for item in found] == []
    opened.page.close()
