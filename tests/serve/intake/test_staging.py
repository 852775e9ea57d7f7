from __future__ import annotations

from pathlib import Path

import pytest
from serve.fake_store import FakeStore

from pipeline.records.message import message
from pipeline.serve.intake.staging import Staging, staging


@pytest.mark.parametrize(
    ("name", "suffixes", "staged"),
    [
        ("photo.jpg", (".jpg", ".jpeg"), "photo.jpg"),
        ("photo.JPEG", (".jpg", ".jpeg"), "photo.JPEG"),
        ("photo.mp4", (".jpg",), "photo.mp4.jpg"),
        ("../../x", (".png",), "x.png"),
        ("[a]*?.png", (".png",), "a.png"),
    ],
)
def test_an_upload_lies_under_its_name_and_the_suffix_of_its_kind(
    name: str, suffixes: tuple[str, ...], staged: str, tmp_path: Path
) -> None:
    upload = FakeStore(tmp_path / "store").put(name, b"content")
    with staging() as stage:
        path = stage.place(upload, suffixes)
        assert path.name == staged and path.read_bytes() == b"content"
        assert path.parent.parent == stage.folder
        assert stage.place(upload, suffixes) != path
    assert not stage.folder.exists()
    assert upload.path.read_bytes() == b"content", "the upload itself stays"


def test_readers_of_depth_do_not_learn_its_name_and_clients_read_it(tmp_path: Path) -> None:
    store = FakeStore(tmp_path / "store")
    with staging() as stage:
        first, second = (
            stage.place(store.put(name, b"x"), (".tif", ".tiff"), "depth file") for name in ("a.TIFF", "b")
        )
        assert (first.name, second.name) == ("depth file 1.tiff", "depth file 2.tif")
        assert stage.words(f"{second} is odd, {first.name} is not.") == "b.tif is odd, a.TIFF is not."


def test_nothing_stays_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x"), staging() as stage:
        (stage.new_folder() / "a").write_text("b")
        raise ValueError("x")
    assert not stage.folder.exists()


def test_words_lose_paths_and_keep_names(tmp_path: Path) -> None:
    stage = Staging(tmp_path / "stage", (tmp_path / "store", Path("relative/store")))
    text = f"{tmp_path}/stage/12/a photo.jpg and {tmp_path}/stage/3/scan/rgb/0.png, {tmp_path}/store/uploads/x"
    assert stage.words(text) == "a photo.jpg and scan/rgb/0.png, uploads/x"
    assert str(Path.cwd()) not in stage.words(f"{Path('relative/store').absolute()}/y")
    assert stage.words("7/8 of a.jpg") == "7/8 of a.jpg"


def test_notes_lose_paths_however_deep(tmp_path: Path) -> None:
    stage = Staging(tmp_path)
    inner = message("depth_without_values", name=f"{tmp_path}/2/depth.png")
    note = message("note_of_frames", frames=(0, 1), note=inner) + message(
        "photo_depth_left_out", reason=f"{tmp_path}/1/a"
    )
    assert str(tmp_path) in note.text("en")
    assert str(tmp_path) not in stage.note(note).text("en")
    assert "depth.png" in stage.note(note).text("en")
