"""Where a model is: in a local folder, among those that ship, in the local Hugging Face cache, or on the hub.

Models on disk are found without the network. The hub is asked at most once per model, for at most
:data:`HUB_TIMEOUT_S` seconds.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.records.errors import ModelUnavailableError
from pipeline.records.resources import resource_dir

HUB_TIMEOUT_S = 3.0

SHIPPED = ("theodolite-vl-nano", "theodolite-depth-nano")
"""Models that ship with Theodolite and are on no hub."""

_MIB = 1 << 20
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_DIGEST_SUFFIXES = frozenset({".json", ".jinja", ".txt", ".model", ".safetensors", ".bin"})


@dataclass(frozen=True)
class ModelLocation:
    """Where to load a model from.

    Args:
        path_or_name: Argument for ``from_pretrained``: a folder, or a name on the hub; or a file that is the model.
        local: Whether it loads without the network.
        revision: Commit on the hub, or content digest of a local folder or file.
        name: The name or path as given.
    """

    path_or_name: str
    local: bool
    revision: str
    name: str

    @property
    def hub_revision(self) -> str | None:
        """Argument ``revision`` for ``from_pretrained``: None for a folder."""
        return None if self.local else self.revision

    def file(self, name: str) -> Path:
        """A file of the model, after a download if necessary; a model that is one file is that file."""
        if self.local:
            path = Path(self.path_or_name)
            return path / name if path.is_dir() else path
        from huggingface_hub import hf_hub_download

        return Path(hf_hub_download(self.path_or_name, name, revision=self.revision))


def locate_model(
    name_or_path: str,
    *,
    revision: str | None = None,
    size_gb: float | None = None,
    group: str | None = None,
) -> ModelLocation:
    """Find a model: a local folder, else one that ships, else the local cache, else the hub if it answers in seconds.

    Args:
        name_or_path: Path of a folder with ``config.json`` and weights, name of a model that ships, or
            ``organisation/name`` on the hub.
        revision: Branch, tag or commit on the hub; None takes the main branch.
        size_gb: Size of the download [GB], for the error.
        group: Configuration group whose ``model`` key names the model, for the error.

    Raises:
        ModelUnavailableError: If the folder is not a model, or the model is neither on disk nor reachable.
    """
    if (folder := _folder_of(name_or_path)) is not None:
        return _local_folder(folder, name_or_path)
    if (snapshot := _cached_snapshot(name_or_path, revision)) is not None:
        return ModelLocation(str(snapshot), True, snapshot.name, name_or_path)
    if name_or_path in SHIPPED:
        raise ModelUnavailableError(
            f"The model {name_or_path} ships with Theodolite, but {resource_dir('data') / 'models'} does not hold it; "
            "install Theodolite again."
        )
    if not _is_hub_name(name_or_path):
        raise ModelUnavailableError(
            f"The model folder {name_or_path} does not exist: give a folder, or organisation/name."
        )
    try:
        commit = _commit_on_hub(name_or_path, revision)
    except _Unreachable as error:
        size = "" if size_gb is None else f" (about {size_gb:g} GB)"
        prefix = "" if group is None else f"{group}."
        other = "another configuration" if group is None else f"another {group}="
        raise ModelUnavailableError(
            f"The model {name_or_path}{size} is not on disk and {error}: fetch it with 'hf download {name_or_path}' "
            f"where there is a network, set {prefix}model=/path/to/folder, or choose {other}."
        ) from None
    return ModelLocation(name_or_path, False, commit, name_or_path)


def model_status(name_or_path: str, revision: str | None = None) -> str:
    """``on disk`` or ``not downloaded``; never asks the network."""
    folder = _folder_of(name_or_path)
    on_disk = _is_model_folder(folder) if folder is not None else _cached_snapshot(name_or_path, revision) is not None
    return "on disk" if on_disk else "not downloaded"


def ships(name: str) -> bool:
    """Whether a model of this name ships with Theodolite."""
    return _shipped_folder(name) is not None


def folder_digest(path: str | Path) -> str:
    """Short content hash of a model folder, for records of what was run.

    SHA-256 over name, size, first MiB and last MiB of every configuration, vocabulary and weight file of
    the folder itself, sorted by name. It does not read the middle of large weight files, and misses a change
    there that keeps the file's size and both ends.

    Returns:
        The first 16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    files = (entry for entry in Path(path).iterdir() if entry.suffix in _DIGEST_SUFFIXES and entry.is_file())
    for file in sorted(files, key=lambda entry: entry.name):
        size = file.stat().st_size
        digest.update(f"{file.name}|{size}|".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(_MIB))
            stream.seek(max(size - _MIB, 0))
            digest.update(stream.read(_MIB))
    return digest.hexdigest()[:16]


def _local_folder(folder: Path, name: str) -> ModelLocation:
    if not (folder / "config.json").is_file():
        raise ModelUnavailableError(f"The folder {folder} is not a model: it has no config.json.")
    if not _is_model_folder(folder):
        raise ModelUnavailableError(f"The folder {folder} is not a complete model: weight files are missing.")
    try:
        return ModelLocation(str(folder), True, folder_digest(folder), name)
    except OSError as error:
        raise ModelUnavailableError(f"The folder {folder} cannot be read: {error.strerror}.") from None


def _is_model_folder(folder: Path) -> bool:
    """Whether the configuration and all weight files are there; an index names the shards of large models."""
    if not (folder / "config.json").is_file():
        return False
    for name in _WEIGHTS:
        if (folder / name).is_file():
            return True
        index = folder / f"{name}.index.json"
        if index.is_file():
            shards = _shards(index)
            if shards and all((folder / shard).is_file() for shard in shards):
                return True
    return False


def _folder_of(name_or_path: str) -> Path | None:
    """The folder of this path, or of the model of this name that ships, if there is one."""
    try:
        folder = Path(name_or_path).expanduser()
        return folder if folder.is_dir() else _shipped_folder(name_or_path)
    except (OSError, ValueError, RuntimeError):  # Too long, or of a user who does not exist.
        return None


def _shipped_folder(name: str) -> Path | None:
    """Folder of the model of this name in ``data/models``."""
    folders = (resource_dir("data") / "models").glob("*/config.json")
    return next((file.parent for file in folders if file.parent.name == name), None)


def _shards(index: Path) -> set[str]:
    """The files that an index of weights names; none if it is damaged."""
    try:
        return {str(shard) for shard in json.loads(index.read_bytes())["weight_map"].values()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError):
        return set()


def _is_hub_name(name: str) -> bool:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return True


def _cached_snapshot(name: str, revision: str | None) -> Path | None:
    """The complete snapshot of a hub model in the local cache."""
    if not _is_hub_name(name):
        return None
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(name, "config.json", revision=revision)
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    return folder if _is_model_folder(folder) else None


class _Unreachable(Exception):
    """Why the hub gives no model, as the middle of a sentence."""


def _commit_on_hub(name: str, revision: str | None) -> str:
    """Commit of a model on the hub."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    if constants.is_offline_mode():
        raise _Unreachable("HF_HUB_OFFLINE forbids downloads")
    answer = answer_within(
        HUB_TIMEOUT_S, lambda: str(HfApi().model_info(name, revision=revision, timeout=HUB_TIMEOUT_S).sha)
    )
    if isinstance(answer, RepositoryNotFoundError):
        raise _Unreachable(f"{constants.ENDPOINT} has no such model, or it needs 'hf auth login'")
    if isinstance(answer, RevisionNotFoundError):
        raise _Unreachable(f"{constants.ENDPOINT} has no revision {revision} of it")
    if not isinstance(answer, str):
        raise _Unreachable(f"{constants.ENDPOINT} cannot be reached")
    return answer


def answer_within(limit_s: float, ask: Callable[[], Any]) -> Any:
    """What a call returns, or the exception that it raises; None where it takes longer than the limit [s].

    The time-out of a request does not bound the look-up of the host's address; this does.
    """
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(ask())
        except Exception as error:  # Whatever an HTTP client raises means the same: no answer.
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(limit_s)
    return outcome[0] if outcome else None
