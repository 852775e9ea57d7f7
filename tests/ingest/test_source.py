from __future__ import annotations

import json

import numpy as np
import pytest
from omegaconf import OmegaConf

from pipeline.config.build import build_source
from pipeline.ingest.item import BadItem
from pipeline.ingest.source import FileSource
from pipeline.records.errors import ConfigError, InputError

CLAIM = {"relation": "behind", "subject": "cup", "object": "plate"}


def test_a_image_with_depth_and_claims_becomes_a_scene(image, tmp_path):
    np.save(tmp_path / "depth.npy", np.full((24, 32), 2000, np.uint16))
    (tmp_path / "claims.json").write_text(
        json.dumps({"regions": [{"label": "cup", "box_px": [0, 0, 5, 5]}], "claims": [CLAIM]})
    )
    source = FileSource(
        str(image()),
        question="Where?",
        depth=str(tmp_path / "depth.npy"),
        depth_scale=0.001,
        claims=str(tmp_path / "claims.json"),
        camera={"fx": 30, "fy": 30, "cx": 15.5, "cy": 11.5},
        max_side_px=16,
    )
    (item,) = source.items()
    scene = source.scene(item)
    assert source.count() == 1
    assert scene.questions == ("Where?",)
    assert (len(scene.regions), len(scene.claims)) == (1, 1)
    assert scene.frames[0].camera.fx == 15
    assert (scene.frames[0].given_depth.values == 2).all()


def test_claims_may_be_given_directly(image):
    source = FileSource(image(), claims=[CLAIM])
    assert len(source.scene(next(source.items())).claims) == 1


@pytest.mark.parametrize(("frames_are", "expected"), [("items", 3), ("scene", 1)])
def test_the_images_of_a_folder_are_counted(image, tmp_path, frames_are, expected):
    for name in "abc":
        image(f"photos/{name}.png")
    source = FileSource(tmp_path / "photos", frames_are=frames_are)
    assert source.count() == len(list(source.items())) == expected


@pytest.mark.parametrize(
    ("path", "settings", "expected"),
    [
        ("photos", {}, 6),
        ("photos", {"frames_are": "scene"}, 1),
        ("photos", {"depth": "photos"}, 5),
        ("photos/*.png", {}, 2),
        ("photos/*", {}, 6),
        ("photos/a.*", {"frames_are": "scene"}, 1),
        ("photos/nothing*", {}, None),
    ],
)
def test_every_picture_is_counted_whether_it_can_be_read_or_not(image, tmp_path, monkeypatch, path, settings, expected):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png", "broken.jpg"):
        image(f"photos/{name}")
    for name in ("c.dng", "d.mp4", "a.npy", "notes.txt", ".hidden.png"):
        (tmp_path / "photos" / name).write_bytes(b"x")
    source = FileSource(path, **settings)
    assert source.count() == expected
    if expected is not None:
        assert len(list(source.items())) == expected


def test_what_is_no_picture_is_named_once(image, tmp_path, caplog):
    image("photos/a.png")
    for name in ("notes.txt", "a.xmp", "b.xmp", "c.xmp"):
        (tmp_path / "photos" / name).write_bytes(b"x")
    with caplog.at_level("WARNING"):
        list(FileSource(tmp_path / "photos", claims={"items": {"a": {"claims": [CLAIM]}}}).items())
    assert [record.getMessage() for record in caplog.records] == [
        "Skipped, because they are not images: a.xmp, b.xmp, c.xmp and 1 more."
    ]


@pytest.mark.parametrize(
    ("name", "content"), [("m.jsonl", b'{"frames": "x.jpg"}\nbad\n\n'), ("m.csv", b"frames\na\nb\n")]
)
def test_the_lines_of_a_manifest_are_counted_good_or_bad(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    source = FileSource(tmp_path / name)
    assert source.count() == len(list(source.items())) == 2


def test_a_missing_path_has_no_count_and_fails_at_once(tmp_path):
    source = FileSource(tmp_path / "none.jsonl")
    assert source.count() is None
    with pytest.raises(InputError, match="does not exist"):
        source.items()


def test_wrong_claims_fail_before_the_first_item(image, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        FileSource(image(), claims=str(tmp_path / "none.json")).items()


def test_one_bad_line_is_handed_on_as_such(tmp_path, image):
    image("x.png")
    (tmp_path / "m.jsonl").write_text('{"frames": "x.png"}\n{"frames": 5}\n{"frames": "missing.png"}\n')
    source = FileSource(tmp_path / "m.jsonl")
    good, bad, missing = source.items()
    assert source.scene(good).frames[0].width == 32
    assert isinstance(bad, BadItem)
    with pytest.raises(InputError, match=r"missing\.png does not exist"):
        source.scene(missing)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"frames_are": "video"}, "items, scene"),
        ({"fov_deg": 0}, "fov_deg"),
    ],
)
def test_a_wrong_setting_is_refused(arguments, words):
    with pytest.raises(ConfigError, match=words):
        FileSource("x.jpg", **arguments)


def test_the_configuration_makes_a_source(repository, image):
    config = OmegaConf.load(repository / "conf" / "input" / "auto.yaml")
    config.path = [str(image("a.png")), str(image("b.png"))]
    source = build_source(OmegaConf.create({"input": config, "question": "Where?", "questions": None, "claims": None}))
    assert isinstance(source, FileSource)
    (item,) = source.items()
    assert item.questions == ("Where?",)
    assert len(source.scene(item).frames) == 2


@pytest.mark.parametrize("claims", [[CLAIM], {"claims": [CLAIM], "regions": []}], ids=["a list", "with regions"])
def test_the_configuration_holds_claims_as_well_as_the_file_of_them(repository, image, claims):
    config = OmegaConf.load(repository / "conf" / "input" / "auto.yaml")
    config.path = str(image("a.png"))
    source = build_source(OmegaConf.create({"input": config, "question": None, "questions": None, "claims": claims}))
    (item,) = source.items()
    assert [claim.relation for claim in source.scene(item).claims] == [CLAIM["relation"]]


def test_claims_by_item_must_name_an_item_of_the_input(image):
    claims = {"items": {"other": {"claims": [CLAIM]}}}
    with pytest.raises(InputError, match=r"claims name the items 'other', but the input has 'photo'; use"):
        FileSource(image(), claims=claims).items()
    (item,) = FileSource(image("other.png"), claims=claims).items()
    assert item.id == "other"
