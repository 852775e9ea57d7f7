"""Checkpoints of SAM that are damaged, or written to harm."""

from __future__ import annotations

import shutil

import pytest
from hostile_folders import assert_plain, edited, say_yes, with_code
from models.segment.images import frame, textured
from models.segment.tiny_sam import build_tiny_sam

from pipeline.models.segment.sam import SamSegmenter
from pipeline.records import Region
from pipeline.records.errors import ModelUnavailableError

PROCESSOR = "preprocessor_config.json"


@pytest.fixture(scope="module", params=["sam", "sam2"])
def checkpoint(request, tmp_path_factory):
    return build_tiny_sam(tmp_path_factory.mktemp("sam"), request.param)


def segment(folder) -> None:
    SamSegmenter(str(folder), device="cpu").masks(frame(textured((32, 48))), [Region("a", (1.0, 1.0, 20.0, 20.0))])


@pytest.mark.parametrize("known", [True, False])
def test_code_beside_a_segmenter_is_never_run(checkpoint, tmp_path, monkeypatch, known):
    folder, written = with_code(checkpoint, tmp_path / "model", known=known)
    answers = say_yes(monkeypatch)
    if known:
        segment(folder)
    else:
        with pytest.raises(ModelUnavailableError, match=r"cannot be loaded as SAM or SAM 2: .*; copy it") as caught:
            segment(folder)
        assert_plain(caught.value)
    assert not written.exists()
    assert answers.tell() == 0, "nobody is asked"


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("config.json", {"vision_config": 5}),
        ("config.json", {"model_type": ["sam"]}),
        ("config.json", {"prompt_encoder_config": {"hidden_size": "x"}}),
        (PROCESSOR, {"image_processor_type": 5}),
        (PROCESSOR, {"image_mean": "abc"}),
    ],
)
def test_settings_of_a_segmenter_that_are_wrong_give_one_sentence(checkpoint, tmp_path, name, changes):
    if changes.get("image_processor_type") and "sam2" in (checkpoint / "config.json").read_text():
        pytest.skip("SAM 2 does not read this key")
    folder = edited(checkpoint, tmp_path / "model", name, **changes)
    with pytest.raises(ModelUnavailableError, match=r"cannot be loaded as SAM or SAM 2: its .*; copy it") as caught:
        segment(folder)
    assert_plain(caught.value)


@pytest.mark.parametrize("content", [b"", (2**62).to_bytes(8, "little") + b"{}"])
def test_damaged_weights_of_a_segmenter_are_named(checkpoint, tmp_path, content):
    folder = shutil.copytree(checkpoint, tmp_path / "model")
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelUnavailableError, match=r"its model\.safetensors is damaged; copy it again\.$") as caught:
        segment(folder)
    assert_plain(caught.value)
