from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from files_of_sets import save_image

from pipeline.api import load_config
from pipeline.config.build import build
from pipeline.datasets.formats.rgbd_files import find_frames, read_frame, read_poses
from pipeline.datasets.rgbd_frames import RgbdFrames
from pipeline.records import DepthKind
from pipeline.records.errors import ConfigError, InputError

SIZE = (320, 240)
CAMERA = {"fx": 300.0, "fy": 300.0, "cx": 159.5, "cy": 119.5}
POSES = "0 0 1\n1 0 0 2\n0 1 0 3\n0 0 1 -0.3\n0 0 0 1\n1 1 2\n1 0 0 5\n0 1 0 6\n0 0 1 7\n0 0 0 1\n"


def depth_m() -> np.ndarray:
    """Two boards before a wall at 4 m; the nearer one overlaps the other."""
    depth = np.full(SIZE[::-1], 4.0)
    depth[60:150, 90:200] = 2.0
    depth[100:200, 40:120] = 1.25
    depth[:8] = 0
    return depth


def save(folder: Path, encoding: str) -> None:
    """One frame of the two boards in some encoding, with its description."""
    folder.mkdir(parents=True, exist_ok=True)
    depth, known = depth_m(), depth_m() > 0
    description: dict[str, Any] = {"color": "rgb.png", "camera": CAMERA, "depth": {"file": "depth.png"}}
    millimetres = np.round(depth * 1000).astype(np.uint16)
    save_image(folder / "rgb.png", size=SIZE)
    if encoding == "scaled":
        cv2.imwrite(str(folder / "depth.png"), millimetres)
        description["depth"]["scale_m"] = 0.001
    elif encoding == "sun3d":
        cv2.imwrite(str(folder / "depth.png"), (millimetres << 3) | (millimetres >> 13))
        description["depth"]["encoding"] = "sun3d"
    elif encoding == "kinect":
        raw = np.where(known, np.round(1092.5 - 351.3 / np.where(known, depth, 1)), 2047).astype("<u2")
        (folder / "depth.pgm").write_bytes(b"P5 320 240 65535\n" + raw.tobytes())
        description["depth"] = {"file": "depth.pgm", "encoding": "kinect"}
    elif encoding == "disparity":
        disparity = np.where(known, 0.2 * 300 / np.where(known, depth, 1) - 10, np.inf).astype(np.float32)
        np.savez(folder / "disparity.npz", disparity)
        description["depth"] = {
            "file": "disparity.npz",
            "encoding": "disparity",
            "baseline_m": 0.2,
            "focal_px": 300,
            "offset_px": 10,
        }
    else:
        rows, columns = np.nonzero(known)
        z = depth[known]
        x, y = (columns - 159.5) / 300 * z, (rows - 119.5) / 300 * z
        # The upright frame has y forward and z up.
        cloud = np.stack((x, z, -y, *np.zeros((3, len(z)))), axis=1).astype("<f4")
        cloud.tofile(folder / "points.bin")
        projection = np.array([[300, 0, 159.5], [0, 300, 119.5], [0, 0, 1]]) @ [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
        description["depth"] = {
            "file": "points.bin",
            "encoding": "points",
            "projection": projection.tolist(),
            "radius_px": 0,
        }
        del description["camera"]
    (folder / "frame.json").write_text(json.dumps(description))


@pytest.mark.parametrize("encoding", ["scaled", "sun3d", "kinect", "disparity", "points"])
def test_every_encoding_gives_metres(tmp_path: Path, encoding: str) -> None:
    save(tmp_path / "place", encoding)
    (files,) = find_frames(tmp_path, {})
    frame = read_frame(files)
    depth = frame.given_depth
    assert depth is not None and depth.kind is DepthKind.METRIC
    assert (depth.valid == (depth_m() > 0)).all()
    # The Kinect's whole numbers are coarse at a distance.
    tolerance = 0.025 if encoding == "kinect" else 1e-3
    assert np.allclose(depth.values[depth.valid], depth_m()[depth.valid], atol=tolerance)
    assert (frame.camera.fx, frame.camera.cx, frame.camera.cy) == pytest.approx((300, 159.5, 119.5))


def test_depth_of_a_second_camera_is_moved_into_the_image(tmp_path: Path) -> None:
    save(tmp_path, "scaled")
    description = json.loads((tmp_path / "frame.json").read_text())
    description["depth"] |= {"camera": {**CAMERA, "fx": 400.0, "fy": 400.0}, "translation_m": [0.05, 0, -0.25]}
    (files,) = find_frames(tmp_path, {tmp_path.name: description})
    depth = read_frame(files).given_depth
    assert depth is not None
    # Pixel (60, 190) of the near board is the point (-0.311, 0.220, 1.25), seen at (-0.261, 0.220, 1.0).
    x_m, y_m = (60 - 159.5) / 400 * 1.25 + 0.05, (190 - 119.5) / 400 * 1.25
    u, v = round(159.5 + 300 * x_m), round(119.5 + 300 * y_m)
    assert depth.values[v, u] == pytest.approx(1.0, abs=1e-5)
    assert set(np.round(depth.values[depth.valid], 3).tolist()) == {1.0, 1.75, 3.75}


def test_boards_become_things_with_claims_of_known_truth(tmp_path: Path) -> None:
    save(tmp_path / "place", "scaled")
    data = RgbdFrames(tmp_path, claims_per_scene=30, seed=1)
    (case,) = data
    (again,) = data
    assert len(data) == 1 and case.scene.claims == again.scene.claims
    regions = {region.label: region for region in case.scene.regions}
    assert sorted(regions) == ["segment 1", "segment 2"] and all(region.mask is None for region in regions.values())
    near = min(regions, key=lambda label: regions[label].box_px[0])
    assert regions[near].box_px == pytest.approx((40, 100, 120, 200), abs=4)
    assert case.group == "place" and case.tags["depth"] == "sensor"
    assert sum(bool(claim.truth) for claim in case.scene.claims) * 2 == len(case.scene.claims) >= 12
    occlusions = [claim for claim in case.scene.claims if claim.relation in ("occludes", "occluded_by")]
    assert occlusions, "the near board hides a part of the other"
    for claim in occlusions:
        front = claim.subject if claim.relation == "occludes" else claim.object
        assert claim.truth is ((front == near) is not claim.negated)


def test_predicted_depth_is_enlarged_and_only_asked_what_it_carries(tmp_path: Path) -> None:
    save(tmp_path / "a place", "scaled")
    save(tmp_path / "b place", "scaled")
    np.save(tmp_path / "b place" / "predicted_depth_m.npy", np.full((24, 32), 7, np.float32))
    data = RgbdFrames(tmp_path, depth="predicted", masks=True)
    (case,) = data
    assert len(data) == 1 and case.group == "b place"
    depth = case.scene.frames[0].given_depth
    assert depth is not None and depth.kind is DepthKind.SCALE_INVARIANT and depth.backend == "predicted"
    assert depth.values.shape == SIZE[::-1] and np.allclose(depth.values, 7)
    assert all(region.mask is not None for region in case.scene.regions)
    assert all(claim.value is None for claim in case.scene.claims)
    metric = next(iter(RgbdFrames(tmp_path, depth="predicted", predicted_kind="metric"))).scene.frames[0].given_depth
    assert metric is not None and metric.scale_source == "model"


def test_sequences_have_poses_and_one_case_per_frame(tmp_path: Path) -> None:
    for index in range(2):
        save_image(tmp_path / f"rgb_{index}.png", size=SIZE)
        cv2.imwrite(str(tmp_path / f"depth_{index}.png"), (depth_m() * 1000).astype(np.uint16))
    (tmp_path / "walk.log").write_text(POSES)
    description = {
        "color": "rgb_*.png",
        "depth": {"file": "depth_*.png", "scale_m": 0.001},
        "camera": CAMERA,
        "poses": "walk.log",
    }
    cases = list(RgbdFrames(tmp_path, descriptions={tmp_path.name: description}))
    assert len(cases) == 2 and {case.group for case in cases} == {tmp_path.name}
    pose = cases[1].scene.frames[0].pose
    assert pose is not None and pose[:3, 3].tolist() == [5, 6, 7]
    (only,) = RgbdFrames(tmp_path, descriptions={tmp_path.name: description}, frames_per_place=1)
    assert only.scene.id == cases[0].scene.id


def test_what_is_damaged_is_skipped_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("broken", "fine", "lost"):
        save(tmp_path / name, "scaled")
    (tmp_path / "broken" / "depth.png").write_bytes(b"no image")
    data = RgbdFrames(tmp_path)
    (tmp_path / "lost" / "rgb.png").unlink()
    with caplog.at_level(logging.WARNING):
        assert [case.group for case in data] == ["fine"]
    assert data.skipped == ["broken", "lost"] and len(data) == 3
    assert "broken" in caplog.text
    assert len(RgbdFrames(tmp_path / "fine", limit=1)) == 1


GOOD = {"color": "rgb.png", "camera": CAMERA, "depth": {"file": "depth.png", "scale_m": 0.001}}


def described(**depth: Any) -> str:
    return json.dumps({**GOOD, "depth": {"file": "depth.png", "scale_m": 0.001, **depth}})


BAD_DESCRIPTIONS = [
    ('{"color": ', "is no JSON from its line 1 on"),
    ("[" * 100_000, "is no JSON"),
    ("\ufeff", "is no JSON"),
    ("[1, 2]", "must hold one object with color, depth and camera"),
    ("{}", "must hold one object with color, depth and camera"),
    ('{"color": "rgb.png"}', "needs color, a file or pattern, and depth"),
    ('{"color": 3, "depth": {"file": "depth.png"}}', "needs color, a file or pattern, and depth"),
    (json.dumps({**GOOD, "depth": {}}), "needs a file and an encoding"),
    (described(file="lost.png"), "0 depth files lost.png"),
    (described(file=["depth.png"]), "must name its files by a pattern"),
    (described(file="/depth.png"), "must name its files by a pattern"),
    (described(scale_m=-1), "scale_m of the depth of .* must be a positive number, not -1"),
    (described(scale_m="thin"), "scale_m of the depth of .* must be a positive number, not 'thin'"),
    (described(farthest_m=0), "farthest_m of the depth of .* must be a positive number, not 0"),
    (json.dumps({**GOOD, "camera": {**CAMERA, "fx": "long"}}), "must have numbers for fx, fy, cx and cy"),
    (json.dumps({**GOOD, "poses": "lost.log"}), "trajectory .*lost.log cannot be opened"),
    (described(shift_px=["left", 3]), "does not hold what the format asks for"),
]


@pytest.mark.parametrize(("description", "words"), BAD_DESCRIPTIONS, ids=range(len(BAD_DESCRIPTIONS)))
def test_a_bad_folder_is_named_with_its_reason_and_the_others_are_read(
    tmp_path: Path, description: str, words: str
) -> None:
    for name in ("bad", "good"):
        save(tmp_path / name, "scaled")
    (tmp_path / "bad" / "frame.json").write_text(description)
    data = RgbdFrames(tmp_path)
    assert [case.group for case in data] == ["good"]
    assert data.skipped == ["bad"]
    assert re.search(words, data.reasons["bad"]) and "\n" not in data.reasons["bad"]
    assert len(list(data)) == len(data.skipped) == 1, "a second pass counts it once"


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"path": "nowhere"}, "There is no folder nowhere"),
        ({"depth": "guessed"}, "sensor, predicted"),
        ({"depth": "predicted"}, "predicted_depth_m.npy"),
        ({"limit": 0}, "limit"),
        ({"claims_per_scene": 1}, "claims_per_scene"),
        ({"relations": ["beside"]}, "beside"),
        ({"descriptions": {"place": {"depth": {"file": "depth.png", "encoding": "secret"}}}}, "encoding"),
        ({"descriptions": {"place": {"color": "*.jpg"}}}, "0 images"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    save(tmp_path / "place", "scaled")
    with pytest.raises((InputError, ConfigError), match=words) as caught:
        RgbdFrames(**{"path": tmp_path, **changes})
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_description_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"frame\.json"):
        RgbdFrames(tmp_path)


def test_a_trajectory_is_read_and_a_damaged_one_refused(tmp_path: Path) -> None:
    file = tmp_path / "walk.log"
    file.write_text(POSES)
    assert [pose[0, 3] for pose in read_poses(file)] == [2, 5]
    file.write_text(POSES[:-9])
    with pytest.raises(InputError, match="4 x 4"):
        read_poses(file)


@pytest.mark.shared
@pytest.mark.parametrize("depth, count", [("sensor", 11), ("predicted", 6)])
def test_the_shared_frames_give_claims(shared_dir: Path, depth: str, count: int) -> None:
    overrides = ["dataset=rgbd_frames", f"dataset.path={shared_dir / 'rgbd'}", f"dataset.depth={depth}"]
    data = build(load_config(overrides, "eval_claims").dataset)
    cases = list(data)
    assert len(cases) == len(data) == count and data.skipped == []
    for case in cases:
        assert len(case.scene.regions) >= 8 and len(case.scene.claims) == 40
        assert sum(bool(claim.truth) for claim in case.scene.claims) == 20
    labels = {case.group: [region.label for region in case.scene.regions] for case in cases}
    assert {"hanes socks", "ice cube tray"} <= set(labels["arc2017"])
    assert {"bed", "night stand", "segment 1"} <= set(labels["sunrgbd_000017"])
