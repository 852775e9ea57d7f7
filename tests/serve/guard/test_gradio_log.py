from __future__ import annotations

import logging
import traceback

import pytest

pytest.importorskip("gradio", reason="the extra serve is not installed")
from gradio import queueing, route_utils, routes

from pipeline.serve.guard.gradio_log import shorten_gradio_log


@pytest.mark.parametrize("module", [queueing, route_utils, routes])
def test_a_fault_is_one_line_without_its_words(
    module: object, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "traceback", traceback)
    # Handlers that other tests left would write to streams that are closed.
    monkeypatch.setattr(logging.getLogger(), "handlers", [caplog.handler])
    with caplog.at_level(logging.WARNING):
        shorten_gradio_log()
        try:
            raise ValueError("the inputs")
        except ValueError:
            module.traceback.print_exc()  # type: ignore[attr-defined]
    assert [record.getMessage() for record in caplog.records] == ["A function of the page failed: ValueError."]
    assert caplog.records[0].exc_info is None and capfd.readouterr().err == ""
