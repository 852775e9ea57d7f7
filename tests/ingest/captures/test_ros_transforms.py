from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.geometry.projections import moved, pose_of
from pipeline.ingest.captures.ros_messages import Transform
from pipeline.ingest.captures.ros_transforms import TOLERANCE_NS, TransformGraph, nearest_in_time

TURN = Rotation.from_euler("z", 90, degrees=True).as_matrix()
TREE = [
    Transform(0, "map", "base", pose_of(TURN, (10, 0, 0))),
    Transform(0, "base", "left", pose_of(np.eye(3), (0, 1, 0))),
    Transform(0, "base", "right", pose_of(TURN, (0, -1, 0))),
    Transform(0, "lonely", "island", np.eye(4)),
]


@pytest.mark.parametrize(
    ("source", "target", "point", "expected"),
    [
        # A point one metre ahead of the base, which looks along the y axis of the map.
        ("base", "map", (1, 0, 0), (10, 1, 0)),
        ("map", "base", (10, 1, 0), (1, 0, 0)),
        ("left", "map", (0, 0, 0), (9, 0, 0)),
        ("left", "base", (0, 0, 0), (0, 1, 0)),
        ("left", "right", (0, 0, 2), (2, 0, 2)),
        ("right", "left", (2, 0, 2), (0, 0, 2)),
        ("left", "left", (1, 2, 3), (1, 2, 3)),
    ],
)
def test_chains_lead_up_and_down(source: str, target: str, point: tuple, expected: tuple) -> None:
    matrix = TransformGraph(TREE).between(source, target)
    assert moved(np.array([point]), matrix)[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("source", "target"), [("left", "island"), ("left", "nowhere"), ("", "map"), ("map", "")])
def test_frames_that_no_chain_connects_have_no_transform(source: str, target: str) -> None:
    assert TransformGraph(TREE).between(source, target) is None


def test_loops_end() -> None:
    ring = [Transform(0, str(index), str((index + 1) % 5), np.eye(4)) for index in range(5)]
    graph = TransformGraph([*ring, Transform(0, "0", "0", np.full((4, 4), 9.0))])
    assert (graph.between("0", "3") == np.eye(4)).all()
    assert graph.between("0", "x") is None


def test_of_each_child_the_nearest_transform_in_time_counts() -> None:
    several = [Transform(stamp_ns, "odom", "base", np.eye(4)) for stamp_ns in (0, 40_000_000, 70_000_000)]
    late = Transform(50_000_000 + TOLERANCE_NS + 1, "base", "arm", np.eye(4))
    assert nearest_in_time([*several, late], 50_000_000) == [several[1]]
