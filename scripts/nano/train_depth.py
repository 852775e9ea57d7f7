"""Trains theodolite-depth-nano as MiDaS was trained: disparity, whatever its scale and shift."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from nano.depth_model import DEVIATION, INPUT_PX, MEAN, build, start_encoder
from nano.images import coloured, photographed
from nano.loop import Training, prefetched, stored_weights
from nano.rendering import SIDE_PX, TrainingScene, load_shards
from torch import nn
from torch.nn import functional

_BATCH = 8
_LEAST_CROP_PX = 192
_GRADIENT_WEIGHT, _GRADIENT_SCALES = 0.5, 4
_SOLID_WEIGHT, _SOLID_MEAN_WEIGHT = 4.0, 1.0
_LEAST_SOLID_PX = 30
# Weight and softness of the order of solids, and the difference from which it is clear [mean deviations of disparity].
_ORDER_WEIGHT, _ORDER_SOFTNESS, _CLEARLY = 4.0, 0.06, 0.01
_ANCHOR, _SHIFT, _SCALE = 0.05, 4.0, 1.0
# The largest learning rates, from random weights and from a model's.
_RATE, _RATE_GOING_ON, _WEIGHT_DECAY = 1.5e-3, 5e-4, 0.03


def scale_shift_invariant_loss(
    predicted: torch.Tensor, true: torch.Tensor, pieces: torch.Tensor | None = None
) -> torch.Tensor:
    """Difference of two maps, each less its median and over its mean deviation, and of their gradients.

    Solids, of which questions are asked, count more than their surroundings; so do the mean of each, and the order of
    these means.

    The network's own median and deviation are held near 4 and 1: nothing else keeps them from growing without end, and
    its last rectifier would cut off what is far.

    Ranftl et al., Towards Robust Monocular Depth Estimation, 2020, equations 5 to 7 and 11,
    https://arxiv.org/abs/1907.01341.

    Args:
        predicted: (B, H, W), disparity up to scale and shift.
        true: (B, H, W), disparity.
        pieces: int64 (B, H, W), the solid of each pixel from 1; 0 for the surroundings. None for surroundings alone.
    """
    (normal, shift, scale), true_normal = _normalised(predicted), _normalised(true)[0]
    off = normal - true_normal
    pieces = torch.zeros_like(off, dtype=torch.int64) if pieces is None else pieces
    weights = torch.where(pieces > 0, _SOLID_WEIGHT, 1.0)
    loss = (weights * off.abs()).mean() / weights.mean()
    loss = loss + _ANCHOR * ((shift - _SHIFT).square() + (scale - _SCALE).square()).mean()
    for scale in range(_GRADIENT_SCALES):
        part = off[:, :: 2**scale, :: 2**scale]
        steps = part.diff(dim=2).abs().mean() + part.diff(dim=1).abs().mean()
        loss = loss + _GRADIENT_WEIGHT * steps
    means, true_means = _means(normal, pieces), _means(true_normal, pieces)
    off_means = (means - true_means).abs()
    if not off_means.isnan().all():
        loss = loss + _SOLID_MEAN_WEIGHT * off_means.nanmean()
    return loss + _ORDER_WEIGHT * _order_loss(means, true_means)


def _order_loss(means: torch.Tensor, true_means: torch.Tensor) -> torch.Tensor:
    """How far pairs of solids of one map are from being clearly in their true order: a soft hinge."""
    ahead = means[:, :, None] - means[:, None]
    is_pair = true_means[:, :, None] - true_means[:, None] > _CLEARLY
    if not is_pair.any():
        return means.new_zeros(())
    return _ORDER_SOFTNESS * functional.softplus(-ahead[is_pair] / _ORDER_SOFTNESS).mean()


def _means(values: torch.Tensor, pieces: torch.Tensor) -> torch.Tensor:
    """Mean of every solid, (B, S); NaN where a map does not show it."""
    count = int(pieces.max()) + 1
    places = (pieces + count * torch.arange(len(pieces), device=pieces.device)[:, None, None]).flatten()
    sizes = torch.bincount(places, minlength=count * len(pieces))
    sums = values.new_zeros(len(sizes)).index_add(0, places, values.flatten())
    means = torch.where(sizes >= _LEAST_SOLID_PX, sums / sizes.clamp_min(1), torch.nan)
    return means.view(len(pieces), count)[:, 1:]


def _normalised(disparity: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Maps less their medians and over their mean deviations, with both of them."""
    flat = disparity.flatten(1)
    shift = flat.median(dim=1, keepdim=True).values
    scale = (flat - shift).abs().mean(dim=1, keepdim=True).clamp_min(1e-6)
    return ((flat - shift) / scale).view_as(disparity), shift, scale


def drawn_pair(scene: TrainingScene, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A crop of an image in other colours.

    Returns:
        The image, uint8 (192, 192, 3); its disparity, float32 (192, 192) [1/m]; and the solid of each pixel from 1,
        int64 (192, 192), 0 for the surroundings.
    """
    frame = scene.frames[int(rng.integers(len(scene.frames)))]
    rgb = photographed(coloured(scene, frame, rng), rng)
    disparity = 1 / frame.depth_m.astype(np.float32)
    solids = np.zeros(256, np.uint8)
    solids[: len(scene.shapes)] = [0 if shape == "table" else k + 1 for k, shape in enumerate(scene.shapes)]
    pieces = solids[frame.ids]
    side = int(rng.integers(_LEAST_CROP_PX, SIDE_PX + 1))
    left, top = rng.integers(0, SIDE_PX - side + 1, 2)
    window = slice(top, top + side), slice(left, left + side)
    size = (INPUT_PX, INPUT_PX)
    rgb = cv2.resize(rgb[window], size, interpolation=cv2.INTER_AREA)
    disparity = cv2.resize(disparity[window], size, interpolation=cv2.INTER_NEAREST)
    pieces = cv2.resize(pieces[window], size, interpolation=cv2.INTER_NEAREST).astype(np.int64)
    if rng.random() < 0.5:
        rgb, disparity, pieces = rgb[:, ::-1], disparity[:, ::-1], pieces[:, ::-1]
    return rgb, disparity, pieces


def train(work: Path, output: Path, scenes: int, minutes: float, seed: int, start: Path | None) -> None:
    """Train, or go on with it, and write the network's folder every few minutes.

    Args:
        work: Holds ``scenes``; state and log go to ``depth``.
        output: The network's folder.
        scenes: Number of training scenes.
        minutes: Length of the training.
        seed: Seed of weights and batches.
        start: A network's folder to start from, instead of random weights and an encoder of ImageNet.
    """
    torch.manual_seed(seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model, processor = build()
    if start is None:
        start_encoder(model)
    else:
        try:
            model.load_state_dict(stored_weights(start))
        except RuntimeError:
            raise ValueError(f"{start} holds another model than theodolite-depth-nano.") from None
    # Plain products, because the backward pass of the fused kernel is slow on a CPU.
    model.set_attn_implementation("eager")
    model.to(device, memory_format=torch.channels_last)
    rate = _RATE if start is None else _RATE_GOING_ON
    training = Training(work / "depth", nn.ModuleDict({"model": model}), minutes, rate, _WEIGHT_DECAY)
    stored = load_shards(work / "scenes", scenes)
    rng = np.random.default_rng(seed + training.steps)

    def draw() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        pairs = [drawn_pair(stored[int(rng.integers(len(stored)))], rng) for _ in range(_BATCH)]
        images, *others = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
        return images.permute(0, 3, 1, 2), *others

    for images, disparities, pieces in prefetched(draw):
        training.write(output, model, processor, scenes=scenes, seed=seed)
        if training.progress >= 1:
            break
        pixels = ((images.to(device) / 255 - MEAN) / DEVIATION).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            predicted = model(pixel_values=pixels).predicted_depth
        predicted = functional.interpolate(predicted.float()[:, None], INPUT_PX, mode="bilinear")[:, 0]
        loss = scale_shift_invariant_loss(predicted, disparities.to(device), pieces.to(device))
        training.step(loss, len(images))
        training.log(loss=loss)
