from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.ingest.alignment import aligned_depth
from pipeline.ingest.source_images import SourceImage
from pipeline.records import DepthMap
from pipeline.records.errors import InputError


def test_depth_of_the_image_before_its_turn_is_refused():
    image = SourceImage(np.zeros((32, 24, 3), np.uint8), "a", orientation=6)
    depth = DepthMap.from_values(np.ones((24, 32)), "metric", "sensor")
    with pytest.raises(InputError, match="EXIF"):
        aligned_depth(depth, image, Path("depth.png"))
