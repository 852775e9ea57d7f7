"""Qwen3-VL checkpoints with random weights, of the real architecture, with their processors.

What they say is noise, but they say it as the real ones do, and take the time that a real one of their size takes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

PATCH_SIZE_PX = 16
MERGE_SIZE = 2

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
_CORPUS = (
    "Picture 1: Picture 2: the cup is to the left of the box, 0.75 m from the camera.",
    '{"objects": [{"label": "cup", "bbox_2d": [12, 340, 560, 789], "picture": 1}], "claims": []}',
    "user assistant answer the question about the pictures above",
    "图1：图2：杯子在盒子的左侧。问题：",
)
_CHAT_TEMPLATE = """
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{% if message.content is string -%}
{{ message.content }}
{%- else -%}
{%- for part in message.content -%}
{%- if part.type == 'image' -%}<|vision_start|><|image_pad|><|vision_end|>{%- else -%}{{ part.text }}{%- endif -%}
{%- endfor -%}
{%- endif -%}
<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\\nTHOUGHT' -}}
{%- endif -%}
"""


Size = Literal["tiny", "small", "2b"]

# Sizes of the text model and of the vision model; "2b" is that of Qwen3-VL-2B, and "small" has its proportions: a
# image costs the vision model about as much as the text model.
_TEXT: dict[str, dict[str, Any]] = {
    "tiny": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
             "num_key_value_heads": 1, "head_dim": 32},
    "small": {"hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 6, "num_attention_heads": 4,
              "num_key_value_heads": 2, "head_dim": 64},
    "2b": {"hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28, "num_attention_heads": 16,
           "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936},
}  # fmt: skip
_MROPE_SECTIONS = {"tiny": [6, 5, 5], "small": [12, 10, 10], "2b": [24, 20, 20]}
_VISION: dict[str, dict[str, Any]] = {
    "tiny": {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "num_position_embeddings": 64,
             "deepstack_visual_indexes": [0]},
    "small": {"depth": 6, "hidden_size": 128, "intermediate_size": 512, "num_heads": 2,
              "num_position_embeddings": 576, "deepstack_visual_indexes": [1, 2, 3]},
    "2b": {"depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "num_heads": 16,
           "num_position_embeddings": 2304, "deepstack_visual_indexes": [5, 11, 17]},
}  # fmt: skip


def build_random_qwen3vl(
    folder: Path, size: Size = "tiny", *, thinking: bool = False, device: str = "cpu", dtype: str = "float32"
) -> Path:
    """Save a seeded random Qwen3-VL and its processor.

    Args:
        folder: Where to; made if it is not there.
        size: About 200 000 parameters, 6 million, or those of Qwen3-VL-2B.
        device: Where the weights are drawn; a GPU is faster for the large ones.
        dtype: Number format of the weights.
        thinking: Whether the chat template opens the ``<think>`` block, as that of the Thinking models does.

    Returns:
        The folder.
    """
    import torch

    tokenizer = byte_pair_tokenizer(_CORPUS, 600)
    tokenizer.add_tokens(["<think>", "</think>"])
    text = {"vocab_size": len(tokenizer), **_TEXT[size]}
    config = build_config(
        tokenizer, text, _VISION[size], _MROPE_SECTIONS[size], tie_word_embeddings=size == "2b", dtype=dtype
    )
    from transformers import Qwen3VLForConditionalGeneration

    with torch.random.fork_rng(), torch.device(device):
        torch.manual_seed(0)
        model = Qwen3VLForConditionalGeneration(config).to(getattr(torch, dtype))
        for parameter in model.parameters():
            # The usual tiny deviations would let the image's share vanish and every answer repeat one token.
            if parameter.ndim > 1:
                torch.nn.init.xavier_normal_(parameter.flatten(1), gain=2)
    set_end_tokens(model, tokenizer)
    # What the real checkpoints recommend, and what greedy decoding has to overrule.
    model.generation_config.update(do_sample=True, temperature=0.7, top_p=0.8, top_k=20)
    model.save_pretrained(folder)

    build_processor(tokenizer, thinking=thinking).save_pretrained(folder)
    return folder


def build_config(
    tokenizer: Any,
    text: dict[str, Any],
    vision: dict[str, Any],
    mrope_section: list[int],
    *,
    tie_word_embeddings: bool,
    dtype: str = "float32",
) -> Any:
    """A ``Qwen3VLConfig`` of transformers, of patches of 16 px of which four are one token."""
    from pipeline.models.torchvision_fix import ensure_torchvision

    ensure_torchvision()
    from transformers import Qwen3VLConfig

    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS}
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": mrope_section, "mrope_interleaved": True}
    return Qwen3VLConfig(
        text_config={**text, "rope_parameters": rope},
        vision_config={
            **vision,
            "patch_size": PATCH_SIZE_PX,
            "spatial_merge_size": MERGE_SIZE,
            "out_hidden_size": text["hidden_size"],
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=tie_word_embeddings,
        dtype=dtype,
    )


def set_end_tokens(model: Any, tokenizer: Any) -> None:
    """Tell a model which tokens end an output and fill up a batch."""
    end, pad = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    model.generation_config.eos_token_id = [end, pad]
    model.generation_config.pad_token_id = pad


def build_processor(tokenizer: Any, *, thinking: bool = False) -> Any:
    """A ``Qwen3VLProcessor`` of transformers; one for thinking opens the ``<think>`` block."""
    from transformers import Qwen2VLImageProcessor, Qwen3VLProcessor, Qwen3VLVideoProcessor

    sizing = {"patch_size": PATCH_SIZE_PX, "merge_size": MERGE_SIZE, "temporal_patch_size": 2}
    statistics = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    return Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(**sizing, **statistics),
        tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(**sizing, **statistics),
        chat_template=_CHAT_TEMPLATE.replace("THOUGHT", r"<think>\n" if thinking else "").strip(),
    )


def byte_pair_tokenizer(corpus: Iterable[str], size: int) -> Any:
    """A ``Qwen2Tokenizer`` of transformers with Qwen's special tokens and byte pairs of a corpus."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import Qwen2Tokenizer

    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    trained.train_from_iterator(corpus, trainer)
    merges = [tuple(merge) for merge in json.loads(trained.to_str())["model"]["merges"]]
    return Qwen2Tokenizer(
        vocab=trained.get_vocab(),
        merges=merges,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=list(SPECIAL_TOKENS[1:]),
    )
