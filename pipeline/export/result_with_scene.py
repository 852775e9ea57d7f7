"""A result that carries its scene, and shows itself in a notebook."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.export.result_scene import ResultScene
from pipeline.export.run_folder import file_in, results_of, run_folder
from pipeline.export.stored_scene import StoredScene, read_scene
from pipeline.records import Result
from pipeline.records.errors import ExportError

# Scenes that stay in memory once they are read; the questions of an item share one.
_KEPT_SCENES = 2


@dataclass(frozen=True, eq=False)
class ResultWithScene(Result):
    """A result with its scene; its JSON form and its equality are those of the result alone.

    Args:
        source: The scene, or the folder of the run that stored it; None where there is none.
    """

    source: InitVar[Any] = None

    def __post_init__(self, source: Any) -> None:
        """Keep the scene; ``dataclasses.replace`` reads it from there."""
        object.__setattr__(self, "source", source)

    def __eq__(self, other: object) -> bool:
        """Whether the results are equal, with or without a scene."""
        if not isinstance(other, Result):
            return NotImplemented
        return all(getattr(self, field.name) == getattr(other, field.name) for field in fields(Result))

    __hash__ = Result.__hash__

    @property
    def scene(self) -> ResultScene:
        """Frames, depth and points.

        Raises:
            ExportError: If the run did not store the scene, or its file is missing or damaged.
        """
        return ResultScene(self._stored(), self)

    def _stored(self) -> StoredScene:
        source = vars(self)["source"]
        if isinstance(source, StoredScene):
            return source
        if not isinstance(source, Path):
            raise ExportError(
                f"The result of item {self.item_id} keeps no scene; ask again with keep_scene=True, the default."
            )
        if "scene" not in self.artefacts:
            raise ExportError(
                f"The run did not store the scene of item {self.item_id}; run it again with export.scenes=true."
            )
        path = file_in(source, self.artefacts["scene"])
        if path is None:
            raise ExportError(
                f"The scene of item {self.item_id} is missing: {source / self.artefacts['scene']}; run the item again."
            )
        return _read(path, path.stat().st_mtime_ns)

    def _repr_html_(self) -> str:
        """Photo, verdicts and 3D view for a notebook, without network."""
        from pipeline.export.notebook import result_html

        try:
            stored = self._stored()
        except ExportError as error:
            return result_html(self, None, str(error))
        return result_html(self, stored)


@lru_cache(maxsize=_KEPT_SCENES)
def _read(path: Path, modified_ns: int) -> StoredScene:
    return read_scene(path)


def with_scene(result: Result, source: StoredScene | Path | None) -> ResultWithScene:
    """The result with its scene, or with the folder of the run that stored it."""
    return ResultWithScene(**{field.name: getattr(result, field.name) for field in fields(Result)}, source=source)


def read_run(folder: Path | str) -> list[ResultWithScene]:
    """The results of a finished run; each reads its scene when that is used.

    Args:
        folder: The run's ``output_dir``.

    Raises:
        InputError: If the folder does not exist or holds no results.
        ExportError: If they cannot be read.

    Example:
        >>> read_run("no such folder")
        Traceback (most recent call last):
            ...
        pipeline.records.errors.InputError: There is no folder no such folder; give the output_dir of a run.
    """
    found = run_folder(folder)
    return [with_scene(result, found) for result in results_of(found)]
