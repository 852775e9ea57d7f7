"""Values of depth.* that are not allowed."""

from __future__ import annotations

import re

import pytest

from pipeline.api import load_config
from pipeline.config.build import build
from pipeline.models.depth.depth_anything_3 import DepthAnything3Depth
from pipeline.models.depth.midas import MidasDepth
from pipeline.models.depth.midas_v21 import MidasV21Depth
from pipeline.models.depth.moge import MogeDepth
from pipeline.models.depth.prompt_depth_anything import PromptDepthAnythingDepth
from pipeline.records.errors import ConfigError
from pipeline.records.settings import shown

SHARED = [
    ("model", ""),
    ("kind", None),
    ("kind", "disparity"),
    ("batch_size", 0),
    ("device", 99999999999999999999),
    ("device", "cuda:99999999999999999999"),
    ("device", "meta"),
    ("dtype", "int8"),
    ("upsampling", "nearest"),
    ("input_scales", 1.5),
    ("input_scales", []),
    ("input_scales", [0.24]),
    ("input_scales", [1, 4.1]),
    ("tile_px", 31),
    ("tile_overlap", 0.91),
    ("tile_overlap", -0.01),
    ("flip", 1),
    ("size_gb", -1),
]
SIDES = [("input_size_px", 64.0), ("input_size_px", 7 * 2**70), ("input_size_px", 100)]
CASES = [
    *((backend, *case) for backend in (MidasDepth, MidasV21Depth, MogeDepth, DepthAnything3Depth) for case in SHARED),
    *((backend, *case) for backend in (MidasDepth, MidasV21Depth, DepthAnything3Depth) for case in SIDES),
    (MidasDepth, "revision", 123),
    (MidasDepth, "keep_aspect_ratio", 1),
    (MogeDepth, "num_tokens", 0),
    (MogeDepth, "num_tokens", 2**20 + 1),
    (PromptDepthAnythingDepth, "prompt_side_px", 0),
]


@pytest.mark.parametrize(("backend", "key", "value"), CASES)
def test_a_depth_setting_that_is_not_allowed_is_named(backend, key, value):
    settings = {"model": "a/b", "kind": "metric", key: value}
    with pytest.raises(ConfigError, match=rf"^{key} must be .+, not {re.escape(shown(value))}\.$"):
        backend(**settings)


@pytest.mark.parametrize(
    "override",
    ["model=null", "model=[1]", "batch_size=nan", "batch_size=1e400", "input_scales=[0]", "input_size_px=abc"],
)
def test_an_override_of_a_wrong_type_is_refused_naming_its_key(override):
    with pytest.raises(ConfigError, match=rf"^depth\.{override.split('=')[0]} must be .+, not "):
        config = load_config(["depth=midas", f"depth.{override}"])
        build(config.depth)
