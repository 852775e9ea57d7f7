"""Images of a few pixels pass through every depth option that needs no download, or are refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import Pipeline
from pipeline.records import Claim, Region, Result, Status

SIZES = [(1, 1), (1, 7), (7, 1), (2, 3), (16, 1), (1, 2), (2, 1), (3, 3), (40, 2)]
CLAIMS = [
    Claim("closer", "whole", "corner"),
    Claim("left_of", "whole", "corner"),
    Claim("occludes", "whole", "corner"),
    Claim("distance_to_camera", "whole", value=1, unit="m"),
    Claim("size", "whole", value=1, unit="m", measure="height"),
]
OPTIONS = {
    "none": ["depth=none"],
    "nano": ["depth=nano"],
    "plain": ["depth=nano", "depth.flip=false", "depth.tile_px=null", "depth.upsampling=bilinear"],
    "edge_aware": ["depth=nano", "depth.upsampling=edge_aware"],
    "grabcut": ["depth=nano", "segment=grabcut"],
}


@pytest.fixture(scope="module", params=OPTIONS)
def judging(request: pytest.FixtureRequest) -> Pipeline:
    return Pipeline.from_config([*OPTIONS[request.param], "vlm=none", "cache_dir=null"])


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_an_image_of_any_size_is_judged(judging: Pipeline, width: int, height: int, tmp_path: Path) -> None:
    rgb = np.random.default_rng(5).integers(0, 255, (height, width, 3), dtype=np.uint8)
    regions = [Region("whole", (0, 0, width, height)), Region("corner", (0, 0, 1, 1))]
    result: Result = judging.judge(rgb, CLAIMS, regions=regions, output_dir=tmp_path)
    assert len(result.verdicts) == len(CLAIMS)
    for verdict in result.verdicts:
        # Where the boxes lie needs no depth; nothing else can be measured on so few pixels.
        assert verdict.status is Status.UNDECIDED or verdict.claim.relation == "left_of"


@pytest.mark.parametrize("turned", [np.fliplr, np.flipud, np.rot90, np.asfortranarray])
def test_an_array_of_one_column_may_have_any_strides(
    judging: Pipeline, turned: Callable[[np.ndarray], np.ndarray]
) -> None:
    for shape in ((7, 1, 3), (1, 7, 3), (1, 1, 3)):
        regions = [Region("whole", (0, 0, 1, 1)), Region("corner", (0, 0, 0.5, 0.5))]
        judging.judge(turned(np.zeros(shape, np.uint8)), CLAIMS[:1], regions=regions)


@pytest.mark.shared
def test_the_smallest_image_is_judged(judging: Pipeline, shared_dir: Path) -> None:
    regions = [Region("whole", (0, 0, 1, 1)), Region("corner", (0, 0, 1, 1))]
    path = shared_dir / "cases/small/s1x1.png"
    assert Image.open(path).size == (1, 1)
    assert len(judging.judge(path, CLAIMS, regions=regions).verdicts) == len(CLAIMS)
