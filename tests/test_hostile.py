"""Hostile input that once crashed, leaked or lied."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scenes
from commands import CommandLine
from PIL import Image

from pipeline.api import load_config
from pipeline.config.build import build_source
from pipeline.records import Claim, Region, Status, from_json
from pipeline.records.errors import ConfigError, RecordError
from pipeline.records.noise import KINDS, NoiseModel, NoiseModels
from pipeline.verify.rules.base import Settings
from pipeline.verify.verifier import ErrorBudget, Verifier


@pytest.mark.parametrize(
    ("size", "counts"),
    [([1, 1], [2**62, 2**62, 2**62, 2**62, 1]), ([60_000, 100_000], [6_000_000_000]), ([2, 2], [10**400])],
)
def test_run_lengths_cannot_ask_for_any_memory(size: list[int], counts: list[int]) -> None:
    text = json.dumps({"label": "a", "box_px": [0, 0, 1, 1], "mask": {"size": size, "counts": counts}})
    with pytest.raises(RecordError):
        from_json(Region, text)


@pytest.mark.parametrize("question", ["What costs ${price}?", "${oc.env:HOME}", "a \\${b}", "${oc.select:output_dir}"])
def test_a_question_is_never_interpolated(question: str, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "photo.png")
    for key in ("question", "++question"):
        config = load_config([f"input={tmp_path / 'photo.png'}", f"{key}={question}", "vlm=none"])
        (item,) = build_source(config).items()
        assert item.questions == (question,)


@pytest.mark.parametrize("box", [(160, 120, 200, 200), (-50, -50, -10, -10), (1e308, 0, 1.5e308, 5)])
def test_a_region_outside_the_frame_decides_nothing(box: tuple) -> None:
    regions = (*scenes.regions(), Region("ghost", box))
    for relation in ("left_of", "above", "closer", "larger"):
        (verdict,) = Verifier().judge(scenes.scene(), regions, [Claim(relation, "ghost", "cup")])
        assert verdict.status is Status.UNDECIDED


def test_a_region_beyond_all_bounds_is_judged_by_what_is_visible() -> None:
    regions = (*scenes.regions(), Region("all", (-1e308, -1e308, 1e308, 1e308)))
    (verdict,) = Verifier().judge(scenes.scene(), regions, [Claim("left_of", "cup", "all")])
    assert abs(verdict.margin) < scenes.WIDTH


def test_one_box_under_two_names_is_not_compared_with_itself() -> None:
    regions = (Region("cup", (10, 10, 26, 30)), Region("mug", (10, 10, 26, 30)))
    for relation in ("same_depth", "touching", "left_of"):
        (verdict,) = Verifier().judge(scenes.scene(), regions, [Claim(relation, "cup", "mug")])
        assert verdict.status is Status.UNDECIDED


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("edge_px", -1),
        ("edge_px", 1.5),
        ("edge_px", 2000),
        ("min_pixels", 0),
        ("tolerance", float("nan")),
        ("foreground_share", 2),
        ("tolerance", -3),
        ("max_points", -1),
        ("point_radius_px", True),
    ],
)
def test_settings_outside_their_range_are_refused(key: str, value: float) -> None:
    with pytest.raises(ConfigError, match=key):
        Settings(**{key: value})


def test_a_budget_of_zero_divides_by_nothing() -> None:
    zero = ErrorBudget(
        noise=NoiseModels({name: NoiseModel() for name in KINDS}),
        scale={"sensor": 0, "model": 0, "anchor": 0},
        focal={"given": 0, "exif": 0, "model": 0, "assumed": 0, "doubtful": 0},
        mask_px=0,
        given_px=0,
        box_px=0,
        box_share=0,
        stray_mask=0,
        stray_box=0,
    )
    claims = [
        Claim("left_of", "cup", "lamp"),
        Claim("between", "screen", "cup", "cabinet"),
        Claim("touching", "cup", "lamp"),
        Claim("on", "screen", "cabinet"),
        Claim("taller", "cabinet", "screen"),
        Claim("closer", "cup", "lamp"),
        Claim("occludes", "screen", "cabinet"),
        Claim("distance_to_camera", "lamp", value=1.5, unit="m"),
    ]
    for verdict in Verifier(budget=zero).judge(scenes.scene(), scenes.regions(), claims):
        assert verdict.probability is None or 0 <= verdict.probability <= 1


def test_text_that_is_no_text_is_refused() -> None:
    with pytest.raises(RecordError, match="not text"):
        Region("\ud800", (0, 0, 1, 1))
    with pytest.raises(RecordError, match="not text"):
        replace(scenes.scene(), id="\ud800")


@pytest.mark.parametrize("form", ["vlm.base_url={}", "++vlm={{base_url: '{}'}}", '++vlm={{model: m, "base_url" : {}}}'])
def test_a_login_in_an_address_never_reaches_the_disk(mistake: Callable[..., str], tmp_path: Path, form: str) -> None:
    address = form.format("http://me:hunter22@127.0.0.1:9/v1")
    line = mistake("run", "vlm=openai", "vlm.model=m", address, "output_dir=o")
    assert "must hold no login" in line and "hunter22" not in line
    assert not any(b"hunter22" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_the_input_is_not_overwritten_by_the_results(command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    manifest = tmp_path / "out" / "results.jsonl"
    manifest.write_text('{"frames": ["photo.png"]}')
    done = command_line("verify", f"input={manifest}", "claims=[]", f"output_dir={tmp_path / 'out'}")
    assert done.returncode == 2
    assert "another output_dir" in done.stderr
    assert manifest.read_text() == '{"frames": ["photo.png"]}'
