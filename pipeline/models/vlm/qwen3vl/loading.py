"""From a name to a Qwen3-VL model with its processor, on a device and in a number format."""

from __future__ import annotations

import importlib.util
import logging
from typing import TYPE_CHECKING, Any

from pipeline.models.hub import ModelLocation
from pipeline.models.loading_errors import BAD_CONFIG, BAD_WEIGHTS, check_complete, loading, quiet_reports
from pipeline.models.torchvision_fix import ensure_torchvision
from pipeline.records.errors import ConfigError, DependencyError, ModelUnavailableError

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

QUANTIZATIONS = {
    "bnb_8bit": "bitsandbytes",
    "bnb_4bit": "bitsandbytes",
    "torchao_int8": "torchao",
}
"""Ways to store the weights in fewer bits, and the package that does it."""

_PURPOSE = "a vision-language model"
_MODEL_TYPES = ("qwen3_vl", "qwen3_vl_moe")


def check_quantization(name: str | None) -> None:
    """Refuse a name that does not exist.

    Raises:
        ConfigError: If it does not.
    """
    if name is not None and name not in QUANTIZATIONS:
        raise ConfigError(f"vlm.quantization must be null or one of {', '.join(QUANTIZATIONS)}, not {name!r}.")


def check_package(quantization: str | None) -> None:
    """Refuse a quantization whose package is missing.

    Raises:
        DependencyError: If it is.
    """
    if quantization is not None and importlib.util.find_spec(QUANTIZATIONS[quantization]) is None:
        raise _missing_package(quantization)


def load(
    location: ModelLocation,
    device: torch.device,
    dtype: str,
    attn_implementation: str | None,
    quantization: str | None,
) -> tuple[Any, Any]:
    """Load a model, in evaluation mode, and its processor.

    Args:
        location: Where it is.
        device: Where it shall run.
        dtype: Number format of weights and activations, such as ``bfloat16``.
        attn_implementation: Attention kernel of transformers; None takes its default.
        quantization: A key of ``QUANTIZATIONS``, or None.

    Raises:
        ModelUnavailableError: If it cannot be loaded, or is no Qwen3-VL.
        DependencyError: If the quantization's package is missing.
    """
    ensure_torchvision()
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

    name, revision = location.path_or_name, location.hub_revision
    # Code that lies beside the weights is never run, and nobody is asked whether it may be.
    common = {"revision": revision, "trust_remote_code": False}
    with loading(location, _PURPOSE, BAD_CONFIG):
        config = AutoConfig.from_pretrained(name, **common)
        if config.model_type not in _MODEL_TYPES:
            raise ModelUnavailableError(
                f"The model {location.name} cannot be loaded as Qwen3-VL, because its type is {config.model_type!r}; "
                "choose a Qwen3-VL checkpoint, or serve this one and ask it with vlm=openai."
            )
    with loading(location, _PURPOSE, "the files of its tokenizer or image processor are incomplete"):
        processor = AutoProcessor.from_pretrained(name, **common)
        _check_processor(processor, config.image_token_id)
    with loading(location, _PURPOSE, BAD_WEIGHTS, quote=True), quiet_reports():
        loaded: Any = AutoModelForImageTextToText.from_pretrained(
            name,
            **common,
            dtype=dtype,
            attn_implementation=attn_implementation,
            device_map=str(device),
            quantization_config=None if quantization is None else _quantization_config(quantization, dtype),
            output_loading_info=True,
        )
    model, report = loaded
    check_complete(location.name, "Qwen3-VL", report["missing_keys"])
    _flatten_patch_convolution(model.eval())
    logger.info("Loaded %s (%s) on %s.", location.name, location.revision, device)
    return model, processor


def end_tokens(model: Any, processor: Any) -> list[int]:
    """Tokens that end an output, by the checkpoint's own configuration."""
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


def _check_processor(processor: Any, image_token: int) -> None:
    """Make sure that images and texts become tokens that the model knows; without all its files they do not."""
    content = [{"type": "image"}, {"type": "text", "text": "Where?"}]
    prompt = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    tokens = processor.tokenizer(prompt)["input_ids"]
    if tokens.count(image_token) != 1 or "Where?" not in processor.tokenizer.decode(tokens):
        raise ValueError("Its tokenizer or chat template is incomplete, or belongs to another model.")


def _flatten_patch_convolution(model: Any) -> None:
    """Compute the patches' convolution as the matrix product that it is, because its stride equals its kernel.

    The general kernels take several times as long for it, on the CPU and in 16 bits on CUDA.
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


def _quantization_config(name: str, dtype: str) -> Any:
    package = QUANTIZATIONS[name]
    try:
        if package == "bitsandbytes":
            import bitsandbytes  # noqa: F401
            from transformers import BitsAndBytesConfig

            if name == "bnb_8bit":
                return BitsAndBytesConfig(load_in_8bit=True)
            return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)
        from torchao.quantization import Int8WeightOnlyConfig
        from transformers import TorchAoConfig

        return TorchAoConfig(Int8WeightOnlyConfig())
    except ImportError as error:
        raise _missing_package(name, f" ({error})") from error


def _missing_package(quantization: str, reason: str = "") -> DependencyError:
    package = QUANTIZATIONS[quantization]
    return DependencyError(
        f"vlm.quantization={quantization} needs the package {package}; install it with: pip install {package}, or set "
        f"vlm.quantization=null{reason}."
    )
