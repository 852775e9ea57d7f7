from __future__ import annotations

import os
from pathlib import Path

import pytest
from serve.fake_store import FakeStore
from serve.files import image

from pipeline.serve.intake.local_files import copy_local
from pipeline.serve.intake.sink import Sink
from pipeline.serve.problems import ForbiddenError, TooLargeError, UnfitError
from pipeline.serve.settings import Limits

PHOTO = image("PNG")


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    """A folder that may be read, beside a secret and with links."""
    folder = tmp_path / "allowed"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "a.png").write_bytes(PHOTO)
    (tmp_path / "secret.png").write_bytes(PHOTO)
    (tmp_path / "allowed2").mkdir()
    (tmp_path / "allowed2" / "b.png").write_bytes(PHOTO)
    (folder / "inside.png").symlink_to(folder / "in" / "a.png")
    (folder / "outside.png").symlink_to(tmp_path / "secret.png")
    (folder / "up").symlink_to(tmp_path)
    (folder / "circle").symlink_to(folder / "circle")
    os.mkfifo(folder / "pipe")
    return folder


def copied(path: str, folders: list[str], tmp_path: Path, part_mb: float = 1) -> bytes:
    store = FakeStore(tmp_path / "store")
    with store.new_upload() as incoming:
        sink = Sink(incoming, path, Limits(part_mb=part_mb))
        copy_local(path, folders, sink)
        return sink.finish().path.read_bytes()


@pytest.mark.parametrize("name", ["in/a.png", "inside.png", "in/../in/a.png"])
def test_a_file_of_an_allowed_folder_is_copied(name: str, allowed: Path, tmp_path: Path) -> None:
    assert copied(f"{allowed}/{name}", [str(tmp_path / "other"), str(allowed)], tmp_path) == PHOTO


@pytest.mark.parametrize(
    "name", ["../secret.png", "outside.png", "up/secret.png", "../allowed2/b.png", "circle", "../missing", "\0"]
)
def test_what_lies_elsewhere_is_refused_whether_it_exists_or_not(name: str, allowed: Path, tmp_path: Path) -> None:
    with pytest.raises(ForbiddenError, match="read_paths") as caught:
        copied(f"{allowed}/{name}", [str(allowed)], tmp_path)
    assert str(tmp_path) not in caught.value.detail


@pytest.mark.parametrize("path", ["/etc/passwd", "in/a.png", "file:///etc/passwd", "~/a", "", "/proc/self/environ"])
def test_other_paths_are_refused(path: str, allowed: Path, tmp_path: Path) -> None:
    with pytest.raises(ForbiddenError):
        copied(path, [str(allowed)], tmp_path)


def test_without_folders_nothing_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "resolve", None)
    monkeypatch.setattr(os, "open", None)
    with pytest.raises(ForbiddenError):
        copy_local("/etc/passwd", [], None)


@pytest.mark.parametrize("name", ["in", "pipe", "in/missing.png"])
def test_what_is_no_file_is_refused(name: str, allowed: Path, tmp_path: Path) -> None:
    with pytest.raises(UnfitError) as caught:
        copied(f"{allowed}/{name}", [str(allowed)], tmp_path)
    assert str(tmp_path) not in caught.value.detail


def test_a_large_file_is_not_copied(allowed: Path, tmp_path: Path) -> None:
    with pytest.raises(TooLargeError):
        copied(f"{allowed}/in/a.png", [str(allowed)], tmp_path, part_mb=0.0001)
