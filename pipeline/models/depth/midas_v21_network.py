"""The convolutional networks of MiDaS v2.1, with the parameter names of the published checkpoints.

Source: R. Ranftl, K. Lasinger, D. Hafner, K. Schindler, V. Koltun, "Towards Robust Monocular Depth Estimation: Mixing
Datasets for Zero-shot Cross-dataset Transfer", TPAMI 2020, and the structure of the files midas_v21_384.pt and
midas_v21_small_256.pt. A backbone gives features at strides 4, 8, 16 and 32; a decoder joins them from the coarsest to
the finest, doubling the resolution each time; a head doubles it once more, to the input's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.models.depth.weight_files import load_complete
from pipeline.models.torchvision_fix import ensure_torchvision
from pipeline.records.errors import ModelUnavailableError

if TYPE_CHECKING:
    import torch

_LEVELS = (1, 2, 3, 4)
_HEAD_CHANNELS = 32
_COUNTER = "num_batches_tracked"  # Only training reads it, and old files lack it.


@dataclass(frozen=True)
class Architecture:
    """One of the two networks.

    Args:
        name: Its published name.
        backbone: Name of the backbone in timm.
        side_px: Side of the squares that it was trained on [px].
        features: Channels of the backbone at strides 4, 8, 16 and 32.
        channels: Channels of the decoder at these strides.
        projects: Whether the decoder's channels change between strides, by a 1 x 1 convolution after each joint.
        mark: Name of a weight that only this network has.
    """

    name: str
    backbone: str
    side_px: int
    features: tuple[int, int, int, int]
    channels: tuple[int, int, int, int]
    projects: bool
    mark: str


LARGE = Architecture(
    name="midas_v21_384",
    backbone="resnext101_32x8d",
    side_px=384,
    features=(256, 512, 1024, 2048),
    channels=(256, 256, 256, 256),
    projects=False,
    mark="pretrained.layer1.4.0.conv1.weight",
)
SMALL = Architecture(
    name="midas_v21_small_256",
    backbone="tf_efficientnet_lite3",
    side_px=256,
    features=(32, 48, 136, 384),
    channels=(64, 128, 256, 512),
    projects=True,
    mark="pretrained.layer1.3.0.conv_dw.weight",
)


def build(architecture: Architecture) -> torch.nn.Module:
    """The network with meaningless weights, as a tree of modules without a forward method: see ``disparity``."""
    from torch import nn

    network = nn.Module()
    network.pretrained = _backbone(architecture)
    scratch = network.scratch = nn.Module()
    for level, features, channels in zip(_LEVELS, architecture.features, architecture.channels, strict=True):
        scratch.add_module(f"layer{level}_rn", nn.Conv2d(features, channels, 3, padding=1, bias=False))
        joint = nn.Module()
        for unit in (1, 2):
            convolutions = {f"conv{index}": nn.Conv2d(channels, channels, 3, padding=1) for index in (1, 2)}
            joint.add_module(f"resConfUnit{unit}", nn.ModuleDict(convolutions))
        if architecture.projects:
            joint.out_conv = nn.Conv2d(channels, architecture.channels[max(level - 2, 0)], 1)
        scratch.add_module(f"refinenet{level}", joint)
    first = architecture.channels[0]
    # Places 1 and 3 of the published sequence hold no weights.
    scratch.output_conv = nn.ModuleDict(
        {
            "0": nn.Conv2d(first, first // 2, 3, padding=1),
            "2": nn.Conv2d(first // 2, _HEAD_CHANNELS, 3, padding=1),
            "4": nn.Conv2d(_HEAD_CHANNELS, 1, 1),
        }
    )
    return network.eval().requires_grad_(False)


def _backbone(architecture: Architecture) -> torch.nn.Module:
    """The stages of a classifier at strides 4, 8, 16 and 32."""
    ensure_torchvision()
    import timm
    from torch import nn

    classifier: Any = timm.create_model(architecture.backbone, pretrained=False)
    if architecture.projects:
        blocks = list(classifier.blocks)  # A slice of a sequence would keep the numbers of its parts.
        # timm's normalisation activates too; the published sequence has the activation in place 2.
        first = nn.Sequential(classifier.conv_stem, classifier.bn1, nn.Identity(), *blocks[:2])
        stages = [first, *(nn.Sequential(*part) for part in (blocks[2:3], blocks[3:5], blocks[5:]))]
    else:
        stem = (classifier.conv1, classifier.bn1, classifier.act1, classifier.maxpool)
        first = nn.Sequential(*stem, classifier.layer1)
        stages = [first, classifier.layer2, classifier.layer3, classifier.layer4]
    return nn.ModuleDict({f"layer{level}": stage for level, stage in zip(_LEVELS, stages, strict=True)})


def with_weights(architecture: Architecture, weights: Mapping[str, torch.Tensor], name: str) -> torch.nn.Module:
    """The network with the weights of a checkpoint, in evaluation mode on the CPU.

    Args:
        architecture: Which network.
        weights: Its weights.
        name: Name of the checkpoint, for the error.

    Raises:
        ModelUnavailableError: If names or shapes are not those of the network.
    """
    import torch

    with torch.device("meta"):
        network = build(architecture)
    own = network.state_dict()
    if unknown := sorted(weights.keys() - own):
        raise ModelUnavailableError(f"{name} holds the weights of another network, such as {unknown[0]}.")
    counters = {key: torch.zeros((), dtype=torch.long) for key in own if key.endswith(_COUNTER)}
    load_complete(network, {**counters, **weights}, name, assign=True)
    return network.eval().requires_grad_(False)


def disparity(network: Any, values: torch.Tensor) -> torch.Tensor:
    """Disparity up to scale and shift.

    Args:
        network: From ``build`` or ``with_weights``; ``network.scratch.output_conv`` computes in float32.
        values: Normalised images, (N, 3, h, w), with h and w multiples of 32.

    Returns:
        float32 (N, h, w), not negative; larger is nearer.
    """
    from torch.nn import functional

    features = []
    for level in _LEVELS:
        values = network.pretrained[f"layer{level}"](values)
        features.append(values)
    joined = None
    for level in reversed(_LEVELS):
        own = getattr(network.scratch, f"layer{level}_rn")(features[level - 1])
        joined = _joined(getattr(network.scratch, f"refinenet{level}"), own, joined)
    head = network.scratch.output_conv
    out = head["0"](joined.float())  # type: ignore[union-attr]
    out = functional.interpolate(out, scale_factor=2, mode="bilinear", align_corners=False)
    out = functional.relu(head["4"](functional.relu(head["2"](out))))
    return out.squeeze(1)


def _joined(joint: Any, own: torch.Tensor, coarser: torch.Tensor | None) -> torch.Tensor:
    """Features of one stride joined with those of the next coarser one, at twice the resolution."""
    from torch.nn import functional

    projects = hasattr(joint, "out_conv")
    summed = own if coarser is None else coarser + _residual(joint.resConfUnit1, own, projects)
    refined = _residual(joint.resConfUnit2, summed, projects)
    doubled = functional.interpolate(refined, scale_factor=2, mode="bilinear", align_corners=True)
    return joint.out_conv(doubled) if projects else doubled


def _residual(unit: Any, values: torch.Tensor, keeps_negative: bool) -> torch.Tensor:
    """Two convolutions and a shortcut.

    The large network was trained with an activation that works in place, so that its shortcut carries the activated
    values; the small network's carries the values themselves.
    """
    from torch.nn import functional

    activated = functional.relu(values)
    shortcut = values if keeps_negative else activated
    return unit["conv2"](functional.relu(unit["conv1"](activated))) + shortcut
