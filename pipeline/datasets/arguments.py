"""Checks of arguments that need more than a type annotation, and of the folders that they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.ingest.cameras import check_camera
from pipeline.ingest.lenses import LENS_KEYS
from pipeline.records import DepthKind
from pipeline.records.errors import ConfigError, InputError, RecordError
from pipeline.records.settings import check_value


def check_prediction_kind(kind: str | None, is_needed: bool) -> DepthKind | None:
    """Kind of stored predictions, which no file states.

    Raises:
        ConfigError: If it is required but missing, or unknown.
    """
    if kind is None and is_needed:
        raise ConfigError(
            f"Say what the predictions are: set dataset.prediction_kind to one of {', '.join(DepthKind)}."
        )
    found: DepthKind | None = check_value("prediction_kind", kind, DepthKind | None)
    return found


def check_optional_camera(camera: Any) -> None:
    """Make sure that an argument ``camera`` is None, or fx, fy, cx and cy with or without a size.

    Raises:
        ConfigError: If it is something else, or holds other values than numbers.
        InputError: If a number is missing.
        RecordError: If a number is not usable.
    """
    if camera is None:
        return
    if not isinstance(camera, Mapping):
        raise ConfigError(f"dataset.camera must be fx, fy, cx and cy [px], or null, not {camera!r}.")
    if lens := [key for key in LENS_KEYS if key in camera]:
        raise ConfigError(f"dataset.camera has {', '.join(lens)}, but data sets are read without lens distortion.")
    try:
        check_camera(camera)
    except (InputError, RecordError):
        raise
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"dataset.camera must hold numbers, not {dict(camera)!r}.") from None


def existing_folder(path: str | Path, what: str, how: str) -> Path:
    """The folder of a data set.

    Args:
        path: Where it should be.
        what: What it is, as ``the KITTI object data set``.
        how: How to get it, as a sentence without its full stop.

    Raises:
        InputError: If the folder is missing.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder} with {what}; {how}.")
    return folder


def existing_parts(folder: Path, parts: Sequence[str], what: str, how: str) -> None:
    """Make sure that a folder holds the parts of its format.

    Raises:
        InputError: If parts are missing; names all of them.
    """
    if missing := [part for part in parts if not (folder / part).exists()]:
        raise InputError(f"{folder} is not {what}, as it lacks {', '.join(missing)}; {how}.")
