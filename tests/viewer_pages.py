"""Small scenes for the viewer, and a browser that opens its pages from disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.export.stored_scene import StoredScene
from pipeline.export.viewer.assets import write_assets
from pipeline.records import (
    Camera,
    Claim,
    DepthMap,
    Evidence,
    Frame,
    FrameSummary,
    Region,
    Result,
    Scene,
    Status,
    Verdict,
)  # fmt: skip
from pipeline.records.error_budget import DepthErrors

CAMERA = Camera(600.0, 610.0, 300.0, 250.0, 640, 480)
ERRORS = DepthErrors(0.01, 0.002, 0.2, 0.001, 0.0005, 1.0, 0.03, 0.04)
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>View</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="viewer.css"></head>
<body style="margin: 0"><main><div id="host" style="height: 100vh"></div></main>
<script src="three.min.js"></script><script src="viewer.js"></script>
<script type="application/json" id="data">%s</script>
<script>
var events = [];
var viewer = Theodolite.createViewer(document.getElementById("host"),
  JSON.parse(document.getElementById("data").textContent));
viewer.on("pick", function (pick) { events.push(["pick", pick]); });
viewer.on("select", function (selected) { events.push(["select", selected]); });
var seconds = null;
viewer.ready.then(function () { seconds = performance.now() / 1000; });
</script></body></html>"""


def write_page(folder: Path, data: dict[str, Any]) -> Path:
    """Write a page with one viewer and what it loads."""
    write_assets(folder)
    page = folder / "view.html"
    page.write_text(PAGE % json.dumps(data).replace("</", "<\\/"), encoding="utf-8")
    return page


@contextmanager
def opened_browser() -> Iterator[Any]:
    """A Chromium with software rendering; the test is skipped where there is none."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no Chromium is installed")
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    flags = [
        "--no-sandbox",
        "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader",
        "--disable-background-networking",
    ]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        try:
            yield browser
        finally:
            browser.close()


def stored_scene(
    depth: DepthMap, camera: Camera, *, pose: np.ndarray | None = None, errors: DepthErrors | None = None
) -> StoredScene:
    """A scene of one frame of noise."""
    rgb = np.random.default_rng(0).integers(0, 256, (*depth.shape, 3), dtype=np.uint8)
    scene = Scene("item", (Frame(rgb, camera, pose=pose),), depth=(depth,))
    return StoredScene(scene, (errors or DepthErrors(),))


def result_of(stored: StoredScene, **fields: Any) -> Result:
    """A result without an answer."""
    frames = tuple(FrameSummary(frame.name, frame.digest, frame.camera) for frame in stored.scene.frames)
    return Result(stored.scene.id, None, frames, None, **fields)


def metric_depth(values: np.ndarray, source: str = "sensor") -> DepthMap:
    """Depth in metres, valid where it is positive."""
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
    scene = Scene("item", frames, depth=(metric_depth(values), metric_depth(values[::2, ::2])))
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


@contextmanager
def quiet_page(browser: Any, folder: Path, data: dict[str, Any], **options: Any) -> Iterator[Opened]:
    """A page that may neither complain nor ask for anything but its files."""
    found = Opened(browser, folder, data, **options)
    yield found
    assert found.complaints == []
    assert {url.partition(":")[0] for url in found.requests} == {"file"}
    assert sorted({url.rpartition("/")[2] for url in found.requests}) == [
        "three.min.js", "view.html", "viewer.css", "viewer.js",
    ]  # fmt: skip
    found.page.close()
