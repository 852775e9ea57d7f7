"""Loads a Qwen3-VL model and its processor, on a device and in a number format."""

from __future__ import annotations

import importlib.util
import logging
from typing import TYPE_CHECKING, Any, Literal

from pipeline.models.hub import ModelLocation
from pipeline.models.loading_errors import check_complete
from pipeline.models.pretrained import read_pretrained
from pipeline.records.errors import DependencyError, ModelUnavailableError

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

Quantization = Literal["bnb_8bit", "bnb_4bit", "torchao_int8"]
"""How to store the weights in fewer bits."""

_PACKAGES: dict[Quantization, str] = {"bnb_8bit": "bitsandbytes", "bnb_4bit": "bitsandbytes", "torchao_int8": "torchao"}
_MODEL_TYPES = ("qwen3_vl", "qwen3_vl_moe")


def check_package(quantization: Quantization | None) -> None:
    """Check that the package of a quantization is installed.

    Raises:
        DependencyError: If it is not.
    """
    if quantization is not None and importlib.util.find_spec(package := _PACKAGES[quantization]) is None:
        raise DependencyError(
            f"vlm.quantization={quantization} needs the package {package}; install it with: pip install {package}, or "
            "set vlm.quantization=null."
        )


def load(
    location: ModelLocation,
    device: torch.device,
    dtype: str,
    attn_implementation: str | None,
    quantization: Quantization | None,
) -> tuple[Any, Any]:
    """Load a model in evaluation mode, and its processor.

    Args:
        location: Where it is.
        device: Device of the model.
        dtype: Number format of weights and activations, such as ``bfloat16``.
        attn_implementation: Attention kernel of transformers; None takes its default.
        quantization: How to store the weights in fewer bits; None keeps ``dtype``.

    Raises:
        ModelUnavailableError: If it cannot be loaded, or is not a Qwen3-VL.
        DependencyError: If the quantization's package is missing.
    """
    check_package(quantization)
    model, processor, missing = read_pretrained(
        location,
        "a vision-language model",
        _chosen,
        _try_out,
        bad_processor="the files of its tokenizer or image processor are incomplete",
        quote=True,
        dtype=dtype,
        attn_implementation=attn_implementation,
        device_map=str(device),
        quantization_config=None if quantization is None else _quantization_config(quantization, dtype),
    )
    check_complete(location.name, "Qwen3-VL", missing)
    _flatten_patch_convolution(model)
    logger.info("Loaded %s (%s) on %s.", location.name, location.revision, device)
    return model, processor


def end_tokens(model: Any, processor: Any) -> list[int]:
    """Tokens that end an output, from the checkpoint's configuration."""
    configured = model.generation_config.eos_token_id
    several = configured if isinstance(configured, list) else [configured]
    return sorted({token for token in (*several, processor.tokenizer.eos_token_id) if token is not None})


def close_thought(processor: Any) -> list[int]:
    """Tokens that end a reasoning, the last of which is ``</think>``; empty where the vocabulary has no such token."""
    tokenizer = processor.tokenizer
    close = tokenizer.convert_tokens_to_ids("</think>")
    if close is None or close == tokenizer.unk_token_id:
        return []
    return [*tokenizer.encode("\n", add_special_tokens=False), close]


def _chosen(config: Any, name: str) -> tuple[Any, Any, Any]:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    if config.model_type not in _MODEL_TYPES:
        raise ModelUnavailableError(
            f"The model {name} cannot be loaded as Qwen3-VL, because its type is {config.model_type!r}; "
            "choose a Qwen3-VL checkpoint, or serve this one and ask it with vlm=openai."
        )
    return config, AutoModelForImageTextToText, AutoProcessor


def _try_out(processor: Any, config: Any) -> None:
    """Check that images and texts become tokens of the model, which takes all files of the processor."""
    content = [{"type": "image"}, {"type": "text", "text": "Where?"}]
    prompt = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    tokens = processor.tokenizer(prompt)["input_ids"]
    if tokens.count(config.image_token_id) != 1 or "Where?" not in processor.tokenizer.decode(tokens):
        raise ValueError("Its tokenizer or chat template is incomplete, or belongs to another model.")


def _flatten_patch_convolution(model: Any) -> None:
    """Replace the patches' convolution by an equal matrix product: its stride equals its kernel.

    The general kernels take several times as long, on the CPU and in 16 bits on CUDA.
    """
    import torch

    class FlatConvolution(torch.nn.Module):
        def __init__(self, convolution: torch.nn.Conv3d) -> None:
            super().__init__()
            self.weight, self.bias = convolution.weight, convolution.bias

        def forward(self, patches: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.linear(patches.flatten(1), self.weight.flatten(1), self.bias)

    embedding = model.model.visual.patch_embed
    if isinstance(embedding.proj, torch.nn.Conv3d) and embedding.proj.stride == embedding.proj.kernel_size:
        embedding.proj = FlatConvolution(embedding.proj)


def _quantization_config(name: Quantization, dtype: str) -> Any:
    if name == "torchao_int8":
        from torchao.quantization import Int8WeightOnlyConfig
        from transformers import TorchAoConfig

        return TorchAoConfig(Int8WeightOnlyConfig())
    from transformers import BitsAndBytesConfig

    if name == "bnb_8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)
