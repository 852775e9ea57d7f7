from __future__ import annotations

import numpy as np
import pytest
from models.segment.images import frame
from models.segment.tiny_sam import build_tiny_sam
from tiny.depth_cases import blocks

from pipeline.api import load_config
from pipeline.config.build import build
from pipeline.models.segment.auto import AutoSegmenter
from pipeline.models.segment.sam import SamSegmenter
from pipeline.records import Region

CUP = [Region("cup", (10.0, 5.0, 50.0, 35.0))]
IMAGE = frame(blocks(40, 90, 0))


def test_weights_on_disk_give_the_masks_of_sam(tmp_path):
    folder = str(build_tiny_sam(tmp_path, "sam2"))
    auto = AutoSegmenter(folder, device="cpu", least_share=0.0)
    sam = SamSegmenter(folder, device="cpu", least_share=0.0)
    assert (auto.identity, auto.version) == (sam.identity, sam.version)
    np.testing.assert_array_equal(auto.masks(IMAGE, CUP), sam.masks(IMAGE, CUP))


@pytest.mark.parametrize("model", ["nobody/no-such-model", "./no/such/folder"])
def test_boxes_stay_boxes_without_weights_and_nothing_is_downloaded(model):
    auto = AutoSegmenter(model)
    auto.check()
    assert auto.masks(IMAGE, CUP) == [None]
    assert auto.identity is auto.version is None


def test_the_option_has_the_keys_of_sam2():
    assert isinstance(build(load_config(["segment=auto"]).segment), AutoSegmenter)
