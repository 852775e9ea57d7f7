"""Tiny checkpoints, and the answers of transformers itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from models.vlm.qwen3vl.reference import Reference, reference_of


@pytest.fixture(scope="session")
def reference(tiny_qwen3vl: Path) -> Reference:
    """Transformers' own answers of ``tiny_qwen3vl``."""
    return reference_of(tiny_qwen3vl)


@pytest.fixture(scope="session")
def tiny_mixture(tiny_qwen3vl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``tiny_qwen3vl`` with four experts in each layer, as the A3B and A22B checkpoints have them."""
    from transformers import AutoConfig, AutoProcessor, GenerationConfig, Qwen3VLMoeConfig
    from transformers import Qwen3VLMoeForConditionalGeneration as Mixture

    dense = AutoConfig.from_pretrained(tiny_qwen3vl).to_dict()
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64, "decoder_sparse_step": 1}
    kept = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "num_key_value_heads", "head_dim", "rope_parameters")  # fmt: skip
    tokens = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    config = Qwen3VLMoeConfig(
        text_config={**{name: dense["text_config"][name] for name in kept}, **experts},
        vision_config={name: value for name, value in dense["vision_config"].items() if name != "model_type"},
        **{name: dense[name] for name in tokens},
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Mixture(config)
        for parameter in model.parameters():
            if parameter.ndim > 1:
                # Each expert is a matrix of its own.
                for matrix in parameter.data.flatten(0, -3) if parameter.ndim == 3 else [parameter.data.flatten(1)]:
                    torch.nn.init.xavier_normal_(matrix, gain=2)
    model.generation_config = GenerationConfig.from_pretrained(tiny_qwen3vl)
    folder = tmp_path_factory.mktemp("mixture") / "tiny"
    model.save_pretrained(folder)
    AutoProcessor.from_pretrained(tiny_qwen3vl).save_pretrained(folder)
    return folder
