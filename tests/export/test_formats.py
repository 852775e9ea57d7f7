from __future__ import annotations

from pathlib import Path

import pytest
import scenes

from pipeline.export.formats import ITEM_FORMATS, RUN_FORMATS, FormatSettings, is_format
from pipeline.export.stored_scene import StoredScene
from pipeline.records import Result


@pytest.mark.parametrize("name", [*ITEM_FORMATS, *RUN_FORMATS])
def test_every_format_names_a_function(name: str) -> None:
    assert is_format(name)
    assert callable((ITEM_FORMATS.get(name) or RUN_FORMATS[name]).write)


def test_another_name_is_no_format() -> None:
    assert not is_format("obj") and not is_format("") and not is_format("PLY")


def test_a_registered_format_writes_its_file(tmp_path: Path) -> None:
    result = Result("a", None, (), None, regions=scenes.regions())
    path = ITEM_FORMATS["ply"].write(tmp_path / "a.ply", StoredScene(scenes.scene()), result, FormatSettings(50))
    assert path is not None and path.stat().st_size > 500
