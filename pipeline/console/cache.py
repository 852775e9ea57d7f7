"""The command ``cache``: what the folder of cached outputs holds, and how to shrink, check and empty it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.records.errors import ConfigError

_KEYS = ("cache_dir", "cache_gb", "older_than_days")
_GB = 10**9
_DAY_S = 86_400.0
_MOST_SHOWN = 20


@dataclass(frozen=True)
class _Request:
    """What the command line asks for.

    Args:
        folder: The cache.
        size_gb: Bound of its size; None sets none.
        older_than_days: Age of what is pruned; None prunes nothing for its age.
        keys: Keys that were typed.
    """

    folder: Path
    size_gb: float | None
    older_than_days: float | None
    keys: frozenset[str]


def manage(arguments: Sequence[str], console: Console) -> int:
    """Carry out one action.

    Args:
        arguments: The action, then ``KEY=VALUE``.
        console: Where to print.

    Returns:
        0; 1 if ``verify`` found a bad file.

    Raises:
        ConfigError: If there is no such action, key or value, or the folder is no cache.
    """
    action, *settings = arguments or [""]
    if action not in _ACTIONS:
        raise ConfigError(f"There is no action {action!r}; type cache and one of {', '.join(_ACTIONS)}.")
    return _ACTIONS[action](_request(action, settings), console)


def _request(action: str, settings: Sequence[str]) -> _Request:
    from pipeline.api import load_config
    from pipeline.records.settings import NonNegative, Positive, check_value

    given = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or key not in _KEYS:
            raise ConfigError(f"{setting!r} is no setting of cache; it has the keys {', '.join(_KEYS)}.")
        if key == "older_than_days" and action != "prune":
            raise ConfigError("older_than_days is a key of prune only; leave it out.")
        given[key] = value
    config = load_config([f"{key}={value}" for key, value in given.items() if key != "older_than_days"])
    folder = check_value("cache_dir", config.cache_dir, str | None)
    if not folder:
        raise ConfigError("Nothing is cached, because cache_dir is null; name a folder.")
    size_gb = check_value("cache_gb", config.cache_gb, Positive | None)
    days = given.get("older_than_days")
    if days is not None:
        days = check_value("older_than_days", _number(days), NonNegative)
    return _Request(Path(folder), size_gb, days, frozenset(given))


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _info(request: _Request, console: Console) -> int:
    from pipeline.stages.store.upkeep import contents

    held = contents(request.folder)
    table = Table(box=None, pad_edge=False)
    for title in ("Stage", "Files", "Size", "Share", "Oldest use", "Latest use"):
        table.add_column(title, justify="left" if title in ("Stage", "Oldest use", "Latest use") else "right")
    for name, stage in held.stages.items():
        share = stage.amount.size_bytes / max(1, held.outputs.size_bytes)
        times = (time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) for at in (stage.first_use_s, stage.last_use_s))
        table.add_row(name, str(stage.amount.files), _size(stage.amount.size_bytes), f"{share:.0%}", *times)
    bound = "without a bound" if request.size_gb is None else f"of at most {_size(request.size_gb * _GB)} (cache_gb)"
    lines = [f"Cache {request.folder}: {_files(held.outputs)} {bound}, in whole blocks of 4 KiB"]
    if held.temporary.files:
        lines.append(f"Being written, or left by a process that was killed: {_files(held.temporary)}")
    if held.old.files:
        lines.append(f"Of an earlier version, which nothing reads: {_files(held.old)}; prune removes them")
    lines.append(f"Index of sizes and uses: {held.index or 'none, because no local disk can be written'}")
    lines.append("Uses are known to the hour. Hits are not counted; the timings of a result show what was computed.")
    console.print("\n".join(lines), markup=False)
    if held.stages:
        console.print(table)
    return 0


def _prune(request: _Request, console: Console) -> int:
    from pipeline.stages.store.upkeep import prune

    # Runs may have another bound than the configuration's own.
    is_bounded = "cache_gb" in request.keys or request.older_than_days is None
    size_gb = request.size_gb if is_bounded else None
    if size_gb is None and request.older_than_days is None:
        raise ConfigError("prune needs a bound; add cache_gb= or older_than_days=.")
    days = request.older_than_days
    gone = prune(
        request.folder,
        None if size_gb is None else round(size_gb * _GB),
        None if days is None else days * _DAY_S,
    )
    console.print(f"Removed {_files(gone)} from {request.folder}", markup=False)
    return 0


def _verify(request: _Request, console: Console) -> int:
    from pipeline.stages.store.upkeep import verify

    verified = verify(request.folder)
    console.print(f"{_files(verified.sound)} in {request.folder} are as they were written", markup=False)
    for title, files in (("Removed", verified.bad), ("Cannot check", verified.unreadable)):
        for path, reason in files[:_MOST_SHOWN]:
            console.print(f"[red]{title}[/red] {escape(path)}: {escape(reason)}")
        if len(files) > _MOST_SHOWN:
            console.print(f"[red]{title}[/red] {len(files) - _MOST_SHOWN} more")
    return 1 if verified.bad or verified.unreadable else 0


def _clear(request: _Request, console: Console) -> int:
    from pipeline.stages.store.upkeep import clear

    console.print(f"Removed {_files(clear(request.folder))} from {request.folder}", markup=False)
    return 0


def _files(amount: tuple[int, int]) -> str:
    count, size_bytes = amount
    return f"{count} {'file' if count == 1 else 'files'}, {_size(size_bytes)}"


def _size(size_bytes: float) -> str:
    for unit, of_bytes in (("GB", _GB), ("MB", 10**6)):
        if size_bytes >= of_bytes:
            return (
                f"{size_bytes / of_bytes:.3g} {unit}" if size_bytes < 1000 * of_bytes else f"{size_bytes / _GB:.0f} GB"
            )
    return f"{size_bytes / 1000:.3g} kB"


_ACTIONS: dict[str, Callable[[_Request, Console], int]] = {
    "info": _info,
    "prune": _prune,
    "verify": _verify,
    "clear": _clear,
}
