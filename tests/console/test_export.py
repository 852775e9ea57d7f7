from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import exported
import numpy as np
import pytest
from rich.console import Console

from pipeline.cli import main
from pipeline.console.export import export_run, parsed
from pipeline.console.usage import COMMANDS, usage_of
from pipeline.export.formats import ITEM_FORMATS, RUN_FORMATS, FormatSettings
from pipeline.records.errors import DependencyError, ExportError

FOLDERS = {name: each.folder for name, each in ITEM_FORMATS.items()} | {
    name: each.name for name, each in RUN_FORMATS.items()
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with an item of two questions, one without shape, and one without depth."""
    metric, relative, flat = exported.stored(), exported.stored("disparity_affine", item="b"), exported.stored(None)
    parts = [(metric, "Where?"), (metric, "How far?"), (relative, None), (flat, "What?")]
    return exported.run_folder(tmp_path / "a run", *((scene, exported.result(scene, text)) for scene, text in parts))


def export(*arguments: object, width: int = 40) -> tuple[int, list[str]]:
    """The exit code, and the printed lines."""
    out = io.StringIO()
    seen: list[str] = []
    code = export_run(
        [str(argument) for argument in arguments],
        Console(file=out, width=width),
        lambda *_: (nullcontext(), seen.append),
    )
    return code, out.getvalue().splitlines()


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_every_format_is_written_and_its_path_printed(run: Path, name: str) -> None:
    if name == "rrd":
        pytest.importorskip("rerun")
    code, lines = export(run, f"format={name}")
    assert code == 0 and lines[0] == "Results  4"
    assert lines[1].startswith(f"Written  {run / FOLDERS[name]} (")
    assert any(path.is_file() and path.stat().st_size > 0 for path in (run / FOLDERS[name]).rglob("*"))


def test_what_has_no_shape_or_no_depth_is_counted_and_said(run: Path) -> None:
    _, lines = export(run, "format=glb")
    assert lines[1].endswith("(3D models): 2 files")
    assert lines[2:] == [
        "Left out 1 of 4 as glb: depth of kind disparity_affine has no shape",
        "Left out 1 of 4 as glb: there is no depth",
    ]
    assert len(list((run / "models").iterdir())) == 2


def test_where_nothing_can_be_written_the_exit_code_says_so(run: Path) -> None:
    code, lines = export(run, "format=ply", "item=b")
    assert (code, lines[1]) == (1, "Written  nothing")
    assert not (run / "clouds").exists()


@pytest.mark.parametrize("typed", ["[glb,coco]", "glb,coco", "[glb, 'coco']", '["glb","coco","glb"]'])
def test_several_formats_are_written_at_once(run: Path, typed: str) -> None:
    assert parsed([str(run), f"format={typed}"]).formats == ("glb", "coco")
    assert parsed([f"format={typed}", str(run / "results.jsonl")]).folder == run


def test_settings_reach_the_formats(run: Path) -> None:
    request = parsed([str(run), "format=glb", "mesh=true", "max_points=1_000", "item=a=b, 桌"])
    assert request.settings == FormatSettings(1000, True, item="a=b, 桌")
    export(run, "format=ply", "max_points=50")
    clouds = [path.read_bytes() for path in (run / "clouds").iterdir()]
    assert len(clouds) == 2 and all(b"element vertex 50\n" in cloud for cloud in clouds)


def test_results_are_left_as_they_are(run: Path) -> None:
    before = (run / "results.jsonl").read_bytes()
    export(run, "format=[glb,csv]")
    assert (run / "results.jsonl").read_bytes() == before


def test_scenes_that_are_missing_or_damaged_are_counted(run: Path) -> None:
    (run / "scenes" / "scene-2.zip").unlink()
    (run / "scenes" / "scene-3.zip").write_bytes(b"no zip")
    code, lines = export(run, "format=glb")
    assert code == 1
    assert lines[2:] == [
        "Left out 1 of 4: they have no stored scene",
        "Failed   1 of 4: their stored scenes cannot be read",
    ]


def test_tables_need_no_scenes(run: Path) -> None:
    for path in (run / "scenes").iterdir():
        path.unlink()
    _, lines = export(run, "format=[csv,parquet]")
    assert lines[1] == f"Written  {run / 'tables'} (tables)"
    assert not [line for line in lines[2:] if "tables" in line], "one line for one folder"


def test_a_folder_that_cannot_be_written_is_an_error(run: Path) -> None:
    (run / "models").write_text("")
    with pytest.raises(ExportError, match="Cannot write"):
        export(run, "format=glb")


def test_a_missing_package_is_named_before_anything_is_written(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.export.formats.find_spec", lambda name: None)
    with pytest.raises(DependencyError, match=r"pip install 'theodolite\[rerun\]'"):
        export(run, "format=[glb,rrd]")
    assert not (run / "models").exists()


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "needs the folder of a run"),
        (["RUN"], "format= is missing; choose one or more of ply, glb"),
        (["RUN", "format=[]"], "format= is missing"),
        (["RUN", "format=obj"], "There is no format 'obj'; choose one or more of ply, glb, rrd"),
        (["RUN", "fromat=glb"], "no key 'fromat'; choose one of format, item, max_points, mesh"),
        (["RUN", "format=glb", "format=ply"], "format is given twice"),
        (["RUN", "--format", "glb"], "no option '--format'; write KEY=VALUE"),
        (["RUN", "RUN", "format=glb"], "takes one folder"),
        (["nowhere", "format=glb"], "There is no folder nowhere"),
        ([".", "format=glb"], "holds no results.jsonl"),
        (["RUN", "format=glb", "max_points=0"], "max_points must be a whole number of at least 1"),
        (["RUN", "format=glb", "max_points=many"], "max_points must be a whole number"),
        (["RUN", "format=glb", "mesh=yes"], "mesh must be true or false, not 'yes'"),
        (["RUN", "format=ply", "mesh=true"], "belongs to format=glb"),
        (["RUN", "format=glb", "item="], "item must be a text that is not empty"),
        (["RUN", "format=glb", "item=zzz"], "There is no item 'zzz'; the run has item, b"),
    ],
)
def test_a_mistake_is_explained_in_one_line(
    run: Path, mistake: Callable[..., str], arguments: list[str], words: str
) -> None:
    assert words in mistake("export", *(str(run) if argument == "RUN" else argument for argument in arguments))


def test_a_run_without_scenes_says_how_to_get_them(run: Path, mistake: Callable[..., str]) -> None:
    for path in (run / "scenes").iterdir():
        path.unlink()
    assert "run again with export.scenes=true" in mistake("export", str(run), "format=coco")
    (run / "results.jsonl").write_text("")
    assert "holds no result" in mistake("export", str(run), "format=csv")


def test_help_names_every_format_and_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--help"]) == 0
    usage = capsys.readouterr().out
    assert usage == f"{usage_of('export')}\n" and usage_of("export") != COMMANDS
    assert "python -m pipeline export RUN" in COMMANDS
    for word in (*FOLDERS, *FOLDERS.values(), "item=", "max_points=", "mesh="):
        assert word in usage


def test_posed_frames_of_an_item_become_one_model(tmp_path: Path) -> None:
    scene = exported.stored(poses=(np.eye(4), exported.pose()))
    folder = exported.run_folder(tmp_path, (scene, exported.result(scene)))
    settings: list[Any] = [folder, "format=[glb,ply]", "mesh=true"]
    assert export(*settings)[0] == 0
    assert [len(list((folder / name).iterdir())) for name in ("models", "clouds")] == [1, 1]
