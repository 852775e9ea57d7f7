"""Predictions with their truth, made at random: surfaces with steps, objects, noise, and pixels without depth."""

from __future__ import annotations

from typing import Any

KINDS = ("metric", "scale_invariant", "depth_affine", "disparity_affine")


def random_pair(seed: int, width: int | None = None, height: int | None = None, kind: str | None = None) -> Any:
    """A sample with two or more objects, and a prediction of it.

    Args:
        seed: Equal seeds give equal pairs.
        width: Width [px]; drawn where None.
        height: Height [px]; drawn where None.
        kind: What the prediction's numbers mean; all kinds in turn where None.

    Returns:
        (``DepthSample``, ``DepthMap``): the truth in metres, with holes; the prediction with multiplied noise, blurred
        steps and holes of its own.
    """
    import cv2
    import numpy as np

    from pipeline.datasets.base import DepthSample
    from pipeline.records import DepthKind, DepthMap, Frame, ScaleSource
    from pipeline.records.camera import Camera

    generator = np.random.default_rng(seed)
    width = width or int(generator.integers(24, 90))
    height = height or int(generator.integers(24, 70))
    true, regions = _scene(generator, width, height)
    known = generator.random((height, width)) > generator.choice((0.0, 0.05, 0.3))
    blurred = cv2.GaussianBlur(true, (0, 0), generator.uniform(0.3, 1.2))
    seen = blurred * np.exp(generator.normal(0, generator.choice((0.005, 0.03, 0.12)), true.shape))
    kind = kind or KINDS[seed % len(KINDS)]
    scale = float(np.exp(generator.normal(0, 1)))
    values = {
        "metric": seen * np.exp(generator.normal(0, 0.1)),
        "scale_invariant": seen * scale,
        "depth_affine": (seen - generator.uniform(0, 0.5)) * scale,
        "disparity_affine": (1 / seen + generator.uniform(-0.1, 2)) * scale,
    }[kind]
    valid = generator.random((height, width)) > generator.choice((0.0, 0.02))
    source = ScaleSource.MODEL if kind == "metric" else ScaleSource.NONE
    focal_px = generator.uniform(0.7, 1.4) * width
    camera = Camera(focal_px, focal_px, width / 2 - 0.5, height / 2 - 0.5, width, height)
    truth = DepthMap(true, known, DepthKind.METRIC, ScaleSource.SENSOR)
    frame = Frame(np.zeros((height, width, 3), np.uint8), camera)
    sample = DepthSample(f"pair {seed}", frame, truth, regions=regions)
    return sample, DepthMap(values, valid, DepthKind(kind), source, "random")


def _scene(generator: Any, width: int, height: int) -> tuple[Any, tuple[Any, ...]]:
    """A slanted wall with up to six nearer or farther rectangles, each a region: every second one with a mask."""
    import numpy as np

    from pipeline.records import Region

    rows, columns = np.mgrid[:height, :width]
    wall_m = generator.uniform(2, 7)
    slant = generator.uniform(-0.4, 0.4, 2)
    depth = wall_m * (1 + slant[0] * (columns / width - 0.5) + slant[1] * (rows / height - 0.5))
    regions = []
    for number in range(int(generator.integers(2, 7))):
        x1, y1 = int(generator.integers(0, width - 8)), int(generator.integers(0, height - 8))
        x2, y2 = int(generator.integers(x1 + 5, width + 1)), int(generator.integers(y1 + 5, height + 1))
        mask = (columns >= x1) & (columns < x2) & (rows >= y1) & (rows < y2)
        depth[mask] = wall_m * generator.uniform(0.3, 1.5) * (1 + 0.03 * (columns[mask] - x1) / width)
        regions.append(
            Region(
                f"object {number}",
                (x1, y1, x2, y2),
                mask=(mask & (columns + rows > x1 + y1 + 3)) if number % 2 else None,
            )
        )
    return depth, tuple(regions)
