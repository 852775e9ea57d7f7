"""Trains the two small models that ship, theodolite-depth-nano and theodolite-vl-nano.

Usage: python scripts/train_nano.py {render,depth,vl} [--help]

``render`` draws the training scenes into a folder, once; ``depth`` and ``vl`` train on them, go on where they were
stopped, and write the model's folder whenever they measure it. A GPU is used where there is one.
"""

from __future__ import annotations

import argparse
import importlib
import os
from pathlib import Path

# Two OpenMP processes on few cores starve each other, and freed memory is wanted again at once.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def main() -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("render", "depth", "vl"))
    parser.add_argument("--work", type=Path, default=Path("outputs/nano"), help="scenes, checkpoints and logs")
    parser.add_argument("--scenes", type=int, default=12_000, help="number of training scenes")
    parser.add_argument("--minutes", type=float, default=120, help="length of the training")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights and batches")
    parser.add_argument("--output", type=Path, help="the model's folder; data/models/theodolite-...-nano by default")
    parser.add_argument("--start", type=Path, help="a model's folder to start from")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that render")
    arguments = parser.parse_args()
    if arguments.step == "render":
        from nano.rendering import render_shards

        render_shards(arguments.work / "scenes", arguments.scenes, arguments.workers)
        return
    output = arguments.output or Path(f"data/models/theodolite-{arguments.step}-nano")
    train = importlib.import_module(f"nano.train_{arguments.step}").train
    train(arguments.work, output, arguments.scenes, arguments.minutes, arguments.seed, arguments.start)


if __name__ == "__main__":
    main()
