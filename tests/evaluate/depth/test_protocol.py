from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from omegaconf import OmegaConf

from pipeline.config.build import build
from pipeline.evaluate.depth.pixels import compared_pixels
from pipeline.evaluate.depth.protocol import Crop, EvaluationProtocol, MetricGroup
from pipeline.records import DepthKind, DepthMap, ScaleSource
from pipeline.records.errors import ConfigError
from pipeline.records.resources import resource_dir

PRESETS = sorted(path.stem for path in (resource_dir("conf") / "protocol").glob("*.yaml"))


def preset(name: str, **changes) -> EvaluationProtocol:
    config = OmegaConf.load(resource_dir("conf") / "protocol" / f"{name}.yaml")
    return build(OmegaConf.merge(config, changes))


@pytest.mark.parametrize(
    "crop, size, rows, columns",
    [
        (Crop.NONE, (5, 7), (0, 5), (0, 7)),
        (Crop.EIGEN_NYU, (480, 640), (45, 471), (41, 601)),
        (Crop.EIGEN_NYU, (240, 320), (22, 235), (20, 300)),
        # 0.99189189 of 370 is just below 367, and 0.03594771 of 1224 is just below 44.
        (Crop.GARG, (370, 1224), (151, 366), (43, 1180)),
        (Crop.GARG, (375, 1242), (153, 371), (44, 1197)),
        (Crop.EIGEN_KITTI, (375, 1242), (124, 342), (44, 1197)),
    ],
)
def test_a_crop_is_the_published_one(crop: Crop, size: tuple[int, int], rows: tuple, columns: tuple) -> None:
    assert crop.window(*size) == (slice(*rows), slice(*columns))


def test_only_pixels_in_the_crop_and_strictly_between_the_caps_count() -> None:
    true = np.full((480, 640), 5.0)
    true[100, 100:105] = 1, 10, 0.5, 9.99, 1.01
    true[0, 0] = 6
    truth = DepthMap.from_values(true, DepthKind.METRIC, ScaleSource.SENSOR)
    prediction = replace(truth, values=2 * truth.values, valid=np.arange(640)[None].repeat(480, axis=0) != 200)
    protocol = EvaluationProtocol("none", min_depth_m=1, max_depth_m=10, crop="eigen_nyu")
    pixels = compared_pixels(prediction, truth, protocol)
    assert np.count_nonzero(pixels.wanted) == 426 * 560 - 3
    assert np.count_nonzero(pixels.known) == len(pixels.values) == len(pixels.true_m) == 426 * 560 - 3 - 426
    assert set(pixels.true_m.round(2)) == {5.0, 9.99, 1.01}
    np.testing.assert_array_equal(pixels.values, 2 * pixels.true_m)
    rows, columns = pixels.places(np.arange(len(pixels.true_m)))
    np.testing.assert_array_equal(truth.values[rows, columns], pixels.true_m.astype(np.float32))
    np.testing.assert_array_equal(pixels.spread(pixels.true_m)[pixels.known], pixels.true_m)
    assert np.isnan(pixels.spread(pixels.true_m)[~pixels.known]).all()


@pytest.mark.parametrize(
    "name, expected",
    [
        ("nyu_eigen", ("none", 10.0, "eigen_nyu", "per_image")),
        ("kitti_eigen", ("none", 80.0, "garg", "per_image")),
        ("midas_zero_shot", ("scale_shift_disparity", None, "none", "per_image")),
        ("moge_affine_disparity", ("scale_shift_disparity", None, "none", "per_image")),
    ],
)
def test_a_preset_follows_its_publication(name: str, expected: tuple) -> None:
    protocol = preset(name)
    assert (protocol.alignment, protocol.max_depth_m, protocol.crop, protocol.aggregate) == expected


@pytest.mark.parametrize("name", PRESETS)
def test_presets_differ_from_the_defaults_only_where_they_must(name: str) -> None:
    protocol, usual = preset(name, alignment="median_scale"), EvaluationProtocol("median_scale")
    differing = {key for key, value in protocol.to_dict().items() if value != usual.to_dict()[key]}
    assert differing <= {"max_depth_m", "crop"}


def test_the_alignment_of_the_plain_protocol_is_an_explicit_choice() -> None:
    with pytest.raises(ConfigError, match="alignment"):
        preset("plain")
    assert preset("plain", alignment="scale").alignment == "scale"


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"alignment": "best"}, "alignment must be one of none, median_scale, .*, not 'best'"),
        ({"groups": []}, "groups must be a list"),
        ({"groups": ["faces"]}, "groups must be a list whose entries are each one of pixels, .*, not .'faces'"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"pair_count": 0}, "pair_count must be a whole number from 1"),
        ({"cloud_points": 2.5}, "cloud_points must be a whole number from 1"),
        ({"min_depth_m": 0}, "min_depth_m must be a number above 0"),
        ({"max_depth_m": 0.0005}, "max_depth_m must be a number above 0.001"),
        ({"clear_ratio": 1}, "clear_ratio must be a number above 1"),
        ({"cloud_share": 0}, "cloud_share must be a number above 0"),
    ],
)
def test_a_value_out_of_range_is_named(changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EvaluationProtocol(**{"alignment": "none"} | changes)


def test_a_protocol_is_json_and_ignores_the_order_of_groups() -> None:
    first = EvaluationProtocol("none", groups=["clouds", "pixels", "clouds"], max_depth_m=10)
    second = EvaluationProtocol("none", groups=("pixels", "clouds"), max_depth_m=10.0)
    assert first == second and first.groups == (MetricGroup.PIXELS, MetricGroup.CLOUDS)
    assert json.loads(json.dumps(first.to_dict())) == first.to_dict()
