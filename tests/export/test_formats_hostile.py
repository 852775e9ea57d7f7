"""Numbers and texts that no scene has leave every format readable, or without a file."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import exported
import numpy as np
import pytest

from pipeline.export.formats import ITEM_FORMATS, RUN_FORMATS, FormatSettings
from pipeline.export.stored_scene import StoredScene
from pipeline.records import Box3D, DepthMap, Evidence, Region, Result

LARGE = 1e300
FORMATS = [name for name in (*ITEM_FORMATS, *RUN_FORMATS) if name != "report"]


def scene_of(scale: float, shift_m: float) -> StoredScene:
    """Two frames, one of them posed, with depth and pose of any size."""
    pose = exported.pose(0.5, (shift_m, 0, -shift_m))
    scene = exported.stored(poses=(pose, None))
    values = exported.depth_m() * scale
    depth = DepthMap(values, np.isfinite(values), "metric", "sensor")
    return replace(scene, scene=scene.scene.with_depth((depth, depth)))


def result_of(scene: StoredScene) -> Result:
    """Regions beyond the image, masks of another size, boxes and evidence without a place, indices of nothing."""
    regions = (
        Region("=1+1", (-LARGE, -LARGE, LARGE, LARGE), mask=np.ones((3, 7), dtype=bool)),
        Region("../../x\x00", (1, 1, 50, 50), 1, mask=np.zeros((90, 120), dtype=bool)),
        Region("world", (5, 5, 5, 5), box_3d=Box3D((LARGE, 0, 1), (LARGE, 0, 0))),
        Region("<b>&", (LARGE, 0, LARGE, 9), box_3d=Box3D((0, 0, 1), (0, 0, 0))),
    )
    first = exported.verdicts()[0]
    places = {"nearest_subject": (LARGE, 0.0, 1.0), "nearest_object": (0.0, -LARGE, 1.0), "centre_subject": (0, 0, 1)}
    evidence = (Evidence(7, (99, -1), points=places), Evidence(0, (3, 99), {"nearest_sigma_relative": LARGE}, places))
    return replace(exported.result(scene, of=()), regions=regions, verdicts=(replace(first, evidence=evidence),))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("scale, shift_m", [(1, 1e12), (1e36, 0), (1e-30, 0), (np.inf, 0), (1, 0)])
def test_numbers_of_any_size_give_neither_an_error_nor_a_warning(
    tmp_path: Path, name: str, scale: float, shift_m: float
) -> None:
    if name == "rrd":
        pytest.importorskip("rerun")
    scene = scene_of(scale, shift_m)
    result = result_of(scene)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        if name in ITEM_FORMATS:
            for settings in (FormatSettings(1), FormatSettings(5000, mesh=True)):
                path = ITEM_FORMATS[name].write(tmp_path / f"a{ITEM_FORMATS[name].suffix}", scene, result, settings)
                assert path is None or path.stat().st_size > 0
        else:
            folder = exported.run_folder(tmp_path / "run", (scene, result))
            assert RUN_FORMATS[name].write(folder / RUN_FORMATS[name].name, folder, FormatSettings()) is not None
    assert {path.name for path in tmp_path.iterdir()} <= {"run", f"a.{name}"}
