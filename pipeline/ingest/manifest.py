"""Manifests: files of many items, read line by line."""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.ingest.files import MANIFEST_SUFFIXES, check_keys, decoding, existing_file, one_line
from pipeline.ingest.item import ITEM_KEYS, BadItem, Item
from pipeline.records.errors import InputError

Row = tuple[str, Mapping[str, Any] | InputError]
"""The place of a row, and its values or the reason why it cannot be read."""

_TEXT_KEYS = frozenset(("id", "depth_kind", "scale_source", "depth_key", "depth_backend"))
_PATHS_KEYS = frozenset(("frames", "depth"))
_TEXT_OR_JSON_KEYS = frozenset(("question", "questions", "claims", "lidar_to_camera"))
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
# Spreadsheets write it in half of Europe. 1,000 would be ambiguous.
_DECIMAL_COMMA = re.compile(r"0,\d+")


def read_manifest(path: str | Path, defaults: Mapping[str, Any] | None = None) -> Iterator[Item | BadItem]:
    """Read the items of a manifest one by one.

    The keys are the fields of ``Item``, and ``question``. CSV cells and Parquet texts hold lists and objects as JSON;
    several paths may be separated by ``;``.

    Args:
        path: ``.jsonl``, ``.csv`` or ``.tsv`` with a header, or ``.parquet``; paths in it are relative to its folder.
            Cells are separated by commas, semicolons or tabs, as the header is.
        defaults: Values for missing keys.

    Returns:
        The items in the order of the file; an unusable line becomes a BadItem.

    Raises:
        InputError: At once if the file is missing or of another format; while reading if it is damaged, has an
            unknown column or no items.
    """
    file = existing_file(path, "a manifest")
    rows = _ROWS.get(file.suffix.lower())
    if rows is None:
        raise InputError(f"{file} is not a manifest; its name must end in {', '.join(sorted(MANIFEST_SUFFIXES))}.")
    return _items(file, rows(file), defaults or {})


def count_items(path: str | Path) -> int:
    """Number of rows of a manifest, good or bad.

    Raises:
        InputError: If the file cannot be read.
    """
    file = existing_file(path, "a manifest")
    return sum(1 for _ in _guarded(file, _ROWS[file.suffix.lower()](file)))


def with_defaults(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The values, with defaults for missing keys unless they contradict the values."""
    given = {key for key, value in values.items() if value is not None}
    if given & {"question", "questions"}:
        given |= {"question", "questions"}
    if "depth_kind" in given:
        given.add("scale_source")
    return {**values, **{key: value for key, value in defaults.items() if key not in given}}


def _items(file: Path, rows: Iterator[Row], defaults: Mapping[str, Any]) -> Iterator[Item | BadItem]:
    places: dict[str, str] = {}
    place = ""
    for place, row in _guarded(file, rows):
        item = _item(file, place, row, defaults)
        first_place = places.setdefault(item.id, place)
        if first_place != place:
            reason = f"{file.name}, {place}: {first_place} already has the id {item.id!r}; give another."
            item = BadItem(place.replace(" ", "-"), reason)
        yield item
    if not place:
        raise InputError(f"{file} has no items; write one object or row per item.")


def _guarded(file: Path, rows: Iterator[Row]) -> Iterator[Row]:
    with decoding(file, "a manifest"):
        yield from rows


def _item(file: Path, place: str, row: Mapping[str, Any] | InputError, defaults: Mapping[str, Any]) -> Item | BadItem:
    default_id = place.replace(" ", "-")
    if isinstance(row, InputError):
        return BadItem(default_id, f"{file.name}, {place}: {row}")
    try:
        return Item.from_plain(with_defaults(row, defaults), file.parent, default_id)
    except InputError as error:
        given = row.get("id")
        usable = isinstance(given, str) and given.isprintable() and bool(given.strip())
        return BadItem(str(given).strip() if usable else default_id, f"{file.name}, {place}: {error}")


_BOM = b"\xef\xbb\xbf"


def _jsonl_rows(file: Path) -> Iterator[Row]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            line = line.removeprefix(_BOM).strip()
            if line:
                yield f"line {number}", _parse_line(line)


def _parse_line(line: bytes) -> Mapping[str, Any] | InputError:
    try:
        value = json.loads(line.decode())
    except UnicodeDecodeError:
        return InputError("it is not encoded as UTF-8; save the file as UTF-8.")
    except RecursionError:
        return InputError("its lists and objects are nested too deep.")
    except ValueError as error:
        return InputError(f"it is not JSON: {one_line(error)}.")
    if not isinstance(value, dict):
        return InputError(f"it must be an object {{...}}, not {type(value).__name__}.")
    return value


def _csv_rows(file: Path) -> Iterator[Row]:
    # Bytes that are not UTF-8 become lone surrogates, so one bad line does not end the file.
    with file.open(encoding=_encoding_of(file), errors="surrogateescape", newline="") as lines:
        first, before = next(lines, ""), 1
        if is_stated := re.fullmatch(r"sep=(.)\s*", first):
            # Spreadsheets write this line to state the separator.
            first, before = next(lines, ""), 2
        separator = is_stated[1] if is_stated else _separator(first)
        header = _names(first, separator)
        check_keys(header, ITEM_KEYS, f"The header of {file}")
        reader = _rows_of(lines, separator)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield f"line {reader.line_num + before}", InputError(f"it is not CSV: {one_line(error)}.")
                continue
            if any(cell.strip() for cell in cells):
                yield f"line {reader.line_num + before}", _parse_cells(header, cells, separator)


def _rows_of(lines: Iterable[str], separator: str) -> Any:
    # A blank before a quote would make the quote a part of the cell.
    return csv.reader(lines, delimiter=separator, skipinitialspace=True)


def _names(header: str, separator: str) -> list[str]:
    names = [name.strip() for name in next(_rows_of([header], separator), [])]
    return names[:-1] if names and not names[-1] else names


def _encoding_of(file: Path) -> str:
    with file.open("rb") as stream:
        return "utf-16" if stream.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def _separator(header: str) -> str:
    """The first of comma, semicolon and tab for which the header consists of keys; else a comma."""
    for separator in ",;\t":
        if set(_names(header, separator)) <= ITEM_KEYS:
            return separator
    return ","


def _parse_cells(header: list[str], cells: list[str], separator: str) -> Mapping[str, Any] | InputError:
    while len(cells) > len(header) and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) > len(header):
        return InputError(
            f"it has {len(cells)} cells, the header has {len(header)}; quote cells with {_SEPARATORS[separator]}."
        )
    try:
        "".join(cells).encode()
        return {key: _parse_cell(key, cell) for key, cell in zip(header, cells, strict=False)}
    except UnicodeEncodeError:
        return InputError("it is not encoded as UTF-8; save the file as UTF-8.")
    except InputError as error:
        return error


def _parse_cell(key: str, cell: str) -> Any:
    cell = cell.strip()
    if not cell or key in _TEXT_KEYS:
        return cell or None
    if key in _PATHS_KEYS and not cell.startswith("["):
        return [path.strip() for path in cell.split(";") if path.strip()]
    if key in _TEXT_OR_JSON_KEYS and not cell.startswith("["):
        return cell
    if key == "depth_scale" and _DECIMAL_COMMA.fullmatch(cell):
        cell = cell.replace(",", ".")
    try:
        return json.loads(cell)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{key} must be JSON: {one_line(error)}.") from None


def _parquet_rows(file: Path) -> Iterator[Row]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(file) as table:
        check_keys(table.schema_arrow.names, ITEM_KEYS, f"The header of {file}")
        rows = (row for batch in table.iter_batches(batch_size=256) for row in batch.to_pylist())
        for number, row in enumerate(rows, start=1):
            yield f"row {number}", _parse_texts(row)


def _parse_texts(values: Mapping[str, Any]) -> Mapping[str, Any] | InputError:
    try:
        return {
            key: _parse_cell(key, value) if isinstance(value, str) else _without_nulls(value)
            for key, value in values.items()
        }
    except InputError as error:
        return error


def _without_nulls(value: Any) -> Any:
    # Parquet adds a key of any row to all rows.
    if isinstance(value, dict):
        return {key: _without_nulls(part) for key, part in value.items() if part is not None}
    return [_without_nulls(part) for part in value] if isinstance(value, list) else value


_ROWS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _jsonl_rows,
    ".csv": _csv_rows,
    ".tsv": _csv_rows,
    ".parquet": _parquet_rows,
}
