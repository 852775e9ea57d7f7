from __future__ import annotations

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
import scenes
from export.report.report_data import bare, noisy_scene, result, stored

from pipeline.export.report.photo_svg import WIDTH, Drawing, drawing_of, mask_path, shapes_of
from pipeline.export.viewer.data import view_data
from pipeline.records import Camera, Origin, Region, Result, Status

SCALE = WIDTH / scenes.WIDTH


def drawing(made: Result, frame: int = 0) -> Drawing:
    claims = view_data(stored(noisy_scene(len(made.frames))), made, 100)["claims"]
    return drawing_of(made, frame, scenes.CAMERA, shapes_of(made), claims)


def test_boxes_are_drawn_at_the_scale_of_the_photo_the_largest_first() -> None:
    drawn = drawing(result())
    assert drawn.height == 750
    boxes = {shape.name: shape.box for shape in drawn.shapes}
    left, top, right, bottom = scenes.OBJECTS["lamp"][0]
    wanted = (left, top, right - left, bottom - top)
    assert boxes["lamp"] == pytest.approx([side * SCALE for side in wanted], abs=0.1)
    areas = [shape.box[2] * shape.box[3] for shape in drawn.shapes if shape.box]
    assert areas == sorted(areas, reverse=True), "small boxes stay on top, where they can be clicked"


def test_text_without_a_claim_has_no_label() -> None:
    drawn = drawing(result())
    assert {shape.name for shape in drawn.shapes if not shape.is_named} == {"EXIT"}
    for labels in drawn.labels:
        assert {label.text for label in labels} == {"cabinet", "screen", "lamp", "cup"}


def test_labels_carry_the_signs_of_the_claims_about_their_region() -> None:
    signs = {shape.name: shape.signs for shape in drawing(result()).shapes}
    assert signs["cup"] == {Status.SUPPORTED: 1, Status.REFUTED: 1, Status.UNDECIDED: 1}
    assert signs["lamp"] == {}


@pytest.mark.parametrize("count", [1, 12, 40, 70])
def test_labels_of_both_sizes_never_overlap(count: int) -> None:
    rng = np.random.default_rng(count)
    corners = rng.uniform(0, (130, 95, 130, 95), (count, 4)).round(1)
    regions = tuple(
        Region(f"thing {k}", (a, b, max(a, c) + 1, max(b, d) + 1)) for k, (a, b, c, d) in enumerate(corners.tolist())
    )
    drawn = drawing(bare(regions=regions))
    for labels, scale in zip(drawn.labels, drawn.scales, strict=True):
        assert len(labels) == min(count, 40)
        for one, other in itertools.combinations([label.rectangle for label in labels], 2):
            apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
            assert apart
        assert all(label.x + label.width <= WIDTH / scale + 1e-6 for label in labels)


def test_the_contour_of_an_occlusion_is_drawn_at_its_pixels() -> None:
    (hidden,) = [measure for measure in drawing(result()).measures if measure.claim == 1 and measure.contour]
    points = re.findall(r"M([\d.]+) ([\d.]+)h0", hidden.contour)
    assert len(points) == 45
    assert points[0] == (f"{74.5 * SCALE:.1f}", f"{50.5 * SCALE:.1f}")


def test_a_measured_distance_is_drawn_between_its_points_with_its_error() -> None:
    (apart,) = [measure for measure in drawing(result()).measures if measure.claim == 2 and measure.lines]
    (line,) = apart.lines
    u1, v1 = 150 * -0.3 / 0.8 + 79.5, 150 * -0.2 / 0.8 + 59.5
    u2, v2 = 150 * 0.5 / 1.5 + 79.5, 150 * -0.2 / 1.5 + 59.5
    assert line.ends == pytest.approx([(edge + 0.5) * SCALE for edge in (u1, v1, u2, v2)], abs=0.06)
    assert line.text.startswith("1.06 m") and "±" in line.text and not line.is_dashed
    for labels, names in zip(apart.labels, drawing(result()).labels, strict=True):
        (label,) = labels
        assert label.text == line.text
        for name in names:
            one, other = label.rectangle, name.rectangle
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_points_behind_the_camera_are_not_drawn() -> None:
    made = result()
    behind = {name: (x, y, -z) for name, (x, y, z) in made.verdicts[2].evidence[0].points.items()}
    evidence = replace(made.verdicts[2].evidence[0], points=behind)
    verdicts = (*made.verdicts[:2], replace(made.verdicts[2], evidence=(evidence,)))
    assert not [measure for measure in drawing(replace(made, verdicts=verdicts)).measures if measure.lines]


@pytest.mark.parametrize("box", [(-90, -90, -10, -10), (300, 10, 400, 20)])
def test_regions_outside_the_photo_have_no_place(box: tuple[float, float, float, float]) -> None:
    drawn = drawing(bare(regions=(Region("gone", box),)))
    assert drawn.shapes[0].box is None and drawn.labels == ([], [])


def test_points_and_huge_boxes_are_drawn_inside() -> None:
    regions = (Region("spot", (80, 60, 80, 60)), Region("huge", (-1e300, -5, 1e300, 1e300)))
    huge, spot = sorted(drawing(bare(regions=regions)).shapes, key=lambda shape: shape.name)
    assert spot.point == (500, 375) and spot.box is None
    assert huge.box == (0, 0, 1000, 750)


def test_regions_are_drawn_in_their_frames() -> None:
    scene = noisy_scene(2)
    regions = (Region("cup", (1, 1, 9, 9)), Region("cup", (50, 50, 90, 90), frame=1))
    made = replace(bare(regions=regions), frames=result(scene=scene).frames)
    first, second = (drawing(made, frame).shapes for frame in (0, 1))
    assert [shape.region for shape in first] == [0] and [shape.region for shape in second] == [1]
    assert first[0].colour == second[0].colour, "one object has one colour"


def test_a_mask_becomes_an_outline_around_its_pixels() -> None:
    mask = np.zeros((120, 160), dtype=bool)
    mask[30:60, 40:80] = True
    points = np.array(re.findall(r"([\d.]+) ([\d.]+)", mask_path(mask)), dtype=float)
    assert points.min(axis=0).tolist() == pytest.approx([40.5 * SCALE, 30.5 * SCALE], abs=0.1)
    assert points.max(axis=0).tolist() == pytest.approx([79.5 * SCALE, 59.5 * SCALE], abs=0.1)
    holed = mask.copy()
    holed[40:50, 50:70] = False
    assert mask_path(holed).count("Z") == 2
    assert mask_path(np.zeros((5, 5), dtype=bool)) == ""
    assert len(mask_path(np.random.default_rng(0).random((400, 600)) > 0.5)) < 30_000, "noise stays small"


def test_text_that_a_claim_names_is_labelled() -> None:
    made = result()
    regions = (*made.regions[:4], replace(made.regions[4], label="cup#2"))
    assert all(region.origin is Origin.OCR for region in regions[4:])
    claim = replace(made.verdicts[0].claim, subject="cup#2")
    drawn = drawing(replace(made, regions=regions, verdicts=(replace(made.verdicts[0], claim=claim),)))
    assert [shape.is_named for shape in drawn.shapes if shape.name == "cup#2"] == [True]


def test_a_portrait_photo_has_a_high_drawing() -> None:
    made = bare(regions=(Region("cup", (10, 10, 20, 20)),))
    drawn = drawing_of(made, 0, Camera(100.0, 100.0, 30.0, 60.0, 60, 120), shapes_of(made))
    assert drawn.height == 2000
