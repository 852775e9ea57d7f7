"""Values of depth.* that are not allowed."""

from __future__ import annotations

import re

import pytest

from pipeline.api import load_config
from pipeline.config.build import build, check_flags
from pipeline.models.depth.depth_anything_3 import DepthAnything3Depth
from pipeline.models.depth.midas import MidasDepth
from pipeline.models.depth.midas_v21 import MidasV21Depth
from pipeline.models.depth.moge import MogeDepth
from pipeline.models.depth.prompt_depth_anything import PromptDepthAnythingDepth
from pipeline.records.errors import ConfigError

NAN, INFINITY = float("nan"), float("inf")
SHARED = [
    ("model", None, "null"),
    ("model", [1], "[1]"),
    ("model", "", "''"),
    ("kind", None, "null"),
    ("kind", ["metric"], "['metric']"),
    ("batch_size", 1.5, "1.5"),
    ("batch_size", NAN, "nan"),
    ("batch_size", INFINITY, "inf"),
    ("batch_size", None, "null"),
    ("batch_size", True, "true"),
    ("batch_size", 0, "0"),
    ("device", 99999999999999999999, "99999999999999999999"),
    ("device", "cuda:99999999999999999999", "'cuda:99999999999999999999'"),
    ("device", "meta", "'meta'"),
    ("device", None, "null"),
    ("dtype", ["float32"], "['float32']"),
    ("dtype", "int8", "'int8'"),
    ("upsampling", {}, "{}"),
    ("input_scales", 1.5, "1.5"),
    ("input_scales", None, "null"),
    ("input_scales", "1", "'1'"),
    ("input_scales", [], "[]"),
    ("input_scales", [NAN], "[nan]"),
    ("input_scales", [True], "[True]"),
    ("tile_px", "abc", "'abc'"),
    ("tile_px", 64.0, "64.0"),
    ("tile_overlap", None, "None"),
    ("flip", 1, "1"),
    ("flip", None, "null"),
    ("size_gb", "abc", "'abc'"),
]
SIDES = [
    ("input_size_px", "abc", "'abc'"),
    ("input_size_px", 64.0, "64.0"),
    ("input_size_px", 7 * 2**70, f"{7 * 2**70}"),
]
CASES = [
    *((backend, *case) for backend in (MidasDepth, MidasV21Depth, MogeDepth, DepthAnything3Depth) for case in SHARED),
    *((backend, *case) for backend in (MidasDepth, MidasV21Depth, DepthAnything3Depth) for case in SIDES),
    (MidasDepth, "revision", 123, "123"),
    (MidasDepth, "keep_aspect_ratio", 1, "1"),
    (MogeDepth, "num_tokens", 1.5, "1.5"),
    (MogeDepth, "revision", [], "[]"),
    (PromptDepthAnythingDepth, "prompt_side_px", "abc", "'abc'"),
    (PromptDepthAnythingDepth, "prompt_side_px", None, "null"),
]


@pytest.mark.parametrize(("backend", "key", "value", "shown"), CASES)
def test_a_depth_setting_of_a_wrong_type_is_refused_naming_its_key(backend, key, value, shown):
    settings = {"model": "a/b", "kind": "metric", "tile_px": 64, "tile_overlap": 0.25, key: value}
    with pytest.raises(ConfigError, match=rf"^depth\.{key} must be .+, not {re.escape(shown)}\.$"):
        backend(**settings)


@pytest.mark.parametrize(
    "override",
    ["model=null", "model=[1]", "batch_size=1.5", "batch_size=nan", "batch_size=1e400", "batch_size=null", "flip=1",
     "device=99999999999999999999", "input_scales=1.5", "input_scales=null", "input_size_px=abc", "tile_px=abc"],
)  # fmt: skip
def test_an_override_of_a_wrong_type_is_refused_naming_its_key(override):
    with pytest.raises(ConfigError, match=rf"^depth\.{override.split('=')[0]} must be .+, not "):
        config = load_config(["depth=midas", f"depth.{override}"])
        check_flags(config)
        build(config.depth)
