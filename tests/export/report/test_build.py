from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
import scenes

from pipeline.export.formats import RUN_FORMATS, FormatSettings
from pipeline.export.jsonl import ResultWriter
from pipeline.export.stored_scene import write_scene
from pipeline.export.text import file_name
from pipeline.records import Result

SETTINGS = FormatSettings(view_points=500)


def finished(folder: Path, count: int) -> list[Result]:
    """A run without a report; its first scene is damaged, and its last result has none."""
    results = []
    with ResultWriter(folder) as writer:
        for index in range(count):
            name = f"scenes/{index}.zip"
            if index < count - 1:
                write_scene(folder / name, scenes.scene())
            artefacts = {"scene": name} if index < count - 1 else {}
            results.append(Result(f"item {index}", "Where?", (), None, regions=scenes.regions(), artefacts=artefacts))
            writer.append(results[-1])
    (folder / "scenes" / "0.zip").write_bytes(b"damaged")
    return results


@pytest.mark.parametrize("count", [5, 60])
def test_a_report_made_after_the_run_has_a_page_for_each_stored_scene(
    count: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    results = finished(tmp_path, count)
    write = RUN_FORMATS["report"].write
    with caplog.at_level(logging.WARNING):
        assert write(tmp_path / "report", tmp_path, SETTINGS) == tmp_path / "report"
    pages = {path.stem for path in (tmp_path / "report" / "items").glob("*.html")}
    assert pages == {file_name(result.item_id, "Where?") for result in results[1:-1]}
    index = (tmp_path / "report" / "index.html").read_text()
    assert f"items/{file_name('item 1', 'Where?')}.html" in index and f"of {count}" in index
    assert (tmp_path / "report" / "thumbnails" / "1.jpg").is_file()


def test_one_item_is_written_again_and_the_others_stay(tmp_path: Path) -> None:
    finished(tmp_path, 5)
    write = RUN_FORMATS["report"].write
    write(tmp_path / "report", tmp_path, SETTINGS)
    pages = sorted((tmp_path / "report" / "items").glob("*.html"))
    for page in pages:
        page.write_text("old")
    write(tmp_path / "report", tmp_path, replace(SETTINGS, item="item 2"))
    again = {page.stem for page in pages if page.read_text() != "old"}
    assert again == {file_name("item 2", "Where?")}


def test_without_results_there_is_no_report(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text("")
    assert RUN_FORMATS["report"].write(tmp_path / "report", tmp_path, SETTINGS) is None
    assert not (tmp_path / "report").exists()


def test_a_run_without_scenes_gets_an_index_and_a_hint(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with ResultWriter(tmp_path) as writer:
        writer.append(Result("a", "Where?", (), None))
    with caplog.at_level(logging.WARNING):
        RUN_FORMATS["report"].write(tmp_path / "report", tmp_path, SETTINGS)
    assert "export.scenes=true" in caplog.text and (tmp_path / "report" / "index.html").is_file()


def test_a_result_whose_regions_do_not_fit_its_scene_gets_no_page(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_scene(tmp_path / "scenes" / "a.zip", scenes.scene())
    region = replace(scenes.regions()[0], frame=3)
    with ResultWriter(tmp_path) as writer:
        for name, regions in (("bad", (region,)), ("good", scenes.regions())):
            writer.append(Result(name, "Where?", (), None, regions=regions, artefacts={"scene": "scenes/a.zip"}))
    with caplog.at_level(logging.WARNING):
        RUN_FORMATS["report"].write(tmp_path / "report", tmp_path, SETTINGS)
    assert "bad" in caplog.text
    assert [page.stem for page in (tmp_path / "report" / "items").glob("*.html")] == [file_name("good", "Where?")]
