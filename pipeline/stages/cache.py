"""What a stage gave for the same content, configuration and model revision is not computed again."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from pipeline.export.files import replacing
from pipeline.records import DepthMap, from_json, to_json
from pipeline.records.errors import ExportError

logger = logging.getLogger(__name__)

RecordType = TypeVar("RecordType")


class StageCache:
    """Files under one folder, named by a hash of everything that their content depends on.

    All that has one identity (the first part of a key: backend, model, revision, settings) lies in one folder. Two
    processes may share the folder: a file is either whole or absent. A file that cannot be read is computed again.

    Args:
        folder: Where the files lie; None keeps nothing.
    """

    def __init__(self, folder: Path | str | None = None) -> None:
        self.folder = None if folder is None else Path(folder)

    def record(
        self, record_type: type[RecordType], stage: str, parts: tuple[str, ...], compute: Callable[[], RecordType]
    ) -> RecordType:
        """The stored record, or the computed one, which is then stored."""
        value = self.load(record_type, stage, parts)
        if value is None:
            value = compute()
            self.save(stage, parts, value)
        return value

    def load(self, record_type: type[RecordType], stage: str, parts: tuple[str, ...]) -> RecordType | None:
        """The stored record, or None."""
        path = self._path(stage, parts, ".json")
        if path is None or not path.is_file():
            return None
        try:
            return from_json(record_type, path.read_bytes())
        except Exception as error:  # Whatever is wrong with a kept file, it can be made anew.
            logger.warning("%s cannot be read and is made anew: %s", path, error)
            return None

    def save(self, stage: str, parts: tuple[str, ...], record: object) -> None:
        """Store a record."""
        path = self._path(stage, parts, ".json")
        if path is not None:
            self._keep(path, lambda temporary: temporary.write_text(to_json(record), encoding="utf-8"))

    def load_depth(self, parts: tuple[str, ...]) -> DepthMap | None:
        """The stored depth map, or None."""
        path = self._path("depth", parts, ".npz")
        if path is None or not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as arrays:
                kind, scale_source, backend = (str(name) for name in arrays["names"])
                focal_px = float(arrays["focal_px"])
                return DepthMap(
                    arrays["values"],
                    arrays["valid"],
                    kind,  # type: ignore[arg-type]
                    scale_source,  # type: ignore[arg-type]
                    backend,
                    focal_px=focal_px if focal_px > 0 else None,
                )
        except Exception as error:  # Whatever is wrong with a kept file, it can be made anew.
            logger.warning("%s cannot be read and is made anew: %s", path, error)
            return None

    def save_depth(self, parts: tuple[str, ...], depth: DepthMap) -> None:
        """Store a depth map, without its confidence."""
        path = self._path("depth", parts, ".npz")
        if path is None:
            return
        arrays = {
            "values": depth.values,
            "valid": depth.valid,
            "names": np.array([depth.kind, depth.scale_source, depth.backend]),
            "focal_px": np.array(depth.focal_px or 0.0),
        }
        self._keep(path, lambda temporary: np.savez_compressed(temporary, **arrays))  # type: ignore[arg-type]

    def _keep(self, path: Path, write: Callable[[Path], object]) -> None:
        """Write a file; a folder that cannot be written costs time later, not the result now."""
        try:
            with replacing(path) as temporary:
                write(temporary)
        except ExportError as error:
            logger.warning("%s Nothing is kept for later; set cache_dir to another folder, or to null.", error)

    def holds(self, stage: str, identity: str) -> bool:
        """Whether any output of a stage with this identity is kept."""
        return self.folder is not None and (self.folder / stage / _digest(identity)[:16]).is_dir()

    def _path(self, stage: str, parts: tuple[str, ...], suffix: str) -> Path | None:
        if self.folder is None:
            return None
        identity, *others = parts
        return self.folder / stage / _digest(identity)[:16] / f"{_digest(*others)}{suffix}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
