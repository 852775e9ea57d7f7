from __future__ import annotations

from ingest.captures import colmap_projects, nerfstudio_projects

from pipeline.ingest.captures.colmap import Colmap
from pipeline.ingest.captures.nerfstudio import Nerfstudio
from pipeline.ingest.captures.registry import capture_format


def test_a_folder_of_photos_and_a_text_are_no_captures(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "notes.json").write_text("[]")
    assert capture_format(tmp_path) is None
    assert capture_format(tmp_path / "notes.json") is None
    assert capture_format(tmp_path / "photo.jpg") is None


def test_a_folder_of_two_projects_is_read_as_nerfstudio_did_it(tmp_path):
    # ns-process-data keeps COLMAP's model beside its own file.
    colmap_projects.save_project(tmp_path / "colmap")
    assert capture_format(tmp_path) is None
    colmap_projects.save_project(tmp_path)
    assert capture_format(tmp_path) is Colmap
    nerfstudio_projects.save_project(tmp_path)
    assert capture_format(tmp_path) is Nerfstudio
