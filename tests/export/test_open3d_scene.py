from __future__ import annotations

import sys

import numpy as np
import pytest
from export.stored import result, stored

from pipeline.export.open3d_scene import geometries, point_cloud, show
from pipeline.export.scene_shapes import scene_shapes
from pipeline.records.errors import DependencyError


def test_points_and_lines_are_those_of_the_scene() -> None:
    shapes = scene_shapes(stored(), result(), 1000)
    cloud, lines = geometries(shapes)
    assert np.asarray(cloud.points) == pytest.approx(shapes.points)
    assert np.asarray(cloud.colors) * 255 == pytest.approx(shapes.colours)
    ends, pairs = np.asarray(lines.points), np.asarray(lines.lines)
    measured = [k for k, line in enumerate((*shapes.cameras, *shapes.lines)) if "±" in line.label]
    assert ends[pairs[measured[0]]].tolist() == [[-0.125, 0, 1], [0.5, 0, 2]]
    assert len(pairs) == len(shapes.cameras) + len(shapes.lines)


def test_a_window_that_cannot_open_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    import open3d

    class NoWindow:
        def create_window(self, *arguments: object) -> bool:
            return False

    monkeypatch.setattr(open3d.visualization, "Visualizer", NoWindow)
    assert show(scene_shapes(stored(), result(), 1000), "item") is False


def test_a_missing_open3d_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open3d", None)
    with pytest.raises(DependencyError, match="install open3d-cpu"):
        point_cloud(scene_shapes(stored(), result(), 10))
