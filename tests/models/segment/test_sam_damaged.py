"""Checkpoints of SAM that are damaged or malicious."""

from __future__ import annotations

import pytest
from hostile_folders import assert_code_is_never_run, damaged, refused
from models.segment.images import frame, textured
from models.segment.tiny_sam import build_tiny_sam

from pipeline.models.segment.sam import SamSegmenter
from pipeline.records import Region

PROCESSOR = "preprocessor_config.json"


@pytest.fixture(scope="module", params=["sam", "sam2"])
def checkpoint(request, tmp_path_factory):
    return build_tiny_sam(tmp_path_factory.mktemp("sam"), request.param)


def segment(folder) -> None:
    SamSegmenter(str(folder), device="cpu").masks(frame(textured((32, 48))), [Region("a", (1.0, 1.0, 20.0, 20.0))])


@pytest.mark.parametrize("known", [True, False])
def test_code_beside_a_segmenter_is_never_run(checkpoint, tmp_path, monkeypatch, known):
    assert_code_is_never_run(segment, checkpoint, tmp_path / "model", monkeypatch, known=known)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("config.json", {"vision_config": 5}, ""),
        ("config.json", {"model_type": ["sam"]}, "names no model_type"),
        ("config.json", {"prompt_encoder_config": {"hidden_size": "x"}}, ""),
        (PROCESSOR, {"image_processor_type": 5}, ""),
        (PROCESSOR, {"image_mean": "abc"}, ""),
        ("model.safetensors", b"", "is damaged"),
        ("model.safetensors", (2**62).to_bytes(8, "little") + b"{}", "is damaged"),
    ],
)
def test_a_damaged_file_of_a_segmenter_is_named(checkpoint, tmp_path, name, content, reason):
    if content == {"image_processor_type": 5} and "sam2" in (checkpoint / "config.json").read_text():
        pytest.skip("SAM 2 does not read this key")
    folder = damaged(checkpoint, tmp_path / "model", name, content)
    with refused(f"cannot be loaded as SAM or SAM 2: its {name} {reason}.*; copy it again"):
        segment(folder)
