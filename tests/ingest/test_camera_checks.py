from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.camera_checks import checked_camera, weighed_camera
from pipeline.ingest.cameras import frame_camera
from pipeline.records import DepthMap
from pipeline.records.camera import Camera, CameraSource
from pipeline.records.errors import InputError

SIZE = (640, 480)


def spec(fx=525.0, fy=None, cx=319.5, cy=239.5, **size):
    return {"fx": fx, "fy": fx if fy is None else fy, "cx": cx, "cy": cy, **size}


def codes(found):
    return [note.code for note in found.notes]


@pytest.mark.parametrize(
    ("given", "size"),
    [
        (spec(), SIZE),
        # Kinect, iPhone upright, KITTI, ibims-1, Middlebury, RealSense in a wide mode, Azure Kinect.
        (spec(517.3, 516.5, 318.6, 255.3), SIZE),
        (spec(1341, cx=719, cy=963), (1440, 1920)),
        (spec(707, cx=601.9, cy=183.1), (1242, 375)),
        (spec(557, 555, 362, 242), SIZE),
        (spec(994, cx=311, cy=255), (741, 500)),
        (spec(631, cx=638, cy=367), (1280, 720)),
        (spec(913, cx=956, cy=551), (1920, 1080)),
    ],
)
def test_cameras_of_real_devices_stay_as_they_are(given, size):
    found = checked_camera(given, size)
    assert found.camera == Camera(**given, width=size[0], height=size[1])
    assert found.notes == ()


@pytest.mark.parametrize(
    ("given", "size", "code"),
    [
        ({"fx": 525 / 640, "fy": 525 / 480, "cx": 0.5, "cy": 0.5}, SIZE, "camera_was_normalised"),
        ({"fx": 0.9, "fy": 0.9, "cx": 0.49, "cy": 0.51}, (640, 640), "camera_was_normalised"),
        ({"fx": 0.82, "fy": 0.82, "cx": 0.5, "cy": 0.5}, SIZE, "camera_was_normalised"),
        ({"fx": 1.2, "fy": 0.9, "cx": 0.52, "cy": 0.5}, (480, 640), "camera_was_normalised"),
        (spec(1050, cx=639.5, cy=479.5), SIZE, "camera_was_of_other_size"),
        (spec(2100, cx=1279.5, cy=959.5), SIZE, "camera_was_of_other_size"),
        (spec(1575, cx=960, cy=722), SIZE, "camera_was_of_other_size"),
        (spec(131, cx=79.5, cy=59.5), SIZE, "camera_was_of_other_size"),
        (spec(262, cx=159.5, cy=119.5), SIZE, "camera_was_of_other_size"),
    ],
)
def test_a_camera_in_shares_or_of_another_resolution_is_converted_with_a_note(given, size, code):
    found = checked_camera(given, size)
    assert codes(found) == [code]
    camera = found.camera
    assert (camera.width, camera.height) == size
    assert camera.fx == pytest.approx(camera.fy, rel=0.03)
    assert 0.7 <= camera.fx / max(size) <= 0.95
    assert camera.cx == pytest.approx((size[0] - 1) / 2, rel=0.05)
    assert camera.cy == pytest.approx((size[1] - 1) / 2, rel=0.05)


def test_a_normalised_camera_becomes_exactly_that_of_the_pixels():
    found = checked_camera({"fx": 525 / 640, "fy": 525 / 480, "cx": 320 / 640, "cy": 240 / 480}, SIZE)
    camera = found.camera
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == pytest.approx((525, 525, 319.5, 239.5))


def test_the_camera_of_the_depth_sensor_is_recognised_by_the_size_of_its_depth():
    given = spec(300, cx=191.5, cy=143.5)
    with pytest.raises(InputError, match="principal point"):
        checked_camera(given, SIZE)
    depth = DepthMap.from_values(np.full((288, 384), 2.0), "metric", "sensor")
    found = checked_camera(given, SIZE, depth=depth)
    assert codes(found) == ["camera_was_of_other_size"]
    assert found.camera.fx == pytest.approx(500)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (spec(cx=160), "principal point lies far"),
        (spec(cy=360), "principal point lies far"),
        (spec(cx=479.5, cy=359.5), "principal point lies far"),
        (spec(cx=160, cy=120), "principal point lies far"),
        (spec(cx=0, cy=0), "counts from the centre"),
        (spec(0.8, cx=0, cy=0), "counts from the centre"),
        (spec(cx=239.5, cy=319.5), "before it was turned"),
        (spec(4.2), "millimetres"),
        (spec(26), "millimetres"),
        (spec(0.82), "millimetres"),
        (spec(525000), "micrometres"),
        (spec(525, 1100), "fx and fy differ"),
        (spec(525, 250), "fx and fy differ"),
        ({"fx": 1.2, "fy": 0.3, "cx": 0.5, "cy": 0.5}, "shares"),
    ],
)
def test_a_camera_that_cannot_be_is_refused_with_the_likely_cause(given, words):
    with pytest.raises(InputError, match=words) as refusal:
        checked_camera(given, SIZE)
    assert "\n" not in str(refusal.value)


def test_a_portrait_camera_normalised_by_one_side_is_refused():
    with pytest.raises(InputError, match="shares"):
        checked_camera({"fx": 0.8, "fy": 0.8, "cx": 0.5, "cy": 0.5}, (480, 640))


@pytest.mark.parametrize("fx", [200, 280, 920, 1500, 4000])
def test_an_unusual_camera_is_doubtful_unless_exif_confirms_it(fx):
    found = checked_camera(spec(fx), SIZE)
    assert (found.camera.fx, found.camera.source) == (fx, CameraSource.DOUBTFUL)
    assert codes(found) == ["camera_is_unusual"]
    focal_35mm = fx / 800 * 43.2666
    confirmed = checked_camera(spec(fx), SIZE, focal_35mm=focal_35mm)
    assert (confirmed.camera.source, confirmed.notes) == (CameraSource.GIVEN, ())


@pytest.mark.parametrize("factor", [0.5, 0.65, 1.5, 2.0])
def test_a_camera_that_contradicts_exif_is_doubtful(factor):
    found = checked_camera(spec(525 * factor), SIZE, focal_35mm=525 / 800 * 43.2666)
    assert found.camera.source is CameraSource.DOUBTFUL
    assert codes(found) == ["camera_contradicts_exif"]


@pytest.mark.parametrize(("size", "share"), [((640, 480), 0.866), ((480, 640), 1.0), ((1280, 720), 0.5)])
def test_a_camera_that_sees_one_angle_along_unequal_sides_was_invented(size, share):
    width, height = size
    given = spec(share * width, share * height, (width - 1) / 2, (height - 1) / 2)
    found = checked_camera(given, size)
    assert found.camera.source is CameraSource.ASSUMED
    assert codes(found) == ["camera_was_invented"]


@pytest.mark.parametrize("fy", [430, 350, 470, 620, 787])
def test_a_camera_with_unequal_focal_lengths_is_doubtful(fy):
    found = checked_camera(spec(554.26, fy), SIZE)
    assert found.camera.source is CameraSource.DOUBTFUL
    assert codes(found) == ["camera_is_unequal"]


def test_a_camera_with_its_own_size_is_resized_and_not_guessed_about():
    found = frame_camera(SIZE, spec(1050, cx=639.5, cy=479.5, width=1280, height=960))
    assert found.camera == Camera(525, 525, 319.5, 239.5, *SIZE)
    assert found.notes == ()
    with pytest.raises(InputError, match="cannot have"):
        weighed_camera(Camera(525, 525, 10, 239.5, *SIZE))


def test_a_trusted_camera_is_taken_as_it_is():
    given = spec(4.2, cx=10, cy=20)
    assert frame_camera(SIZE, given, trusted=True).camera == Camera(**given, width=640, height=480)


def test_a_camera_object_is_checked_like_its_numbers():
    assert codes(frame_camera(SIZE, Camera(1050, 1050, 639.5, 479.5, *SIZE))) == ["camera_was_of_other_size"]
    exif = Camera.from_focal_35mm(*SIZE, 500.0)
    assert frame_camera(SIZE, exif).camera == exif


@given(
    st.floats(0.5, 1.4),
    st.floats(-0.12, 0.12),
    st.floats(-0.12, 0.12),
    st.sampled_from([(640, 480), (375, 1242), (64, 64)]),
)
def test_a_plausible_camera_is_never_touched(focal, right, down, size):
    width, height = size
    given = spec(focal * max(size), cx=(0.5 + right) * width - 0.5, cy=(0.5 + down) * height - 0.5)
    found = checked_camera(given, size)
    assert (found.camera.fx, found.camera.cx, found.notes) == (given["fx"], given["cx"], ())


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_any_numbers_give_a_camera_that_can_be_or_one_sentence(fx, fy, cx, cy):
    try:
        camera = checked_camera(spec(fx, fy, cx, cy), SIZE).camera
    except InputError:
        return
    assert 0.15 <= camera.fx / 640 <= 8
    assert abs(camera.cx / 640 - 0.5) <= 0.16 and abs(camera.cy / 480 - 0.5) <= 0.16


def room(focal_px=525.0):
    """Depth of a floor and a wall at right angles, seen from above, by a camera of this focal length."""
    columns, rows = np.meshgrid(np.arange(640) - 319.5, np.arange(480) - 239.5)
    down, forward = (0, 0.85, 0.527), (0, -0.527, 0.85)
    depths = [
        distance / ((columns * a + rows * b) / focal_px + c) for (a, b, c), distance in ((down, 1.4), (forward, 3.0))
    ]
    depth = np.min([np.where(one > 0, one, np.inf) for one in depths], axis=0)
    return DepthMap.from_values(depth, "metric", "sensor")


@pytest.mark.parametrize("factor", [0.55, 0.66, 1.5, 1.7, 2.5])
def test_a_focal_length_that_bends_right_angles_is_doubtful(factor):
    found = checked_camera(spec(525 * factor), SIZE, depth=room())
    assert found.camera.source is CameraSource.DOUBTFUL
    assert codes(found) == ["camera_contradicts_angles"]


@pytest.mark.parametrize("focal_px", [260, 525, 950])
def test_right_angles_confirm_even_an_unusual_camera(focal_px):
    found = checked_camera(spec(focal_px), SIZE, depth=room(focal_px))
    assert (found.camera.source, found.notes) == (CameraSource.GIVEN, ())


def test_the_camera_of_a_crop_may_have_its_principal_point_anywhere():
    given = spec(9000, cx=-100, cy=700, crop=True)
    found = checked_camera(given, SIZE)
    assert (found.camera.cx, found.camera.cy, found.camera.source) == (-100, 700, CameraSource.GIVEN)
    with pytest.raises(InputError, match="crop: true"):
        checked_camera(spec(cx=-100, cy=200), SIZE)


def test_a_calibrated_camera_may_be_unusual_but_not_impossible():
    wide = Camera(200, 200, 319.5, 239.5, *SIZE)
    assert frame_camera(SIZE, wide, is_calibrated=True).notes == ()
    assert codes(frame_camera(SIZE, wide)) == ["camera_is_unusual"]
    with_size = spec(200, width=640, height=480)
    assert codes(frame_camera(SIZE, with_size)) == ["camera_is_unusual"]
    with pytest.raises(InputError, match="millimetres"):
        frame_camera(SIZE, Camera(4.2, 4.2, 319.5, 239.5, *SIZE), is_calibrated=True)


def test_exif_that_bends_right_angles_is_doubtful():
    found = frame_camera(SIZE, None, focal_35mm=525 * 2 / 800 * 43.2666, depth=room())
    assert found.camera.source is CameraSource.DOUBTFUL
    assert codes(found) == ["camera_contradicts_angles"]
    right = frame_camera(SIZE, None, focal_35mm=525 / 800 * 43.2666, depth=room())
    assert right.camera.source is CameraSource.EXIF and right.notes == ()
