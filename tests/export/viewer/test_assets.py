from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from pipeline.export.viewer import assets
from pipeline.records.errors import DependencyError, ExportError


def test_the_files_are_written_once_and_repaired(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    paths = assets.write_assets(folder)
    assert [path.name for path in paths] == ["three.min.js", "viewer.js", "viewer.css"]
    times = [path.stat().st_mtime_ns for path in paths]
    assets.write_assets(folder)
    assert [path.stat().st_mtime_ns for path in paths] == times
    paths[1].write_text("broken")
    assets.write_assets(folder)
    assert paths[1].read_text(encoding="utf-8") == assets.viewer_script()
    assert sorted(path.name for path in folder.iterdir()) == sorted(assets.ASSETS)


def test_three_is_the_release_that_the_viewer_is_made_for() -> None:
    assert version("jupyter-threejs-sage").startswith("130")
    script = assets.three_script()
    assert 'REVISION="130"' in script.replace(" ", "") or '"130"' in script
    assert "MIT" in script[:200]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> Path:
        raise ModuleNotFoundError

    monkeypatch.setattr(assets, "files", missing)
    with pytest.raises(DependencyError, match="pip install 'jupyter-threejs-sage"):
        assets.three_script.__wrapped__()


def test_a_folder_that_cannot_be_made_is_an_export_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError):
        assets.write_assets(tmp_path / "file")


def test_every_script_is_part_of_the_viewer_and_none_is_a_module_or_asks_the_network() -> None:
    static = Path(assets.__file__).parent / "static"
    names = {path.stem for path in static.glob("*.js")}
    assert names == set(assets._SCRIPTS)
    for path in static.iterdir():
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) < 400
        assert not any(word in text for word in ("import ", "export ", "fetch(", "http://", "https://", "eval("))
