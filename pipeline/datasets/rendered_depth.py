"""Rendered scenes with exact depth, and beside it the depth that a sensor or a network might have given.

They need no download: for trying an evaluation, and for tests of what it says of errors that are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.datasets.arguments import check_choice
from pipeline.datasets.depth_base import DepthDataset, DepthSample
from pipeline.datasets.reading import check_count
from pipeline.datasets.rendered import SOURCES, depth_of
from pipeline.records import Frame
from pipeline.synthetic.scenes import rendered_scene

NAME = "rendered-{seed}"


class RenderedDepth(DepthDataset[int]):
    """Random scenes of one image each, whose regions come with masks; the same seed gives the same ones.

    Args:
        count: How many scenes.
        seed: Seed of the first scene; the next ones count up.
        depth: Where the depth beside an image comes from: ``exact``, ``sensor`` (structured light), ``disparity``
            (a network like MiDaS), ``metric`` (a network of metric depth), or None for no depth.
        limit: Most samples; None takes all.

    Raises:
        ConfigError: If an argument is not usable.
    """

    name = "rendered_depth"

    def __init__(
        self, count: int = 50, *, seed: int = 0, depth: str | None = "disparity", limit: int | None = None
    ) -> None:
        super().__init__(limit)
        check_choice("depth", depth, SOURCES, optional=True)
        self.count = check_count("count", count, 1)
        self.seed = check_count("seed", seed)
        self.depth = depth

    def entries(self) -> Sequence[int]:
        """Seeds of the scenes."""
        return range(self.seed, self.seed + self.count)

    def entry_name(self, entry: int) -> str:
        """Name of the scene of a seed."""
        return NAME.format(seed=entry)

    def sample(self, entry: int) -> DepthSample:
        """Render the scene of a seed."""
        view = rendered_scene(entry).view
        truth = view.frame.given_depth
        assert truth is not None
        given = None if self.depth is None else depth_of(view, self.depth, entry)
        name = self.entry_name(entry)
        frame: Frame = replace(view.frame, given_depth=given, name=name)
        return DepthSample(name, frame, truth, regions=view.regions())
