"""Averages the weights of two networks of one shape, which often does better than either.

Usage: python scripts/average_nano.py FOLDER FOLDER --output FOLDER

Both come from one training, before and after its last part. Wortsman et al., Model soups, 2022,
https://arxiv.org/abs/2203.05482.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from nano.loop import WEIGHTS, stored_weights


def average_weights(first: Path, second: Path, output: Path) -> None:
    """Write a copy of the first folder whose weights are the means of both, in the first's number formats.

    Raises:
        ValueError: If weights are damaged, or those of networks of different shapes.
        OSError: If a folder cannot be read or written.
    """
    from safetensors.torch import save_file

    weights, others = stored_weights(first), stored_weights(second)
    if {name: one.shape for name, one in weights.items()} != {name: one.shape for name, one in others.items()}:
        raise ValueError(f"{first} and {second} are networks of different shapes.")
    means = {name: ((one.float() + others[name].float()) / 2).to(one.dtype) for name, one in weights.items()}
    shutil.copytree(first, output, dirs_exist_ok=True)
    save_file(means, output / WEIGHTS, metadata={"format": "pt"})


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
