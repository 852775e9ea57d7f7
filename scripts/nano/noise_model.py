"""Fits the noise model of theodolite-depth-nano to held-out scenes, and prints it for conf/noise/default.yaml.

Usage: python scripts/nano/noise_model.py [--scenes 300] [--seed 900000] [--depth FOLDER]

To be run whenever the network was trained anew. The seeds are neither those of training nor those of the figures.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from rich.progress import track

from pipeline.api import load_config
from pipeline.config.build import build
from pipeline.evaluate.noise_fit import noise_of, summarise_noise
from pipeline.models.depth.network import NetworkDepth
from pipeline.synthetic.scenes import rendered_scene

_SIDE_PX = 256


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--seed", type=int, default=900_000, help="seed of the first scene")
    parser.add_argument("--depth", default="theodolite-depth-nano", help="folder of the network")
    arguments = parser.parse_args()
    backend: NetworkDepth = build(load_config(["depth=nano", f"depth.model='{arguments.depth}'"]).depth)
    summaries = []
    for seed in track(range(arguments.seed, arguments.seed + arguments.scenes), "Comparing"):
        frame = rendered_scene(seed, size_px=(_SIDE_PX, _SIDE_PX), tidy=True).view.frame
        assert frame.given_depth is not None
        (predicted,) = backend.estimate([replace(frame, given_depth=None)])
        summaries.append(summarise_noise(predicted, frame.given_depth))
    print(noise_of([one for one in summaries if one is not None]))


if __name__ == "__main__":
    main()
