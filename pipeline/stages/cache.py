"""Keeps outputs of stages, so equal content, configuration and model revision are not computed again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.records import DepthMap, from_json, to_json

if TYPE_CHECKING:
    from pipeline.stages.store.store import Store

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
    """Outputs of stages in one folder, named by a hash of everything that their content depends on.

    Several threads, processes and machines may share the folder. An output that is not there, or not as it was written,
    is computed again; a folder that cannot be written costs time, but not the result.

    Args:
        folder: The folder; None keeps nothing.
        most_bytes: What all outputs may take on disk; None sets no bound.
    """

    def __init__(self, folder: Path | str | None = None, most_bytes: int | None = None) -> None:
        self.folder = None if folder is None else Path(folder)
        self.most_bytes = most_bytes
        self._opened: Store | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Other processes open the folder for themselves."""
        return type(self), (self.folder, self.most_bytes)

    def load(self, record_type: type[RecordType], stage: str, parts: tuple[str, ...]) -> RecordType | None:
        """The stored record, or None.

        Args:
            record_type: Its type.
            stage: The stage that makes it.
            parts: What it depends on; the first is the identity of what makes it: backend, model, revision, settings.
        """
        return self._load(stage, parts, lambda content: from_json(record_type, bytes(content)))

    def save(self, stage: str, parts: tuple[str, ...], record: object) -> None:
        """Store a record."""
        if self.folder is not None:
            self._save(stage, parts, [to_json(record).encode()])

    def load_depth(self, parts: tuple[str, ...]) -> DepthMap | None:
        """The stored depth map, or None."""
        if self.folder is None:
            return None
        from pipeline.stages.store.depth_bytes import decode_depth

        return self._load("depth", parts, decode_depth)

    def save_depth(self, parts: tuple[str, ...], depth: DepthMap) -> None:
        """Store a depth map, with everything that belongs to it."""
        if self.folder is not None:
            from pipeline.stages.store.depth_bytes import encode_depth

            self._save("depth", parts, encode_depth(depth))

    def holds(self, stage: str, identity: str) -> bool:
        """Whether any output of a stage with this identity is stored."""
        if self.folder is None:
            return False
        from pipeline.stages.store.layout import identity_of

        return self._store(self.folder).holds(stage, identity_of(identity))

    def close(self) -> None:
        """Note the last uses, as the end of the process does; workers that end without it close their cache."""
        if self._opened is not None:
            self._opened.close()

    def _load(self, stage: str, parts: tuple[str, ...], read: Callable[[memoryview], Output]) -> Output | None:
        if self.folder is None:
            return None
        from pipeline.stages.store.layout import name_of

        store, name = self._store(self.folder), name_of(stage, parts)
        content = store.get(name)
        if content is None:
            return None
        try:
            return read(content)
        except Exception as error:  # Whatever is wrong with the content, it can be computed again.
            store.discard(name, error)
            return None

    def _save(self, stage: str, parts: tuple[str, ...], content: Sequence[bytes | memoryview]) -> None:
        if self.folder is not None:
            from pipeline.stages.store.layout import name_of

            self._store(self.folder).put(name_of(stage, parts), content)

    def _store(self, folder: Path) -> Store:
        # Runs without a cache load no database.
        from pipeline.stages.store.store import Store

        if self._opened is None:
            self._opened = Store(folder, self.most_bytes)
        return self._opened
