"""Weights that are one file: read, told apart by content, and fetched from a plain address."""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import threading
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import ModelUnavailableError
from pipeline.hub import HUB_TIMEOUT_S

logger = logging.getLogger(__name__)

_STALL_S = 30.0  # A download is given up after this long without a byte [s].
_CHUNK = 1 << 20


@dataclass(frozen=True)
class RemoteFile:
    """A file at a plain address.

    Args:
        url: Its address; the last part is its name.
        sha256: First hexadecimal digits of the SHA-256 of its content.
        size_gb: Its size [GB], for messages.
    """

    url: str
    sha256: str
    size_gb: float


def content_digest(path: Path) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


def read_weights(path: Path) -> Mapping[str, Any]:
    """Tensors by name, from a file of torch or safetensors; of a checkpoint of a training run those of the model.

    Nothing in the file is executed.

    Raises:
        ModelUnavailableError: If the file holds no weights.
    """
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".:")
        raise ModelUnavailableError(f"The file {path} cannot be read as weights: {reason:.200}.") from None
    except Exception as error:
        if type(error).__name__ != "SafetensorError":
            raise
        raise ModelUnavailableError(f"The file {path} cannot be read as weights: {error}.") from None
    if isinstance(content, Mapping) and isinstance(content.get("model"), Mapping):
        content = content["model"]
    if not isinstance(content, Mapping) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise ModelUnavailableError(f"The file {path} holds no weights: it must map names to tensors.")
    return content


def fetch(remote: RemoteFile, folder: Path, model: str) -> Path:
    """Download a file, whole and with the expected content, or not at all.

    Args:
        remote: The file.
        folder: Where to keep it; made if it is not there.
        model: Name of the model, for the error.

    Raises:
        ModelUnavailableError: If offline mode is set, the address does not answer at once, the download stalls, or its
            content is another.
    """
    from huggingface_hub import constants

    if constants.is_offline_mode():
        raise _unavailable(remote, folder, model, "HF_HUB_OFFLINE forbids to fetch it")
    if not _answers(remote.url):
        raise _unavailable(remote, folder, model, f"{remote.url} cannot be reached")
    logger.info("Fetching %s (%g GB).", remote.url, remote.size_gb)
    path = folder / remote.url.rsplit("/", 1)[-1]
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        digest = _download(remote.url, part)
        if not digest.startswith(remote.sha256):
            raise _unavailable(remote, folder, model, f"{remote.url} has other content than was published")
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
    """Whether the address answers within a few seconds."""
    outcome: list[bool] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=HUB_TIMEOUT_S):
                outcome.append(True)
        except OSError:
            outcome.append(False)

    # A time-out of the request does not bound the look-up of the host's address: a thread does.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(2 * HUB_TIMEOUT_S)
    return outcome == [True]


def _download(url: str, part: Path) -> str:
    """SHA-256 of what was written to the file."""
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=_STALL_S) as response, part.open("wb") as stream:
        while chunk := response.read(_CHUNK):
            digest.update(chunk)
            stream.write(chunk)
    return digest.hexdigest()
