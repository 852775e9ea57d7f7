"""Averages the weights of two networks of one shape, which often does better than either.

Usage: python scripts/nano/average_weights.py FOLDER FOLDER --output FOLDER

Both come from one training, before and after its last part. Wortsman et al., Model soups, 2022,
https://arxiv.org/abs/2203.05482.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

_WEIGHTS = "model.safetensors"


def average_weights(first: Path, second: Path, output: Path) -> None:
    """Write a copy of the first folder whose weights are the means of both, in the first's number formats.

    Raises:
        ValueError: If the networks have other weights, or weights of other shapes.
        OSError: If a folder cannot be read or written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file, save_file

    try:
        weights, others = load_file(first / _WEIGHTS), load_file(second / _WEIGHTS)
    except SafetensorError as error:
        raise ValueError(f"The weights of {first} or {second} are damaged: {error}.") from None
    if {name: one.shape for name, one in weights.items()} != {name: one.shape for name, one in others.items()}:
        raise ValueError(f"{first} and {second} are networks of different shapes.")
    means = {name: ((one.float() + others[name].float()) / 2).to(one.dtype) for name, one in weights.items()}
    shutil.copytree(first, output, dirs_exist_ok=True)
    save_file(means, output / _WEIGHTS, metadata={"format": "pt"})


def main() -> int:
    """Average."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        average_weights(arguments.first, arguments.second, arguments.output)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
