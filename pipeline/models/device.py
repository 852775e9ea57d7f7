"""The device and number format that a model runs in."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import StringConstraints

from pipeline.models.memory import keep_freed_memory
from pipeline.records.errors import ConfigError
from pipeline.records.settings import Words

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

DeviceName = Annotated[
    str,
    StringConstraints(pattern=r"^(auto|(cpu|cuda|mps)(:[0-9]{1,3})?)$"),
    Words("auto, cpu, cuda, cuda:INDEX or mps"),
]
"""A device, which need not exist on this machine."""

DtypeName = Literal["auto", "float32", "bfloat16", "float16"]
"""A number format, or ``auto`` for the one that suits the device."""

_BFLOAT16_CAPABILITY = 8  # CUDA compute capability (Ampere) from which bfloat16 runs in hardware.


def choose_device(requested: str = "auto") -> torch.device:
    """The device to run on: the requested one, or the first available of CUDA, MPS and CPU.

    Args:
        requested: ``auto``, ``cpu``, ``cuda``, ``cuda:INDEX`` or ``mps``.

    Raises:
        ConfigError: If this machine has no such device.
    """
    import torch

    cuda_count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    counts = {"cuda": cuda_count, "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    kind, _, index = requested.partition(":")
    present = [kind for kind, count in counts.items() if count]
    if kind != "auto" and int(index or 0) >= counts[kind]:
        raise ConfigError(
            f"The device {requested} is not available here: set device to auto or one of {', '.join(present)}."
        )
    device = torch.device(present[0] if kind == "auto" else requested)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    logger.info("Device: %s (%s).", device, name)
    if device.type == "cpu":
        keep_freed_memory()
    return device


def choose_dtype(device: torch.device, requested: str = "auto") -> torch.dtype:
    """The number format of weights and activations.

    ``auto`` takes bfloat16 on CUDA from compute capability 8, float16 on older CUDA devices and on MPS, and
    float32 on the CPU.

    Args:
        device: Where the model runs.
        requested: ``auto``, ``float32``, ``bfloat16`` or ``float16``.
    """
    import torch

    if requested != "auto":
        dtype: torch.dtype = getattr(torch, requested)
    elif device.type == "cuda":
        major, _minor = torch.cuda.get_device_capability(device)
        dtype = torch.bfloat16 if major >= _BFLOAT16_CAPABILITY else torch.float16
    else:
        dtype = torch.float16 if device.type == "mps" else torch.float32
    logger.info("Number format: %s.", str(dtype).removeprefix("torch."))
    return dtype
