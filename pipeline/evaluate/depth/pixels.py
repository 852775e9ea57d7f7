"""Selection of the pixels of an image that are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.evaluate.depth.protocol import EvaluationProtocol
from pipeline.records import DepthMap
from pipeline.records.errors import InputError


@dataclass(frozen=True, eq=False)
class Pixels:
    """The compared pixels of one image.

    Args:
        window: Rows and columns of the crop in the image.
        wanted: bool (H, W) of the crop: the truth is known and within the caps.
        known: bool (H, W) of the crop: wanted, and the prediction is valid.
        values: float64 (N,), the prediction at the known pixels, row by row.
        true_m: float64 (N,), the true depth there [m].
    """

    window: tuple[slice, slice]
    wanted: np.ndarray
    known: np.ndarray
    values: np.ndarray
    true_m: np.ndarray

    def spread(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers of the known pixels, (N,), as float64 (H, W) of the crop with NaN elsewhere."""
        whole = np.full(self.known.shape, np.nan)
        whole[self.known] = numbers
        return whole

    def places(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns in the whole image of the known pixels with these indices."""
        rows, columns = np.divmod(np.flatnonzero(self.known)[chosen], self.known.shape[1])
        return rows + self.window[0].start, columns + self.window[1].start


def compared_pixels(prediction: DepthMap, truth: DepthMap, protocol: EvaluationProtocol) -> Pixels:
    """The pixels that a protocol compares: inside its crop, with a true depth strictly between the caps.

    Raises:
        InputError: If the maps differ in size.
    """
    if prediction.shape != truth.shape:
        raise InputError(
            f"The predicted depth is {prediction.shape} but the true depth {truth.shape}; "
            "resize the prediction to the image."
        )
    window = protocol.crop.window(*truth.shape)
    true, values = truth.values[window], prediction.values[window]
    wanted = truth.valid[window] & (true > protocol.min_depth_m)
    if protocol.max_depth_m is not None:
        wanted &= true < protocol.max_depth_m
    known = wanted & prediction.valid[window]
    return Pixels(window, wanted, known, values[known].astype(np.float64), true[known].astype(np.float64))
