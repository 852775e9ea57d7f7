from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import webbrowser
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from export.stored import result, stored

from pipeline.cli import main
from pipeline.console import view
from pipeline.console.folder_server import FolderServer
from pipeline.export.formats import ITEM_FORMATS
from pipeline.export.stored_scene import write_scene
from pipeline.export.text import file_name
from pipeline.records import to_json
from pipeline.records.errors import TheodoliteError

ADDRESS = "http://127.0.0.1:"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a report of two items: two questions with a page and a scene, and one with neither."""
    folder = tmp_path / "outputs" / "run"
    (folder / "report" / "items").mkdir(parents=True)
    (folder / "report" / "items" / "one.html").write_text("page of one")
    write_scene(folder / "scenes" / "item.zip", stored().scene, stored().errors)
    artefacts = {"scene": "scenes/item.zip", "page": "report/items/one.html"}
    results = [result(question, artefacts=artefacts) for question in ("One?", "Two?")]
    lines = [to_json(each) for each in (*results, replace(result(), item_id="bare"))]
    (folder / "results.jsonl").write_text("\n".join(lines))
    (folder / "report" / "index.html").write_text("index")
    return folder


@pytest.fixture(autouse=True)
def no_display(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")


@pytest.fixture
def viewed(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What the command prints when it succeeds."""

    def call(*arguments: object) -> str:
        assert main(["view", *map(str, arguments)]) == 0
        output, errors = capsys.readouterr()
        assert errors == ""
        return output

    return call


@pytest.fixture
def visited(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Addresses and their pages that a browser was opened with; a server stops after its first page."""
    pages: list[tuple[str, str]] = []

    class Browser:
        def open(self, address: str) -> bool:
            def read() -> None:
                with urllib.request.urlopen(address, timeout=5) as answer:
                    pages.append((answer.url, answer.read().decode()))

            thread = threading.Thread(target=read)
            thread.start()
            monkeypatch.setattr(FolderServer, "serve_forever", lambda server: serve_until(server, thread))
            return True

    def serve_until(server: FolderServer, thread: threading.Thread) -> None:
        server.timeout = 0.1
        while thread.is_alive():
            server.handle_request()
        raise KeyboardInterrupt

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "get", Browser)
    return pages


def test_the_report_opens_in_the_browser_until_it_is_stopped(
    viewed: Callable[..., str], run: Path, visited: list[tuple[str, str]]
) -> None:
    lines = viewed(run).splitlines()
    assert lines[0].startswith(f"The report is at {ADDRESS}") and lines[-1] == "Stopped."
    ((address, text),) = visited
    assert address.startswith(ADDRESS) and address.endswith("/report/index.html") and text == "index"
    assert not (run / "views").exists()


def test_an_item_opens_its_page_and_says_which_question_it_shows(
    viewed: Callable[..., str], run: Path, visited: list[tuple[str, str]]
) -> None:
    assert "Shown is the first of 2 questions: One?" in viewed(run, "item")
    assert visited[0][0].endswith("/report/items/one.html") and visited[0][1] == "page of one"


def test_the_newest_run_below_outputs_is_the_default(
    viewed: Callable[..., str], run: Path, visited: list[tuple[str, str]]
) -> None:
    viewed()
    assert visited[0][1] == "index"


def test_a_browser_that_does_not_open_is_reported(
    viewed: Callable[..., str], run: Path, visited: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(webbrowser.BaseBrowser):
        def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
            return False

    def stop(server: FolderServer) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(webbrowser, "get", Broken)
    monkeypatch.setattr(FolderServer, "serve_forever", stop)
    assert "type the address" in viewed(run)


def test_without_a_display_pictures_are_written_and_nothing_is_served(viewed: Callable[..., str], run: Path) -> None:
    lines = viewed(run, "serve=false").splitlines()
    assert lines[:2] == ["There is no display, so no browser opens.", "Shown is the first item, item."]
    written = [Path(line.removeprefix("Written: ")) for line in lines[2:5]]
    assert [path.name.rpartition("-")[2] for path in written] == ["camera.png", "top.png", "side.png"]
    assert all(path.parent == run / "views" and path.stat().st_size > 1000 for path in written)
    assert lines[5:] == [f"The report is {run / 'report/index.html'}; serve=true serves it."]


def test_without_a_display_and_a_scene_there_is_an_error_unless_the_report_is_served(
    viewed: Callable[..., str], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run / "scenes" / "item.zip").unlink()
    assert "is missing" in viewed_error(run, "serve=false")

    def stop(server: FolderServer) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FolderServer, "serve_forever", stop)
    output = viewed(run, "serve=true")
    assert ADDRESS in output and not (run / "views").exists(), "a served report needs no pictures"


@pytest.mark.parametrize("name", ["evaluation", "evaluation/report.html"])
def test_an_evaluation_opens_its_report(
    viewed: Callable[..., str],
    mistake: Callable[..., str],
    tmp_path: Path,
    visited: list[tuple[str, str]],
    name: str,
) -> None:
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "report.html").write_text("scores")
    viewed(name)
    assert visited[0][0].endswith("/report.html") and visited[0][1] == "scores"
    assert viewed(name, "serve=false") == "The report is evaluation/report.html; serve=true serves it.\n"
    for more in ("item", "viewer=open3d"):
        assert "only its report.html can be viewed" in mistake("view", name, more)


def viewed_error(*arguments: object) -> str:
    """The error of a command that fails after it printed something."""
    from rich.console import Console

    with pytest.raises(TheodoliteError) as caught:
        view.view([*map(str, arguments)], Console(quiet=True))
    return str(caught.value)


def test_open3d_shows_the_scene_or_pictures_take_its_place(
    viewed: Callable[..., str], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.export import open3d_scene

    output = viewed(run, "item", "viewer=open3d")
    assert output.startswith(
        "Shown is the first of 2 questions: One?\nThere is no display, so Open3D can open no window.\n"
    )
    assert output.count("Written: ") == 3 and output.count("Shown") == 1
    shown: list[tuple[int, str]] = []
    monkeypatch.setattr(open3d_scene, "show", lambda shapes, title: not shown.append((len(shapes.points), title)))
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert viewed(run, "item", "viewer=open3d") == "Shown is the first of 2 questions: One?\n"
    assert shown == [(4800, "item")]
    monkeypatch.setattr(open3d_scene, "show", lambda shapes, title: False)
    assert viewed(run, "item", "viewer=open3d").count("Written: ") == 3


def test_rerun_gets_a_file_and_listens_to_this_machine_only(
    viewed: Callable[..., str], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Rrd:
        folder, suffix = "rerun", ".rrd"

        @staticmethod
        def write(path: Path, stored: object, result: object, settings: object) -> Path:
            path.parent.mkdir(exist_ok=True)
            path.write_text("rrd")
            return path

    monkeypatch.setitem(ITEM_FORMATS, "rrd", Rrd)  # type: ignore[arg-type]
    output = viewed(run, "item", "viewer=rerun")
    (path,) = (run / "rerun").glob("item-*.rrd")
    assert f"Written: {path}" in output and "no display" in output and output.count("Written: ") == 1
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(view, "find_rerun", lambda: "/bin/rerun")
    calls: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: calls.append(command))
    viewed(run, "item", "viewer=rerun")
    assert calls == [["/bin/rerun", "--bind", "127.0.0.1", str(path)]]
    monkeypatch.setattr(view, "find_rerun", lambda: None)
    assert "theodolite[rerun]" in viewed_error(run, "item", "viewer=rerun")
    monkeypatch.setattr(Rrd, "write", lambda *arguments: None)
    assert "carries too little" in viewed_error(run, "item", "viewer=rerun")
    monkeypatch.delitem(ITEM_FORMATS, "rrd")
    assert "no .rrd files" in viewed_error(run, "item", "viewer=rerun")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["none"], "There is no folder none"),
        (["."], "has no results.jsonl"),
        (["outputs/run", "itam"], "no item 'itam'; did you mean item?"),
        (["outputs/run", "itam", "viewer=open3d"], "no item 'itam'; did you mean item?"),
        (["outputs/run", "bare", "viewer=open3d"], "export.scenes=true"),
        (["outputs/run", "viewer=blender"], "no viewer=blender; choose one of report, open3d, rerun"),
        (["outputs/run", "port=70000"], "port must be a number from 0 to 65535"),
        (["outputs/run", "port=-1"], "port must be a number"),
        (["outputs/run", "port=٣"], "port must be a number"),
        (["outputs/run", "serve=maybe"], "serve must be true or false"),
        (["--port=8000"], "no option --port; did you mean port=?"),
        (["viewr=open3d"], "no option viewr; did you mean viewer=?"),
        (["outputs/run", "my", "item"], "quote an id with spaces"),
    ],
)
def test_what_cannot_be_viewed_is_refused_in_one_line(
    run: Path, mistake: Callable[..., str], arguments: list[str], words: str
) -> None:
    assert words in mistake("view", *arguments)
    assert not (run / "views").exists()


def test_what_a_run_lacks_of_its_report_is_made(viewed: Callable[..., str], run: Path) -> None:
    shutil.rmtree(run / "report")
    output = viewed(run, "serve=false")
    assert "The run has no report; it is made now" in output and f"The report is {run / 'report/index.html'}" in output
    assert len(list((run / "report" / "items").glob("one.html"))) == 1
    (run / "report" / "items" / "one.html").unlink()
    output = viewed(run, "item", "serve=false")
    assert "The run has no page of item item; it is made now" in output
    page = run / "report" / "items" / "one.html"
    assert f"The report is {page}; serve=true serves it." in output
    assert "Two?" in page.read_text(encoding="utf-8"), "both questions name the same page here"
    again = viewed(run, "item", "serve=false")
    assert "made now" not in again


def test_an_index_that_is_older_than_the_results_is_made_anew(viewed: Callable[..., str], run: Path) -> None:
    index, results = run / "report" / "index.html", run / "results.jsonl"
    viewed(run, "serve=false")
    assert index.read_text() == "index"
    os.utime(results, ns=(index.stat().st_mtime_ns + 10**9,) * 2)
    viewed(run, "serve=false")
    assert index.read_text() != "index"


def test_what_people_named_is_printed_without_control_characters(viewed: Callable[..., str], run: Path) -> None:
    results = run / "results.jsonl"
    results.write_text(results.read_text().replace("One?", "\\u001b]0;owned\\u0007One?"))
    assert "One?" in viewed(run, "item", "serve=false") and "\x1b" not in viewed(run, "item", "serve=false")


def test_the_page_of_a_run_without_a_report_has_the_name_of_its_result(viewed: Callable[..., str], run: Path) -> None:
    shutil.rmtree(run / "report")
    lines = [result(question, artefacts={"scene": "scenes/item.zip"}) for question in ("One?", "Two?")]
    (run / "results.jsonl").write_text("\n".join(map(to_json, lines)))
    output = viewed(run, "item", "serve=false")
    page = run / "report" / "items" / f"{file_name('item', 'One?')}.html"
    assert f"The report is {page}; serve=true serves it." in output
    assert "One?" in page.read_text(encoding="utf-8")


def test_the_index_opens_for_an_item_without_a_scene(
    viewed: Callable[..., str], run: Path, visited: list[tuple[str, str]]
) -> None:
    output = viewed(run, "bare")
    assert "Item bare has neither a page nor a stored scene; the index opens." in output
    assert "made now" not in output
    assert visited[0][0].endswith("/report/index.html")


def test_no_run_below_outputs_is_an_error(mistake: Callable[..., str], tmp_path: Path) -> None:
    assert "No folder below outputs has a results.jsonl" in mistake("view")


def test_a_port_in_use_is_refused(run: Path, mistake: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER", "true")
    with FolderServer(run, "") as other:
        assert f"Port {other.server_port} is in use" in mistake("view", str(run), f"port={other.server_port}")


def test_an_item_whose_id_looks_like_a_key_is_found(run: Path) -> None:
    request = view.parse([str(run), "a=b"])
    assert (request.item, request.viewer, request.serve) == ("a=b", "report", None)


def test_control_c_ends_the_command_cleanly(run: Path, repository: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(repository), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "view", str(run), "serve=true"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = next(line for line in process.stdout if ADDRESS in line)
        address = line.split(" at ")[1].split(" for ")[0]
        deadline = time.monotonic() + 10
        with urllib.request.urlopen(address, timeout=deadline - time.monotonic()) as answer:
            assert answer.read() == b"index"
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=10)
        assert (process.returncode, output, errors) == (0, "Stopped.\n", "")
    finally:
        process.kill()
        process.wait()
