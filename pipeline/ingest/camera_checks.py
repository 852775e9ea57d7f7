"""Whether a given camera can be that of its image.

Certain cases are converted with a note, impossible ones refused with the likely cause. A camera that is only unlikely
keeps its numbers, but counts as doubtful, so that lengths across the image are not decided.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline.ingest.resampling import Size, size_of
from pipeline.records import DepthKind, DepthMap, ScaleSource
from pipeline.records.camera import Camera, CameraSource
from pipeline.records.errors import InputError
from pipeline.records.message import Message, message

if TYPE_CHECKING:  # Only runs with a given camera and a sensor's depth need it.
    from pipeline.geometry.self_calibration import FocalEvidence

# Focal lengths as shares of the longer side: outside of these no lens lies (147 to 7 degrees), and inside of those
# nearly every camera of a phone, a robot or a depth sensor (96 to 39 degrees).
_POSSIBLE, _COMMON = (0.15, 8.0), (0.45, 1.42)
# Largest distance of the principal point from the centre, as a share of the side, and of the ratio of fx to fy from 1.
_MOST_OFF_CENTRE, _MOST_UNEQUAL = 0.15, 2.0
# Pixels are square but for this ratio in nearly every camera.
_COMMONLY_UNEQUAL = 1.1
# Relative differences below which two lengths count as equal.
_SAME = 0.05
# Numbers up to this one may be shares of a side instead of pixels.
_LARGEST_SHARE = 10.0
# A camera of an image at least this many times larger or smaller cannot be that of a crop.
_CERTAINLY_LARGER, _CERTAINLY_SMALLER = 1.9, 0.3
# Resolutions of one camera mostly differ by one of these factors.
_SCALES = (*range(2, 9), *(1 / whole for whole in range(2, 9)))
# EXIF contradicts a focal length that differs by this factor.
_EXIF_FACTOR = 1.3
# Right angles contradict one that differs by this factor, unless nearly as many speak for it: up to this ratio.
_SEEN_FACTOR, _DOMINANT = 1.33, 1.5
_TRUST = "set input.trust_input=true if it is correct"


@dataclass(frozen=True)
class CheckedCamera:
    """A camera that can be that of its image, and what was changed for it."""

    camera: Camera
    notes: tuple[Message, ...] = ()


def checked_camera(
    spec: Mapping[str, Any],
    size: Size,
    *,
    focal_35mm: float | None = None,
    depth: DepthMap | None = None,
    is_calibrated: bool = False,
) -> CheckedCamera:
    """The camera that a user gave, in pixels of the image.

    Args:
        spec: fx, fy, cx, cy without width and height: for the image itself, if they are what they should be; and
            ``crop``, whether the image is a crop, so that the principal point may lie anywhere.
        size: (width, height) [px] of the upright image.
        focal_35mm: Equivalent focal length from EXIF [mm].
        depth: Depth of the same view, at any resolution: the camera may be that of its sensor, and the right angles of
            the scene may speak for or against it.
        is_calibrated: Whether a device states it: unusual numbers are then no doubt.

    Raises:
        InputError: If it cannot be; says what is probably wrong.
    """
    numbers, is_crop = {name: float(spec[name]) for name in ("fx", "fy", "cx", "cy")}, bool(spec.get("crop"))
    if max(numbers["fx"], numbers["fy"]) <= _LARGEST_SHARE < min(size) and _is_normalised(numbers):
        camera = _from_shares(numbers, size)
        notes: tuple[Message, ...] = (message("camera_was_normalised"),)
    else:
        camera, notes = Camera(**numbers, width=size[0], height=size[1], source=CameraSource.GIVEN), ()
        other = None if is_crop else _other_size(camera, size, None if depth is None else size_of(depth.values))
        if other is not None:
            camera = replace(camera, width=other[0], height=other[1]).resized(*size)
            notes = (message("camera_was_of_other_size", width=other[0], height=other[1]),)
    problem = _impossible(camera, focal_35mm, is_crop=is_crop)
    if problem:
        raise InputError(f"The camera {_shown(numbers)} does not fit an image of {size[0]} x {size[1]} px: {problem}")
    return _weighed(camera, notes, focal_35mm, depth, is_calibrated=is_calibrated or is_crop)


def weighed_camera(
    camera: Camera, *, focal_35mm: float | None = None, depth: DepthMap | None = None, is_calibrated: bool = False
) -> CheckedCamera:
    """A camera of known size, checked as in ``checked_camera`` but not converted.

    Raises:
        InputError: If it cannot be that of an image.
    """
    problem = _impossible(camera, focal_35mm)
    if problem:
        size = f"{camera.width} x {camera.height} px"
        raise InputError(f"The camera of an image of {size} cannot have {_shown(vars(camera))}: {problem}")
    return _weighed(camera, (), focal_35mm, depth, is_calibrated=is_calibrated)


def exif_camera(camera: Camera, depth: DepthMap | None) -> CheckedCamera:
    """A camera from EXIF, which is doubtful where the scene contradicts it."""
    doubt = _contradiction(camera, depth, None if depth is None else _seen(camera, depth))
    if doubt is None:
        return CheckedCamera(camera)
    return CheckedCamera(replace(camera, source=CameraSource.DOUBTFUL), (doubt,))


def _is_normalised(numbers: Mapping[str, float]) -> bool:
    return all(abs(numbers[name] - 0.5) <= _MOST_OFF_CENTRE for name in ("cx", "cy"))


def _from_shares(numbers: Mapping[str, float], size: Size) -> Camera:
    """The camera whose numbers are shares of the sides, measured from the image's corner.

    Focal lengths are shares of their own sides, or both of the width; whichever makes pixels square counts.

    Raises:
        InputError: If neither does.
    """
    width, height = size
    fx, fy = numbers["fx"] * width, numbers["fy"] * height
    if not math.isclose(fx, fy, rel_tol=_SAME):
        fy = numbers["fy"] * width
        if width < height or not math.isclose(fx, fy, rel_tol=_SAME):
            raise InputError(
                f"The camera {_shown(numbers)} seems to be given as shares of the image's sides, of which is not "
                "clear; give pixels."
            )
    return Camera(fx, fy, numbers["cx"] * width - 0.5, numbers["cy"] * height - 0.5, width, height)


def _other_size(camera: Camera, size: Size, depth_size: Size | None) -> Size | None:
    """The size of the image that the camera belongs to, where it certainly is another one."""
    scale_x, scale_y = _centre(camera)
    if not math.isclose(scale_x, scale_y, rel_tol=2 * _SAME) or math.isclose(scale_x, 1, abs_tol=2 * _MOST_OFF_CENTRE):
        return None
    scale = math.sqrt(scale_x * scale_y)
    scale = next((whole for whole in _SCALES if math.isclose(scale, whole, rel_tol=_SAME / 2)), scale)
    if depth_size is not None and all(
        math.isclose(scale * side, other, rel_tol=2 * _SAME) for side, other in zip(size, depth_size, strict=True)
    ):
        return depth_size
    focal = camera.fx / max(size)
    if not (scale >= _CERTAINLY_LARGER or scale <= _CERTAINLY_SMALLER or (scale < 0.7 and focal < _COMMON[0])):
        return None
    if not _COMMON[0] <= focal / scale <= _COMMON[1]:
        return None
    return round(scale * size[0]), round(scale * size[1])


def _centre(camera: Camera) -> tuple[float, float]:
    """The principal point as multiples of the image's centre, from its corner."""
    return (camera.cx + 0.5) * 2 / camera.width, (camera.cy + 0.5) * 2 / camera.height


def _impossible(camera: Camera, focal_35mm: float | None, *, is_crop: bool = False) -> str:
    """Why the camera cannot be that of its image, with the likely cause; empty where it can."""
    longer = max(camera.width, camera.height)
    expected = _exif_px(camera, focal_35mm)
    if not 1 / _MOST_UNEQUAL < camera.fx / camera.fy < _MOST_UNEQUAL:
        return f"fx and fy differ too much; one of them may be of another size or unit. Correct it, or {_TRUST}."
    scale_x, scale_y = _centre(camera)
    if not is_crop and max(abs(scale_x - 1), abs(scale_y - 1)) > 2 * _MOST_OFF_CENTRE:
        if abs(camera.cx) <= 1 and abs(camera.cy) <= 1:
            return (
                "the principal point counts from the centre or as a share; give it in pixels from the top-left corner."
            )
        turned = camera.width / camera.height
        if math.isclose(scale_x * turned, 1, rel_tol=0.2) and math.isclose(scale_y / turned, 1, rel_tol=0.2):
            return "it seems to be that of the image before it was turned; give the camera of the upright image."
        return (
            "the principal point lies far from the centre; of a camera for another size give its width and height, and "
            "of a crop subtract the crop's corner from cx and cy and give crop: true."
        )
    agrees = expected is not None and 1 / _EXIF_FACTOR <= camera.fx / expected <= _EXIF_FACTOR
    lowest, highest = (share * longer for share in _POSSIBLE)
    if camera.fx < lowest and not agrees:
        return (
            f"a focal length of {camera.fx:g} px would see {_fov_deg(camera):.0f} degrees; it may be in millimetres or "
            f"be a share of the width. Give pixels, or {_TRUST}."
        )
    if camera.fx > highest and not agrees and not is_crop:
        return (
            f"a focal length of {camera.fx:g} px would see {_fov_deg(camera):.1f} degrees; it may be of a larger image "
            f"or in micrometres. Correct it, or {_TRUST}."
        )
    return ""


def _weighed(
    camera: Camera,
    notes: tuple[Message, ...],
    focal_35mm: float | None,
    depth: DepthMap | None,
    *,
    is_calibrated: bool,
) -> CheckedCamera:
    if _is_invented(camera):
        guess = message("camera_was_invented", fov_deg=_fov_deg(camera))
        return CheckedCamera(replace(camera, source=CameraSource.ASSUMED), (*notes, guess))
    doubt = _doubt(camera, focal_35mm, depth, is_calibrated=is_calibrated)
    if doubt is None:
        return CheckedCamera(camera, notes)
    return CheckedCamera(replace(camera, source=CameraSource.DOUBTFUL), (*notes, doubt))


def _is_invented(camera: Camera) -> bool:
    """Whether the camera sees exactly the same angle along two unequal sides, as only invented ones do.

    Qwen3-VL's notebook on 3D grounding makes such cameras of a field of view.
    """
    is_square = math.isclose(camera.width, camera.height, rel_tol=_COMMONLY_UNEQUAL - 1)
    return not is_square and math.isclose(camera.fx / camera.width, camera.fy / camera.height, rel_tol=1e-3)


def _doubt(camera: Camera, focal_35mm: float | None, depth: DepthMap | None, *, is_calibrated: bool) -> Message | None:
    """Why the camera is unlikely; None where it is not."""
    if not 1 / _COMMONLY_UNEQUAL < camera.fx / camera.fy < _COMMONLY_UNEQUAL:
        return message("camera_is_unequal", ratio=camera.fx / camera.fy)
    seen = None if depth is None else _seen(camera, depth)
    if seen is not None and _supports(seen):
        return None
    if (contradicted := _contradiction(camera, depth, seen)) is not None:
        return contradicted
    expected = _exif_px(camera, focal_35mm)
    if expected is not None:
        if 1 / _EXIF_FACTOR <= camera.fx / expected <= _EXIF_FACTOR:
            return None
        return message("camera_contradicts_exif", given_px=camera.fx, exif_px=expected)
    lowest, highest = (share * max(camera.width, camera.height) for share in _COMMON)
    if is_calibrated or lowest <= camera.fx <= highest:
        return None
    return message("camera_is_unusual", fov_deg=_fov_deg(camera))


def _contradiction(camera: Camera, depth: DepthMap | None, seen: FocalEvidence | None) -> Message | None:
    """What the scene has against the focal length; None where it has nothing."""
    if depth is None or seen is None or _supports(seen):
        return None
    if 1 / _SEEN_FACTOR < camera.fx / seen.focal_px < _SEEN_FACTOR:
        return None
    code = "camera_contradicts_scan" if depth.sampling.is_scattered else "camera_contradicts_angles"
    return message(code, given_px=camera.fx, seen_px=seen.focal_px)


def _supports(seen: FocalEvidence) -> bool:
    return seen.weight_of_given * _DOMINANT >= seen.weight


def _seen(camera: Camera, depth: DepthMap) -> FocalEvidence | None:
    """What the right angles of the scene say, or the density of a scanner's returns."""
    if depth.kind is not DepthKind.METRIC or depth.scale_source is not ScaleSource.SENSOR:
        return None
    if not depth.sampling.is_scattered:
        from pipeline.geometry.self_calibration import focal_evidence

        return focal_evidence(depth, camera)
    from pipeline.geometry.scan_focal import scan_focal_evidence

    return scan_focal_evidence(depth, camera) if depth.shape == (camera.height, camera.width) else None


def _exif_px(camera: Camera, focal_35mm: float | None) -> float | None:
    if focal_35mm is None:
        return None
    return Camera.from_focal_35mm(camera.width, camera.height, focal_35mm).fx


def _fov_deg(camera: Camera) -> float:
    return math.degrees(2 * math.atan(max(camera.width, camera.height) / 2 / camera.fx))


def _shown(numbers: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {float(numbers[name]):g}" for name in ("fx", "fy", "cx", "cy"))
