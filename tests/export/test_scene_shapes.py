from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from export.stored import CAMERA, REGIONS, result, stored, values
from PIL import Image

from pipeline.export.palette import STATUS_COLOURS, region_colours
from pipeline.export.scene_shapes import scene_shapes, write_views
from pipeline.geometry.backprojection import project
from pipeline.records import Status
from pipeline.records.errors import DepthError
from pipeline.records.message import message

SIDEWAYS = np.array([[1.0, 0, 0, 0.5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


def test_points_stand_where_their_pixels_and_depth_say() -> None:
    shapes = scene_shapes(stored(), result(), 10_000)
    assert len(shapes.points) == 4800
    u, v = np.rint(project(shapes.points, CAMERA)).astype(int).T
    assert shapes.points[:, 2] == pytest.approx(values()[v, u])
    assert shapes.colours[(u == 20) & (v == 30)].tolist() == [[200, 0, 0]]
    assert shapes.sizes == pytest.approx(shapes.points[:, 2] / 80)
    assert shapes.note == ""
    thinned = scene_shapes(stored(), result(), 1200)
    assert len(thinned.points) == 1200 and thinned.sizes == pytest.approx(thinned.points[:, 2] / 40)


def test_measured_lines_have_their_ends_their_length_and_the_colour_of_their_status() -> None:
    (line,) = (line for line in scene_shapes(stored(), result(), 100).lines if "±" in line.label)
    assert (line.start.tolist(), line.end.tolist()) == ([-0.125, 0, 1], [0.5, 0, 2])
    assert line.colour == STATUS_COLOURS[Status.SUPPORTED]
    assert line.label == "1.25 m ± 0.05 m"


def test_boxes_have_twelve_edges_of_three_directions_and_one_name() -> None:
    lines = [line for line in scene_shapes(stored(), result(), 100).lines if "±" not in line.label]
    assert [line.label for line in lines if line.label] == ["cup", "wall", "cup#2"]
    boxes = [lines[start : start + 12] for start in range(0, len(lines), 12)]
    assert [box[0].colour for box in boxes] == region_colours(REGIONS)
    for box in boxes:
        directions = [tuple(np.round(np.abs(line.end - line.start), 9)) for line in box]
        ends = [tuple(np.round(end, 6)) for line in box for end in (line.start, line.end)]
        assert all(directions.count(direction) >= 4 for direction in directions)
        assert len(set(ends)) == 8 or min(map(sum, directions)) < 1e-6
    front = np.array([line.start for line in boxes[0]])
    assert front[:, 2] == pytest.approx(1.0, abs=0.01)


def test_cameras_open_towards_the_scene() -> None:
    cameras = scene_shapes(stored(poses=(np.eye(4), SIDEWAYS)), result(), 100).cameras
    assert len(cameras) == 16
    for first, x in ((cameras[:8], 0.0), (cameras[8:], 0.5)):
        assert all(line.start == pytest.approx((x, 0, 0)) for line in first[:4])
        assert all(line.end[2] == pytest.approx(0.24) for line in first)
    corner = cameras[0].end
    assert project(corner[None], CAMERA)[0] == pytest.approx((-0.5, -0.5))


def test_posed_frames_are_placed_in_the_first_ones_camera_frame() -> None:
    start = np.array([[0.0, 0, 1, 5], [0, 1, 0, 6], [-1, 0, 0, 7], [0, 0, 0, 1]])
    shapes = scene_shapes(stored(poses=(start, start @ SIDEWAYS)), result(), 10_000)
    assert len(shapes.points) == 9600
    assert shapes.points[4800:] - shapes.points[:4800] == pytest.approx(np.tile((0.5, 0, 0), (4800, 1)))
    assert project(shapes.points[:1], CAMERA)[0] == pytest.approx((0, 0))


def test_depth_without_shape_is_a_relief_that_says_so() -> None:
    shapes = scene_shapes(stored("disparity_affine"), result(), 100)
    assert shapes.note == message("viewer_relief").text("en")
    assert shapes.points[:, 2].min() >= 1 and shapes.points[:, 2].max() <= 2
    chinese = scene_shapes(stored("disparity_affine"), replace(result(), language="zh"), 100)
    assert chinese.note == message("viewer_relief").text("zh")
    with pytest.raises(DepthError, match="no depth that can be shown"):
        scene_shapes(stored(None), result(), 100)


def test_three_pictures_are_written_and_the_first_is_the_photo(tmp_path: Path) -> None:
    paths = write_views(tmp_path, "name", stored(), replace(result(), regions=(), verdicts=()))
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        f"views/name-{view}.png" for view in ("camera", "top", "side")
    ]
    picture = np.asarray(Image.open(paths[0]))
    assert picture.shape == (960, 1280, 3)
    assert picture[30 * 16 + 8, 20 * 16 + 8].tolist() == [200, 0, 0]
    assert picture[30 * 16 + 8, 60 * 16 + 8].tolist() == [120, 120, 120]
    for path in paths[1:]:
        assert len(np.unique(np.asarray(Image.open(path)).reshape(-1, 3), axis=0)) >= 3


def test_a_length_that_several_claims_measured_is_drawn_once_and_many_lengths_are_not_drawn() -> None:
    first = result().verdicts[0]
    refuted = replace(first, status=Status.REFUTED)
    lines = scene_shapes(stored(), replace(result(), verdicts=(first, refuted)), 100).lines
    (line,) = (line for line in lines if "±" in line.label)
    assert line.colour not in STATUS_COLOURS.values(), "one colour would be wrong for one of them"
    many = []
    for x in (0.5, 0.6, 0.7, 0.8):
        evidence = first.evidence[0]
        moved = {**evidence.points, "nearest_object": (x, 0.0, 2.0)}
        many.append(replace(first, evidence=(replace(evidence, points=moved),)))
    for count in (3, 4):
        lines = scene_shapes(stored(), replace(result(), verdicts=tuple(many[:count])), 100).lines
        assert len([line for line in lines if "±" in line.label]) == (3 if count == 3 else 0)


def test_an_object_of_several_posed_frames_has_one_box() -> None:
    both = replace(result(), verdicts=(), regions=(REGIONS[0], replace(REGIONS[0], frame=1)))
    posed = scene_shapes(stored(poses=(np.eye(4), np.eye(4))), both, 100)
    assert len(posed.lines) == 12 and [line.label for line in posed.lines if line.label] == ["cup"]
