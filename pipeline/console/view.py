"""The command ``view``: a finished run in the browser, in a window, or as pictures where there is no display."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from rich.console import Console

from pipeline.console.folder_server import FolderServer
from pipeline.export.formats import ITEM_FORMATS, FormatSettings
from pipeline.export.jsonl import RESULTS_NAME
from pipeline.export.report.build import write as write_report
from pipeline.export.report.index import INDEX_NAME, write_index
from pipeline.export.report.item_page import REPORT
from pipeline.export.result_with_scene import ResultWithScene, read_run
from pipeline.export.run_folder import file_in, newest_run, results_of_item, run_folder
from pipeline.export.scene_shapes import scene_shapes, write_views
from pipeline.export.text import file_name, one_line
from pipeline.records.errors import ConfigError, DependencyError, ExportError

OUTPUTS = "outputs"
EVALUATION_PAGE = "report.html"
"""The page of a folder of ``eval-claims`` or ``eval-depth``."""
VIEWERS = ("report", "open3d", "rerun")
_KEYS = ("viewer", "port", "serve")
_WINDOW_POINTS = 1_000_000
_NO_DISPLAY = "There is no display"


@dataclass(frozen=True)
class ViewRequest:
    """What to view.

    Args:
        folder: The run or the evaluation.
        item: Id of the item; None for the whole report, or the first item in other viewers.
        viewer: One of ``VIEWERS``.
        port: Port of the report's server; 0 takes a free one.
        serve: Whether to serve the report; None serves it if a browser opens or someone sits at a terminal.
        page: The only page that can be opened, of an evaluation; None for a run.
    """

    folder: Path
    item: str | None = None
    viewer: str = "report"
    port: int = 0
    serve: bool | None = None
    page: str | None = None

    @cached_property
    def results(self) -> list[ResultWithScene]:
        """The results of the item, or of the whole run."""
        results = read_run(self.folder)
        return results if self.item is None else results_of_item(results, self.item)

    @property
    def name(self) -> str:
        """Start of the names of the first result's files."""
        return file_name(self.results[0].item_id, self.results[0].question)


def parse(arguments: Sequence[str]) -> ViewRequest:
    """The request of the command's arguments: ``[RUN] [ITEM] [viewer=NAME] [port=NUMBER] [serve=true|false]``.

    Raises:
        ConfigError: If an argument is unknown, or its value is out of range.
        InputError: If the run does not exist.
    """
    words: list[str] = []
    given: dict[str, str] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if key in _KEYS and equals:
            given[key] = value.strip()
        elif argument.startswith("-") or (equals and key.isidentifier() and len(words) == 0):
            near = get_close_matches(key.lstrip("-"), _KEYS, n=1)
            hint = f"did you mean {near[0]}=?" if near else f"there are {'=, '.join(_KEYS)}=."
            raise ConfigError(f"view has no option {key}; {hint}")
        else:
            words.append(argument)
    if len(words) > 2:
        raise ConfigError(f"view takes a run and an item, but {len(words)} were given; quote an id with spaces.")
    viewer, port, serve = given.get("viewer", "report"), given.get("port", "0"), given.get("serve", "").casefold()
    if viewer not in VIEWERS:
        raise ConfigError(f"There is no viewer={viewer}; choose one of {', '.join(VIEWERS)}.")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise ConfigError(f"The port must be a number from 0 to 65535, not {port!r}; 0 takes a free one.")
    if serve not in ("", "true", "false"):
        raise ConfigError(f"serve must be true or false, not {serve!r}.")
    if words and (evaluation := evaluation_folder(Path(words[0]))) is not None:
        if len(words) > 1 or viewer != "report":
            raise ConfigError(f"{evaluation} is an evaluation, of which only its {EVALUATION_PAGE} can be viewed.")
        return ViewRequest(evaluation, None, viewer, int(port), _TRUTH[serve], EVALUATION_PAGE)
    folder = run_folder(words[0]) if words else newest_run(Path(OUTPUTS))
    return ViewRequest(folder, words[1] if len(words) > 1 else None, viewer, int(port), _TRUTH[serve])


def evaluation_folder(path: Path) -> Path | None:
    """The folder of an evaluation, given itself or its page; None if it is none."""
    folder = path.parent if path.name == EVALUATION_PAGE else path
    try:
        is_evaluation = (folder / EVALUATION_PAGE).is_file() and not (folder / RESULTS_NAME).is_file()
    except (OSError, ValueError):  # Not a valid file name.
        return None
    return folder if is_evaluation else None


_TRUTH = {"": None, "true": True, "false": False}


def view(arguments: Sequence[str], console: Console) -> int:
    """Show a finished run.

    Returns:
        The exit code.

    Raises:
        TheodoliteError: If the run, the item or the viewer cannot be used.
    """
    request = parse(arguments)
    {"report": _view_report, "open3d": _view_open3d, "rerun": _view_rerun}[request.viewer](request, console)
    return 0


def has_display() -> bool:
    """Whether windows can open: on Linux, whether an X11 or Wayland display is named."""
    return not sys.platform.startswith("linux") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


def find_browser() -> webbrowser.BaseBrowser | None:
    """The browser of the display, or the one that ``BROWSER`` names, as remote editors do; None if there is none."""
    if not (has_display() or os.environ.get("BROWSER")):
        return None
    try:
        return webbrowser.get()
    except webbrowser.Error:
        return None


def _view_report(request: ViewRequest, console: Console) -> None:
    page = request.page or _page(request, console)
    browser = find_browser()
    serve = request.serve if request.serve is not None else browser is not None or sys.stdin.isatty()
    if browser is None:
        console.print(f"{_NO_DISPLAY}, so no browser opens.", markup=False)
        if not serve and request.page is None:
            if request.item is None:
                _say_which(request, console)
            _write_pictures(request, console)
    if not serve:
        console.print(f"The report is {request.folder / page}; serve=true serves it.", markup=False)
        return
    with FolderServer(request.folder, page, request.port) as server:
        console.print(
            f"The report is at {server.address()} for browsers of this machine; Ctrl-C ends it.", markup=False
        )
        if browser is not None and not browser.open(server.address()):
            console.print("The browser did not open; type the address into one.", markup=False)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console.print("Stopped.", markup=False)


def _page(request: ViewRequest, console: Console) -> str:
    """Path of the page to open, relative to the run; what the report lacks of it is made."""
    folder, item, page = request.folder, request.item, INDEX_NAME
    if item is not None:
        artefacts = request.results[0].artefacts
        page = artefacts.get("page") or f"{REPORT}/items/{request.name}.html"
        if file_in(folder, page) is None and file_in(folder, artefacts.get("scene", "")) is None:
            console.print(f"Item {item} has neither a page nor a stored scene; the index opens.", markup=False)
            item, page = None, INDEX_NAME
    if file_in(folder, INDEX_NAME) is None or file_in(folder, page) is None:
        what = "report" if item is None else f"page of item {item}"
        console.print(f"The run has no {what}; it is made now from the stored scenes.", markup=False)
        write_report(folder / REPORT, folder, FormatSettings(item=item))
    elif _is_older(folder / INDEX_NAME, folder / RESULTS_NAME):
        write_index(folder)
    if file_in(folder, page) is None:
        # Its name or its scene is damaged.
        page = INDEX_NAME
    if item is not None:
        _say_which(request, console)
    return page


def _is_older(index: Path, results: Path) -> bool:
    """Whether the index does not show the last results."""
    return index.stat().st_mtime_ns < results.stat().st_mtime_ns


def _say_which(request: ViewRequest, console: Console) -> None:
    """Say which result is shown where the request leaves it open."""
    first, others = request.results[0], len(request.results) - 1
    if not others:
        return
    if request.item is None:
        console.print(f"Shown is the first item, {one_line(first.item_id)}.", markup=False)
    else:
        console.print(f"Shown is the first of {others + 1} questions: {one_line(first.question or '')}", markup=False)


def _write_pictures(request: ViewRequest, console: Console) -> None:
    """Write the pictures of the first result's scene, and print their paths."""
    result = request.results[0]
    for path in write_views(request.folder, request.name, result.scene.stored, result):
        console.print(f"Written: {path}", markup=False)


def _view_open3d(request: ViewRequest, console: Console) -> None:
    from pipeline.export.open3d_scene import show

    result = request.results[0]
    stored = result.scene.stored
    _say_which(request, console)
    if has_display():
        shapes = scene_shapes(stored, result, _WINDOW_POINTS)
        if shapes.note:
            console.print(shapes.note, markup=False)
        if show(shapes, result.item_id):
            return
    console.print(f"{_NO_DISPLAY}, so Open3D can open no window.", markup=False)
    _write_pictures(request, console)


def _view_rerun(request: ViewRequest, console: Console) -> None:
    rrd = ITEM_FORMATS.get("rrd")
    if rrd is None:
        raise DependencyError("This version writes no .rrd files; use viewer=report or viewer=open3d.")
    result = request.results[0]
    path = request.folder / rrd.folder / f"{request.name}{rrd.suffix}"
    if rrd.write(path, result.scene.stored, result, FormatSettings()) is None:
        raise ExportError(f"The depth of item {result.item_id} carries too little for a .rrd file; use viewer=report.")
    _say_which(request, console)
    console.print(f"Written: {path}", markup=False)
    program = find_rerun()
    if not has_display():
        console.print(f"{_NO_DISPLAY}, so rerun can open no window; open the file with rerun elsewhere.", markup=False)
    elif program is None:
        raise DependencyError("The program rerun is not installed: pip install 'theodolite[rerun]'.")
    else:
        # Its viewer would listen on all addresses of this machine.
        subprocess.run([program, "--bind", "127.0.0.1", str(path.resolve())], check=False)


def find_rerun() -> str | None:
    """The program ``rerun`` beside this Python, or on the path."""
    return shutil.which("rerun", path=str(Path(sys.executable).parent)) or shutil.which("rerun")
