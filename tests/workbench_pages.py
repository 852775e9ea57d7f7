"""Judged samples, and a small server of their workbench's files, with the policy of the real one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from pipeline.api import Pipeline
from pipeline.export.images import colour_range, draw_depth, nearness
from pipeline.export.stored_scene import StoredScene
from pipeline.export.viewer.data import view_data
from pipeline.records import Camera, Claim, DepthKind, DepthMap, Frame, Region, Result
from pipeline.serve.workbench import ASSETS, static_file, workbench_data, workbench_words

SAMPLES = Path("data/samples")
SAFE = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'"
PAGE = """<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>Workbench</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/page.css"><link rel="stylesheet" href="/static/workbench.css"></head>
<body><main><div id="host"><p id="empty">Drop an image</p></div><div id="chat"></div></main>
<script src="/static/workbench.js"></script><script src="/static/words.js"></script>
<script src="/static/page.js"></script>
</body></html>"""
PAGE_STYLE = """
body { margin: 0; font: 15px/1.4 system-ui, sans-serif; background: #fff; color: #17202b; }
main { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 1fr); gap: 1rem; padding: 1rem; }
@media (max-width: 44rem) { main { grid-template-columns: minmax(0, 1fr); padding: .5rem; } }
#chat .lit { outline: 2px solid #0a5bb8; }
@media (prefers-color-scheme: dark) { body { background: #11161c; color: #e5e9ef; } }
"""
# As the page of the app: mounts the workbench and keeps what it says.
PAGE_SCRIPT = """
"use strict";
var events = [];
["select", "box", "points", "frame", "show"].forEach(function (name) {
  TheodoliteWorkbench.on(name, function (value) { events.push([name, value]); });
});
TheodoliteWorkbench.mount(document.getElementById("host"), { language: LANGUAGE, words: WORDS });
function addClaims(result, claims) {
  var list = document.createElement("ul");
  list.dataset.result = result;
  claims.forEach(function (claim, index) {
    var entry = document.createElement("li");
    var made = document.createElement("button");
    made.type = "button";
    made.id = result + "-" + index;
    made.dataset.claim = String(index);
    made.setAttribute("aria-pressed", "false");
    made.textContent = claim.status + ": " + claim.text;
    entry.append(made);
    list.append(entry);
  });
  document.getElementById("chat").append(list);
}
"""


@cache
def judged(line: int, kind: DepthKind = DepthKind.METRIC, claims: tuple[int, ...] | None = None) -> Result:
    """A sample whose claims are judged on its own depth, or on what a depth of another kind holds of it."""
    with (SAMPLES / "manifest.jsonl").open(encoding="utf-8") as lines:
        sample = json.loads(lines.readlines()[line])
    camera = Camera(**sample["camera"])
    frames = []
    for number, name in enumerate(sample["frames"]):
        depth_m = np.array(Image.open(SAMPLES / sample["depth"][number])) * sample["depth_scale"]
        depth = DepthMap.from_values(depth_m, "metric", "sensor")
        if kind is DepthKind.DISPARITY_AFFINE:
            depth = DepthMap(
                np.where(depth.valid, 3 / np.maximum(depth_m, 1e-3) + 1, 0).astype(np.float32), depth.valid, kind
            )
        rgb = np.array(Image.open(SAMPLES / name))
        pose = np.array(sample["poses"][number])
        frames.append(Frame(rgb, camera, pose=pose, given_depth=depth, name=Path(name).name))
    regions = [
        Region(
            region["label"], tuple(region["box_px"]), region["frame"],
            mask=np.array(Image.open(SAMPLES / region["mask"])) > 0,
        )
        for region in sample["regions"]
    ]  # fmt: skip
    made = [Claim(**claim) for claim in sample["claims"]]
    chosen = made if claims is None else [made[index] for index in claims]
    return _pipeline().judge(frames, chosen, regions, item_id=sample["id"])


@cache
def _pipeline() -> Pipeline:
    return Pipeline.from_config(["depth=file"])


def stored_of(result: Result) -> StoredScene:
    """The scene of a judged sample."""
    return result._stored()  # type: ignore[attr-defined, no-any-return]


def files_of(result: Result, name: str, most_points: int = 20_000) -> dict[str, bytes]:
    """The artefacts of a result that its workbench asks for, by path."""
    stored, base = stored_of(result), f"/v1/results/{name}"
    files = {
        f"{base}/workbench.json": json.dumps(workbench_data(result, stored, name), allow_nan=False).encode(),
        f"{base}/view.json": json.dumps(view_data(stored, result, most_points), allow_nan=False).encode(),
    }
    near = [nearness(depth, depth.shape[1], depth.shape[0]) for depth in stored.scene.depth]
    for index, frame in enumerate(stored.scene.frames):
        files[f"{base}/photo-{index}.jpg"] = _encoded(frame.rgb, ".jpg")
        files[f"{base}/depth-{index}.png"] = _encoded(draw_depth(near[index], colour_range(near)), ".png")
    return files


def _encoded(rgb: np.ndarray, suffix: str) -> bytes:
    return bytes(cv2.imencode(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes())


def static_files() -> dict[str, bytes]:
    """The pages in both languages with their scripts and styles, by path."""
    files = {f"/static/{name}": static_file(name).content for name in ASSETS}
    files |= {"/static/page.css": PAGE_STYLE.encode(), "/static/page.js": PAGE_SCRIPT.encode()}
    for language in ("en", "zh"):
        words = f"var LANGUAGE = {json.dumps(language)}; var WORDS = {json.dumps(workbench_words(language))};"
        files[f"/static/words-{language}.js"] = words.encode()
        page = PAGE.replace("{lang}", language).replace("words.js", f"words-{language}.js")
        files[f"/{language}.html"] = page.encode()
    return files


TYPES = {"html": "text/html; charset=utf-8", "js": "text/javascript", "css": "text/css", "json": "application/json",
         "jpg": "image/jpeg", "png": "image/png"}  # fmt: skip


@contextmanager
def served(files: dict[str, bytes]) -> Iterator[str]:
    """A server of these files on a free port; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            content = files.get(path, b"")
            self.send_response(200 if path in files else 404)
            self.send_header("Content-Type", TYPES.get(path.rpartition(".")[2], "text/plain"))
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Security-Policy", SAFE)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
