from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from console.batches import LIGHT, Batch

from pipeline.records.errors import ConfigError, InputError
from pipeline.stages.timing import StageError, StageWork, send_spans, timed, work_of_thread


def test_the_time_of_blocks_adds_up_also_of_one_that_fails() -> None:
    seconds = {"depth": 1.0}
    with timed("depth", seconds), timed("ocr", seconds):
        pass
    with pytest.raises(StageError, match=r"^It is torn\.$") as caught, timed("ingest", seconds):
        raise InputError("It is torn.")
    assert list(seconds) == ["depth", "ocr", "ingest"] and seconds["depth"] > 1 and min(seconds.values()) > 0
    assert (caught.value.stage, caught.value.is_fatal) == ("ingest", False)


@pytest.mark.parametrize(
    "cause, is_fatal", [(InputError("a"), False), (ConfigError("b"), True), (KeyError("c"), False)]
)
def test_a_failure_reaches_another_process_as_it_is(cause: Exception, is_fatal: bool) -> None:
    error = pickle.loads(pickle.dumps(StageError("depth", cause)))
    assert (error.stage, type(error.cause), error.is_fatal) == ("depth", type(cause), is_fatal)
    assert str(error) == ("Unexpected KeyError: 'c'" if isinstance(cause, KeyError) else str(cause))


def test_a_thread_knows_what_it_works_on() -> None:
    assert work_of_thread() is None
    with timed("depth", {}, ["a", "b"]):
        with pytest.raises(StageError), timed("ocr", {}, ["c"]):
            assert work_of_thread() == StageWork("ocr", ("c",))
            raise InputError("It is torn.")
        assert work_of_thread() == StageWork("depth", ("a", "b"))
    assert work_of_thread() is None


def test_each_run_of_a_stage_is_a_span_once_a_provider_is_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = pytest.importorskip("opentelemetry.trace")
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = memory.InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))
    # A provider can be set only once per process.
    monkeypatch.setattr(trace, "get_tracer", lambda name: provider.get_tracer(name))
    batch = Batch(tmp_path, 2, *LIGHT, "query.batch_size=1")
    (tmp_path / "item-0000.png").write_bytes(b"")
    batch.run("out")
    spans = exporter.get_finished_spans()
    assert {(span.name, span.attributes["theodolite.items"]) for span in spans} == {
        ("ingest", ("item-0000",)),
        *((stage, ("item-0001",)) for stage in ("ingest", "depth", "ocr", "query", "verify", "export")),
    }
    (failed,) = (span for span in spans if not span.status.is_unset)
    assert (failed.name, failed.status.status_code) == ("ingest", trace.StatusCode.ERROR)
    assert failed.status.description == "InputError" and not failed.events
    assert "Which" not in "".join(span.to_json() for span in spans)


def test_spans_that_wait_are_sent_where_a_provider_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    for provider in (SimpleNamespace(shutdown=lambda: sent.append("all")), SimpleNamespace(), None):
        module = None if provider is None else SimpleNamespace(get_tracer_provider=lambda provider=provider: provider)
        monkeypatch.setitem(sys.modules, "opentelemetry.trace", module)
        send_spans()
    assert sent == ["all"]


def test_without_the_package_nothing_is_traced_and_nothing_is_loaded(repository: Path) -> None:
    program = (
        "import sys\nfrom pipeline.stages.timing import timed\nseconds = {}\n"
        "with timed('depth', seconds): pass\nsys.exit('opentelemetry' in sys.modules or not seconds)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=repository, check=False).returncode == 0
