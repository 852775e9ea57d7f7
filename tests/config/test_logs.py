from __future__ import annotations

import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from console.batches import LIGHT, Batch
from rich.console import Console

from pipeline.cli import main
from pipeline.config.logs import JsonFormatter, JsonStream, log_format, set_up_logging, typed_format
from pipeline.console.progress import ItemProgress
from pipeline.records.errors import ConfigError
from pipeline.stages.timing import timed

RECORD = logging.LogRecord("pipeline.x", logging.WARNING, "x.py", 1, "%d of %s", (3, "杯"), None)


@contextmanager
def json_logs(stream: Any = None, verbose: bool = False) -> Iterator[Any]:
    """Standard error, or a stream for it, with the logs of this process as JSON."""
    root, before = logging.getLogger(), sys.stderr
    kept = [*root.handlers], root.level, logging.getLogger("pipeline").level
    try:
        sys.stderr = io.StringIO() if stream is None else stream
        set_up_logging(verbose, "json")
        yield sys.stderr.stream
    finally:
        set_up_logging(False)
        sys.stderr = before
        root.handlers[:], root.level = kept[0], kept[1]
        logging.getLogger("pipeline").setLevel(kept[2])


def entries(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_says_when_how_serious_who_and_what() -> None:
    entry = json.loads(JsonFormatter({}).format(RECORD))
    assert entry.pop("time").endswith("+00:00")
    assert entry == {"level": "WARNING", "logger": "pipeline.x", "message": "3 of 杯"}


@pytest.mark.parametrize("items, expected", [((), {}), (("a",), {"item": "a"}), (("a", "b"), {"items": ["a", "b"]})])
def test_a_record_within_a_stage_names_it_and_its_items(items: tuple[str, ...], expected: dict[str, Any]) -> None:
    with timed("depth", {}, items):
        entry = json.loads(JsonFormatter({}).format(RECORD))
    assert {key: entry.get(key) for key in ("stage", *expected)} == {"stage": "depth", **expected}
    assert "stage" not in json.loads(JsonFormatter({}).format(RECORD))


def test_keys_and_long_messages_are_left_out() -> None:
    record = logging.LogRecord("x", logging.ERROR, "", 0, "with sk-12345678: %s", ("y" * 9000,), None)
    line = JsonFormatter({"OPENAI_API_KEY": "sk-12345678", "HF_TOKEN": "", "HOME": "yyyyyyyyyyyy"}).format(record)
    assert "sk-1" not in line and json.loads(line)["message"].startswith("with <hidden>: yyy") and len(line) < 4200


def test_everything_on_standard_error_is_one_object_a_line() -> None:
    with json_logs() as logs:
        logger = logging.getLogger("pipeline.x")
        logger.info("finished", extra={"item": "a", "seconds": {"depth": 0.5}})
        logger.debug("a detail")
        warnings.warn("old", stacklevel=1)
        sys.stderr.write("bare\nlines\n\n 10%|\r 20%|\n")
        try:
            raise ValueError("no\nnumber")
        except ValueError:
            logger.exception("failed")
        found = entries(logs)
        assert [entry["message"].splitlines()[0] for entry in found if entry["logger"] != "py.warnings"] == [
            "finished", "bare", "lines", " 10%|", " 20%|", "failed",
        ]  # fmt: skip
        assert (found[0]["item"], found[0]["seconds"]) == ("a", {"depth": 0.5})
        assert found[-1]["traceback"].endswith("ValueError: no\nnumber")
        assert "old" in next(entry["message"] for entry in found if entry["logger"] == "py.warnings")


def test_progress_is_a_record_with_its_numbers() -> None:
    with json_logs() as logs:
        assert log_format() == "json"
        with ItemProgress(Console(stderr=True), 5, line_s=0) as progress:
            progress.advance("a", failures=1)
        (entry,) = entries(logs)
        assert (entry["done"], entry["total"], entry["failures"]) == (1, 5, 1)
        assert entry["message"].startswith("1 of 5 items, ")


def test_a_second_set_up_replaces_the_first() -> None:
    with json_logs() as logs:
        set_up_logging(True, "json")
        assert isinstance(sys.stderr, JsonStream) and sys.stderr.stream is logs
        logging.getLogger("pipeline").debug("once")
        assert len(entries(logs)) == 1
        set_up_logging(False)
        assert sys.stderr is logs and log_format() == "text"


def test_a_mistake_on_the_command_line_is_a_record(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with json_logs(sys.stderr):
        before = sys.stderr
        assert main(["retry", str(tmp_path / "none"), "log_format=json", "-v"]) == 2
        assert sys.stderr is before
    (entry,) = (json.loads(line) for line in capfd.readouterr().err.splitlines())
    assert (entry["level"], entry["logger"]) == ("ERROR", "pipeline.console.output")
    assert entry["message"].startswith("There is no folder") and "InputError" in entry["traceback"]


@pytest.mark.parametrize("workers", [0, 1])
def test_results_and_failures_of_a_batch_are_records_and_questions_stay_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], workers: int
) -> None:
    batch = Batch(tmp_path, 3, *LIGHT)
    (tmp_path / "item-0001.png").write_bytes(b"")
    with json_logs(sys.stderr, verbose=True):
        batch.run("out", f"engine.workers={workers}", "log_format=json")
    error = capfd.readouterr().err
    found = [json.loads(line) for line in error.splitlines()]
    done = [entry for entry in found if entry["message"].endswith("has a result.")]
    assert [entry["item"] for entry in done] == ["item-0000", "item-0002"]
    assert all(entry["seconds"].keys() >= {"ingest", "query", "verify"} for entry in done)
    (failed,) = (entry for entry in found if "failed in stage" in entry["message"])
    assert (failed["item"], failed["stage"]) == ("item-0001", "ingest")
    assert "Which is closer" not in error and "The box is" not in error


@pytest.mark.parametrize(
    "arguments, expected",
    [([], "text"), (["run", "log_format=json"], "json"), (["log_format=json", "log_format=text"], "text")],
)
def test_the_format_is_known_before_a_configuration_is_composed(arguments: list[str], expected: str) -> None:
    assert typed_format(arguments) == expected


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ConfigError, match="log_format must be text or json, not 'xml'"):
        typed_format(["log_format=xml"])
