"""What a network's output covers of its frame, and how far its views are apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from tiny.depth_cases import make_frame

from pipeline.models.depth.network import NetworkDepth, Prediction
from pipeline.models.stopping import stoppable
from pipeline.records import DepthKind, Frame, Sampling
from pipeline.records.errors import StoppedError


@dataclass(eq=False)
class StandIn(NetworkDepth):
    """A backend whose network is a function of the frames and the input's scale."""

    backend = "stand-in"

    network: Callable[[Sequence[Frame], float], Prediction] = field(kw_only=True)

    def _load(self, device: torch.device, dtype: torch.dtype) -> Any:
        return self

    def predict(self, frames: Sequence[Frame], input_scale: float) -> Prediction:
        return self.network(frames, input_scale)

    def _settings(self) -> str:
        return ""

    @property
    def _location(self) -> Any:
        raise NotImplementedError


def ramps(height: int, width: int, margin_px: tuple[int, int] = (0, 0)) -> Callable[..., Prediction]:
    """A network of one size of output [px], which grows with the input's scale; its depth rises to the right."""

    def predict(frames: Sequence[Frame], input_scale: float) -> Prediction:
        shape = (round(height * input_scale), round(width * input_scale))
        ramp = np.broadcast_to(np.linspace(1, 3, shape[1], dtype=np.float32), shape)
        return Prediction(np.stack([ramp] * len(frames)), margin_px=margin_px)

    return predict


def estimated(network: Callable[..., Prediction], kind: str = "scale_invariant", **settings: Any) -> Any:
    backend = StandIn("model", DepthKind(kind), device="cpu", network=network, **settings)
    frames = [make_frame(60, 80), make_frame(60, 80, seed=1)]
    first, second = backend.estimate(frames)
    assert (first.shape, first.sampling) == ((60, 80), second.sampling)
    return first


@pytest.mark.parametrize(
    ("network", "settings", "sides_px"),
    [
        (ramps(60, 80), {}, (1.0, 1.0)),
        (ramps(15, 20), {}, (4.0, 4.0)),
        (ramps(15, 40), {}, (2.0, 4.0)),
        # A finer output than the frame has a measurement in every pixel.
        (ramps(240, 320), {}, (1.0, 1.0)),
        # 6 rows and 10 columns beyond each side are seen too.
        (ramps(12, 20, (6, 10)), {}, (5.0, 6.0)),
        # The finest view counts.
        (ramps(15, 20), {"input_scales": [1.0, 2.0]}, (2.0, 2.0)),
        (ramps(15, 20), {"input_scales": [2.0, 1.0]}, (2.0, 2.0)),
        (ramps(15, 20), {"input_scales": [0.5]}, (80 / 10, 60 / 8)),
        (ramps(15, 20), {"flip": True}, (4.0, 4.0)),
        # Tiles of 32 x 32 px.
        (ramps(16, 16), {"tile_px": 32}, (2.0, 2.0)),
    ],
)
def test_a_measurement_covers_what_one_value_of_the_output_covers(
    network: Callable[..., Prediction], settings: dict[str, Any], sides_px: tuple[float, float]
) -> None:
    assert estimated(network, **settings).sampling == Sampling(*sides_px, is_scattered=False)


def test_a_single_view_disagrees_with_nothing() -> None:
    assert estimated(ramps(60, 80)).disagreement is None
    assert estimated(ramps(60, 80), input_scales=[2.0]).disagreement is None


def test_views_of_mirrored_frames_disagree_by_how_far_they_are_from_their_average() -> None:
    # log z = a * u and a * (1 - u), whose average is constant once both have the same median: deviations a * (u - 1/2).
    def network(frames: Sequence[Frame], _: float) -> Prediction:
        values = np.exp(0.2 * np.broadcast_to((np.arange(80) + 0.5) / 80, (60, 80)))
        return Prediction(np.stack([values.astype(np.float32)] * len(frames)))

    assert estimated(network, flip=True).disagreement == pytest.approx(0.2 / 12**0.5, rel=0.01)
    assert estimated(network, input_scales=[1.0, 1.5]).disagreement == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("kind", ["scale_invariant", "disparity_affine"])
def test_every_frame_has_its_own_disagreement(kind: str) -> None:
    calls = []

    def network(frames: Sequence[Frame], _: float) -> Prediction:
        calls.append(len(frames))
        pattern = np.where(np.indices((60, 80))[0] % 2, 1.0, -1.0) * (-1) ** len(calls)
        base = np.broadcast_to(np.linspace(1, 3, 80), (60, 80))
        values = [base * np.exp(error * pattern) for error in (0.01, 0.05)]
        return Prediction(np.stack(values).astype(np.float32))

    backend = StandIn("model", DepthKind(kind), device="cpu", network=network, input_scales=[1.0, 1.0], batch_size=2)
    first, second = backend.estimate([make_frame(60, 80)] * 2)
    assert calls == [2, 2]
    assert first.disagreement is not None and second.disagreement is not None
    assert 3 < second.disagreement / first.disagreement < 7
    if kind == "scale_invariant":
        assert first.disagreement == pytest.approx(0.01, rel=0.01)


def test_a_mirrored_view_is_turned_back_before_it_is_averaged() -> None:
    frames = [make_frame(60, 80)]

    def network(seen: Sequence[Frame], _: float) -> Prediction:
        return Prediction(np.stack([1 + frame.rgb[..., 0] / np.float32(255) for frame in seen]).astype(np.float32))

    backend = StandIn("model", DepthKind.SCALE_INVARIANT, device="cpu", network=network, flip=True)
    (depth,) = backend.estimate(frames)
    np.testing.assert_allclose(depth.values, 1 + frames[0].rgb[..., 0] / 255, rtol=1e-4)
    assert depth.disagreement == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    "settings, steps", [({}, 2), ({"flip": True}, 4), ({"tile_px": 48}, 10), ({"tile_px": 48, "batch_size": 2}, 5)]
)
def test_it_stops_between_batches_views_and_tiles(settings: dict[str, Any], steps: int) -> None:
    network, calls = ramps(6, 8), []

    def counted(frames: Sequence[Frame], input_scale: float) -> Prediction:
        calls.append(len(frames))
        return network(frames, input_scale)

    estimated(counted, **settings)
    assert len(calls) == steps
    del calls[:]
    with stoppable(lambda: len(calls) < steps - 1), pytest.raises(StoppedError):
        estimated(counted, **settings)
    assert len(calls) == steps - 1
