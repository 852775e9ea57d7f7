"""One plain sentence for whatever goes wrong while a checkpoint of transformers is read.

Readers of damaged files raise almost anything, with messages that are long, give dangerous advice, or mislead. The
error here names the damaged file, or else the step that failed; its cause keeps the rest.
"""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.models.hub import ModelLocation
from pipeline.records.errors import DependencyError, ModelUnavailableError, TheodoliteError

_ADVICE = re.compile(r"trust_remote_code|weights_only|ignore_mismatched|https?:|pip |report|\bplease\b", re.IGNORECASE)
_LONGEST_REASON = 160
# Files of settings that must hold a JSON object.
_OBJECTS = ("config.json", "preprocessor_config.json", "processor_config.json", "tokenizer_config.json")


@contextmanager
def loading(location: ModelLocation, purpose: str, reason: str, *, quote: bool = False) -> Iterator[None]:
    """Turn what a step of loading raises into an error of this program.

    Args:
        location: Where the model is.
        purpose: What it is loaded as, such as ``a depth model``.
        reason: What is wrong if the step fails and no file by itself is damaged; the middle of a sentence.
        quote: Whether the first sentence of the reader's message is more telling than ``reason``.

    Raises:
        ModelUnavailableError: If the step fails.
        DependencyError: If it fails because a package is missing.
    """
    try:
        yield
    except TheodoliteError:
        raise
    except ImportError as error:
        raise DependencyError(
            f"{location.name} needs a package that is missing or cannot be imported: {_first_sentence(error)}."
        ) from error
    except Exception as error:  # Files that are broken raise whatever their readers do.
        prefix = f"{location.name} cannot be loaded as {purpose}: "
        if is_out_of_memory(error):
            raise ModelUnavailableError(f"{prefix}it does not fit into memory; choose a smaller model.") from error
        if not location.local:
            raise ModelUnavailableError(
                f"{prefix}the hub did not give all its files; fetch it with 'hf download {location.name}'."
            ) from error
        damaged = damaged_file(Path(location.path_or_name))
        if damaged is None and quote:
            said = _first_sentence(error)
            reason = reason if _ADVICE.search(said) else said
        raise ModelUnavailableError(f"{prefix}{damaged or reason}; copy it again.") from error


def check_complete(name: str, purpose: str, missing: Iterable[str]) -> None:
    """Refuse a checkpoint that lacks weights: random ones would take their place.

    Args:
        name: Its name.
        purpose: What it should be, such as ``depth model``.
        missing: Names of the missing weights.

    Raises:
        ModelUnavailableError: If there are any.
    """
    if names := sorted(missing):
        raise ModelUnavailableError(
            f"{name} is not a complete {purpose}: {len(names)} weights are missing, such as {names[0]}."
        )


@contextmanager
def quiet_reports() -> Iterator[None]:
    """Silence the tables of weights that transformers logs, for callers that check the weights themselves."""
    logger = logging.getLogger("transformers")
    level = logger.level
    if not logging.getLogger("pipeline").isEnabledFor(logging.DEBUG):
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def damaged_file(folder: Path) -> str | None:
    """What is wrong with the first damaged file of a model folder; None if every file is readable.

    Nothing in the files is executed, and weights are not kept in memory.
    """
    settings: dict[str, Any] = {}
    for path in sorted(filter(Path.is_file, folder.iterdir())):
        if path.suffix == ".json":
            try:
                content = json.loads(path.read_bytes())
            except (ValueError, OSError, RecursionError):
                return f"its {path.name} is not JSON"
            if path.name in _OBJECTS and not isinstance(content, dict):
                return f"its {path.name} is not a JSON object"
            settings = content if path.name == "config.json" else settings
        if path.suffix == ".safetensors" and not _is_safetensors(path):
            return f"its {path.name} is damaged"
        if path.suffix == ".bin" and path.name.startswith("pytorch_model") and not _is_plain_pickle(path):
            return f"its {path.name} is damaged, or does not hold weights alone"
    return None if isinstance(settings.get("model_type"), str) else "its config.json names no model_type"


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory does not suffice; torch has no type of its own for it on MPS and the CPU."""
    parts = ("out of memory", "allocate memory", "alloc_failed")
    return isinstance(error, MemoryError) or any(part in str(error).lower() for part in parts)


def _first_sentence(error: Exception) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return re.split(r"(?<=[^.\d])[.:]+(?: |$)", words)[0][:_LONGEST_REASON]


def _is_safetensors(path: Path) -> bool:
    from safetensors import safe_open

    try:
        with safe_open(path, "pt"):
            return True
    except Exception:  # Its own type of error, or one of the system.
        return False


def _is_plain_pickle(path: Path) -> bool:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            content = torch.load(path, map_location="meta", weights_only=True)
    except Exception:
        return False
    return isinstance(content, dict)
