from __future__ import annotations

import json
import logging
import zipfile
from dataclasses import replace
from pathlib import Path

import exported
import numpy as np
import pytest

from pipeline.export.run_items import run_items, scene_path, shared_regions, write_photos
from pipeline.records import Region


def test_the_questions_of_an_item_come_together_with_its_scene(tmp_path: Path) -> None:
    first, second = exported.stored(item="a"), exported.stored(item="b")
    asked = [(first, "one"), (second, "two"), (first, "three")]
    exported.run_folder(tmp_path, *((scene, exported.result(scene, question)) for scene, question in asked))
    items = list(run_items(tmp_path))
    assert {item.stored.scene.id: [result.question for result in item.results] for item in items} == {
        "a": ["one", "three"],
        "b": ["two"],
    }
    assert len({item.name for item in items}) == 2
    assert [item.stored.scene.id for item in run_items(tmp_path, "b")] == ["b"]


def test_damaged_scenes_and_lines_are_said_and_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scenes = [exported.stored(item=name) for name in "abc"]
    exported.run_folder(tmp_path, *((scene, exported.result(scene)) for scene in scenes))
    (tmp_path / "scenes" / "scene-0.zip").write_bytes(b"PK")
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write('{"item_id": 1}\n')
    with caplog.at_level(logging.WARNING):
        assert [item.stored.scene.id for item in run_items(tmp_path)] == ["b", "c"]
    assert "scene-0.zip is damaged" in caplog.text and "Line 4" in caplog.text


@pytest.mark.parametrize("name", ["../out.zip", "/etc/passwd", "scenes", "missing.zip", "a\x00b", None])
def test_only_files_of_the_folder_are_scenes(tmp_path: Path, name: str | None) -> None:
    scene = exported.stored()
    exported.run_folder(tmp_path / "run", (scene, exported.result(scene)))
    (tmp_path / "out.zip").write_bytes(b"")
    artefacts = {} if name is None else {"scene": name}
    assert scene_path(tmp_path / "run", replace(exported.result(scene), artefacts=artefacts)) is None


def test_a_result_that_names_frames_which_the_scene_lacks_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    two, one = exported.stored(poses=(None, None)), exported.stored()
    exported.run_folder(tmp_path, (one, exported.result(one)), (two, exported.result(two, of=exported.regions(1))))
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    wrong = json.loads(lines[1]) | {"artefacts": {"scene": "scenes/scene-0.zip"}}
    (tmp_path / "results.jsonl").write_text(f"{lines[0]}\n{json.dumps(wrong)}\n")
    with caplog.at_level(logging.WARNING):
        (item,) = run_items(tmp_path)
    assert len(item.results) == 1 and "lacks" in caplog.text


def test_equal_regions_are_one_and_different_masks_are_not(tmp_path: Path) -> None:
    scene = exported.stored()
    screen = exported.regions()[0]
    other = replace(screen, mask=np.roll(screen.mask, 1))  # type: ignore[arg-type]
    asked = [(scene, exported.result(scene, name, of)) for name, of in (("a", (screen,)), ("b", (other, screen)))]
    exported.run_folder(tmp_path, *asked)
    (item,) = run_items(tmp_path)
    assert [shared.places for shared in shared_regions(item)] == [((0, 0), (1, 1)), ((1, 0),)]
    assert isinstance(shared_regions(item)[0].region, Region)


def test_photos_have_the_size_of_their_frames_even_where_they_were_stored_smaller(tmp_path: Path) -> None:
    from PIL import Image

    from pipeline.export.stored_scene import write_scene

    scene = exported.stored(poses=(None, None))
    exported.run_folder(tmp_path, (scene, exported.result(scene)))
    write_scene(tmp_path / "scenes" / "scene-0.zip", scene.scene, scene.errors, widest_px=40)
    with zipfile.ZipFile(tmp_path / "scenes" / "scene-0.zip") as archive:
        assert len(archive.namelist()) == 5
    (item,) = run_items(tmp_path)
    names = write_photos(item, tmp_path / "photos")
    assert names == ["scene-0-0.jpg", "scene-0-1.jpg"]
    for name in names:
        assert Image.open(tmp_path / "photos" / name).size == (120, 90)


def test_long_names_that_begin_alike_stay_apart(tmp_path: Path) -> None:
    long = "x" * 200
    scenes = [exported.stored(item=f"{long}{number}") for number in range(3)]
    exported.run_folder(tmp_path, *((scene, exported.result(scene)) for scene in scenes))
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    for number in range(3):
        (tmp_path / "scenes" / f"scene-{number}.zip").rename(tmp_path / "scenes" / f"{long}{number}.zip")
        lines[number] = lines[number].replace(f"scene-{number}.zip", f"{long}{number}.zip")
    (tmp_path / "results.jsonl").write_text("\n".join(lines) + "\n")
    names = [item.name for item in run_items(tmp_path)]
    assert len(set(names)) == 3 and all(len(name) < 100 for name in names)
