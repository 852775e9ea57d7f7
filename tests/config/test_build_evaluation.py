from __future__ import annotations

import re

import pytest
from omegaconf import OmegaConf

from pipeline.config.build_evaluation import datasets_that_yield
from pipeline.config.options import options_of
from pipeline.datasets.base import ClaimDataset, DepthDataset
from pipeline.records.resources import resource_dir

BOTH = {"arc2017", "kitti", "rendered", "rgbd", "sunrgbd"}


@pytest.mark.parametrize("command, wanted", [("eval_claims", ClaimDataset), ("eval_depth", DepthDataset)])
def test_help_names_the_data_sets_that_a_command_can_use(command: str, wanted: type) -> None:
    help_text = str(OmegaConf.load(resource_dir("conf") / f"{command}.yaml").hydra.help.template)
    (named,) = re.findall(r"dataset=NAME .*?: (.*?);", help_text, re.DOTALL)
    assert [name.strip() for name in named.split(",")] == datasets_that_yield(wanted)


def test_every_data_set_yields_claims_or_true_depth_and_some_both() -> None:
    claims, depth = (set(datasets_that_yield(wanted)) for wanted in (ClaimDataset, DepthDataset))
    assert claims | depth == set(options_of("dataset"))
    assert claims & depth == BOTH
