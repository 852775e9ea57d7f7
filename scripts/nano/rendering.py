"""Scenes for training, rendered once and kept on disk in layers, so that training can colour them anew."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.progress import track

from pipeline.models.vlm.hints import DepthHint
from pipeline.stages.hints import read_depth
from pipeline.synthetic.appearance import Layers, palette_of
from pipeline.synthetic.depth_errors import monocular_disparity
from pipeline.synthetic.questions import Statement, askable, statements
from pipeline.synthetic.scenes import rendered_sequence

SIDE_PX = 256
FIRST_SEED = 1_000_000
"""Seeds below are held out."""
SEQUENCE_FRAMES = 3
_SEQUENCE_SHARE = 0.12
_SHARD = 250
# Steps of a stored texture factor and of a stored light.
_TEXTURE_STEPS, _SHADE_STEPS = 160, 255


@dataclass(frozen=True, eq=False)
class TrainingFrame:
    """One image in layers of uint8 (H, W), as ``Layers``, with exact depth.

    Args:
        ids: Index into the palette.
        shade: Light in 1/255.
        texture: Factor of the colour in 1/160.
        ink: Share of print in 1/255.
        depth_m: float16 (H, W); infinite for the sky.
        hints: Depth of its askable objects, by index of the piece, off as a network's is.
    """

    ids: np.ndarray
    shade: np.ndarray
    texture: np.ndarray
    ink: np.ndarray
    depth_m: np.ndarray
    hints: dict[int, DepthHint]

    def layers(self) -> Layers:
        """The layers that an image is composed of."""
        return Layers(
            self.ids.astype(np.int16),
            self.shade.astype(np.float32) / _SHADE_STEPS,
            self.texture.astype(np.float32) / _TEXTURE_STEPS,
            self.ink.astype(np.float32) / 255,
        )


@dataclass(frozen=True, eq=False)
class TrainingScene:
    """A world, its images, and what is true in all of them.

    Args:
        seed: Its seed.
        shapes: Noun of every piece, in order.
        colours: Colour of every piece.
        palette: float32 (P, 3), as ``palette_of`` gives it.
        frames: Its images.
        statements: What is clearly true or false, of the pieces' indices.
    """

    seed: int
    shapes: tuple[str, ...]
    colours: tuple[str, ...]
    palette: np.ndarray
    frames: tuple[TrainingFrame, ...]
    statements: tuple[tuple[str, int, int, bool], ...]


def render_shards(folder: Path, count: int, workers: int) -> None:
    """Render scenes into files of 250; files that are there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [k for k in range(-(-count // _SHARD)) if not (folder / f"{k:04d}.pickle").is_file()]
    with ProcessPoolExecutor(workers) as pool:
        rendering = pool.map(_render_shard, [folder] * len(missing), missing)
        for _ in track(rendering, "Rendering", total=len(missing)):
            pass


def load_shards(folder: Path, count: int) -> list[TrainingScene]:
    """Rendered scenes, all in memory: 0.3 MB each.

    Raises:
        FileNotFoundError: If there are fewer.
        ValueError: If a file is damaged.
    """
    scenes: list[TrainingScene] = []
    for path in sorted(folder.glob("*.pickle")):
        if len(scenes) >= count:
            break
        try:
            scenes += pickle.loads(path.read_bytes())
        except (pickle.UnpicklingError, EOFError):
            raise ValueError(f"{path} is damaged; delete it and render it again.") from None
    if len(scenes) < count:
        raise FileNotFoundError(f"{folder} holds {len(scenes)} of {count} scenes; render them first.")
    return scenes[:count]


def _render_shard(folder: Path, shard: int) -> None:
    first = FIRST_SEED + shard * _SHARD
    scenes = [training_scene(seed) for seed in range(first, first + _SHARD)]
    part = folder / f"{shard:04d}.{os.getpid()}.part"
    part.write_bytes(pickle.dumps(scenes, protocol=pickle.HIGHEST_PROTOCOL))
    part.rename(folder / f"{shard:04d}.pickle")


def training_scene(seed: int) -> TrainingScene:
    """Render one scene; every eighth or so has three images."""
    rng = np.random.default_rng((seed, 2))
    count = SEQUENCE_FRAMES if rng.random() < _SEQUENCE_SHARE else 1
    made = rendered_sequence(seed, count, size_px=(SIDE_PX, SIDE_PX), tidy=True)
    pieces = made.view.world.pieces
    place = {piece.label: k for k, piece in enumerate(pieces)}
    known = tuple(_indexed(statement, place) for statement in statements(made.views))
    frames = []
    for view in made.views:
        layers, exact = view.layers, view.frame.given_depth
        assert exact is not None
        noisy = monocular_disparity(exact.values, int(rng.integers(2**31)))
        alone = replace(made.scene, frames=(view.frame,), depth=(noisy,), regions=())
        regions = [item.region(0, mask=False) for item in askable(view)]
        hints = {place[hint.region.label]: hint for hint in read_depth(alone, regions)}
        frames.append(
            TrainingFrame(
                layers.ids.astype(np.uint8),
                np.round(layers.shade * _SHADE_STEPS).astype(np.uint8),
                np.round(layers.texture * _TEXTURE_STEPS).clip(0, 255).astype(np.uint8),
                np.round(layers.ink * 255).astype(np.uint8),
                np.where(exact.valid, exact.values, np.inf).astype(np.float16),
                hints,
            )
        )
    colours = tuple(piece.label.removesuffix(f" {piece.shape}") for piece in pieces)
    shapes, palette = tuple(piece.shape for piece in pieces), palette_of(made.view.world)
    return TrainingScene(seed, shapes, colours, palette, tuple(frames), known)


def _indexed(statement: Statement, place: dict[str, int]) -> tuple[str, int, int, bool]:
    return statement.relation, place[statement.subject], place[statement.other], statement.holds
