from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from viewer_pages import CAMERA, Opened, result_of, scene_of_two_frames, stored_scene

from pipeline.export.images import colours
from pipeline.export.viewer.data import view_data
from pipeline.records import DepthMap, Region

# All corners of boxes, ends of lines and cameras, and the share of points that are within the canvas.
SEEN = """() => {
  const [width, height] = viewer.view.size;
  const inside = ({ x, y, depth }) => depth > 0 && x >= 0 && y >= 0 && x <= width && y <= height;
  const corners = viewer.items.flatMap((item) => item.segments ? item.segments.flat() : []);
  let [shown, all] = [0, 0];
  for (const part of viewer.parts) for (let i = 0; i < part.points.count; i += 7) {
    shown += inside(viewer.view.project(Array.from(part.drawn.subarray(3 * i, 3 * i + 3)))); all++; }
  const places = corners.map((corner) => viewer.view.project(corner));
  return { corners: corners.length, out: places.filter((place) => !inside(place)).length, shown: shown / all };
}"""
SIZES = [(900, 700), (400, 430), (300, 900), (1200, 360)]


def relief(kind: str = "disparity_affine") -> dict[str, Any]:
    rows, columns = np.mgrid[:480, :640]
    values = (rows + 0.3 * columns).astype(np.float32)
    stored = stored_scene(DepthMap(values, np.ones(values.shape, bool), kind), CAMERA)  # type: ignore[arg-type]
    return view_data(stored, result_of(stored, regions=(Region("cup", (250, 200, 370, 470)),)))


@pytest.mark.parametrize(("size", "is_relief"), zip(SIZES, (False, True, False, True), strict=True))
def test_top_and_side_show_all_boxes_cameras_and_nearly_all_points(
    browser: Any, tmp_path: Path, data: dict[str, Any], size: tuple[int, int], is_relief: bool
) -> None:
    page = Opened(browser, tmp_path, relief() if is_relief else data, viewport={"width": size[0], "height": size[1]})
    for preset in ("top", "side"):
        page.ask("name => viewer.setPreset(name)", preset)
        seen = page.ask(SEEN)
        assert seen["corners"] >= 4 and seen["out"] == 0, (preset, seen)
        assert seen["shown"] > 0.93, (preset, seen)
    page.ask("viewer.setPreset('top')")
    page.page.set_viewport_size({"width": size[1], "height": max(size[0], 300)})
    page.page.wait_for_function("size => viewer.view.size[0] < size + 1", arg=size[1])
    page.page.wait_for_timeout(100)
    assert page.ask(SEEN)["out"] == 0, "a chosen view follows the size of the canvas"
    page.page.close()


def label_centre(opened: Opened, name: str) -> tuple[float, float]:
    opened.page.wait_for_selector(".tv-label-region:not([hidden])")
    box = opened.page.locator(".tv-label-region", has_text=name).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_drag_that_begins_on_a_name_turns_the_view_and_selects_nothing(opened: Opened) -> None:
    x, y = label_centre(opened, "cube")
    before = opened.ask("viewer.view.camera.quaternion.toArray()")
    opened.page.mouse.move(x, y)
    assert opened.ask("viewer.canvas.style.cursor") == "pointer"
    opened.page.mouse.down()
    opened.page.mouse.move(x + 60, y + 20, steps=4)
    opened.page.mouse.up()
    assert opened.ask("viewer.view.camera.quaternion.toArray()") != pytest.approx(before)
    assert opened.ask("events") == [] and opened.ask("viewer.selection") is None


def test_a_length_is_shown_on_arrival_only_where_it_is_the_only_one(browser: Any, tmp_path: Path) -> None:
    stored, result = scene_of_two_frames()
    first = result.verdicts[0]
    other = replace(first, evidence=(replace(first.evidence[0], regions=(1, 0)),))
    for verdicts, expected in (((first,), 1), ((first, other), 0)):
        page = Opened(browser, tmp_path, view_data(stored, replace(result, verdicts=verdicts), 1000))
        page.page.wait_for_selector(".tv-label-region:not([hidden])")
        assert page.page.locator(".tv-label-line:not([hidden])").count() == expected
        page.ask("viewer.select({ claim: 0 })")
        page.page.wait_for_function("document.querySelectorAll('.tv-label-line:not([hidden])').length === 2")
        page.page.close()


def test_an_object_of_several_frames_has_one_box_where_they_are_shown_together(browser: Any, tmp_path: Path) -> None:
    stored, result = scene_of_two_frames()
    cube = Region("cube", (125, 100, 185, 160), 1)
    page = Opened(browser, tmp_path, view_data(stored, replace(result, regions=(*result.regions, cube))))
    boxes = "viewer.items.filter((item) => item.kind === 'box').length"
    assert page.ask(boxes) == 2
    page.ask("viewer.setView(2)")
    assert page.ask(boxes) == 1
    page.page.close()


def test_depth_has_the_colours_of_its_picture(browser: Any, tmp_path: Path) -> None:
    """Plasma, from the 1st to the 99th percentile of depth, near first."""
    values = np.tile(1.0 + np.arange(640) / 640, (480, 1))
    stored = stored_scene(DepthMap(values.astype(np.float32), values > 0, "metric", "sensor"), CAMERA)  # type: ignore[arg-type]
    made = view_data(stored, result_of(stored))
    near, far = made["frames"][0]["ends"]
    assert (near, far) == pytest.approx(np.percentile(values, (1, 99)), abs=1e-4)
    for data, nearness in (
        (made, f"1 - Math.log(z / {near}) / Math.log({far} / {near})"),
        (relief(), "2 / z - 1"),
        (relief("depth_affine"), "2 / z - 1"),
    ):
        page = Opened(browser, tmp_path, data)
        page.ask("viewer.setColour('depth')")
        found = page.ask(
            f"""() => {{ const [part] = viewer.parts; return [...Array(500).keys()].map((k) => {{ const i = 131 * k;
            const z = part.points.z[i]; return [{nearness}, [...part.tints.subarray(4 * i, 4 * i + 3)]]; }}); }}"""
        )
        levels = np.array([np.clip(round(255 * share), 0, 255) for share, _ in found], np.uint8)
        expected = colours(levels[None])[0].astype(int)
        assert np.abs(np.array([colour for _, colour in found]) - expected).max() <= 6
        assert levels.max() - levels.min() > 200
        scale = page.page.locator(".tv-scale")
        assert scale.evaluate("one => getComputedStyle(one).backgroundImage").startswith(
            "linear-gradient(to right, rgb(240, 249, 33)"
        )
        said = page.page.locator(".tv-legend").inner_text()
        assert said.split() == (["1.01", "m", "1.99", "m"] if data is made else ["near", "far"])
        page.page.close()


@pytest.mark.parametrize(("is_relief", "width"), [(False, 403), (True, 900)])
def test_the_footer_says_what_clicks_do_and_keeps_its_height(
    browser: Any, tmp_path: Path, data: dict[str, Any], is_relief: bool, width: int
) -> None:
    page = Opened(browser, tmp_path, relief() if is_relief else data, viewport={"width": width, "height": 500})
    said = page.page.locator(".tv-picked")
    assert said.inner_text() == (
        "Click two points to see which is nearer" if is_relief else "Click two points to measure"
    )
    assert ("± is the 95 % interval" in page.page.locator(".tv-status").inner_text()) != is_relief
    before = page.page.locator(".tv-canvas").bounding_box()
    x, y = page.centre()
    for step in (0, 1):
        page.page.mouse.click(x + 40 * step, y + 50 * step)
        page.page.wait_for_timeout(50)
        assert page.page.locator(".tv-canvas").bounding_box() == before
        assert said.evaluate("one => one.scrollHeight <= one.clientHeight + 1"), said.inner_text()
    assert ("nearer" in said.inner_text()) == is_relief and ("Distance" in said.inner_text()) != is_relief
    page.page.close()
