from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scenes
from hypothesis import given
from hypothesis import strategies as st

from pipeline.export.overlay import draw_overlay
from pipeline.export.stored_scene import read_scene
from pipeline.export.text import file_name
from pipeline.records import DepthKind, Result, Scene, to_json
from pipeline.records.error_budget import ErrorBudget
from pipeline.records.errors import ConfigError, DependencyError, ExportError
from pipeline.records.settings import SettingError
from pipeline.stages.export import ExportStage

RESULT = Result("a/b", "Where?", (), None, regions=scenes.regions())


@given(st.text(min_size=1), st.none() | st.text())
def test_every_id_gives_a_name_that_is_safe_everywhere(item_id: str, question: str | None) -> None:
    name = file_name(item_id, question)
    assert 0 < len(name.encode()) <= 250
    assert not set(name) & set('/\\:*?"<>|\0\n\r\t ')
    assert name[0] not in ".-~" and name[-1] not in ". "
    assert name.isprintable()


@pytest.mark.parametrize("item_id", ["../../etc/passwd", "/absolute", "..", "~", "C:\\x", "桌" * 300, "\u202e"])
def test_a_hostile_id_stays_in_the_folder(item_id: str, tmp_path: Path) -> None:
    path = (tmp_path / f"{file_name(item_id, None)}.png").resolve()
    assert path.parent == tmp_path.resolve()
    path.write_text("")


def test_ids_and_questions_never_share_a_name() -> None:
    pairs = [("a/b", None), ("a_b", None), ("a b", None), ("a b", "x"), ("a b", "y"), ("a", "b"), ("A", "b")]
    assert len({file_name(*pair).casefold() for pair in pairs}) == len(pairs)


def test_the_result_names_the_files_of_one_drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Scene] = []

    def drawing(scene: Scene, result: Result) -> np.ndarray:
        drawn.append(scene)
        return draw_overlay(scene, result)

    monkeypatch.setattr("pipeline.stages.export.draw_overlay", drawing)
    result = ExportStage(max_points=100, ply=True)(scenes.scene(), RESULT, tmp_path)
    assert set(result.artefacts) == {"overlay", "ply", "page", "scene"}
    for path in result.artefacts.values():
        assert (tmp_path / path).stat().st_size > 0
    assert result.errors == () and len(drawn) == 1


@pytest.mark.parametrize(
    "stage, kind, expected",
    [
        (ExportStage(scenes=False, overlay=False, ply=False, report=False), DepthKind.METRIC, set()),
        (ExportStage(scenes=False, overlay=True, ply=False, report=False), DepthKind.METRIC, {"overlay"}),
        (ExportStage(scenes=False, overlay=False, ply=True, report=False), DepthKind.SCALE_INVARIANT, {"ply"}),
        (ExportStage(scenes=False, overlay=False, ply=True, report=False), DepthKind.DISPARITY_AFFINE, set()),
        (ExportStage(scenes=False, overlay=False, ply=False, report=True), DepthKind.DISPARITY_AFFINE, {"page"}),
    ],
)
def test_only_what_is_wanted_and_possible_is_written(
    stage: ExportStage, kind: DepthKind, expected: set[str], tmp_path: Path
) -> None:
    scene = scenes.scene(scenes.as_kind(scenes.depth_m(), kind))
    assert set(stage(scene, RESULT, tmp_path).artefacts) == expected
    folders = {"overlay": "overlays", "ply": "clouds", "page": "report"}
    assert {path.name for path in tmp_path.iterdir()} == {folders[name] for name in expected}


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "overlays").write_text("")
    with pytest.raises(ExportError, match="overlays"):
        ExportStage()(scenes.scene(), RESULT, tmp_path)


def test_formats_are_written_where_wanted_and_those_of_the_run_at_its_end(tmp_path: Path) -> None:
    stage = ExportStage(report=False, overlay=False, glb=True, mesh=True, coco=True, csv=True, parquet=True)
    result = stage(scenes.scene(), RESULT, tmp_path)
    assert set(result.artefacts) == {"scene", "glb"}
    assert (tmp_path / result.artefacts["glb"]).stat().st_size > 0
    assert not (tmp_path / "coco").exists()
    (tmp_path / "results.jsonl").write_text(f"{to_json(result)}\n")
    stage.finish(tmp_path)
    assert (tmp_path / "coco" / "annotations.json").is_file()
    assert {path.suffix for path in (tmp_path / "tables").iterdir()} == {".csv", ".parquet"}


@pytest.mark.parametrize("name", ["coco", "label_studio", "fiftyone"])
def test_formats_of_the_run_need_its_scenes(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"export\.{name}=true needs the stored scenes"):
        ExportStage(scenes=False, **{name: True})
    assert ExportStage(scenes=False, csv=True, glb=True)


def test_a_missing_package_is_named_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.export.formats.find_spec", lambda name: None)
    with pytest.raises(DependencyError, match=r"theodolite\[rerun\]"):
        ExportStage(rrd=True)


@pytest.mark.parametrize("key", ["glb", "mesh", "rrd", "coco", "csv", "parquet", "label_studio", "fiftyone"])
def test_switches_are_checked(key: str) -> None:
    with pytest.raises(SettingError, match=f"{key} must be true or false"):
        ExportStage(**{key: "yes"})


def test_a_damaged_scene_is_written_again_and_other_errors_make_another_one(tmp_path: Path) -> None:
    first = ExportStage(report=False, overlay=False)(scenes.scene(), RESULT, tmp_path).artefacts["scene"]
    (tmp_path / first).write_bytes(b"damaged")
    again = ExportStage(report=False, overlay=False)(scenes.scene(), RESULT, tmp_path).artefacts["scene"]
    assert again == first and read_scene(tmp_path / first).scene.id == scenes.scene().id
    vague = ErrorBudget(focal={**ErrorBudget().focal, "given": 0.3})
    other = ExportStage(report=False, overlay=False, budget=vague)(scenes.scene(), RESULT, tmp_path).artefacts["scene"]
    assert other != first and read_scene(tmp_path / other).errors[0].focal == 0.3
