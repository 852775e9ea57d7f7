"""Small scenes for the viewer, and a browser that opens its pages from disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.export.stored_scene import StoredScene
from pipeline.export.viewer.assets import write_assets
from pipeline.records import Camera, DepthMap, Frame, FrameSummary, Result, Scene
from pipeline.records.error_budget import DepthErrors

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
