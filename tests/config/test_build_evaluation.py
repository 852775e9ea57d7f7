from __future__ import annotations

from pipeline.config.build_evaluation import datasets_that_yield
from pipeline.config.options import options_of
from pipeline.datasets.base import ClaimDataset, DepthDataset


def test_every_data_set_yields_claims_or_true_depth_and_some_both() -> None:
    claims, depth = (set(datasets_that_yield(wanted)) for wanted in (ClaimDataset, DepthDataset))
    assert claims | depth == set(options_of("dataset"))
    assert claims & depth == {"arc2017", "kitti", "rendered", "rgbd", "sunrgbd"}
