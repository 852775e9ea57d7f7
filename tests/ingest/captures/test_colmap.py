from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commands import CommandLine, results_in
from ingest.captures.colmap_projects import IDENTITY, PINHOLE, SIZE, depth_map, images_bin, save_project
from ingest.refusals import refused
from PIL import Image

from pipeline.ingest.captures.colmap import Colmap, read_depth_map
from pipeline.ingest.captures.registry import capture_format
from pipeline.ingest.source import FileSource
from pipeline.records import Camera, DepthKind, ScaleSource

IMAGES = [(*IDENTITY[:3], name) for name in ("cam/10.png", "cam/9.png", "a.png")]
DEPTH = np.arange(24 * 32, dtype=np.float32).reshape(24, 32)


@pytest.mark.parametrize("model", ["sparse/0", "sparse", "."])
@pytest.mark.parametrize("text", [True, False])
def test_a_project_is_recognised_wherever_its_model_is(tmp_path: Path, model: str, text: bool) -> None:
    folder = save_project(tmp_path / "scan", images=IMAGES, model=model, text=text)
    assert capture_format(folder) is Colmap
    capture = Colmap(folder)
    assert not capture.has_times and list(capture.times_s) == [0, 1, 2]
    frames = list(capture.frames([0, 1, 2]))
    assert [frame.name for frame in frames] == ["a.png", "9.png", "10.png"]
    assert [int(frame.rgb[0, 0, 0]) for frame in frames] == [20, 10, 0]
    assert frames[0].camera == Camera(60, 61, 31.5, 23.5, *SIZE)


@pytest.mark.parametrize("inner", ["sparse", "sparse/0"])
def test_the_folder_of_a_model_finds_the_images_of_its_project(tmp_path: Path, inner: str) -> None:
    save_project(tmp_path, model=inner)
    assert next(iter(Colmap(tmp_path / inner).frames([0]))).name == "a.png"


def test_poses_are_left_out_with_a_note_because_they_have_no_unit(tmp_path: Path) -> None:
    (frame,) = Colmap(save_project(tmp_path)).frames([0])
    assert frame.pose is None and [note.code for note in frame.notes] == ["poses_without_unit"]


def test_further_models_are_told(tmp_path: Path) -> None:
    save_project(tmp_path)
    save_project(tmp_path, images=IMAGES, model="sparse/1")
    (frame,) = Colmap(tmp_path).frames([0])
    assert "1 more model; only model 0 was read" in frame.notes[1].text()


@pytest.mark.parametrize(
    ("files", "first"),
    [
        ({"a.png.geometric.bin": DEPTH, "a.png.photometric.bin": DEPTH + 50}, 0.0),
        ({"a.png.photometric.bin": DEPTH + 50}, 50.0),
    ],
)
def test_depth_maps_are_known_up_to_scale(tmp_path: Path, files: dict[str, np.ndarray], first: float) -> None:
    (frame,) = Colmap(save_project(tmp_path, model="sparse", depths=files)).frames([0])
    depth = frame.depth
    assert (depth.kind, depth.scale_source, depth.backend) == (DepthKind.SCALE_INVARIANT, ScaleSource.NONE, "colmap")
    assert (depth.values == DEPTH + first).all(), "rows from the top, each from the left"
    assert depth.valid[0, 0] == (first > 0) and depth.valid[0, 1:].all(), "0 is no depth"


def test_images_without_depth_have_none(tmp_path: Path) -> None:
    folder = save_project(tmp_path, depths={"other.png.geometric.bin": DEPTH, "a.png.geometric.bin": DEPTH * 0})
    assert next(iter(Colmap(folder).frames([0]))).depth is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"3&2&",
        b"3&2&1&" + bytes(23),
        b"3&2&1&" + bytes(25),
        b"3&2&3&" + bytes(72),
        b"0&2&1&",
        b"-3&2&1&" + bytes(24),
        b"9999999999&9999999999&1&" + bytes(24),
        b"3x2&1&" + bytes(24),
    ],
)
def test_damaged_depth_maps_are_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.png.geometric.bin"
    file.write_bytes(content)
    refused("is cut off or not a depth map|is an empty file", read_depth_map, file)


def test_the_distortion_of_a_camera_comes_along(tmp_path: Path) -> None:
    camera = (3, 4, SIZE, (*PINHOLE[3], -0.2, 0.05, 0.01, 0.02))
    (frame,) = Colmap(save_project(tmp_path, [camera])).frames([0])
    assert frame.lens.coefficients == (-0.2, 0.05, 0.01, 0.02, 0, 0, 0, 0)


def test_depth_of_images_with_distortion_is_refused(tmp_path: Path) -> None:
    camera = (3, 2, SIZE, (60.0, 32.0, 24.0, -0.2))
    folder = save_project(tmp_path, [camera], depths={"a.png.geometric.bin": DEPTH})
    refused("depth maps belong to the images without distortion", list, Colmap(folder).frames([0]))


@pytest.mark.parametrize("name", ["../a.png", "/etc/passwd", "cam/../../a.png"])
def test_a_model_names_only_images_of_its_project(tmp_path: Path, name: str) -> None:
    folder = save_project(tmp_path / "scan")
    Image.new("RGB", SIZE).save(tmp_path / "a.png")
    (folder / "sparse" / "0" / "images.bin").write_bytes(images_bin([(*IDENTITY[:3], name)]))
    refused("outside of", lambda: list(Colmap(folder).frames([0])))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: (folder / "images" / "a.png").unlink(), "does not exist"),
        (lambda folder: (folder / "images" / "a.png").write_bytes(b"x"), "not an image"),
        (lambda folder: Image.new("RGB", (48, 64)).save(folder / "images" / "a.png"), "camera of .* is for 64 x 48 px"),
        (lambda folder: save_project(folder, images=[(*IDENTITY[:2], 8, "a.png")]), "no camera 8"),
        (lambda folder: save_project(folder, [(3, 7, SIZE, (*PINHOLE[3], 0.9))]), "colmap image_undistorter"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, change: object, words: str) -> None:
    folder = save_project(tmp_path)
    change(folder)  # type: ignore[operator]
    refused(words, lambda: list(Colmap(folder).frames([0])))


def test_a_model_without_images_is_refused(tmp_path: Path) -> None:
    save_project(tmp_path, images=[])
    (tmp_path / "images").mkdir()
    refused("without images", Colmap, tmp_path)


def test_a_model_without_the_folder_of_its_images_is_refused(tmp_path: Path) -> None:
    save_project(tmp_path)
    (tmp_path / "images" / "a.png").unlink()
    (tmp_path / "images").rmdir()
    refused("no folder images", Colmap, tmp_path)


def test_images_may_lie_beside_the_files_of_the_model(tmp_path: Path) -> None:
    save_project(tmp_path, model=".")
    (tmp_path / "images" / "a.png").rename(tmp_path / "a.png")
    assert next(iter(Colmap(tmp_path).frames([0]))).name == "a.png"


def test_the_bytes_of_a_depth_map_are_those_of_its_format() -> None:
    assert depth_map(np.array([[1.0, 2.0]]))[:6] == b"2&1&1&"


CLAIMS = {
    "regions": [{"label": "cup", "box_px": [20, 10, 40, 40]}, {"label": "wall", "box_px": [45, 2, 64, 46]}],
    "claims": [
        {"relation": "in_front_of", "subject": "cup", "object": "wall"},
        {"relation": "size", "subject": "cup", "value": 9, "unit": "m"},
    ],
}


def flat_scene(folder: Path) -> Path:
    depth = np.full((48, 64), 3.0, np.float32)
    depth[10:40, 20:40] = 1.0
    return save_project(folder, model="sparse", depths={"a.png.geometric.bin": depth})


def test_a_project_is_one_item_whose_frames_are_its_images(tmp_path: Path) -> None:
    source = FileSource(flat_scene(tmp_path / "dense"), claims=CLAIMS)
    (item,) = source.items()
    assert source.count() == 1 and item.id == "dense"
    (frame,) = source.scene(item).frames
    assert frame.name == "a.png" and frame.pose is None and frame.timestamp_s is None
    assert frame.given_depth is not None and frame.given_depth.values[20, 30] == 1.0


def test_the_command_line_judges_order_and_no_metres(tmp_path: Path, success: CommandLine) -> None:
    folder, out = flat_scene(tmp_path / "dense"), tmp_path / "out"
    (tmp_path / "claims.json").write_text(json.dumps(CLAIMS))
    success(
        "verify", f"input={folder}", "depth=file", f"claims={tmp_path / 'claims.json'}",
        f"output_dir={out}", "cache_dir=null",
    )  # fmt: skip
    (result,) = results_in(out)
    assert [str(verdict.status) for verdict in result.verdicts] == ["supported", "undecided"]
    assert (result.frames[0].depth_kind, result.frames[0].depth_backend) == ("scale_invariant", "colmap")
    assert any("have no unit" in note for note in result.errors)
