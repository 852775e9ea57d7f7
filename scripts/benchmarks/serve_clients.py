"""A server in this process or over HTTP, and scenes with questions for its clients."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

_ROOT = Path(__file__).parents[2]
SIDE_PX = 256


@dataclass(frozen=True)
class Scene:
    """A rendered scene.

    Args:
        png: Its image.
        questions: Different questions about it.
    """

    png: bytes
    questions: tuple[str, ...]


@cache
def scene_of(seed: int, questions: int, side_px: int = SIDE_PX) -> Scene:
    """A scene with so many different questions; equal seeds give equal scenes."""
    import numpy as np
    from PIL import Image

    from pipeline.synthetic.questions import question_text, statements
    from pipeline.synthetic.scenes import rendered_scene

    texts: dict[str, None] = {}
    # In some scenes little can be asked about.
    while len(texts) < min(questions, 64):
        made = rendered_scene(seed, size_px=(side_px, side_px), tidy=True)
        names = {item.label: item.label_zh for item in made.view.objects}
        known = statements(made.views)
        texts = dict.fromkeys(question_text(one, language, names) for one in known for language in ("en", "zh"))
        seed += 100_000
    file = io.BytesIO()
    Image.fromarray(made.scene.frames[0].rgb).save(file, "PNG")
    drawn = np.random.default_rng(seed).permutation(list(texts))
    return Scene(file.getvalue(), tuple(str(drawn[number % len(drawn)]) for number in range(questions)))


class Server(Protocol):
    """What clients ask."""

    def upload(self, png: bytes) -> str:
        """A scene of one image."""
        ...

    def ask(self, scene: str, questions: Sequence[str], client: str) -> list[dict[str, Any]]:
        """The results of questions that are sent together, as plain values."""
        ...

    def health_s(self) -> float:
        """How long the server takes to say that it lives [s]."""
        ...

    def resident_mb(self) -> float:
        """Memory of the server [MiB]."""
        ...


class InProcess:
    """The service in this process, on a loop of its own.

    Args:
        folder: Where results go.
        overrides: Of the configuration.
    """

    def __init__(self, folder: str, overrides: tuple[str, ...] = ()) -> None:
        from pipeline.api import Pipeline
        from pipeline.config.build import build
        from pipeline.serve.service import Service
        from pipeline.serve.store.store import Store

        given = ["cache_dir=null", f"serve.store.folder={folder}", "serve.limits.client_per_minute=100000", *overrides]
        self.pipeline = Pipeline.from_config(given, config_name="serve")
        settings = build(self.pipeline.config.serve)
        self.store = Store(settings.store)
        self.service = Service(self.pipeline, settings, self.store)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._run(self.service.start())
        while not self.service.is_ready:
            time.sleep(0.05)

    def upload(self, png: bytes) -> str:
        """See ``Server``."""
        from pipeline.serve.records import SceneInput

        with self.store.new_upload() as incoming:
            incoming.write(png)
            upload = incoming.finish("scene.png")
        return self.service.add_scene(SceneInput((upload.id,)), "bench")

    def ask(self, scene: str, questions: Sequence[str], client: str) -> list[dict[str, Any]]:
        """See ``Server``."""
        from pipeline.records import to_plain
        from pipeline.serve.records import Ask

        job = self.service.submit(Ask(scene, tuple(questions)), client)
        job = self._run(self.service.wait(job.id))
        return [to_plain(self.store.result(result)) for result in job.results]

    def health_s(self) -> float:
        """See ``Server``; the time in which the loop answers."""
        start = time.perf_counter()
        self._run(asyncio.sleep(0))
        return time.perf_counter() - start

    def resident_mb(self) -> float:
        """See ``Server``."""
        return _resident_mb(os.getpid())

    def close(self) -> None:
        """Stop it."""
        self._run(self.service.stop(1))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.store.close()

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class OverHttp:
    """The command ``serve`` in a process of its own.

    Args:
        folder: Where results go.
        overrides: Of the configuration.
        default_threads: Whether it computes with as many threads as it does by default, instead of one.
    """

    def __init__(self, folder: str, overrides: tuple[str, ...] = (), default_threads: bool = True) -> None:
        import httpx

        own = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS") if default_threads else ()
        environment = {key: value for key, value in os.environ.items() if key not in own}
        command = [
            *(sys.executable, "-m", "pipeline", "serve", "serve.port=0", "cache_dir=null"),
            *("serve.page=false", "serve.limits.client_per_minute=100000", "serve.limits.client_jobs=100"),
            *(f"serve.store.folder={folder}", *overrides),
        ]
        self._process = subprocess.Popen(
            command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        assert self._process.stdout is not None
        address = None
        while address is None:
            line = self._process.stdout.readline()
            assert line, "the server ended"
            words = [word for word in line.split() if word.startswith("http://127.0.0.1:")]
            address = words[0].rstrip("/.,") if words else None
        threading.Thread(target=self._process.stdout.read, daemon=True).start()
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
        self._client = httpx.Client(base_url=address, timeout=300, limits=limits, trust_env=False)
        while self._client.get("/readyz").status_code != 200:
            time.sleep(0.1)

    def upload(self, png: bytes) -> str:
        """See ``Server``."""
        upload = self._json(self._client.post("/v1/uploads", files={"file": ("scene.png", png, "image/png")}))
        found = upload[0] if isinstance(upload, list) else upload.get("uploads", [upload])[0]
        scene: str = self._json(self._client.post("/v1/scenes", json={"images": [found["id"]]}))["id"]
        return scene

    def ask(self, scene: str, questions: Sequence[str], client: str) -> list[dict[str, Any]]:
        """See ``Server``."""
        answer = self._json(self._client.post("/v1/ask", json={"scene": scene, "questions": list(questions)}))
        return [each.get("result", each) for each in answer["results"]]

    def health_s(self) -> float:
        """See ``Server``."""
        start = time.perf_counter()
        assert self._client.get("/healthz").status_code == 200
        return time.perf_counter() - start

    def resident_mb(self) -> float:
        """See ``Server``."""
        return _resident_mb(self._process.pid)

    def close(self) -> None:
        """Stop it."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @staticmethod
    def _json(response: Any) -> Any:
        assert response.is_success, f"{response.status_code}: {response.text[:500]}"
        return response.json()


def _resident_mb(process: int) -> float:
    with open(f"/proc/{process}/statm") as fields:
        return int(fields.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def serving(http: bool, *overrides: str, default_threads: bool = True) -> Iterator[Any]:
    """A running server."""
    with tempfile.TemporaryDirectory() as folder:
        made = OverHttp(folder, overrides, default_threads) if http else InProcess(folder, overrides)
        try:
            yield made
        finally:
            made.close()
