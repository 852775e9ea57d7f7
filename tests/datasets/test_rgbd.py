from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from files_of_sets import check_claims, save_image
from rgbd_boards import CAMERA, POSES, boards_m, save_boards
from rgbd_boards import SIZE as LARGE
from true_depth_files import (
    HEIGHT,
    SIZE,
    WIDTH,
    check_truth,
    gapped_m,
    only,
    ordered,
    refusing,
    samples,
    skipping,
    write_png,
)

from pipeline.api import load_config
from pipeline.config.build_evaluation import build_dataset, build_depth_dataset
from pipeline.datasets.rgbd import Rgbd
from pipeline.records import DepthKind
from pipeline.records.errors import ConfigError, InputError

PREDICTED = "predicted_depth_m.npy"


def test_boards_become_objects_with_claims_of_known_truth(tmp_path: Path) -> None:
    save_boards(tmp_path / "place", "scaled")
    data = Rgbd(tmp_path, claims_per_scene=30, seed=1)
    (case,) = data
    (again,) = data
    assert len(data) == 1 and case.scene.claims == again.scene.claims
    regions = {region.label: region for region in case.scene.regions}
    assert sorted(regions) == ["segment 1", "segment 2"] and all(region.mask is None for region in regions.values())
    near = min(regions, key=lambda label: regions[label].box_px[0])
    assert regions[near].box_px == pytest.approx((40, 100, 120, 200), abs=4)
    assert case.group == "place" and case.tags["depth"] == "sensor"
    far = next(label for label in regions if label != near)
    check_claims(case.scene.claims, (near, far), {(near, far)}, least=12)


def test_predicted_depth_is_enlarged_and_only_asked_what_it_carries(tmp_path: Path) -> None:
    save_boards(tmp_path / "a place", "scaled")
    save_boards(tmp_path / "b place", "scaled")
    np.save(tmp_path / "b place" / "predicted_depth_m.npy", np.full((24, 32), 7, np.float32))
    data = Rgbd(tmp_path, prediction=PREDICTED, prediction_kind="scale_invariant", masks=True)
    (case,) = data
    assert len(data) == 1 and case.group == "b place"
    depth = case.scene.frames[0].given_depth
    assert depth is not None and depth.kind is DepthKind.SCALE_INVARIANT and depth.backend == "predicted"
    assert all(region.mask is not None for region in case.scene.regions)
    assert all(claim.value is None for claim in case.scene.claims)


def test_sequences_have_poses_and_one_case_per_frame(tmp_path: Path) -> None:
    for index in range(2):
        save_image(tmp_path / f"rgb_{index}.png", size=LARGE)
        write_png(tmp_path / f"depth_{index}.png", boards_m())
    (tmp_path / "walk.log").write_text(POSES)
    description = {
        "color": "rgb_*.png",
        "depth": {"file": "depth_*.png", "scale_m": 0.001},
        "camera": CAMERA,
        "poses": "walk.log",
    }
    cases = list(Rgbd(tmp_path, descriptions={tmp_path.name: description}))
    assert len(cases) == 2 and {case.group for case in cases} == {tmp_path.name}
    pose = cases[1].scene.frames[0].pose
    assert pose is not None and pose[:3, 3].tolist() == [5, 6, 7]
    (only,) = Rgbd(tmp_path, descriptions={tmp_path.name: description}, frames_per_place=1)
    assert only.scene.id == cases[0].scene.id


def test_what_is_damaged_is_skipped_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("broken", "fine", "lost"):
        save_boards(tmp_path / name, "scaled")
    (tmp_path / "broken" / "depth.png").write_bytes(b"no image")
    data = Rgbd(tmp_path)
    (tmp_path / "lost" / "rgb.png").unlink()
    with caplog.at_level(logging.WARNING):
        assert [case.group for case in data] == ["fine"]
    assert list(data.reasons) == ["broken", "lost"] and len(data) == 3
    assert "broken" in caplog.text
    assert len(Rgbd(tmp_path / "fine", limit=1)) == 1


GOOD = {"color": "rgb.png", "camera": CAMERA, "depth": {"file": "depth.png", "scale_m": 0.001}}


def described(**depth: Any) -> str:
    return json.dumps({**GOOD, "depth": {"file": "depth.png", "scale_m": 0.001, **depth}})


BAD_DESCRIPTIONS = [
    ('{"color": ', "is not JSON from its line 1 on"),
    ("[" * 100_000, "is not JSON"),
    ("\ufeff", "is not JSON"),
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
    (described(shift_px=["left", 3]), "does not follow the format"),
]


@pytest.mark.parametrize(("description", "words"), BAD_DESCRIPTIONS, ids=range(len(BAD_DESCRIPTIONS)))
def test_a_bad_folder_is_named_with_its_reason_and_the_others_are_read(
    tmp_path: Path, description: str, words: str
) -> None:
    for name in ("bad", "good"):
        save_boards(tmp_path / name, "scaled")
    (tmp_path / "bad" / "frame.json").write_text(description)
    data = Rgbd(tmp_path)
    assert [case.group for case in data] == ["good"]
    assert list(data.reasons) == ["bad"]
    assert re.search(words, data.reasons["bad"]) and "\n" not in data.reasons["bad"]
    assert len(list(data)) == len(data.reasons) == 1, "a second pass counts it once"


def test_a_folder_without_a_description_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"frame\.json"):
        Rgbd(tmp_path)


SMALL_CAMERA = {"fx": 20.0, "fy": 20.0, "cx": 7.5, "cy": 5.5}


def save(folder: Path, frames: int = 1, predicted: bool = False) -> Path:
    """A place; depth of the n-th frame is n metres more."""
    for index in range(frames):
        save_image(folder / f"rgb_{index}.png", index, SIZE)
        write_png(folder / f"depth_{index}.png", gapped_m(index))
    described = {"color": "rgb_*.png", "depth": {"file": "depth_*.png", "scale_m": 0.001}, "camera": SMALL_CAMERA}
    (folder / "frame.json").write_text(json.dumps(described))
    if predicted:
        np.save(folder / PREDICTED, np.full((HEIGHT // 2, WIDTH // 2), 7, np.float32))
    return folder / "depth_0.png"


def test_the_sensor_gives_the_truth_alone(tmp_path: Path) -> None:
    save(tmp_path / "hall", predicted=True)
    sample = only(Rgbd(tmp_path, descriptions={"hall": None}))  # type: ignore[dict-item]
    assert sample.name == sample.group == "hall"
    check_truth(sample)
    assert sample.regions == ()
    assert sample.frame.camera.fx == 20


@pytest.mark.parametrize(
    "kind, source", [("scale_invariant", "none"), ("metric", "model"), ("disparity_affine", "none")]
)
def test_a_prediction_beside_the_frame_is_enlarged_and_given(tmp_path: Path, kind: str, source: str) -> None:
    save(tmp_path / "a")
    save(tmp_path / "b", predicted=True)
    sample = only(Rgbd(tmp_path, prediction=PREDICTED, prediction_kind=kind))
    given = sample.frame.given_depth
    assert sample.name == "b" and given is not None
    assert given.shape == SIZE[::-1] and np.allclose(given.values, 7)
    assert (given.kind, given.scale_source) == (kind, source)
    assert sample.truth.values[3, 5] == pytest.approx(4.05)


test_places_are_groups_in_the_order_of_their_names = ordered(
    Rgbd,
    lambda root, name, frames: save(root / name, frames),
    [("b", 3), ("a", 1)],
    {"a": "a", "b 0": "b", "b 1": "b", "b 2": "b"},
    [({"step": 2}, ["a", "b 0", "b 2"])],
)


def test_frames_have_the_depth_of_their_number(tmp_path: Path) -> None:
    save(tmp_path / "b", frames=3)
    check_truth(samples(Rgbd(tmp_path))[2], gapped_m(2))


def test_one_prediction_for_several_frames_is_refused_and_named(tmp_path: Path) -> None:
    save(tmp_path / "a", frames=2, predicted=True)
    save(tmp_path / "b", predicted=True)
    data = Rgbd(tmp_path, prediction=PREDICTED, prediction_kind="scale_invariant")
    assert data.names() == ["b"]
    assert "2 frames for one predicted_depth_m.npy" in data.unreadable["a"]


test_a_damaged_frame_is_skipped_with_a_plain_reason = skipping(
    lambda root: Rgbd(root, prediction=PREDICTED, prediction_kind="scale_invariant"),
    lambda root: save(root / "hall", predicted=True),
    [
        (lambda file: file.write_bytes(b"no image"), "not an image that can be read"),
        (lambda file: write_png(file, np.zeros((HEIGHT, WIDTH))), "the depth of no pixel"),
        (lambda file: write_png(file, np.ones((8, 6))), "another ratio of its sides; they must agree"),
        (lambda file: np.save(file.with_name(PREDICTED), np.ones((3, 4, 5), np.float32)), "not float depth"),
        (lambda file: file.with_name(PREDICTED).write_bytes(b"none"), "cannot be read as an array"),
    ],
)


test_what_cannot_be_used_is_said = refusing(
    Rgbd,
    [
        ({"prediction": PREDICTED, "prediction_kind": "metric"}, InputError, "No frame of .* has a pred"),
        ({"prediction": True}, ConfigError, "prediction must be a text"),
        ({"prediction": PREDICTED}, ConfigError, "Say what the predictions are: set dataset.prediction_kind"),
        ({"prediction_kind": "blurred"}, ConfigError, "prediction_kind"),
        ({"step": 0}, ConfigError, "step"),
        ({"frames_per_place": 0}, ConfigError, "frames_per_place"),
        ({"claims_per_scene": 1}, ConfigError, "claims_per_scene"),
        ({"seed": -1}, ConfigError, "seed"),
        ({"relations": ["beside"]}, ConfigError, "beside"),
        ({"descriptions": {"hall": {"depth": {"file": "depth_0.png", "encoding": "secret"}}}}, InputError, "encoding"),
        ({"descriptions": {"hall": {"color": "*.jpg"}}}, InputError, "0 images"),
    ],
    lambda root: save(root / "hall"),
)


@pytest.mark.shared
@pytest.mark.parametrize(
    "prediction, count",
    [([], 11), ([f"dataset.prediction={PREDICTED}", "dataset.prediction_kind=scale_invariant"], 6)],
    ids=["sensor", "predicted"],
)
def test_the_shared_frames_give_claims_and_true_depth(shared_dir: Path, prediction: list[str], count: int) -> None:
    overrides = ["dataset=rgbd", f"dataset.path={shared_dir / 'rgbd'}", *prediction]
    data = build_dataset(load_config(overrides, "eval_claims"))
    cases = list(data)
    assert len(cases) == len(data) == count and list(data.reasons) == []
    for case in cases:
        assert len(case.scene.regions) >= 8 and len(case.scene.claims) == 40
        assert sum(bool(claim.truth) for claim in case.scene.claims) == 20
    labels = {case.group: [region.label for region in case.scene.regions] for case in cases}
    assert {"hanes socks", "ice cube tray"} <= set(labels["arc2017"])
    assert {"bed", "night stand", "segment 1"} <= set(labels["sunrgbd_000017"])
    read = {sample.name: sample for sample in samples(build_depth_dataset(load_config(overrides, "eval_depth")))}
    assert len(read) == count
    for sample in read.values():
        given = sample.frame.given_depth
        assert (given is None) if not prediction else (given is not None and given.shape == sample.truth.shape)
    objects = read["arc2017"].regions
    assert len(objects) == 8 and all(region.mask is not None for region in objects)
