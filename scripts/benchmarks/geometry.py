"""Back-projection against Open3D's."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.figures import Figure, against, in_turn

# Times Open3D's time for the whole frame.
_MASKED, _WHOLE, _DOUBLE = 0.3, 0.25, 0.8


def figures() -> Iterator[Figure]:
    """Back-projection of a frame, whole and where a quarter of it is needed, against Open3D's."""
    import numpy as np
    import open3d

    from pipeline.geometry.backprojection import back_project
    from pipeline.records.camera import Camera

    for width, height in ((640, 480), (1920, 1080)):
        camera = Camera.from_fov(width, height, 60)
        depth = np.random.default_rng(0).uniform(0.5, 5, (height, width)).astype(np.float32)
        mask = np.zeros(depth.shape, bool)
        # A disc: the mask of an object, not a mere rectangle.
        rows, columns = np.mgrid[:height, :width]
        mask |= ((rows - height / 2) / height) ** 2 + ((columns - width / 2) / width) ** 2 < 0.08
        intrinsics = open3d.core.Tensor(camera.matrix)
        image = open3d.t.geometry.Image(depth)

        def theirs(image=image, intrinsics=intrinsics) -> object:
            return open3d.t.geometry.PointCloud.create_from_depth_image(
                image, intrinsics, depth_scale=1.0, depth_max=100.0
            )

        baseline, masked, whole32, whole64 = in_turn(
            25,
            theirs,
            lambda depth=depth, camera=camera, mask=mask: back_project(depth, camera, mask),
            lambda depth=depth, camera=camera: back_project(depth, camera, dtype=np.float32),
            lambda depth=depth, camera=camera: back_project(depth, camera),
            repeats=5,
        )
        for name, value, reach in (
            ("with a mask", masked, _MASKED), ("whole, float32", whole32, _WHOLE), ("whole, float64", whole64, _DOUBLE),
        ):  # fmt: skip
            yield against(f"back-projection {width} x {height} {name}", value, baseline, reach)
