from __future__ import annotations

import copy
import json
import pickle
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest
from export.stored import result, stored

import pipeline
from pipeline import Pipeline
from pipeline.export.result_with_scene import ResultWithScene, read_run, with_scene
from pipeline.export.stored_scene import write_scene
from pipeline.records import Camera, Claim, DepthMap, Frame, Region, Result, from_json, to_json, to_plain
from pipeline.records.errors import ExportError, InputError


def test_its_json_form_is_that_of_the_result_alone() -> None:
    plain = result("Where?")
    shown = with_scene(plain, stored())
    assert to_json(shown) == to_json(plain)
    assert to_plain(shown) == to_plain(plain) and asdict(shown) == asdict(plain)
    assert from_json(Result, to_json(shown)) == from_json(ResultWithScene, to_json(shown)) == plain
    assert "source" not in repr(shown) and repr(shown).startswith("ResultWithScene(item_id='item'")
    assert {field.name for field in fields(shown)} == {field.name for field in fields(Result)}


def test_it_equals_the_result_in_either_order_and_no_other_one() -> None:
    plain = result()
    shown = with_scene(plain, stored())
    assert shown == plain and plain == shown and shown == with_scene(plain, None)
    other = replace(plain, errors=("A note.",))
    assert shown != other and other != shown and shown != with_scene(other, stored()) and shown != "result"


def test_a_changed_or_copied_result_keeps_its_scene() -> None:
    scene = stored()
    shown = with_scene(result(), scene)
    changed = replace(shown, errors=("A note.",))
    assert changed.errors == ("A note.",) and changed.scene.stored is scene
    assert copy.copy(shown).scene.stored is scene
    assert (pickle.loads(pickle.dumps(shown)).scene.depth[0].values == scene.scene.depth[0].values).all()
    with pytest.raises(AttributeError):
        shown.errors = ()  # type: ignore[misc]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two questions about one stored scene, and an item whose scene was not stored."""
    scene = stored()
    write_scene(tmp_path / "scenes" / "item.zip", scene.scene, scene.errors, lossless=True)
    with_path = [result(question, artefacts={"scene": "scenes/item.zip"}) for question in ("One?", "Two?")]
    lines = [to_json(each) for each in (*with_path, replace(result(), item_id="bare"))]
    (tmp_path / "results.jsonl").write_text("\n".join(lines))
    return tmp_path


def test_a_finished_run_is_read_and_its_scenes_when_they_are_used(run: Path) -> None:
    results = pipeline.read_run(run)
    assert [each.question for each in results] == ["One?", "Two?", None]
    assert (results[0].scene.frames[0].rgb == stored().scene.frames[0].rgb).all()
    assert results[0].scene.stored is results[1].scene.stored, "one scene is read once"
    assert len(results[0].scene.region_points("cup")) == 400
    with pytest.raises(
        ExportError, match=r"did not store the scene of item bare; run it again with export.scenes=true"
    ):
        results[2].scene  # noqa: B018
    assert "did not store the scene" in results[2]._repr_html_()


def test_a_scene_that_is_gone_damaged_or_elsewhere_is_refused(run: Path) -> None:
    first, second, _ = read_run(run)
    (run / "scenes" / "item.zip").write_bytes(b"torn")
    with pytest.raises(ExportError, match="damaged"):
        first.scene  # noqa: B018
    (run / "scenes" / "item.zip").unlink()
    with pytest.raises(ExportError, match="is missing"):
        second.scene  # noqa: B018
    (run.parent / "other.zip").write_bytes(b"")
    with pytest.raises(ExportError, match="is missing"):
        replace(first, artefacts={"scene": "../other.zip"}).scene  # noqa: B018
    with pytest.raises(InputError, match="no folder"):
        read_run(run / "none")


def judged(**options: object) -> ResultWithScene:
    depth = np.full((60, 80), 2.0)
    depth[20:40, 10:30] = 1.0
    frame = Frame(
        np.zeros((60, 80, 3), np.uint8),
        Camera.from_fov(80, 60, 60),
        given_depth=DepthMap.from_values(depth, "metric", "sensor"),
    )
    regions = [Region("cup", (10, 20, 30, 40)), Region("wall", (40, 5, 75, 55))]
    pipeline = Pipeline.from_config(["depth=file", "cache_dir=null"])
    return pipeline.judge(frame, [Claim("in_front_of", "cup", "wall")], regions, **options)  # type: ignore[arg-type]


def test_the_library_gives_results_with_the_scene_that_was_judged(tmp_path: Path) -> None:
    shown = judged()
    assert (shown.scene.depth[0].values[30, 20], shown.scene.frames[0].rgb.shape) == (1.0, (60, 80, 3))
    assert shown.scene.errors[0].scale > 0 and len(shown.scene.errors) == 1
    assert (shown.scene.region_points("cup")[:, 2] == 1.0).all()
    json.loads(to_json(shown))
    with pytest.raises(ExportError, match="keep_scene=True"):
        judged(keep_scene=False).scene  # noqa: B018
    written = judged(output_dir=tmp_path)
    assert (tmp_path / written.artefacts["scene"]).is_file()
    assert (written.scene.frames[0].rgb == 0).all()
