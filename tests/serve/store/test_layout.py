"""Paths, and the lock, of the store."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.records.errors import ConfigError
from pipeline.serve.store.layout import BLOCK_BYTES, Layout, bytes_below, is_id, is_own, new_id, only_server


def test_ids_are_long_random_and_safe_as_names() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(is_id(each) and is_own(each) and len(each) == 22 and Path(each).name == each for each in ids)


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "a\\b", "a\0", "a\n", "é", "a" * 65, "%2e%2e", None, 3, b"a"])
def test_what_is_no_id_is_told(text: object) -> None:
    assert not is_id(text)


@pytest.mark.parametrize("name", ["notes", "README", "thesis.tex", "a" * 21, "A" * 40])
def test_names_of_others_are_not_taken_for_own(name: str) -> None:
    assert not is_own(name)


def test_other_users_cannot_enter(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir(mode=0o755)
    for folder in (tmp_path / "new" / "kept", tmp_path / "kept"):
        layout = Layout(folder)
        for each in (folder, layout.uploads, layout.results, layout.scenes, layout.artefacts):
            assert stat.S_IMODE(each.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match=r"cannot be used: .*serve\.store\.folder"):
        Layout(tmp_path / "file" / "kept")


def test_a_second_server_is_refused_in_this_process_and_in_another(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pipeline.serve.store.layout import only_server\n"
        "try:\n    only_server(Path(sys.argv[1])).__enter__()\nexcept Exception as error:\n    print(error)"
    )
    with only_server(tmp_path):
        with pytest.raises(ConfigError, match=r"Another server uses .*serve\.store\.folder"), only_server(tmp_path):
            pass
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
        assert "Another server uses" in done.stdout
    with only_server(tmp_path):
        pass


def test_bytes_are_counted_in_blocks_without_what_is_being_made(tmp_path: Path) -> None:
    assert bytes_below(tmp_path / "missing") == 0
    (tmp_path / "one").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "two").write_bytes(bytes(BLOCK_BYTES + 1))
    (tmp_path / ".making-x").mkdir()
    (tmp_path / ".making-x" / "half").write_bytes(bytes(10 * BLOCK_BYTES))
    # One block, the folder's own, and two.
    assert bytes_below(tmp_path) == 4 * BLOCK_BYTES


def test_artefacts_are_removed_whole_and_missing_ones_are_no_error(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    folder = layout.artefacts_of("some")
    folder.mkdir()
    (folder / "view.json").write_text("{}")
    layout.remove_artefacts("some")
    layout.remove_artefacts("some")
    assert os.listdir(layout.artefacts) == []
