from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ingest.heif_files import heic, picture
from omegaconf import OmegaConf
from PIL import Image
from serve import files
from serve.fake_store import FakeStore

from pipeline.ingest.images import read_image
from pipeline.ingest.source import FileSource
from pipeline.records import Anchor, Scene
from pipeline.records.errors import InputError
from pipeline.serve.intake import scene as scene_module
from pipeline.serve.intake.scene import check_upload, read_scene_input
from pipeline.serve.problems import GoneError, ServeError, TooLargeError, UnfitError, UnknownError, UnsupportedError
from pipeline.serve.records import SceneInput
from pipeline.serve.settings import Limits, ServeSettings, StoreSettings

PHOTO = files.image("PNG")
CAMERA = {"fx": 60.0, "fy": 60.0, "cx": 31.5, "cy": 23.5}


def depth_png(metres: float = 2.0, width: int = 64, height: int = 48) -> bytes:
    stream = io.BytesIO()
    values = np.full((height, width), round(metres * 1000), np.uint16)
    values[:, : width // 2] //= 2
    Image.fromarray(values).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Scene]:
    """Reads files, given as pairs of a name and bytes, and checks that nothing stays and no path is told."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    store = FakeStore(tmp_path / "store")

    def call(
        *images: tuple[str, bytes],
        depth: list[tuple[str, bytes]] | None = None,
        limits: Limits | None = None,
        config: Any = None,
        **given: Any,
    ) -> Scene:
        settings = ServeSettings(limits=limits or Limits(), store=StoreSettings(folder=str(tmp_path / "store")))
        ids = [store.put(name, content).id for name, content in images]
        depth_ids = [store.put(name, content).id for name, content in depth or []]
        scene_input = SceneInput(tuple(ids), tuple(depth_ids), **given)
        try:
            scene = read_scene_input(scene_input, store.uploads, settings, config)
            said = " ".join(note.text("en") for note in scene.notes) + " ".join(str(f.name) for f in scene.frames)
        except Exception as error:
            assert isinstance(error, InputError | ServeError), repr(error)
            said = str(getattr(error, "detail", error))
            assert "\n" not in said
            raise
        finally:
            assert list((tmp_path / "temporary").iterdir()) == []
            assert len(store.files) == len(store.uploads), "uploads stay"
        assert str(tmp_path) not in said and "upload" not in said
        return scene

    return call


def test_images_become_frames_under_their_names(read: Callable[..., Scene]) -> None:
    scene = read(("left.png", PHOTO), ("../right\n.jpeg", files.image("JPEG", 32, 24)))
    assert [frame.name for frame in scene.frames] == ["left.png", "right .jpeg"]
    assert np.array_equal(scene.frames[0].rgb, files.pixels())
    assert scene.depth == () and scene.id == "left"


def test_content_counts_and_not_the_name(read: Callable[..., Scene]) -> None:
    for name in ("clip.mp4", "list.jsonl", "scan.r3d", "a", "depth.npy", ".png", "*.png"):
        (frame,) = read((name, PHOTO)).frames
        assert np.array_equal(frame.rgb, files.pixels())


def test_depth_camera_and_anchors_are_read_as_on_the_command_line(read: Callable[..., Scene]) -> None:
    anchor = Anchor.from_plain({"size": "mug", "measure": "height", "value": 9.5, "unit": "cm"})
    scene = read(("a.png", PHOTO), depth=[("deep", depth_png())], depth_scale=0.001, camera=CAMERA, anchors=(anchor,))
    (frame,) = scene.frames
    assert frame.camera.fx == 60 and frame.camera.source == "given"
    assert frame.given_depth.kind == "metric" and frame.given_depth.values[0, -1] == pytest.approx(2.0)
    assert scene.anchors == (anchor,)


def test_the_field_of_view_is_that_of_the_client_or_the_configured_one(read: Callable[..., Scene]) -> None:
    config = OmegaConf.create({"input": {"fov_deg": 90.0}})
    assert read(("a.png", PHOTO), config=config).frames[0].camera.fx == pytest.approx(32)
    assert read(("a.png", PHOTO), config=config, fov_deg=60.0).frames[0].camera.fx == pytest.approx(55.43, abs=0.01)


def test_videos_are_sampled_as_on_the_command_line(read: Callable[..., Scene], video: Callable[..., Path]) -> None:
    content = video().read_bytes()
    scene = read(("walk.mov", content))
    assert len(scene.frames) == 8
    assert scene.frames[-1].name == "walk.mov at 0.90 s" and scene.frames[-1].timestamp_s == pytest.approx(0.9)
    assert len(read(("walk", content), limits=Limits(frames=3)).frames) == 3


def nerfstudio(count: int = 3) -> dict[str, bytes]:
    """A Nerfstudio project, the simplest export with a camera: images and transforms.json."""
    poses = [np.eye(4) + np.eye(4, k=3) * n for n in range(count)]
    frames = [{"file_path": f"images/{n}.png", "transform_matrix": pose.tolist()} for n, pose in enumerate(poses)]
    known = {"fl_x": 60.0, "fl_y": 60.0, "cx": 32.0, "cy": 24.0, "w": 64, "h": 48, "frames": frames}
    images = {f"images/{n}.png": PHOTO for n in range(count)}
    return {"transforms.json": json.dumps(known).encode(), **images}


def record3d() -> bytes:
    """A recording of one frame, after the module of its reader."""
    import lzfse

    known = {
        "poses": [[0, 0, 0, 1, 0, 0, 0]],
        "K": [60, 0, 0, 0, 60, 0, 32, 24, 1],
        "w": 64,
        "h": 48,
        "dw": 64,
        "dh": 48,
    }
    depth = lzfse.compress(np.full((48, 64), 2.0, "<f4").tobytes())
    image = files.image("JPEG")
    return files.zip_of({"metadata": json.dumps(known).encode(), "rgbd/0.jpg": image, "rgbd/0.depth": depth})


def test_a_recording_of_record3d_is_read_as_it_is(read: Callable[..., Scene]) -> None:
    pytest.importorskip("lzfse")
    (frame,) = read(("scan", record3d())).frames
    assert frame.given_depth.kind == "metric" and frame.given_depth.values[0, 0] == 2
    assert frame.camera.fx == 60


def test_a_phone_photo_is_read(read: Callable[..., Scene]) -> None:
    (frame,) = read(("IMG_1.HEIC", heic([picture(files.pixels(64, 64))]))).frames
    assert frame.name == "IMG_1.HEIC" and frame.rgb.shape == (64, 64, 3)
    assert np.abs(frame.rgb.astype(int) - files.pixels(64, 64)).max() < 24


@pytest.mark.shared
def test_a_real_depth_camera_reads_as_on_the_command_line(read: Callable[..., Scene], shared_dir: Path) -> None:
    folder = shared_dir / "rgbd" / "tum"
    rgb, depth = (sorted(folder.glob(pattern))[0] for pattern in ("*rgb*.*g", "*depth*.png"))
    known = {"depth_kind": "metric", "depth_scale": 0.0002}
    (item,) = (source := FileSource(rgb, depth=depth, **known)).items()
    (frame,) = read((rgb.name, rgb.read_bytes()), depth=[(depth.name, depth.read_bytes())], **known).frames
    (expected,) = source.scene(item).frames
    assert np.array_equal(frame.rgb, expected.rgb) and frame.camera == expected.camera
    assert np.array_equal(frame.given_depth.values, expected.given_depth.values)


@pytest.mark.parametrize("root", ["", "my scan/"])
def test_an_export_is_unpacked_and_read(root: str, read: Callable[..., Scene]) -> None:
    content = files.zip_of({f"{root}{name}": data for name, data in nerfstudio().items()})
    scene = read(("scan.zip", content))
    assert len(scene.frames) == 3
    assert scene.frames[0].camera.fx == 60


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"images/0.png": files.png_bomb()}, ServeError),
        ({"images/0.png": PHOTO[:60]}, InputError),
        ({"../evil": b"x"}, UnfitError),
        ({"transforms.json": b"{"}, InputError),
        ({"transforms.json": b"[" * 100_000}, InputError),
        (
            {"transforms.json": nerfstudio()["transforms.json"].replace(b"images/0.png", b"../../../etc/passwd")},
            InputError,
        ),
        ({"transforms.json": b"no export"}, InputError),
    ],
)
def test_a_hostile_export_is_refused(
    change: dict[str, bytes], error: type[Exception], read: Callable[..., Scene]
) -> None:
    with pytest.raises(error):
        read(("scan.zip", files.zip_of(nerfstudio() | change)))


@pytest.mark.parametrize(
    ("images", "error", "words"),
    [
        ([], UnfitError, "no image"),
        ([("a.png", PHOTO)] * 4, TooLargeError, "at most 3"),
        ([("a.png", files.png_bomb())], TooLargeError, r"a\.png has more than 1 million"),
        ([("a.png", files.image("PNG", 800, 800))] * 3, TooLargeError, "1.5 million"),
        ([("a.png", PHOTO[:100])], InputError, r"a\.png"),
        ([("a.jpg", files.image("JPEG")[:-40])], InputError, r"a\.jpg"),
        ([("a.npy", files.npy((4, 4), bytes(64)))], UnsupportedError, r"a\.npy is no image"),
        ([("a.npz", files.zip_of({"depth.npy": files.npy((2, 2), bytes(16))}))], UnsupportedError, "no image"),
        ([("a.zip", files.zip_of({"readme.txt": b"x"}))], UnsupportedError, r"a\.zip is no export"),
        ([("a.zip", files.zip_of({}) + b"")], UnsupportedError, r"a\.zip"),
        ([("a.png", PHOTO), ("b.zip", files.zip_of({"a": b""}))], UnfitError, "alone"),
        ([("a.png", b"<html>")], UnsupportedError, r"a\.png"),
        ([("a.gif", files.image("GIF") + b"<script>")], UnsupportedError, "something else"),
        ([("a.r3d", files.zip_of({"metadata": b"{}", "rgbd/0.jpg": b""}))], InputError, r"a\.r3d"),
        ([("a.mp4", b"\0\0\0\x18ftypmp42" + bytes(99))], InputError, r"a\.mp4 is not a video"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(
    images: list[tuple[str, bytes]], error: type[Exception], words: str, read: Callable[..., Scene]
) -> None:
    limits = Limits(frames=3, megapixels=1, scene_megapixels=1.5)
    with pytest.raises(error, match=words):
        read(*images, limits=limits)


@pytest.mark.parametrize(
    ("depth", "given", "error", "words"),
    [
        ([("d.png", depth_png())], {}, InputError, "d.png"),
        ([("d.png", depth_png())] * 2, {"depth_scale": 0.001}, InputError, "2 given for 1"),
        ([("d.jpg", files.image("JPEG"))], {}, UnsupportedError, "d.jpg is no depth"),
        ([("d.npy", files.npy((10**6, 10**6)))], {}, TooLargeError, "d.npy"),
        ([("d.npy", files.npy((48, 64), bytes(10)))], {}, InputError, "d.npy"),
        ([("d.npy", files.npy((48, 64), bytes(8 * 48 * 64), "|O"))], {}, InputError, "d.npy"),
        ([("d.png", depth_png())], {"depth_scale": 0.001, "depth_kind": "fathoms"}, InputError, "fathoms"),
        ([("d.png", depth_png())], {"depth_scale": -1.0}, InputError, "positive"),
    ],
)
def test_depth_that_cannot_be_used_is_refused(
    depth: list[tuple[str, bytes]],
    given: dict[str, Any],
    error: type[Exception],
    words: str,
    read: Callable[..., Scene],
) -> None:
    with pytest.raises(error, match=words):
        read(("a.png", PHOTO), depth=depth, **given)


def test_a_camera_that_cannot_be_is_refused(read: Callable[..., Scene]) -> None:
    with pytest.raises(InputError):
        read(("a.png", PHOTO), camera={"fx": -1.0, "fy": 1.0, "cx": 0.0, "cy": 0.0})


def test_a_long_video_is_refused_before_it_is_decoded(read: Callable[..., Scene], video: Callable[..., Path]) -> None:
    with pytest.raises(TooLargeError, match=r"clip\.mp4 lasts longer than 0.5 s"):
        read(("clip.mp4", video().read_bytes()), limits=Limits(video_s=0.5))


def test_frames_of_a_video_count_together_before_they_are_decoded(
    read: Callable[..., Scene], video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene_module, "FileSource", None)
    with pytest.raises(TooLargeError, match="million pixels"):
        read(("clip.mp4", video().read_bytes()), limits=Limits(scene_megapixels=8 * 64 * 48 / 1e6 - 0.001))


def test_uploads_that_are_unknown_or_deleted_are_named_as_such(tmp_path: Path) -> None:
    store = FakeStore(tmp_path / "store")
    upload = store.put("a.png", PHOTO)
    with pytest.raises(UnknownError):
        read_scene_input(SceneInput(("nothing",)), store.uploads, ServeSettings())
    upload.path.unlink()
    with pytest.raises(GoneError, match=r"a\.png"):
        read_scene_input(SceneInput((upload.id,)), store.uploads, ServeSettings())


@pytest.mark.parametrize(("scene_megapixels", "is_read"), [(3 * 64 * 48 / 1e6, True), (2.9 * 64 * 48 / 1e6, False)])
def test_images_of_an_export_count_together_before_they_are_decoded(
    scene_megapixels: float, is_read: bool, read: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    content, limits = files.zip_of(nerfstudio()), Limits(scene_megapixels=scene_megapixels)
    if is_read:
        assert len(read(("scan.zip", content), limits=limits).frames) == 3
    else:
        monkeypatch.setattr(scene_module, "FileSource", None)
        with pytest.raises(TooLargeError):
            read(("scan.zip", content), limits=limits)


def test_no_refusal_tells_a_path(read: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(path: Path, **_: Any) -> None:
        raise TooLargeError(f"{path} is too large.")

    monkeypatch.setattr(scene_module, "FileSource", refusing)
    with pytest.raises(TooLargeError) as caught:
        read(("a.png", PHOTO))
    assert caught.value.detail == "a.png is too large."


def test_a_reader_that_breaks_is_no_fault_of_the_server(
    read: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("/root/secret")

    monkeypatch.setattr(scene_module, "FileSource", broken)
    with pytest.raises(InputError, match="damaged"):
        read(("a.png", PHOTO))


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.png", PHOTO, None),
        ("a.npy", files.npy((4, 4)), None),
        ("a.zip", files.zip_of({"a": b""}), None),
        ("a.png", files.png_bomb(), TooLargeError),
        ("a.mp4", b"\0\0\0\x18ftypmp42", InputError),
        ("a.npy", files.npy((10**6, 10**6)), TooLargeError),
        ("a.svg", b"<svg/>", UnsupportedError),
    ],
)
def test_a_single_upload_is_checked_by_its_header(
    name: str, content: bytes, error: type[Exception] | None, tmp_path: Path
) -> None:
    upload = FakeStore(tmp_path / "store").put(name, content)
    if error is None:
        check_upload(upload, Limits())
    else:
        with pytest.raises(error, match=r"^a\."):
            check_upload(upload, Limits())


def test_an_image_reads_as_on_the_command_line(read: Callable[..., Scene], tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = files.image("JPEG", exif=exif)
    (tmp_path / "a.jpg").write_bytes(content)
    (frame,) = read(("a.jpg", content)).frames
    assert np.array_equal(frame.rgb, read_image(tmp_path / "a.jpg")) and frame.rgb.shape == (64, 48, 3)
