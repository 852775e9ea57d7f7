"""Jobs that other processes run."""

from __future__ import annotations

import pickle

import pytest

from pipeline import cli
from pipeline.console.composed import Job


@pytest.mark.parametrize("name", ["_run_job", "_claims_job", "_depth_job", "_fit_job"])
def test_launchers_can_send_every_job_to_another_process(name: str) -> None:
    sent = pickle.loads(pickle.dumps(Job(getattr(cli, name), sweep=True)))
    assert sent._job is getattr(cli, name)
