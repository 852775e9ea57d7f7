"""A batch with as many bad items as good ones: each bad one fails alone, with one clear sentence and its command."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bad_input_files import good_line, kinds, write_good
from benchmarks.batch_kills import run_batch
from benchmarks.figures import Figure, bounded

STAGES = ("ingest", "depth", "ocr", "query", "verify", "export")
_LONGEST = 605


@dataclass(frozen=True)
class Outcome:
    """What became of the batch.

    Args:
        code: Exit code of the run.
        results: Number of results.
        failures: What was said about each kind: stage, reason and command.
        unclear: Kinds without one clear failure, and why.
    """

    code: int
    results: int
    failures: dict[str, dict[str, Any]]
    unclear: dict[str, str]


def figures() -> Iterator[Figure]:
    """One batch."""
    with tempfile.TemporaryDirectory() as name:
        outcome = bad_batch(Path(name))
    count = len(kinds())
    yield bounded("results of the good items", outcome.results, "", least=count, most=count)
    yield bounded(f"clear failures of {count} kinds of bad input", count - len(outcome.unclear), "", least=count)
    yield bounded("exit code", outcome.code, "", least=1, most=1)


def bad_batch(folder: Path, *overrides: str) -> Outcome:
    """Run a batch in which good and bad items take turns."""
    from pipeline.api import load_config

    input_overrides, places = make_bad_batch(folder)
    given = [*input_overrides, *overrides]
    code = run_batch(load_config(given), folder / "out", overrides=given)
    lines = {name: (folder / "out" / f"{name}.jsonl").read_bytes().splitlines() for name in ("results", "failures")}
    said: dict[str, list[dict[str, Any]]] = {}
    for line in lines["failures"]:
        failure = json.loads(line)
        said.setdefault(failure["item_id"], []).append(failure)
    failures = {kind: said[item_id][0] for kind, item_id in places.items() if item_id in said}
    unclear = {kind: problem for kind, item_id in places.items() if (problem := _problem(said.get(item_id, [])))}
    return Outcome(code, len(lines["results"]), failures, unclear)


def make_bad_batch(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Write a manifest of good and bad items in turn.

    Returns:
        The overrides that run it, and the id of the failure of each kind.
    """
    write_good(folder)
    lines: list[bytes] = []
    answers: list[dict[str, Any]] = []
    places: dict[str, str] = {}
    for number, (kind, make) in enumerate(kinds().items()):
        good, bad = f"good-{number:03d}", f"bad-{number:03d}"
        answered = [good] if kind.endswith("no recorded answer") else [good, bad]
        answers += [{"id": name, "response": "The box is closer than the jar."} for name in answered]
        made = make(folder)
        fields = made if isinstance(made, dict) else None
        lines += [json.dumps(good_line(good)).encode()]
        lines += [json.dumps({**good_line(bad), **fields}).encode() if fields is not None else bytes(made)]
        # Where a line has no id of its own, its place stands for it.
        places[kind] = f"line-{len(lines)}" if fields is None or "id" in fields else bad
    (folder / "items.jsonl").write_bytes(b"\n".join(lines))
    (folder / "answers.jsonl").write_text("\n".join(map(json.dumps, answers)), encoding="utf-8")
    overrides = [
        f"input={folder / 'items.jsonl'}", "depth=file", "vlm=recorded", f"vlm.path={folder / 'answers.jsonl'}",
        "cache_dir=null", "export.report=false", "export.overlay=false", "export.scenes=false",
    ]  # fmt: skip
    return overrides, places


def _problem(failures: list[dict[str, Any]]) -> str:
    """What is unclear about the failures of an item; empty if nothing."""
    if len(failures) != 1:
        return f"{len(failures)} failures"
    (failure,) = failures
    reason = failure["reason"]
    if failure["stage"] not in STAGES:
        return f"the stage {failure['stage']!r}"
    if not reason.endswith((".", "?")) or len(reason) > _LONGEST or not reason.isprintable():
        return f"no sentence of one line: {reason!r}"
    if any(word in reason for word in ("Unexpected ", "Traceback", "Error(", "Errno")):
        return f"words of the program: {reason!r}"
    if not str(failure.get("command", "")).endswith(f'only=["{failure["item_id"]}"]\''):
        return f"the command {failure.get('command')!r}"
    return ""
