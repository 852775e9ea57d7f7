from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from files_of_sets import image, save_image
from true_depth_files import SIZE, check_truth, gapped_m, only, ordered, refusing, samples, skipping, write_png

from pipeline.datasets.formats.rgbd_files import find_frames, read_frame
from pipeline.datasets.tum import TumRgbd
from pipeline.records.errors import ConfigError, InputError

NAME = "rgbd_dataset_freiburg1_desk"
# A quarter turn about z, and none.
POSES = "# timestamp tx ty tz qx qy qz qw\n10.010 1 2 3 0 0 0.70710678 0.70710678\n10.060 4 5 6 0 0 0 1\n"


def save(folder: Path, colors_s: tuple[float, ...] = (10.0,), depths_s: tuple[float, ...] = (10.012,)) -> Path:
    """A sequence; depth of the n-th depth file is n metres more."""
    for name, times in (("rgb", colors_s), ("depth", depths_s)):
        lines = [f"# {name} images", "# timestamp filename"]
        for index, time_s in enumerate(times):
            file = folder / name / f"{time_s:.6f}.png"
            lines.append(f"{time_s:.6f} {name}/{file.name}")
            if name == "rgb":
                save_image(file, index, SIZE)
            else:
                write_png(file, gapped_m(2 * index) / 2, 5000)
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    (folder / "groundtruth.txt").write_text(POSES)
    return folder


def test_depth_is_in_fifth_millimetres(tmp_path: Path) -> None:
    sample = only(TumRgbd(save(tmp_path / NAME)))
    assert sample.name == f"{NAME} 10.000000" and sample.group == NAME
    check_truth(sample, gapped_m() / 2)
    assert sample.frame.timestamp_s == 10.0


def test_images_and_depth_are_joined_by_time(tmp_path: Path) -> None:
    save(tmp_path / NAME, (10.00, 10.03, 10.06, 10.50), (10.062, 10.005, 10.09))
    data = TumRgbd(tmp_path)
    assert data.names() == [f"{NAME} 10.000000", f"{NAME} 10.060000"]
    first, second = samples(data)
    assert first.truth.values[3, 5] == pytest.approx(3.025, abs=1e-4)
    assert second.truth.values[3, 5] == pytest.approx(2.025, abs=1e-4)
    assert (second.frame.rgb == image(2, SIZE)).all()
    assert len(TumRgbd(tmp_path, most_apart_s=0.07)) == 3
    assert TumRgbd(tmp_path, most_apart_s=0.07, step=2).names() == data.names()


def test_poses_are_those_of_the_image_s_time(tmp_path: Path) -> None:
    save(tmp_path / NAME, (10.0, 10.03, 10.5), (10.0, 10.03, 10.5))
    data = TumRgbd(tmp_path)
    poses = [sample.frame.pose for sample in samples(data)]
    assert poses[0] is not None and poses[0][:3, 3].tolist() == [1, 2, 3]
    assert np.allclose(poses[0][:3, :3] @ (1, 0, 0), (0, 1, 0))
    assert poses[1] is not None and poses[1][:3, 3].tolist() == [1, 2, 3], "a pose may serve two images"
    assert poses[2] is None
    (tmp_path / NAME / "groundtruth.txt").unlink()
    assert only(TumRgbd(tmp_path, limit=1)).frame.pose is None


@pytest.mark.parametrize(
    "name, camera, fx, cx, source",
    [
        ("rgbd_dataset_freiburg1_desk", None, 517.3, 318.6, "given"),
        ("rgbd_dataset_freiburg2_xyz", None, 520.9, 325.1, "given"),
        ("rgbd_dataset_freiburg3_office", None, 535.4, 320.1, "given"),
        ("my_desk", None, 525.0, 319.5, "assumed"),
        ("my_desk", {"fx": 500, "fy": 500, "cx": 320, "cy": 240, "width": 640, "height": 480}, 500, 320, "given"),
    ],
)
def test_the_camera_is_known_by_the_name_of_the_sequence(
    tmp_path: Path, name: str, camera: dict[str, float] | None, fx: float, cx: float, source: str
) -> None:
    found = only(TumRgbd(save(tmp_path / name), camera=camera)).frame.camera
    assert (found.fx, found.cx) == pytest.approx((fx / 40, (cx + 0.5) / 40 - 0.5))
    assert found.source == source


GROUPS = {f"{name} 10.000000": name for name in ("a freiburg3", "b freiburg2")}
test_sequences_are_groups_in_the_order_of_their_names = ordered(
    TumRgbd, lambda root, name: save(root / name), [("b freiburg2",), ("a freiburg3",)], GROUPS
)


test_a_damaged_frame_is_skipped_with_a_plain_reason = skipping(
    TumRgbd,
    lambda root: save(root / NAME),
    [
        (lambda folder: next(folder.glob("depth/*")).write_bytes(b"no image"), "not an image that can be read"),
        (lambda folder: next(folder.glob("depth/*")).unlink(), "does not exist"),
        (lambda folder: next(folder.glob("rgb/*")).unlink(), "does not exist"),
        (lambda folder: save_image(next(folder.glob("rgb/*"))), "its image"),
    ],
)


@pytest.mark.parametrize(
    "file, content, words",
    [
        ("rgb.txt", "noon rgb/1.png\n", r"Line 1 of .*rgb\.txt does not begin with a time"),
        *(("rgb.txt", f"{time} rgb/1.png\n", "does not begin with a time") for time in ("nan", "inf", "1e999")),
        ("depth.txt", None, r"The list .*depth\.txt cannot be opened"),
        ("groundtruth.txt", "10 1 2 3 0 0 0\n", r"groundtruth\.txt holds 7 numbers"),
        ("groundtruth.txt", "10 1 2 3 0 0 0 0\n", "a quaternion that is not a rotation"),
    ],
)
def test_a_damaged_sequence_is_named_and_the_others_are_read(
    tmp_path: Path, file: str, content: str | None, words: str
) -> None:
    for name in ("bad", "good"):
        save(tmp_path / name)
    (tmp_path / "bad" / file).unlink()
    if content is not None:
        (tmp_path / "bad" / file).write_text(content)
    data = TumRgbd(tmp_path)
    assert only(data).group == "good" and list(data.unreadable) == ["bad"]
    with pytest.raises(InputError, match=words):
        TumRgbd(tmp_path / "bad")


test_what_cannot_be_used_is_said = refusing(
    TumRgbd,
    [
        ({}, InputError, "holds no sequence"),
        ({"most_apart_s": -1}, ConfigError, "most_apart_s"),
        ({"camera": {"fx": 500}}, InputError, "The camera lacks"),
        ({"step": 0}, ConfigError, "step"),
    ],
)


@pytest.mark.shared
def test_a_real_frame_is_read_as_described(shared_dir: Path, tmp_path: Path) -> None:
    place = (shared_dir / "rgbd" / "tum").resolve()
    for name in ("rgb", "depth"):
        (tmp_path / f"{name}.png").symlink_to(place / f"{name}.png")
        (tmp_path / f"{name}.txt").write_text(f"1.0 {name}.png\n")
    described = {"tum": {"color": "rgb.png", "depth": {"file": "depth.png", "scale_m": 0.0002}}}
    expected = read_frame(find_frames(place, described)[0]).given_depth
    truth = only(TumRgbd(tmp_path)).truth
    assert expected is not None and (truth.valid == expected.valid).all()
    assert np.allclose(truth.values[truth.valid], expected.values[truth.valid])
