"""Work that ends early."""

from __future__ import annotations

import threading

import pytest

from pipeline.models.stopping import check_goes_on, stoppable
from pipeline.records.errors import StoppedError


def test_work_goes_on_while_somebody_waits() -> None:
    check_goes_on()
    waits = True
    with stoppable(lambda: waits):
        check_goes_on()
        waits = False
        with pytest.raises(StoppedError):
            check_goes_on()
        with stoppable(lambda: True):
            check_goes_on()
        with pytest.raises(StoppedError):
            check_goes_on()
    check_goes_on()


def test_other_threads_go_on() -> None:
    went_on = []
    with stoppable(lambda: False):
        thread = threading.Thread(target=lambda: went_on.append(check_goes_on()))
        thread.start()
        thread.join(5)
    assert went_on == [None]
