"""The files of conf/depth."""

from __future__ import annotations

import re

import pytest
from omegaconf import OmegaConf

from pipeline.api import load_config
from pipeline.config.build import build
from pipeline.config.options import options_of
from pipeline.models.depth.given import GivenDepth
from pipeline.models.depth.none import NoDepth

# What the options give: class of the backend, kind, licence.
OPTIONS = {
    ("DepthAnythingDepth", "disparity_affine", "Apache-2.0"): "depth_anything_v2 depth_anything_v2/small",
    ("DepthAnythingDepth", "disparity_affine", "CC-BY-NC-4.0"): "depth_anything_v2/base depth_anything_v2/large",
    ("DepthAnythingDepth", "metric", "not stated (base is Apache-2.0)"): (
        "depth_anything_v2/metric_indoor_small depth_anything_v2/metric_outdoor_small"
    ),
    ("DepthAnythingDepth", "metric", "not stated (base is CC-BY-NC-4.0)"): (
        "depth_anything_v2/metric_indoor_base depth_anything_v2/metric_indoor_large "
        "depth_anything_v2/metric_outdoor_base depth_anything_v2/metric_outdoor_large"
    ),
    ("DepthAnything3Depth", "scale_invariant", "Apache-2.0"): (
        "depth_anything_3 depth_anything_3/base depth_anything_3/small"
    ),
    ("DepthAnything3Depth", "scale_invariant", "CC-BY-NC-4.0"): "depth_anything_3/giant depth_anything_3/large",
    ("DepthAnything3Depth", "depth_affine", "Apache-2.0"): "depth_anything_3/mono",
    ("DepthAnything3Depth", "metric", "Apache-2.0"): "depth_anything_3/metric",
    ("DepthAnything3Depth", "metric", "CC-BY-NC-4.0"): "depth_anything_3/nested",
    ("DepthProDepth", "metric", "apple-amlr"): "depth_pro",
    ("MidasDepth", "disparity_affine", "Apache-2.0"): "midas midas/dpt_hybrid midas/dpt_large nano",
    ("MidasDepth", "disparity_affine", "MIT"): (
        "midas/dpt_beit_base_384 midas/dpt_beit_large_384 midas/dpt_beit_large_512 "
        "midas/dpt_swinv2_base_384 midas/dpt_swinv2_large_384 midas/dpt_swinv2_tiny_256"
    ),
    ("MidasV21Depth", "disparity_affine", "MIT"): "midas/v21 midas/v21_small",
    ("MogeDepth", "scale_invariant", "Apache-2.0"): "moge",
    ("MogeDepth", "metric", "MIT"): "moge_2 moge_2/base moge_2/large moge_2/small",
    ("PromptDepthAnythingDepth", "metric", "Apache-2.0"): (
        "prompt_depth_anything prompt_depth_anything/large prompt_depth_anything/small"
    ),
    ("ZoeDepthDepth", "metric", "MIT"): "zoedepth zoedepth/kitti zoedepth/nyu zoedepth/nyu_kitti",
}
EXPECTED = {name: expected for expected, names in OPTIONS.items() for name in names.split()}
SIZES = {"small": ("small", "vits"), "base": ("base", "vitb"), "large": ("large", "vitl")}


@pytest.mark.parametrize("name", EXPECTED)
def test_every_option_names_its_checkpoint_and_builds_without_loading_it(name):
    backend = build(load_config([f"depth={name}"]).depth)
    assert (type(backend).__name__, backend.kind, backend.licence) == EXPECTED[name]
    assert 0 < backend.size_gb < 7
    assert backend._network is None
    words = set(re.split("[_/]", name)) - {"depth", "anything", "pro", "prompt", "midas", "3"}
    model = backend.model.lower()
    assert all(any(each in model for each in SIZES.get(word, (word,))) for word in words), model


def test_every_option_is_tested_here():
    assert set(options_of("depth")) == {*EXPECTED, "file", "none"}
    for name, kind in (("file", GivenDepth), ("none", NoDepth)):
        assert type(build(load_config([f"depth={name}"]).depth)) is kind


def test_no_two_options_have_the_same_model(repository):
    files = (repository / "conf" / "depth").rglob("*.yaml")
    models = [model for path in files if (model := OmegaConf.select(OmegaConf.load(path), "model"))]
    assert len(models) == len(set(models))
