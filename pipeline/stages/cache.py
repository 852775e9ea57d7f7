"""Keeps outputs of stages, so equal content, configuration and model revision are not computed again."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Hashable, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import TypeVar

import numpy as np

from pipeline.export.files import replacing
from pipeline.records import DepthMap, Sampling, from_json, to_json
from pipeline.records.errors import ExportError

logger = logging.getLogger(__name__)

RecordType = TypeVar("RecordType")
Key = TypeVar("Key", bound=Hashable)
Input = TypeVar("Input")
Output = TypeVar("Output")


def load_or_compute(
    keys: Sequence[Key],
    inputs: Sequence[Input],
    load: Callable[[Key], Output | None],
    compute: Callable[[list[Input]], Sequence[Output]],
    save: Callable[[Key, Output], object],
) -> list[Output]:
    """Outputs in the order of the keys: loaded where possible, the rest computed together, once per key, and saved."""
    outputs = {key: output for key in keys if (output := load(key)) is not None}
    missing = {key: value for key, value in zip(keys, inputs, strict=True) if key not in outputs}
    if missing:
        for key, output in zip(missing, compute(list(missing.values())), strict=True):
            save(key, output)
            outputs[key] = output
    return [outputs[key] for key in keys]


class StageCache:
    """Files in one folder, named by a hash of everything that their content depends on.

    Outputs with one identity (the first part of a key: backend, model, revision, settings) share a subfolder. Two
    processes may share the folder: a file is either complete or absent. An unreadable file is computed again.

    Args:
        folder: The folder; None keeps nothing.
    """

    def __init__(self, folder: Path | str | None = None) -> None:
        self.folder = None if folder is None else Path(folder)

    def load(self, record_type: type[RecordType], stage: str, parts: tuple[str, ...]) -> RecordType | None:
        """The stored record, or None."""
        return self._load(stage, parts, ".json", lambda path: from_json(record_type, path.read_bytes()))

    def save(self, stage: str, parts: tuple[str, ...], record: object) -> None:
        """Store a record."""
        self._save(stage, parts, ".json", lambda path: path.write_text(to_json(record), encoding="utf-8"))

    def load_depth(self, parts: tuple[str, ...]) -> DepthMap | None:
        """The stored depth map, or None."""
        return self._load("depth", parts, ".npz", _read_depth)

    def save_depth(self, parts: tuple[str, ...], depth: DepthMap) -> None:
        """Store a depth map without its confidence."""
        arrays = {
            "values": depth.values,
            "valid": depth.valid,
            "names": np.array([depth.kind, depth.scale_source, depth.backend]),
            "focal_px": np.array(depth.focal_px or 0.0),
            "disagreement": np.array(np.nan if depth.disagreement is None else depth.disagreement),
            "sampling": np.array([float(value) for value in astuple(depth.sampling)]),
        }
        self._save("depth", parts, ".npz", lambda path: np.savez_compressed(path, **arrays))  # type: ignore[arg-type]

    def holds(self, stage: str, identity: str) -> bool:
        """Whether any output of a stage with this identity is stored."""
        return self.folder is not None and (self.folder / stage / _digest(identity)[:16]).is_dir()

    def _load(self, stage: str, parts: tuple[str, ...], suffix: str, read: Callable[[Path], Output]) -> Output | None:
        path = self._path(stage, parts, suffix)
        if path is None or not path.is_file():
            return None
        try:
            return read(path)
        except Exception as error:  # Whatever is wrong with the file, its content can be computed again.
            logger.warning("%s cannot be read and is computed again: %s", path, error)
            return None

    def _save(self, stage: str, parts: tuple[str, ...], suffix: str, write: Callable[[Path], object]) -> None:
        """Write a file; a folder that cannot be written costs time later, but not the result now."""
        path = self._path(stage, parts, suffix)
        if path is None:
            return
        try:
            with replacing(path) as temporary:
                write(temporary)
        except ExportError as error:
            logger.warning("%s Nothing is cached; set cache_dir to another folder, or to null.", error)

    def _path(self, stage: str, parts: tuple[str, ...], suffix: str) -> Path | None:
        if self.folder is None:
            return None
        identity, *others = parts
        return self.folder / stage / _digest(identity)[:16] / f"{_digest(*others)}{suffix}"


def _read_depth(path: Path) -> DepthMap:
    with np.load(path, allow_pickle=False) as arrays:
        kind, scale_source, backend = map(str, arrays["names"])
        focal_px = float(arrays["focal_px"]) or None
        width_px, height_px, is_scattered = arrays["sampling"].tolist()
        apart = float(arrays["disagreement"])
        return DepthMap(
            arrays["values"],
            arrays["valid"],
            kind,  # type: ignore[arg-type]
            scale_source,  # type: ignore[arg-type]
            backend,
            focal_px=focal_px,
            sampling=Sampling(width_px, height_px, bool(is_scattered)),
            disagreement=None if np.isnan(apart) else apart,
        )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
