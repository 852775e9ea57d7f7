"""Examples that ship."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.records.message import detect_language
from pipeline.serve.page.examples import EXAMPLES, Example, camera_of, depth_png, image_png
from pipeline.serve.page.texts import texts
from pipeline.synthetic.scenes import rendered_sequence


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.name)
def test_questions_name_objects_of_the_scene(example: Example) -> None:
    made = rendered_sequence(example.seed, example.frames, size_px=(256, 256), tidy=True)
    objects = [item for view in made.views for item in view.objects]
    for language, questions in example.questions.items():
        names = [item.label if language == "en" else item.label_zh for item in objects]
        for question in questions:
            assert detect_language(question) == language
            assert len({name for name in names if name in question}) >= 2, question
    assert example.code in texts("en")


def test_the_depth_of_an_example_is_that_of_its_scene_in_millimetres() -> None:
    example = next(one for one in EXAMPLES if one.has_depth)
    depth = cv2.imdecode(np.frombuffer(depth_png(example.name, 0), np.uint8), cv2.IMREAD_UNCHANGED)
    frame = rendered_sequence(example.seed, 1, size_px=(256, 256), tidy=True).scene.frames[0]
    assert frame.given_depth is not None
    valid = frame.given_depth.valid
    assert depth.dtype == np.uint16 and np.abs(depth[valid] / 1000 - frame.given_depth.values[valid]).max() < 6e-4
    image = cv2.imdecode(np.frombuffer(image_png(example.name, 0), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(image[..., ::-1], frame.rgb)
    assert camera_of(example.name)["fx"] == frame.camera.fx
    plain = example.plain()
    assert (len(plain["images"]), len(plain["depth"]), plain["depth_scale"]) == (1, 1, 0.001)


@pytest.mark.parametrize(
    ("make", "name", "number", "error"),
    [
        (image_png, "none", 0, KeyError),
        (image_png, "table", 1, IndexError),
        (image_png, "table", -1, IndexError),
        (depth_png, "table", 0, KeyError),
    ],
)
def test_there_is_nothing_else(make: object, name: str, number: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        make(name, number)  # type: ignore[operator]
