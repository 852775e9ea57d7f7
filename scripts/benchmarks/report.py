"""Reports and 3D views: what they cost, how large they are, and whether what they measure is true."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import report_distances
from benchmarks.figures import Figure, bounded
from benchmarks.report_runs import make_run

_ROOT = Path(__file__).parents[2]
_TURNS = 3
_FLAGS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking")
_PICKS = 200


def add_arguments(parser: ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--items", type=int, default=1000, help="results of the timed report")
    parser.add_argument("--before", help="a commit or tag; its costs of export are measured in turn with ours")


def figures(items: int = 1000, before: str | None = None) -> Iterator[Figure]:
    """All figures; those of the browser need Chromium."""
    if before is not None:
        yield from export_costs(before)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        make_run(run, items)
        start = time.perf_counter()
        command = [sys.executable, "-m", "pipeline", "export", str(run), "format=report"]
        subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        yield bounded(f"report of {items} items", seconds, "s", most=60.0 * items / 1000)
        yield bounded("index page", (run / "report" / "index.html").stat().st_size / 1e3, "kB", most=300.0)
        yield bounded("item page with its data and pictures", _page_bytes(run) / 1e6, "MB", most=1.2)
        yield from _seen(run)
    yield from report_distances.figures()


def export_costs(before: str) -> Iterator[Figure]:
    """Milliseconds that the files of an item cost now and at a commit, in turn."""
    script = Path(__file__).with_name("export_costs.py")
    with _checkout(before) as other:
        found: dict[Path, list[dict[str, float]]] = {other: [], _ROOT: []}
        for _ in range(_TURNS):
            for checkout, costs in found.items():
                environment = os.environ | {"PYTHONPATH": str(checkout)}
                done = subprocess.run(
                    [sys.executable, str(script)], env=environment, check=True, capture_output=True, text=True
                )
                costs.append(json.loads(done.stdout))
    for name, words in (("overlay_and_cloud", "overlay and cloud of an item"), ("default", "default files of an item")):
        was, now = (statistics.median(one[name] for one in found[checkout]) for checkout in (other, _ROOT))
        most = 0.5 if name == "overlay_and_cloud" else None
        ratio = now / was
        yield Figure(words, now, "ms", was, ratio, most, most is None or ratio <= most)


@contextmanager
def _checkout(revision: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(tree), revision], cwd=_ROOT, check=True)
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=_ROOT, check=True)


def _page_bytes(run: Path) -> int:
    """Bytes of the largest item page with all that it loads, the shared scripts aside."""
    report = run / "report"

    def size(page: Path) -> int:
        own = sum(path.stat().st_size for path in (page, page.with_suffix(".js")))
        pictures = {name for name in page.read_text(encoding="utf-8").split('"') if name.startswith("../images/")}
        return own + sum((page.parent / name).stat().st_size for name in pictures)

    return max(size(page) for page in (report / "items").glob("*.html"))


def _seen(run: Path) -> Iterator[Figure]:
    """What a browser makes of the report: times, requests, complaints, and picks."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise SystemExit("The figures of the browser need Chromium: apt-get install chromium.")
    requests: list[str] = []
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda told: complaints.append(told.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        paints, frames, shown = [], [], 0
        for _ in range(_TURNS):
            page.goto((run / "report" / "index.html").as_uri())
            paints.append(page.evaluate(_FIRST_PAINT))
        for item in sorted((run / "report" / "items").glob("*.html"))[:_TURNS]:
            page.goto(item.as_uri())
            page.wait_for_function("window.theodoliteViewer")
            page.evaluate("theodoliteViewer.ready")
            frames.append(page.evaluate("performance.now()") / 1e3)
            shown = page.evaluate("theodoliteViewer.parts.reduce((sum, part) => sum + part.points.count, 0)")
        away = page.evaluate(_AWAY, _PICKS)
        browser.close()
    yield bounded("first paint of the index", statistics.median(paints) / 1e3, "s", most=1.0)
    yield bounded("points of an item page", shown, "", least=60_000)
    yield bounded("first 3D frame of an item page", statistics.median(frames), "s", most=2.0)
    yield bounded(f"largest distance of {len(away)} picks from their pixel", max(away), "px", most=1.0)
    outside = sum(not url.startswith(("file:", "data:", "blob:")) for url in requests)
    yield bounded("requests beyond the disk", outside, "", most=0)
    yield bounded("complaints in the console", len(complaints), "", most=0)


_FIRST_PAINT = """() => new Promise((done) => new PerformanceObserver((list) =>
  done(list.getEntriesByName("first-contentful-paint")[0].startTime)).observe({ type: "paint", buffered: true }))"""

# A click where a random point of the first view is drawn; the pick's pixel against that point's own.
_AWAY = """(count) => { const part = theodoliteViewer.parts[0];
  const away = []; let state = 1;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
  while (away.length < count) {
    const own = theodoliteViewer.pointOf(part, Math.floor(random() * part.points.count));
    const at = theodoliteViewer.project(own.position);
    const pick = theodoliteViewer.pickAt(at.x, at.y);
    if (pick) away.push(Math.hypot(pick.u - own.u, pick.v - own.v)); }
  return away; }"""
