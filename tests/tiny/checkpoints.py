"""What tiny checkpoints share: seeded random weights, and parts of their configurations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.models.torchvision_fix import ensure_torchvision

if TYPE_CHECKING:
    import torch

LAYERS = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2}
NECK = {"neck_hidden_sizes": [8, 8, 16, 16], "fusion_hidden_size": 16}
STAGES = ["stage1", "stage2", "stage3", "stage4"]


def transformers() -> Any:
    """The package, importable beside any torchvision."""
    ensure_torchvision()
    import transformers

    return transformers


def square(side_px: int) -> dict[str, int]:
    """A size as image processors take it."""
    return {"height": side_px, "width": side_px}


def seeded(make: Callable[[], Any]) -> Any:
    """The model that ``make`` makes, with seeded random weights."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = make()
        for parameter in model.parameters():
            if parameter.ndim > 1:  # With the usual tiny deviations, the output would not depend on the input.
                torch.nn.init.xavier_normal_(parameter)
    return model


def saved(folder: Path, *parts: Any) -> Path:
    """Save a model and its processor; returns the folder."""
    for part in parts:
        part.save_pretrained(folder)
    return folder


def with_weights(
    folder: Path, target: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]
) -> Path:
    """A copy of a checkpoint with other weights."""
    from safetensors.torch import load_file, save_file

    target.mkdir(exist_ok=True)
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    weights = change(load_file(target / "model.safetensors"))
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    return target
