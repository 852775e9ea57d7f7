from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from viewer_pages import (
    ERRORS,
    Opened,
    result_of,
    scene_of_two_frames,
    stored_scene,
)

from pipeline.export.viewer.data import view_data
from pipeline.export.viewer.points import Quantisation, unpacked
from pipeline.geometry.two_points import PixelPoint, distance_of
from pipeline.records import Camera, DepthMap


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
