"""Values of depth.*, segment.*, ocr.*, vlm.* and query.budget.* that are not allowed."""

from __future__ import annotations

import re
from functools import partial

import pytest

from pipeline.api import load_config
from pipeline.config.build import build
from pipeline.models.depth.depth_anything_3 import DepthAnything3Depth
from pipeline.models.depth.midas import MidasDepth
from pipeline.models.depth.midas_v21 import MidasV21Depth
from pipeline.models.depth.moge import MogeDepth
from pipeline.models.depth.prompt_depth_anything import PromptDepthAnythingDepth
from pipeline.models.ocr.rapid import RapidOcr
from pipeline.models.segment.grabcut import GrabCutSegmenter
from pipeline.models.segment.masks import MaskLimits
from pipeline.models.segment.sam import SamSegmenter
from pipeline.models.vlm.budget import ImageBudget
from pipeline.models.vlm.openai_endpoint import OpenAIEndpoint
from pipeline.models.vlm.qwen3vl import Qwen3VL
from pipeline.records.errors import ConfigError
from pipeline.records.settings import shown

midas, midas_v21, moge, depth_anything_3, prompted = (
    partial(backend, model="a/b", kind="metric")
    for backend in (MidasDepth, MidasV21Depth, MogeDepth, DepthAnything3Depth, PromptDepthAnythingDepth)
)
sam = partial(SamSegmenter, model="a/b")
limits = partial(MaskLimits, grow_px=3, least_share=0.05)
endpoint = partial(OpenAIEndpoint, "qwen", "http://127.0.0.1/v1")

EVERY_DEPTH = [
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
LIMITS = [("grow_px", -1), ("grow_px", float("nan")), ("least_share", 1.1), ("least_share", -0.1)]
QWEN = [
    *((key, 0) for key in ("max_new_tokens", "min_pixels", "batch_tokens")),
    *((key, 0.0) for key in ("top_p", "repetition_penalty")),
    *((key, -1) for key in ("top_k", "cache_mb", "seed")),
    ("temperature", -1.0),
    ("quantization", "2bit"),
    ("model", ""),
    ("temperature", float("nan")),
    ("presence_penalty", None),
    ("seed", 2**63),
]


@pytest.mark.parametrize(
    ("make", "key", "value"),
    [
        *((make, *case) for make in (midas, midas_v21, moge, depth_anything_3) for case in EVERY_DEPTH),
        *((make, *case) for make in (midas, midas_v21, depth_anything_3) for case in SIDES),
        (midas, "revision", 123),
        (midas, "keep_aspect_ratio", 1),
        (moge, "num_tokens", 0),
        (moge, "num_tokens", 2**20 + 1),
        (prompted, "prompt_side_px", 0),
        *((make, *case) for make in (sam, GrabCutSegmenter, limits) for case in LIMITS),
        (sam, "batch_size", 0),
        (GrabCutSegmenter, "iterations", 0),
        (GrabCutSegmenter, "max_side_px", 8),
        (GrabCutSegmenter, "margin_share", 0),
        (RapidOcr, "min_score", 1.5),
        *((ImageBudget, key, 0) for key in ("max_frames", "tokens", "min_frame_tokens", "crop_tokens", "max_crops")),
        *((ImageBudget, key, -0.1) for key in ("crop_below_tokens", "crop_margin")),
        (endpoint, "image_format", "gif"),
        (endpoint, "timeout_s", 0),
        (endpoint, "max_retries", -1),
        (endpoint, "max_concurrency", 0),
        (endpoint, "top_p", 0),
        (endpoint, "top_p", 1.1),
        *((Qwen3VL, *case) for case in QWEN),
    ],
)
def test_a_setting_that_is_not_allowed_is_named(make, key, value):
    with pytest.raises(ConfigError, match=rf"^{key} must be .+, not {re.escape(shown(value))}\.$"):
        make(**{key: value})


@pytest.mark.parametrize(
    ("make", "settings", "words"),
    [
        (ImageBudget, {"tokens": 127}, r"^query\.budget\.tokens must be at least twice"),
        (Qwen3VL, {"min_pixels": 2048, "max_pixels": 1024}, r"^vlm\.min_pixels must not be above vlm\.max_pixels"),
        (Qwen3VL, {"max_thinking_tokens": 1024}, r"^max_thinking_tokens must be below max_new_tokens \(1024\)"),
    ],
)
def test_settings_that_do_not_fit_together_are_named(make, settings, words):
    with pytest.raises(ConfigError, match=words):
        make(**settings)


@pytest.mark.parametrize(
    "override",
    ["model=null", "model=[1]", "batch_size=nan", "batch_size=1e400", "input_scales=[0]", "input_size_px=abc"],
)
def test_an_override_of_a_wrong_type_is_refused_naming_its_key(override):
    with pytest.raises(ConfigError, match=rf"^depth\.{override.split('=')[0]} must be .+, not "):
        config = load_config(["depth=midas", f"depth.{override}"])
        build(config.depth)
