"""Back-projection against Open3D's."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.figures import Figure, in_turn


def figures() -> Iterator[Figure]:
    """Back-projection of a frame, whole and where a quarter of it is needed, against Open3D's."""
    import numpy as np
    import open3d

    from pipeline.geometry.backprojection import back_project
    from pipeline.records.camera import Camera

    for width, height, reach in ((640, 480, 0.5), (1920, 1080, 4.6)):
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
        for name, value in (("with a mask", masked), ("whole, float32", whole32)):
            figure = f"back-projection {width} x {height} {name}"
            yield Figure(figure, value, "ms", baseline, value / baseline, reach, value <= reach)
        figure = f"back-projection {width} x {height} whole, float64"
        yield Figure(figure, whole64, "ms", baseline, whole64 / baseline)
