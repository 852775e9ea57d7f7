"""Checkpoints of every kind that are damaged or malicious."""

from __future__ import annotations

import io
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from hostile_folders import damaged, refused, with_code
from models.segment.images import frame, textured
from models.segment.tiny_sam import FAMILIES, build_tiny_sam
from models.vlm.asking import about, noise
from models.vlm.qwen3vl.reference import small
from tiny.checkpoints import with_weights

from pipeline.models.depth.midas import MidasDepth
from pipeline.models.segment.sam import SamSegmenter
from pipeline.records import Region

PURPOSES = {"dpt": "a depth model", "qwen3vl": "a vision-language model", **dict.fromkeys(FAMILIES[:2], "SAM or SAM 2")}
PROCESSOR, WEIGHTS = "preprocessor_config.json", "model.safetensors"
HUGE_HEADER = (2**62).to_bytes(8, "little") + b"{}"
EVERY = [
    ("config.json", {"model_type": ["dpt"]}, "names no model_type"),
    ("config.json", b"{", "is not JSON"),
    ("config.json", b"[]", "is not a JSON object"),
    ("config.json", b"\xff", "is not JSON"),
    (WEIGHTS, b"", "is damaged"),
    (WEIGHTS, (2**62).to_bytes(8, "little") + b"{}", "is damaged"),
    (WEIGHTS, b"\xff" * 100, "is damaged"),
]
DEPTH = [
    ("config.json", {"hidden_size": "x"}, "describes no model"),
    ("config.json", {"num_channels": 1}, "describes no model"),
    ("config.json", {"model_type": "nothing"}, "describes no model"),
    ("config.json", {"backbone_out_indices": "abc"}, ""),
    (PROCESSOR, {"image_processor_type": 5}, ""),
    (PROCESSOR, {"image_mean": "abc"}, ""),
    (PROCESSOR, {"image_mean": [float("nan")] * 3}, ""),
    (PROCESSOR, {"image_std": [0, 0, 0]}, ""),
    (PROCESSOR, {"size": "abc"}, ""),
    (PROCESSOR, {"size": {"height": 0, "width": 0}}, ""),
    (PROCESSOR, {"rescale_factor": "abc"}, ""),
    (PROCESSOR, b"[" * 100_000, "is not JSON"),
    (PROCESSOR, b"7", "is not a JSON object"),
    (PROCESSOR, None, "is missing"),
]
SEGMENT = [
    ("config.json", {"vision_config": 5}, ""),
    ("config.json", {"prompt_encoder_config": {"hidden_size": "x"}}, ""),
    (PROCESSOR, {"image_mean": "abc"}, ""),
]


@pytest.fixture(scope="session")
def checkpoints(tiny_dpt: Path, tiny_qwen3vl: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One tiny checkpoint of each kind."""
    sams = {family: build_tiny_sam(tmp_path_factory.mktemp(family), family) for family in FAMILIES}
    return {"dpt": tiny_dpt, "qwen3vl": tiny_qwen3vl, **sams}


def run(kind: str, model: Path | str, **settings: Any) -> None:
    image = frame(textured((32, 48)))
    if kind == "dpt":
        MidasDepth(str(model), "disparity_affine", device="cpu", **settings).estimate([image])
    elif kind == "qwen3vl":
        small(model, max_new_tokens=2, **settings).generate(about([noise(1)], "Where?"))
    else:
        SamSegmenter(str(model), device="cpu", **settings).masks(image, [Region("a", (1.0, 1.0, 20.0, 20.0))])


@pytest.mark.parametrize("known", [True, False], ids=["known type", "unknown type"])
@pytest.mark.parametrize("kind", PURPOSES)
def test_code_beside_a_checkpoint_is_never_run(checkpoints, tmp_path, monkeypatch, kind, known):
    folder, written = with_code(checkpoints[kind], tmp_path / "model", known=known)
    answers = io.StringIO("y\n" * 9)
    monkeypatch.setattr(sys, "stdin", answers)
    with nullcontext() if known else refused("cannot be loaded as .*: .*; copy it"):
        run(kind, folder)
    assert not written.exists()
    assert answers.tell() == 0, "nobody is asked"


@pytest.mark.parametrize(
    ("kind", "name", "content", "reason"),
    [
        *((kind, *case) for kind in PURPOSES for case in EVERY),
        *(("dpt", *case) for case in DEPTH),
        *((kind, *case) for kind in FAMILIES[:2] for case in SEGMENT),
        ("sam", PROCESSOR, {"image_processor_type": 5}, ""),  # SAM 2 does not read this key.
        ("qwen3vl", "config.json", {"text_config": 5}, "describes no model"),
        ("qwen3vl", "config.json", {"vision_config": {"hidden_size": "x"}}, ""),
    ],
)
def test_a_damaged_file_is_named(checkpoints, tmp_path, kind, name, content, reason):
    folder = damaged(checkpoints[kind], tmp_path / "model", name, content)
    with refused(f"cannot be loaded as {PURPOSES[kind]}: its {name} {reason}.*; copy it again"):
        run(kind, folder)


@pytest.mark.parametrize(
    ("kind", "weight"),
    [
        ("sam", "vision_encoder.patch_embed.projection.weight"),
        ("sam", "shared_image_embedding.positional_embedding"),
        ("sam2", "mask_decoder.iou_token.weight"),
        ("sam2", "prompt_encoder.shared_embedding.positional_embedding"),
        ("sam2_video", "vision_encoder.backbone.pos_embed"),
        ("qwen3vl", "model.language_model.layers.0.mlp.up_proj.weight"),
    ],
)
def test_missing_weights_are_refused_and_not_drawn_at_random(checkpoints, tmp_path, kind, weight):
    def without(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        assert weight in weights
        return {name: value for name, value in weights.items() if name != weight}

    folder = with_weights(checkpoints[kind], tmp_path / "model", without)
    # SAM names this one as its prompt encoder does.
    named = weight.replace("shared_image_embedding", "prompt_encoder.shared_embedding")
    with refused(f"not a complete .*: [12] weights are missing, such as .*{named}"):
        run(kind, folder)


@pytest.mark.parametrize("kind", PURPOSES)
def test_a_folder_of_another_model_is_refused_with_its_type(tmp_path, kind):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "model.safetensors").write_bytes(b"")
    with refused("cannot be loaded as .* its type is '?bert"):
        run(kind, tmp_path)


@pytest.mark.parametrize(("kind", "group"), [("dpt", "depth"), ("sam", "segment"), ("qwen3vl", "vlm")])
def test_a_missing_model_is_named_with_its_size_and_key(kind, group):
    with refused(rf"no-such-model \(about 0\.49 GB\).* set {group}\.model=.* choose another {group}="):
        run(kind, "organisation/no-such-model", size_gb=0.49)
