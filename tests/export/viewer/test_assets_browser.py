from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from viewer_pages import opened_browser, result_of, stored_scene, write_page

from pipeline.export.stored_scene import StoredScene
from pipeline.export.viewer.data import view_data
from pipeline.export.viewer.points import Quantisation, unpacked
from pipeline.geometry.two_points import PixelPoint, distance_of
from pipeline.records import Camera, Claim, DepthMap, Evidence, Frame, Region, Result, Scene, Status, Verdict
from pipeline.records.error_budget import DepthErrors

CAMERA = Camera(600.0, 610.0, 300.0, 250.0, 640, 480)
ERRORS = DepthErrors(0.01, 0.002, 0.2, 0.001, 0.0005, 1.0, 0.03, 0.04)


def metric(values: np.ndarray, source: str = "sensor") -> DepthMap:
    return DepthMap(values.astype(np.float32), values > 0, "metric", source)  # type: ignore[arg-type]


def scene_of_two_frames() -> tuple[StoredScene, Result]:
    """A cube before a slanted wall, seen from two places; the second frame is smaller."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:480, :640]
    values = 2 + columns / 640 + 0.2 * np.sin(rows / 40)
    values[200:320, 250:370] = 1.0
    pose = np.eye(4)
    pose[:3, 3] = (0.4, 0.1, -0.1)
    small = Camera(300.0, 300.0, 160.0, 120.0, 320, 240)
    frames = (
        Frame(rng.integers(0, 256, (480, 640, 3), dtype=np.uint8), CAMERA, pose=np.eye(4), name="first"),
        Frame(rng.integers(0, 256, (240, 320, 3), dtype=np.uint8), small, pose=pose, name="second"),
    )
    scene = Scene("item", frames, depth=(metric(values), metric(values[::2, ::2])))
    stored = StoredScene(scene, (ERRORS, replace(ERRORS, relative=0.02, scale=0.01)))
    regions = (Region("cube", (250, 200, 370, 320), mask=values < 1.5), Region("wall", (400, 50, 600, 150)))
    points = {
        "nearest_subject": (0.0, 0.0, 1.0), "nearest_object": (0.4, -0.3, 2.5),
        "centre_subject": (0.0, 0.0, 1.0), "centre_object": (0.6, -0.3, 2.5),
    }  # fmt: skip
    numbers = {
        "nearest_visible_m": 1.58, "centres_m": 1.64, "nearest_sigma_relative": 0.1, "centre_sigma_relative": 0.05,
    }  # fmt: skip
    apart = Claim("distance_between", "cube", "wall", value=1.6, unit="m")  # type: ignore[arg-type]
    contour = tuple((249.5, float(v)) for v in range(200, 320))
    verdicts = (
        Verdict(apart, Status.SUPPORTED, "It is.", 0.9, evidence=(Evidence(0, (0, 1), numbers, points),)),
        Verdict(
            Claim("occludes", "cube", "wall"), Status.REFUTED, "No.", 0.1,
            evidence=(Evidence(0, (0, 1), contour_px=contour),),
        ),
    )  # fmt: skip
    return stored, result_of(stored, regions=regions, verdicts=verdicts)


class Opened:
    """A page with what it complained about and asked for."""

    def __init__(self, browser: Any, folder: Path, data: dict[str, Any], **options: Any) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page = browser.new_page(**{"viewport": {"width": 900, "height": 700}, **options})
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(write_page(folder, data).as_uri())
        self.page.evaluate("viewer.ready")

    def ask(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)

    def centre(self) -> tuple[float, float]:
        box = self.page.locator(".tv-canvas").bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with opened_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    return view_data(*scene_of_two_frames())


@pytest.fixture
def opened(browser: Any, tmp_path: Path, data: dict[str, Any]) -> Iterator[Opened]:
    """The page of the two frames; it may neither complain nor ask for anything but its files."""
    found = Opened(browser, tmp_path, data)
    yield found
    assert found.complaints == []
    assert {url.partition(":")[0] for url in found.requests} == {"file"}
    assert sorted(url.rpartition("/")[2] for url in found.requests) == [
        "three.min.js", "view.html", "viewer.css", "viewer.js",
    ]  # fmt: skip
    found.page.close()


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


def test_the_camera_view_shows_every_pixel_where_the_photo_shows_it(opened: Opened, data: dict[str, Any]) -> None:
    """The picture of the first frame is that of its pinhole camera, scaled and shifted."""
    opened.ask("viewer.setView(1)")
    places = opened.ask(
        """() => [[0, 0, 1], [0.5, 0, 1], [0, 0.25, 1], [0.5, 0.25, 2], [-0.3, -0.2, 4]]
            .map((p) => viewer.project(p))"""
    )
    xs, ys = (np.array([place[axis] for place in places]) for axis in "xy")
    scale = (xs[1] - xs[0]) / 0.5
    assert scale > 0
    assert ys[2] - ys[0] == pytest.approx(0.25 * scale)
    assert xs[3] - xs[0] == pytest.approx(0.25 * scale) and ys[3] - ys[0] == pytest.approx(0.125 * scale)
    assert xs[4] - xs[0] == pytest.approx(-0.075 * scale) and ys[4] - ys[0] == pytest.approx(-0.05 * scale)


@pytest.mark.parametrize("view", [0, 1, 2])
def test_two_hundred_picks_find_the_pixel_of_their_point(opened: Opened, data: dict[str, Any], view: int) -> None:
    rng = np.random.default_rng(view)
    opened.ask("view => viewer.setView(view)", view)
    width, height = opened.ask("[viewer.canvas.clientWidth, viewer.canvas.clientHeight]")
    found = 0
    for x, y in rng.uniform((0, 0), (width, height), (600, 2)):
        pick = opened.ask(
            """([x, y]) => { const pick = viewer.pickAt(x, y); if (!pick) return null;
            delete pick.point; return { pick, at: viewer.project(pick.position) }; }""",
            [float(x), float(y)],
        )
        if pick is None:
            continue
        found += 1
        point = pick["pick"]
        frame = next(frame for frame in data["frames"] if frame["index"] == point["frame"])
        fx, fy, cx, cy = frame["camera"]
        pose = np.array(frame["pose"])
        own = pose[:3, :3].T @ (np.array(point["position"]) - pose[:3, 3])
        assert abs(own[0] / own[2] * fx + cx - point["u"]) < 0.01
        assert abs(own[1] / own[2] * fy + cy - point["v"]) < 0.01
        # It is drawn where the click was, as far as a drawn point reaches.
        assert np.hypot(pick["at"]["x"] - x, pick["at"]["y"] - y) < 13
        if found == 200:
            break
    assert found == 200


def test_a_click_on_a_point_of_the_camera_view_picks_within_a_pixel(opened: Opened, data: dict[str, Any]) -> None:
    frame = data["frames"][0]
    points = unpacked(frame["points"], frame["count"], Quantisation(**frame["depth"]))
    opened.ask("viewer.setView(1)")
    fx, fy, cx, cy = frame["camera"]
    away = []
    for index in np.random.default_rng(3).choice(frame["count"], 200, replace=False):
        v, u = divmod(int(points.pixels[index]), 640)
        position = [(u - cx) / fx * points.z[index], (v - cy) / fy * points.z[index], points.z[index]]
        pick = opened.ask(
            "p => { const at = viewer.project(p); const k = viewer.pickAt(at.x, at.y); return [k.u, k.v]; }", position
        )
        away.append(np.hypot(pick[0] - u, pick[1] - v))
    assert max(away) <= 1


def test_the_script_measures_what_python_measures(opened: Opened, data: dict[str, Any]) -> None:
    stored, _ = scene_of_two_frames()
    all_points = [unpacked(frame["points"], frame["count"], Quantisation(**frame["depth"])) for frame in data["frames"]]
    opened.ask("viewer.setView(0)")
    rng = np.random.default_rng(5)
    for _ in range(100):
        chosen, theirs = [], []
        for _ in range(2):
            k = int(rng.integers(2))
            i = int(rng.integers(data["frames"][k]["count"]))
            frame, points = data["frames"][k], all_points[k]
            v, u = divmod(int(points.pixels[i]), frame["width"])
            fx, fy, cx, cy = frame["camera"]
            pose = np.array(frame["pose"])
            offset = pose[:3, :3] @ (np.array([(u - cx) / fx, (v - cy) / fy, 1]) * points.z[i])
            longer = max(frame["width"], frame["height"])
            point = PixelPoint(
                offset + pose[:3, 3], offset, pose[:3, 2], (u, v), k, longer, stored.errors[k], float(points.edges[i])
            )
            chosen.append(point)
            theirs.append([k, i])
        found = opened.ask(
            """pairs => { const [one, other] = pairs.map(([k, i]) => viewer.pointOf(viewer.parts[k], i).point);
            return viewer.measure(one, other); }""",
            theirs,
        )
        expected = distance_of(*chosen)
        assert [found[name] for name in ("length", "low", "high")] == pytest.approx(
            [expected.length, expected.low, expected.high], rel=1e-9, abs=1e-12
        )
        assert found["unit"] == "m"


def test_two_clicks_measure_and_escape_clears(opened: Opened) -> None:
    x, y = opened.centre()
    opened.page.mouse.click(x, y)
    opened.page.mouse.click(x + 150, y + 40)
    picks = [value for name, value in opened.ask("events") if name == "pick"]
    assert picks[0]["distance"] is None
    distance = picks[1]["distance"]
    length = np.linalg.norm(np.subtract(picks[1]["position"], picks[0]["position"]))
    assert distance["length"] == pytest.approx(length)
    assert distance["low"] < length < distance["high"]
    assert distance["text"] in opened.page.locator(".tv-picked").inner_text()
    opened.page.keyboard.press("Escape")
    assert opened.page.locator(".tv-picked").inner_text() == "Click two points to measure"


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
    opened.page.locator(".tv-label-region", has_text="cube").click()
    assert opened.ask("events") == [["select", {"region": 0, "claim": None}]]
    opened.page.locator(".tv-label-region", has_text="cube").click()
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


@pytest.mark.parametrize(
    ("kind", "words"), [("disparity_affine", "No metres"), ("scale_invariant", "units"), ("metric", "m")]
)
def test_distances_are_in_metres_only_where_depth_is(browser: Any, tmp_path: Path, kind: str, words: str) -> None:
    rows, columns = np.mgrid[:48, :64]
    source = "model" if kind == "metric" else "none"
    values = (1 + columns / 20 + rows / 90).astype(np.float32)
    depth = DepthMap(values, values > 0, kind, source)  # type: ignore[arg-type]
    stored = stored_scene(depth, Camera(60, 60, 31.5, 23.5, 64, 48), errors=ERRORS)
    opened = Opened(browser, tmp_path, view_data(stored, result_of(stored)))
    x, y = opened.centre()
    opened.page.mouse.click(x - 80, y)
    opened.page.mouse.click(x + 120, y + 30)
    text = opened.page.locator(".tv-picked").inner_text()
    assert words in text and (kind == "metric") == (" m" in text.replace("No metres", "").replace(" metres", ""))
    distance = opened.ask("events.filter(e => e[0] === 'pick')[1][1].distance")
    assert (distance is None) == (kind == "disparity_affine")
    assert opened.complaints == []
    opened.page.close()


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
