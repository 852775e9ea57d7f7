from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from evaluate.depth.depth_data import MadeDataset, given

from pipeline.evaluate.depth.image_lines import ImageLine, Outcome
from pipeline.evaluate.depth.protocol import EvaluationProtocol
from pipeline.evaluate.depth.run import DepthSubject, run_depth
from pipeline.records import Scene, from_json, to_json
from pipeline.records.errors import ConfigError, DepthError

PROTOCOL = EvaluationProtocol("scale_shift_disparity")


def scored(dataset: MadeDataset, **settings: object) -> list[ImageLine]:
    return list(run_depth(dataset, DepthSubject(given, **settings), PROTOCOL))  # type: ignore[arg-type]


def without_time(lines: list[ImageLine]) -> list[ImageLine]:
    return [replace(line, seconds=0.0) for line in lines]


@pytest.mark.parametrize(("workers", "batch"), [(0, 1), (0, 3), (2, 1), (2, 3), (5, 2)])
def test_threads_and_batches_change_neither_order_nor_figures(workers: int, batch: int) -> None:
    alone = without_time(scored(MadeDataset(9, broken=[4])))
    together = without_time(scored(MadeDataset(9, broken=[4]), num_workers=workers, batch_size=batch))
    assert [line.index for line in together] == list(range(9))
    assert together == alone


def test_an_unreadable_image_is_named_with_its_reason_and_the_others_go_on() -> None:
    lines = scored(MadeDataset(4, broken=[1]))
    assert [line.outcome for line in lines] == [Outcome.SCORED, Outcome.UNREADABLE, Outcome.SCORED, Outcome.SCORED]
    assert lines[1].reason == "Picture 1 is cut short; copy it again."
    assert lines[1].score is None


def test_a_frame_whose_depth_fails_is_named_and_its_batch_goes_on() -> None:
    def moody(scene: Scene) -> Scene:
        if any(frame.name == "image 2" for frame in scene.frames):
            raise DepthError("No depth for image 2.")
        return given(scene)

    lines = list(run_depth(MadeDataset(5), DepthSubject(moody, batch_size=4), PROTOCOL))
    assert [line.outcome for line in lines] == ["scored", "scored", "failed", "scored", "scored"]
    assert lines[2].reason == "No depth for image 2."


@pytest.mark.parametrize("workers", [0, 2])
def test_an_alignment_that_the_kind_forbids_ends_the_run(workers: int) -> None:
    subject = DepthSubject(given, num_workers=workers)
    with pytest.raises(ConfigError, match="disparity_affine"):
        list(run_depth(MadeDataset(3), subject, EvaluationProtocol("scale_shift_depth")))


def test_a_stage_without_depth_is_an_error() -> None:
    with pytest.raises(ConfigError, match="choose depth=NAME"):
        list(run_depth(MadeDataset(2), DepthSubject(lambda scene: scene), PROTOCOL))


@pytest.mark.parametrize(("limit", "expected"), [(None, [1, 2, 4]), (3, [1, 2])])
def test_finished_images_count_in_the_limit_and_are_not_read_again(limit: int | None, expected: list[int]) -> None:
    dataset = MadeDataset(5)
    lines = run_depth(dataset, DepthSubject(given), PROTOCOL, done=["image 0", "image 3"], limit=limit)
    assert [line.index for line in lines] == dataset.reads == expected


def test_a_mirrored_average_is_taken_where_the_protocol_says_so() -> None:
    def leaning(scene: Scene) -> Scene:
        """Too far on the right side for every image; the mirrored image cancels it."""
        maps = given(scene).depth
        ramp = np.exp(np.linspace(-0.3, 0.3, maps[0].shape[1], dtype=np.float32))
        return replace(scene, depth=tuple(replace(depth, values=depth.values * ramp) for depth in maps))

    dataset = MadeDataset(1, error=0.0, kind="metric")
    once, twice = (EvaluationProtocol("none", flip_average=flip) for flip in (False, True))
    single, averaged = (next(run_depth(dataset, DepthSubject(leaning), protocol)) for protocol in (once, twice))
    assert single.score is not None and averaged.score is not None
    assert averaged.score.metrics["abs_rel"] < 1e-5 < single.score.metrics["abs_rel"]


@pytest.mark.parametrize(("kind", "ratio"), [("metric", 1.0), ("scale_invariant", None), ("disparity_affine", None)])
def test_only_metric_depth_has_a_scale_ratio(kind: str, ratio: float | None) -> None:
    line = scored(MadeDataset(1, error=0.0, kind=kind))[0]
    assert line.scale_ratio == (None if ratio is None else pytest.approx(ratio))
    assert line.source == (kind, "model" if kind == "metric" else "none", "simulated")


def test_a_line_survives_its_json_form() -> None:
    for line in scored(MadeDataset(2, broken=[1])):
        assert from_json(ImageLine, to_json(line)) == line


def test_memory_does_not_grow_with_the_number_of_images() -> None:
    subject = DepthSubject(given, num_workers=2)

    def peak(count: int) -> int:
        tracemalloc.start()
        for _ in run_depth(MadeDataset(count), subject, replace(PROTOCOL, groups=("pixels",))):  # type: ignore[arg-type]
            pass
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(5)
    assert peak(120) < 1.3 * peak(30)
