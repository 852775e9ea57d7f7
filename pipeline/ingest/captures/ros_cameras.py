"""Cameras and lenses out of ``sensor_msgs/CameraInfo``.

K, D and P are for the full resolution: the region of interest is cut out of it, then pixels are binned
(http://docs.ros.org/en/noetic/api/sensor_msgs/html/msg/CameraInfo.html). K[0] is 0 where a camera is not calibrated.
Pixels count from the centre of the top-left one. An image whose topic says ``rect`` has no distortion and is described
by P (http://wiki.ros.org/image_proc).
"""

from __future__ import annotations

import math

from pipeline.geometry.lens import Lens, LensModel
from pipeline.ingest.captures.ros_messages import CameraInfo
from pipeline.records import Camera
from pipeline.records.errors import InputError, RecordError

# Names of ROS (sensor_msgs/distortion_models.h, REP 127) and of the RealSense SDK (rs2_distortion_to_string), whose two
# other Brown-Conrady models differ from the plain one only in the order of a product of small terms (rsutil.h).
_MODELS = {
    "plumb_bob": LensModel.BROWN_CONRADY,
    "rational_polynomial": LensModel.BROWN_CONRADY,
    "brown conrady": LensModel.BROWN_CONRADY,
    "modified brown conrady": LensModel.BROWN_CONRADY,
    "inverse brown conrady": LensModel.BROWN_CONRADY,
    "equidistant": LensModel.FISHEYE,
    "fisheye": LensModel.FISHEYE,
    "kannala brandt4": LensModel.FISHEYE,
    "kannala_brandt4": LensModel.FISHEYE,
}


def camera_of(info: CameraInfo, is_rectified: bool = False) -> tuple[Camera | None, Lens | None]:
    """The camera and the lens of the images that a CameraInfo describes.

    Args:
        info: The message.
        is_rectified: Whether the images have no distortion any more.

    Returns:
        Intrinsics for the size of the images, None where the camera is not calibrated; the lens, None without
        distortion.

    Raises:
        InputError: If numbers are impossible or the distortion model is unknown.
    """
    matrix = (info.intrinsics[0], info.intrinsics[4], info.intrinsics[2], info.intrinsics[5])
    if is_rectified and info.projection[0] != 0:
        matrix = (info.projection[0], info.projection[5], info.projection[2], info.projection[6])
    if matrix[0] == 0:
        return None, None
    try:
        camera = Camera(*matrix, info.width, info.height)
        x, y, height, width = info.region
        if width and height:
            camera = camera.cropped(x, y, width, height)
        across, down = (max(1, binning) for binning in info.binning)
        if (across, down) != (1, 1):
            camera = camera.resized(max(1, camera.width // across), max(1, camera.height // down))
        return camera, None if is_rectified else _lens(info)
    except (RecordError, OverflowError) as error:
        raise InputError(f"its camera_info is unusable: {str(error).rstrip('.')}") from None


def _lens(info: CameraInfo) -> Lens | None:
    numbers = info.distortion
    if not any(numbers):
        return None
    model = _MODELS.get(info.model.lower().strip())
    if model is None or not all(map(math.isfinite, numbers)):
        raise InputError(
            f"its camera_info has a distortion of model {info.model!r:.60}; rectify the images, or use plumb_bob, "
            "rational_polynomial or equidistant"
        )
    most = 4 if model is LensModel.FISHEYE else 8
    if any(numbers[most:]):
        raise InputError(
            f"its camera_info has more than {most} coefficients of distortion; rectify the images, or calibrate it "
            "without them"
        )
    return Lens(model, numbers[:most])
