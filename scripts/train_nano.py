"""Trains the two small models that ship, theodolite-depth-nano and theodolite-vl-nano.

Usage: python scripts/train_nano.py {render,depth,vl} [--help]

``render`` draws the training scenes into a folder, once; ``depth`` and ``vl`` train on them, go on where they were
stopped, and write the model's folder every few minutes and at the end. A GPU is used where there is one.
"""

from __future__ import annotations

import argparse
import importlib
import math
import os
from pathlib import Path

# Two OpenMP processes on few cores starve each other, and freed memory is wanted again at once.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def main() -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("render", "depth", "vl"))
    parser.add_argument("--work", type=Path, default=Path("outputs/nano"), help="scenes, states and logs (%(default)s)")
    parser.add_argument("--scenes", type=int, default=5000, help="number of training scenes (%(default)s)")
    parser.add_argument("--minutes", type=float, default=120, help="length of the training (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights and batches")
    parser.add_argument("--output", type=Path, help="the model's folder; theodolite-...-nano in --work by default")
    parser.add_argument("--start", type=Path, help="a model's folder to start from")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that render")
    arguments = parser.parse_args()
    if not 0 < arguments.minutes < math.inf:
        parser.error("--minutes must be above 0")
    if arguments.scenes < 1 or arguments.workers < 1:
        parser.error("--scenes and --workers must be at least 1")
    if arguments.output is not None and arguments.output.is_file():
        parser.error(f"--output {arguments.output} is a file; give a folder")
    if arguments.step == "render":
        from nano.rendering import render_shards

        render_shards(arguments.work / "scenes", arguments.scenes, arguments.workers)
        return
    output = arguments.output or arguments.work / f"theodolite-{arguments.step}-nano"
    train = importlib.import_module(f"nano.train_{arguments.step}").train
    try:
        train(arguments.work, output, arguments.scenes, arguments.minutes, arguments.seed, arguments.start)
    except (ValueError, OSError, ImportError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
