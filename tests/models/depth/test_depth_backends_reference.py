"""The backends against the image processors and the post-processing that transformers has for the same checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny.checkpoints import transformers
from tiny.depth_cases import CASES, make_frame

from pipeline.records import Frame


def depth_of_transformers(folder: Path, frame: Frame) -> np.ndarray:
    """What transformers makes of a frame with its own functions, float32 (H, W)."""
    processor = transformers().AutoImageProcessor.from_pretrained(folder)
    model = transformers().AutoModelForDepthEstimation.from_pretrained(folder).eval()
    options: dict[str, Any] = {}
    if "prompt_depth" in processor.model_input_names:
        options = {"prompt_depth": frame.given_depth.values, "prompt_scale_to_meter": 1.0}
    inputs = processor(images=frame.rgb, input_data_format="channels_last", return_tensors="pt", **options)
    with torch.no_grad():
        outputs = model(**inputs)
    which = "source_sizes" if "ZoeDepth" in type(processor).__name__ else "target_sizes"
    (result,) = processor.post_process_depth_estimation(outputs, **{which: [(frame.height, frame.width)]})
    return result["predicted_depth"].numpy()


@pytest.mark.parametrize("size", [(150, 200), (200, 150)])
@pytest.mark.parametrize("name", CASES)
def test_the_depth_is_that_of_transformers_own_processing(checkpoints, name, size):
    frame = make_frame(*size)
    depth = CASES[name].build(checkpoints[name]).estimate([frame])[0]
    expected = depth_of_transformers(checkpoints[name], frame)
    np.testing.assert_allclose(depth.values, expected, rtol=1e-4, atol=1e-3 * np.ptp(expected))
