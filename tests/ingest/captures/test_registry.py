from __future__ import annotations

from pipeline.ingest.captures.registry import capture_format


def test_a_folder_of_photos_and_a_text_are_no_captures(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "notes.json").write_text("[]")
    assert capture_format(tmp_path) is None
    assert capture_format(tmp_path / "notes.json") is None
    assert capture_format(tmp_path / "photo.jpg") is None
