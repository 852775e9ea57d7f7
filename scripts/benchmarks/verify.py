"""What judging costs: one image of 640 x 480 with ten objects and forty claims of all relations, on one core."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from benchmarks.figures import Figure, against, in_turn

_OBJECTS, _CLAIMS = 10, 40
_RUNS = 15
# Times what Open3D takes for a cloud and an oriented box of each region.
_MASKS, _BOXES = 2.0, 2.4
# Twice the claims, or four times the pixels, may cost this much more.
_LINEAR_CLAIMS, _LINEAR_PIXELS = 2.2, 4.5


def figures() -> Iterator[Figure]:
    """Time with masks and with boxes alone, then how it grows with claims and with pixels."""
    import cv2

    from pipeline.verify.verifier import Verifier

    cv2.setNumThreads(1)
    verifier = Verifier()
    scene, claims = _scene(640, 480)
    boxes = replace(scene, regions=tuple(replace(region, mask=None) for region in scene.regions))

    def judge(subject: Any, said: Any) -> Any:
        return lambda: verifier.judge(subject, subject.regions, said)

    theirs, masked, boxed, few, many = in_turn(
        _RUNS,
        lambda: _clouds(scene),
        judge(scene, claims),
        judge(boxes, claims),
        judge(scene, claims * 4),
        judge(scene, claims * 8),
    )
    for name, value, most in (("masks", masked, _MASKS), ("boxes", boxed, _BOXES)):
        yield against(f"verify 640 x 480, {_OBJECTS} regions with {name}, {_CLAIMS} claims", value, theirs, most)
    yield against("320 claims against 160", many, few, _LINEAR_CLAIMS)
    large, _ = _scene(1280, 960)
    small_ms, large_ms = in_turn(_RUNS, judge(scene, claims), judge(large, claims))
    yield against("1280 x 960 against 640 x 480", large_ms, small_ms, _LINEAR_PIXELS)


def _clouds(scene: Any) -> None:
    """What a pipeline without a verifier does with the same regions: Open3D's cloud and oriented box of each."""
    import numpy as np
    import open3d

    camera, depth = scene.frames[0].camera, scene.depth[0]
    intrinsic = open3d.camera.PinholeCameraIntrinsic(
        camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy
    )
    for region in scene.regions:
        image = open3d.geometry.Image(np.where(region.mask & depth.valid, depth.values, 0).astype(np.float32))
        cloud = open3d.geometry.PointCloud.create_from_depth_image(image, intrinsic, depth_scale=1.0)
        cloud.get_oriented_bounding_box()


def _scene(width: int, height: int) -> tuple[Any, tuple[Any, ...]]:
    """Ten solids in two rows on a table, with simulated sensor depth, and claims of every relation about them."""
    import numpy as np

    from pipeline.records import Scene
    from pipeline.records.camera import Camera
    from pipeline.synthetic.claims import claims_of
    from pipeline.synthetic.depth_errors import sensor_depth
    from pipeline.synthetic.layout import COLOURS
    from pipeline.synthetic.scenes import look_at
    from pipeline.synthetic.view import render
    from pipeline.synthetic.world import Piece, Surface, World

    shapes = ("box", "cylinder", "ball", "cone", "pyramid")
    pieces = tuple(
        Piece(
            f"{colour} {shapes[k % 5]}", COLOURS[colour][0], shapes[k % 5], COLOURS[colour][1],
            (0.2 * (k % 5) - 0.4 + 0.05 * (k // 5), 0.25 * (k // 5), 0.0), (0.14, 0.14, 0.14 + 0.06 * (k // 5)),
        )
        for k, colour in zip(range(_OBJECTS), COLOURS, strict=False)
    )  # fmt: skip
    floor = Surface(((-5, -5, 0), (5, -5, 0), (5, 5, 0), (-5, 5, 0)), (190, 170, 140), 0.3)
    wall = Surface(((-5, 1, 0), (5, 1, 0), (5, 1, 3), (-5, 1, 3)), (225, 220, 205))
    pose = look_at(np.array((0.1, -1.1, 0.7)), np.array((0.0, 0.1, 0.05)))
    view = render(World(pieces, (floor, wall)), Camera.from_fov(width, height, 60.0), pose)
    depth = sensor_depth(view.frame.given_depth.values, view.frame.camera, 0)
    frame = replace(view.frame, given_depth=depth)
    claims = claims_of(view, np.random.default_rng(0), _CLAIMS)
    assert len(view.objects) == _OBJECTS and len(claims) == _CLAIMS
    return Scene("bench", (frame,), regions=view.regions(), depth=(depth,)), claims
