from __future__ import annotations

from dataclasses import replace

import numpy as np
from viewer_pages import metric_depth, result_of

from pipeline.export.stored_scene import StoredScene
from pipeline.export.viewer.data import view_data
from pipeline.records import Camera, Frame, Region, Scene

CAMERA = Camera(100.0, 100.0, 79.5, 59.5, 160, 120)
ASIDE_M = 0.1
SHIFT_PX = 10
"""What 0.1 m are at 1 m: 0.1 / 1 * 100."""


def scene_of_block(poses: bool = True) -> StoredScene:
    """Blocks at 1 m before a wall at 3 m from two places 0.1 m apart; the second frame sees half of the block."""
    first, second = np.full((120, 160), 3.0), np.full((120, 160), 3.0)
    first[40:80, 60:100] = 1.0
    second[60:80, 60 - SHIFT_PX : 100 - SHIFT_PX] = 1.0
    aside = np.eye(4)
    aside[0, 3] = ASIDE_M
    frames = tuple(
        Frame(np.zeros((120, 160, 3), np.uint8), CAMERA, pose=pose if poses else None, name=name)
        for name, pose in (("a", np.eye(4)), ("b", aside))
    )
    return StoredScene(Scene("item", frames, depth=(metric_depth(first), metric_depth(second))))


WHOLE = Region("block", (60, 40, 100, 80), 0)
HALF = Region("block", (60 - SHIFT_PX, 60, 100 - SHIFT_PX, 80), 1)


def repeated(stored: StoredScene, *regions: Region) -> list[bool]:
    entries = view_data(stored, result_of(stored, regions=regions))["regions"]
    assert all("corners" in entry for entry in entries), "each frame alone still shows its own boxes"
    return [bool(entry.get("repeated")) for entry in entries]


def test_an_object_of_several_posed_frames_has_one_box_that_of_the_most_points() -> None:
    assert repeated(scene_of_block(), WHOLE, HALF) == [False, True]
    assert repeated(scene_of_block(), HALF, WHOLE) == [True, False]


def test_other_names_and_frames_without_a_common_space_keep_their_boxes() -> None:
    assert repeated(scene_of_block(), WHOLE, replace(HALF, label="lid")) == [False, False]
    assert repeated(scene_of_block(poses=False), WHOLE, HALF) == [False, False]


def test_of_several_objects_of_one_name_those_at_the_same_place_are_one() -> None:
    wall = Region("block", (0, 0, 30, 30), 0)
    assert repeated(scene_of_block(), WHOLE, wall, HALF) == [False, False, True]
    elsewhere = Region("block", (110, 90, 150, 119), 1)
    assert repeated(scene_of_block(), WHOLE, wall, HALF, elsewhere) == [False, False, True, False]
