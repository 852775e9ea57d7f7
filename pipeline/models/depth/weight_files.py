"""Weights in a single file: reading, hashing, finding on the hub, downloading from a URL."""

from __future__ import annotations

import hashlib
import logging
import os
import urllib.request
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.models.hub import HUB_TIMEOUT_S, ModelLocation, answer_within, locate_model
from pipeline.models.loading_errors import check_complete
from pipeline.records.errors import ModelUnavailableError

logger = logging.getLogger(__name__)

_STALL_S = 30.0  # A download is given up after this long without a byte [s].
_CHUNK = 1 << 20


@dataclass(frozen=True)
class RemoteFile:
    """A file at a URL.

    Args:
        url: Its URL; the last part is its name.
        sha256: First hexadecimal digits of the SHA-256 of its content.
        size_gb: Its size [GB], for messages.
        names: Names that a file on disk may have; the content is the same.
    """

    url: str
    sha256: str
    size_gb: float
    names: tuple[str, ...] = ()


def locate_hub_file(
    model: str, name: str, *, revision: str | None = None, size_gb: float | None = None
) -> ModelLocation:
    """Find a model that is one file: a local path, else the local cache, else the hub if it answers within seconds.

    Args:
        model: Path of the file or of a folder with it, or ``organisation/name`` on the hub.
        name: Name of the file.
        revision: Branch, tag or commit on the hub; None takes the main branch.
        size_gb: Size of the download [GB], for the error.

    Raises:
        ModelUnavailableError: If the folder does not have the file, or the model is neither on disk nor reachable.
    """
    if (found := _hub_file_on_disk(model, name, revision)) is not None:
        return found
    if Path(model).expanduser().is_dir():
        raise ModelUnavailableError(f"The folder {model} is not a model: it has no {name}.")
    commit = locate_model(model, revision=revision, size_gb=size_gb, group="depth").revision
    return ModelLocation(model, False, commit, model)


def hub_file_status(model: str, name: str, revision: str | None = None) -> str:
    """``on disk`` or ``not downloaded``; never asks the network."""
    return "not downloaded" if _hub_file_on_disk(model, name, revision) is None else "on disk"


def _hub_file_on_disk(model: str, name: str, revision: str | None) -> ModelLocation | None:
    path = Path(model).expanduser()
    path = path / name if path.is_dir() else path
    if path.is_file():
        return ModelLocation(str(path), True, content_digest(path), model)
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(model, name, revision=revision)
    except HFValidationError:
        return None
    return ModelLocation(cached, True, Path(cached).parent.name, model) if isinstance(cached, str) else None


def content_digest(path: Path) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


def read_weights(path: Path) -> Mapping[str, Any]:
    """Tensors by name, from a file of torch or safetensors; of a checkpoint of a training run those of the model.

    Raises:
        ModelUnavailableError: If the file holds no weights.
    """
    import torch

    content = read_file(path)
    if isinstance(content, Mapping) and isinstance(content.get("model"), Mapping):
        content = content["model"]
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in content.items()
    ):
        raise ModelUnavailableError(f"The file {path} holds no weights: it must map names to tensors.")
    if not all(map(_is_plain, content.values())):
        raise ModelUnavailableError(f"The file {path} holds tensors that are not weights: weights are dense and real.")
    return content


def load_complete(model: Any, weights: Mapping[str, Any], name: str, *, assign: bool = False) -> None:
    """Load all weights that a module needs, and ignore the others.

    Args:
        model: The module.
        weights: Tensors by name.
        name: Name of the model, for the error.
        assign: Whether the tensors themselves become the module's, in place of its own on the meta device.

    Raises:
        ModelUnavailableError: If a weight is missing or has another shape.
    """
    try:
        missing = model.load_state_dict(weights, strict=False, assign=assign).missing_keys
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip().rstrip(".")
        raise ModelUnavailableError(f"{name} holds the weights of another network: {reason:.200}.") from None
    except Exception as error:  # What torch raises for values that are not weights.
        raise ModelUnavailableError(f"{name} is not a complete model: it does not hold weights alone.") from error
    check_complete(name, "model", missing)


def _is_plain(tensor: Any) -> bool:
    import torch

    is_dense = tensor.layout is torch.strided and tensor.device.type == "cpu"
    return bool(is_dense and not tensor.is_quantized and not tensor.is_complex())


def read_file(path: Path) -> Any:
    """What a file of torch or safetensors holds, on the CPU; nothing in it is executed.

    Raises:
        ModelUnavailableError: If it is not such a file.
    """
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # Of damaged files; the error says what to do.
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # Damaged files raise anything, with dangerous advice.
        raise ModelUnavailableError(
            f"The file {path} cannot be read as weights: {_reason(path, error)}; fetch or copy it again."
        ) from error


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, MemoryError):
        return "it does not fit into memory, or it is damaged"
    return "it is damaged, or does not hold weights alone" if path.stat().st_size else "it is empty"


def fetch(remote: RemoteFile, folder: Path, model: str) -> Path:
    """Download a file, whole and with the expected content, or not at all.

    Args:
        remote: The file.
        folder: Where to save it; made if it does not exist.
        model: Name of the model, for the error.

    Raises:
        ModelUnavailableError: If offline mode is set, the URL does not answer, the download stalls, or the content is
            unexpected.
    """
    from huggingface_hub import constants

    if constants.is_offline_mode():
        raise _unavailable(remote, folder, model, "HF_HUB_OFFLINE forbids downloads")
    if not _answers(remote.url):
        raise _unavailable(remote, folder, model, f"{remote.url} cannot be reached")
    logger.info("Fetching %s (%g GB).", remote.url, remote.size_gb)
    path = folder / remote.url.rsplit("/", 1)[-1]
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        digest = _download(remote.url, part)
        if not digest.startswith(remote.sha256):
            raise _unavailable(remote, folder, model, f"{remote.url} does not have the published content")
        os.replace(part, path)
    except OSError as error:
        raise _unavailable(remote, folder, model, f"fetching {remote.url} failed ({error})") from None
    finally:
        part.unlink(missing_ok=True)
    return path


def _unavailable(remote: RemoteFile, folder: Path, model: str, reason: str) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"The model {model} (about {remote.size_gb:g} GB) is not on disk and {reason}: download {remote.url} where "
        f"there is a network and put it into {folder}, set depth.model=/path/to/file.pt, or choose another depth=."
    )


def _answers(url: str) -> bool:
    """Whether the URL answers within a few seconds."""

    def ask() -> bool:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=HUB_TIMEOUT_S):
            return True

    return answer_within(2 * HUB_TIMEOUT_S, ask) is True


def _download(url: str, part: Path) -> str:
    """SHA-256 of what was written to the file."""
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=_STALL_S) as response, part.open("wb") as stream:
        while chunk := response.read(_CHUNK):
            digest.update(chunk)
            stream.write(chunk)
    return digest.hexdigest()
