from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets.files_of_sets import HEIGHT, WIDTH, save_image

from pipeline.api import load_config
from pipeline.config.build_evaluation import build_dataset
from pipeline.datasets.base import Case
from pipeline.datasets.manifest import Manifest
from pipeline.records import Region
from pipeline.records.errors import ConfigError, InputError

CUP, JUG = ({"label": name, "box_px": box} for name, box in (("cup", [20, 30, 60, 90]), ("jug", [90, 20, 150, 100])))
NEARER = {"relation": "closer", "subject": "cup", "object": "jug", "truth": True}
LEFT = {"relation": "right_of", "subject": "cup", "object": "jug", "truth": False}


def written(folder: Path, items: Mapping[str, list[dict[str, Any]] | None], **keys: Any) -> dict[str, Any]:
    """A manifest of items with an image and depth each, and a file of their claims; those with None have no entry."""
    depth_m = np.full((HEIGHT, WIDTH), 3.0, np.float32)
    depth_m[30:90, 20:60] = 1.0
    np.save(folder / "depth.npy", depth_m)
    camera = {"fx": 150, "fy": 150, "cx": WIDTH / 2, "cy": HEIGHT / 2}
    lines = []
    for number, name in enumerate(items):
        save_image(folder / f"{name}.png", number)
        frames = {"id": name, "frames": f"{name}.png", "camera": camera, "depth": "depth.npy", "depth_kind": "metric"}
        lines.append(json.dumps(frames | keys))
    (folder / "manifest.jsonl").write_text("\n".join(lines))
    claims = {name: {"regions": [CUP, JUG], "claims": found} for name, found in items.items() if found is not None}
    (folder / "claims.json").write_text(json.dumps({"items": claims}))
    return {"path": folder / "manifest.jsonl", "claims": folder / "claims.json"}


def test_items_become_cases_with_their_claims_regions_and_depth(tmp_path: Path) -> None:
    first, second = Manifest(**written(tmp_path, {"a": [NEARER, LEFT], "b": [LEFT]}))
    assert (first.scene.id, second.scene.id) == ("a", "b")
    assert [(str(claim.relation), claim.truth) for claim in first.scene.claims] == [
        ("closer", True),
        ("right_of", False),
    ]
    assert [region.label for region in second.scene.regions] == ["cup", "jug"]
    assert isinstance(first.scene.regions[0], Region) and first.scene.regions[0].box_px == (20, 30, 60, 90)
    depth = first.scene.frames[0].given_depth
    assert depth is not None and depth.shape == (HEIGHT, WIDTH) and depth.values[50, 40] == 1
    assert first.scene.frames[0].camera.fx == 150


def test_claims_may_stand_in_the_manifest(tmp_path: Path) -> None:
    files = written(tmp_path, {"a": None}, regions=[CUP, JUG], claims=[NEARER])
    (made,) = Manifest(files["path"])
    assert [claim.truth for claim in made.scene.claims] == [True] and len(made.scene.regions) == 2


def test_one_file_of_regions_and_claims_serves_all_items(tmp_path: Path) -> None:
    files = written(tmp_path, {"a": None, "b": None})
    files["claims"].write_text(json.dumps({"regions": [CUP, JUG], "claims": [NEARER]}))
    assert [len(case.scene.claims) for case in Manifest(**files)] == [1, 1]


def test_items_of_a_place_are_one_group_and_others_their_own(tmp_path: Path) -> None:
    files = written(tmp_path, {"a": [NEARER], "b": [LEFT], "c": [LEFT]})
    made = Manifest(**files, places={"a": "kitchen", "c": "kitchen"})
    assert [case.group for case in made] == ["kitchen", "b", "kitchen"]
    assert [case.group for case in Manifest(**files)] == ["a", "b", "c"]


def test_a_place_of_an_unknown_item_is_an_error(tmp_path: Path) -> None:
    files = written(tmp_path, {"a": [NEARER], "b": [LEFT]})
    with pytest.raises(InputError, match="The places name the item 'bb', which the input does not have"):
        Manifest(**files, places={"a": "kitchen", "bb": "kitchen"})


@pytest.mark.parametrize("places", [{"a": 3}, {7: "kitchen"}, ["kitchen"], "kitchen"])
def test_places_map_ids_to_names(tmp_path: Path, places: Any) -> None:
    with pytest.raises(ConfigError, match="places"):
        Manifest(**written(tmp_path, {"a": [NEARER]}), places=places)


def test_items_without_claims_are_no_cases_and_no_failures(tmp_path: Path) -> None:
    made = Manifest(**written(tmp_path, {"a": [NEARER], "b": [], "c": None}))
    assert [case.scene.id for case in made] == ["a"]
    assert len(made) == 3 and made.reasons == {}


def test_a_claim_without_truth_skips_its_item_and_says_which(tmp_path: Path) -> None:
    untold = {key: value for key, value in NEARER.items() if key != "truth"}
    made = Manifest(**written(tmp_path, {"a": [NEARER, untold], "b": [LEFT]}))
    assert [case.scene.id for case in made] == ["b"]
    assert made.reasons == {
        "a": "The claim 'cup is closer than jug' has no truth; add truth, true or false, to each claim."
    }


def test_items_that_cannot_be_read_are_skipped_with_the_reason(tmp_path: Path) -> None:
    files = written(tmp_path, {"a": [NEARER], "torn": [LEFT], "c": [LEFT]})
    (tmp_path / "torn.png").write_bytes(b"\x89PNG torn")
    files["path"].write_text(files["path"].read_text() + '\n{"id": "odd", "frames": 5}\n')
    made = Manifest(**files)
    assert [case.scene.id for case in made] == ["a", "c"]
    assert set(made.reasons) == {"torn", "odd"} and all(made.reasons.values())


def test_a_limit_takes_the_first_items_and_everything_can_be_read_again(tmp_path: Path) -> None:
    made = Manifest(**written(tmp_path, {"a": [NEARER], "b": [LEFT], "c": [LEFT]}), limit=2)
    assert len(made) == 2
    for _ in range(2):
        assert [case.scene.id for case in made] == ["a", "b"]


def test_questions_of_the_manifest_are_not_asked(tmp_path: Path) -> None:
    (made,) = Manifest(**written(tmp_path, {"a": [NEARER]}, question="Where is the cup?"))
    assert made.scene.questions == () and made.expected == ()
    assert not Manifest.has_questions


def test_images_depth_and_boxes_are_shrunk_together(tmp_path: Path) -> None:
    (made,) = Manifest(**written(tmp_path, {"a": [NEARER]}), max_side_px=80)
    frame = made.scene.frames[0]
    assert (frame.width, frame.height, frame.camera.fx) == (80, 60, 75)
    assert frame.given_depth is not None and max(frame.given_depth.shape) == 80
    assert made.scene.regions[0].box_px == (10, 15, 30, 45)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"path": "nowhere.jsonl"}, r"nowhere\.jsonl"),
        ({"claims": "nowhere.json"}, r"nowhere\.json"),
    ],
)
def test_a_missing_file_is_an_error(tmp_path: Path, change: dict[str, str], words: str) -> None:
    files = written(tmp_path, {"a": [NEARER]})
    with pytest.raises(InputError, match=words):
        Manifest(**{**files, **change})


def test_claims_of_unknown_items_alone_are_an_error(tmp_path: Path) -> None:
    files = written(tmp_path, {"a": [NEARER]})
    files["claims"].write_text(json.dumps({"items": {"z": {"regions": [CUP, JUG], "claims": [NEARER]}}}))
    with pytest.raises(InputError, match="'z'"):
        Manifest(**files)


def test_the_configuration_builds_it_with_places(tmp_path: Path) -> None:
    files = written(tmp_path, {"a": [NEARER], "b": [LEFT]})
    overrides = ["dataset=manifest", *(f"dataset.{key}={path}" for key, path in files.items())]
    config = load_config([*overrides, "dataset.places={a: hall, b: hall}", "dataset.limit=5"], "eval_claims")
    made = build_dataset(config)
    assert isinstance(made, Manifest)
    cases: list[Case] = list(made)
    assert [case.group for case in cases] == ["hall", "hall"]
    with pytest.raises(ConfigError, match="has no questions for a model; leave out vlm"):
        build_dataset(load_config([*overrides, "vlm=recorded", "vlm.path=x.jsonl"], "eval_claims"))
