"""A store whose process is killed while it writes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from serve.kept import files_below, numbered, opened

from pipeline.serve.records import JobState

_WRITER = """
import sys, threading
from pathlib import Path
from serve.kept import PNG, job, numbered, scene
from pipeline.serve.artefacts import artefact
from pipeline.serve.records import JobState
from pipeline.serve.settings import StoreSettings
from pipeline.serve.store.store import Store

store = Store(StoreSettings(folder=sys.argv[1]))
said = threading.Lock()

def say(*words):
    with said:
        print(*words, flush=True)

def work(first):
    number = first
    while True:
        asked = job(questions=(f"Question {number}?",))
        store.add_job(asked)
        say("job", asked.id)
        with store.new_upload() as incoming:
            incoming.write(PNG)
            incoming.write(bytes(100_000))
            say("upload", incoming.finish("cup.png").id)
        say("result", store.add_result(numbered(number), scene(number % 40), "scene", asked.id), number, asked.id)
        number += 4

def make():
    while True:
        made = store.add_result(numbered(0), scene(0), "scene", "job")
        artefact(store, made, "download.zip")

say("ready")
for first in range(4):
    threading.Thread(target=work, args=(first,)).start()
threading.Thread(target=make).start()
"""


@pytest.mark.parametrize("round_number", range(3))
def test_a_killed_process_leaves_nothing_torn(repository: Path, tmp_path: Path, round_number: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(repository), str(repository / "tests")))},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    said = [process.stdout.readline()]
    while not said[-1].startswith("result"):
        said.append(process.stdout.readline())
    time.sleep(random.Random(round_number).uniform(0.0, 0.6))
    process.send_signal(signal.SIGKILL)
    # The last line may be half written.
    lines = [line.split() for line in ("".join(said) + process.communicate()[0]).split("\n")[:-1]]
    results = {line[1]: (int(line[2]), line[3]) for line in lines if line[0] == "result"}
    with opened(tmp_path) as store:
        for result_id, (number, job_id) in results.items():
            assert store.result(result_id) == numbered(number)
            assert store.stored_scene(result_id).scene.frames[0].name == f"photo-{number % 40}.png"
            # It was never updated, but its only result is there.
            assert (store.job(job_id).state, store.job(job_id).results) == (JobState.DONE, (result_id,))
        for kind, name, *_ in lines:
            if kind == "upload":
                assert store.upload(name).path.stat().st_size == 100_108
            if kind == "job":
                assert store.job(name).state.is_final
        left = files_below(tmp_path)
        for entry in store._index.select("gone_s IS NULL"):
            name = {
                "result": f"results/{entry.id}.json",
                "stored": f"scenes/{entry.id}.zip",
                "upload": f"uploads/{entry.id}",
            }
            left.discard(name.get(entry.kind, ""))
        whole = {"download.zip", "overlay.jpg", "regions.json", "view.json", "points.ply", "scene.glb"}
        assert {path for path in left if not path.startswith("artefacts/")} == set(), "no file is left over"
        assert not [path for path in left if "/." in path], "nothing is half made"
        assert {Path(path).name for path in left if path.count("/") == 2} <= whole
