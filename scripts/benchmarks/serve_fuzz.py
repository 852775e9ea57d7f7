"""Calls every path of the HTTP API with what its OpenAPI document allows, and with what it forbids (schemathesis)."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, bounded

ROOT = Path(__file__).parents[2]
CASES = 2000
# Time that one request may take [s].
_LONGEST_S = 120
_MOST_ROUNDS = 20
# Artefacts that cases ask for instead of names that nobody gave.
_ARTEFACTS = ("overlay.jpg", "result.json", "depth-0.png", "points.ply", "download.zip", "report/items/result.html")


@dataclass
class Fuzzed:
    """What came of the cases.

    Args:
        cases: Their number.
        statuses: How often the server answered with each status.
        faults: What did not fit, one line each, with its number.
    """

    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def server_errors(self) -> int:
        """Answers of the class 5xx."""
        return sum(count for status, count in self.statuses.items() if status >= 500)


def figures() -> Iterator[Figure]:
    """The figures of a real server with the small models that ship."""
    with served() as url:
        found = fuzz(url, CASES, known_of(url))
    for fault, count in found.faults.most_common():
        print(f"{count} x {fault}", file=sys.stderr)
    yield bounded("schemathesis: cases", float(found.cases), "requests", least=CASES)
    yield bounded("schemathesis: answers 5xx", float(found.server_errors), "requests", most=0)
    yield bounded("schemathesis: answers unlike the schema", float(found.faults.total()), "requests", most=0)
    good = sum(count for status, count in found.statuses.items() if status < 400)
    yield bounded("schemathesis: requests that were done", good / found.cases, "share", least=0.1)


main = figures


@contextmanager
def served() -> Iterator[str]:
    """The address of a server of its own."""
    limits = ["serve.limits.client_per_minute=1000000", "serve.limits.client_jobs=1000", "serve.limits.queue=1000"]
    words = [sys.executable, "-m", "pipeline", "serve", "serve.port=0", "serve.page=false", "cache_dir=null", *limits]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            found = re.search(r"http://[\d.:]+", process.stdout.readline())
            if found is None:
                raise RuntimeError("the server did not start")
            yield found[0]
        finally:
            process.terminate()
            process.wait(60)


def known_of(url: str) -> dict[str, str]:
    """Ids that exist on a server: of an upload, a scene, a job and a result."""
    from pipeline.serve.client import Client

    photo = sorted((ROOT / "data" / "samples" / "images").iterdir())[0]
    with Client(url) as client:
        job = client.submit("ask", photo, {"question": "Is the brown box left of the red ball?"})
        (result,) = job.wait()
        assert result is not None
        while not client.is_ready:
            time.sleep(0.1)
        upload = client._http.post("/v1/uploads", {}, [("file", (photo.name, photo.read_bytes()))])["id"]
    return {"upload": upload, "scene": result.scene, "job": job.id, "result": result.id}


def fuzz(url: str, cases: int, known: Mapping[str, str]) -> Fuzzed:
    """Call every operation of a server.

    Args:
        url: The server.
        cases: Least number of requests; each operation gets its share, half of it of what the document forbids.
        known: Ids that exist, which half of the requests name.
    """
    import schemathesis
    from schemathesis.generation import GenerationMode

    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    found = Fuzzed()
    for number in itertools.count():
        # Operations without parameters have few cases; further rounds make up for them.
        share = -(-(cases - found.cases) // (2 * len(operations)))
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            for operation in operations:
                _call(operation, mode, (share, number), url, known, found)
        if found.cases >= cases or number >= _MOST_ROUNDS:
            return found
    raise AssertionError


def _call(operation: Any, mode: Any, share: tuple[int, int], url: str, known: Mapping[str, str], found: Fuzzed) -> None:
    import requests
    from hypothesis import HealthCheck, Phase, given, seed, settings
    from hypothesis import strategies as st
    from hypothesis.errors import Unsatisfiable
    from schemathesis.checks import not_a_server_error
    from schemathesis.core.failures import FailureGroup
    from schemathesis.specs.openapi import checks

    fits = [
        not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_headers_conformance,
        checks.response_schema_conformance,
    ]
    session = requests.Session()
    done = 0

    cases, number = share

    @seed(number)
    @settings(
        max_examples=cases, deadline=None, database=None, derandomize=False, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )  # fmt: skip
    @given(operation.as_strategy(generation_mode=mode), st.booleans(), st.sampled_from(_ARTEFACTS))
    def one(case: Any, names_known: bool, artefact: str) -> None:
        nonlocal done
        if names_known:
            name_known(case, known, artefact)
        done += 1
        answer = case.call(base_url=url, session=session, timeout=_LONGEST_S)
        found.statuses[answer.status_code] += 1
        try:
            case.validate_response(answer, checks=fits)
        except FailureGroup as group:
            for failure in group.exceptions:
                found.faults[f"{operation.label} {answer.status_code}: {_line(failure)}"] += 1

    # What takes neither parameters nor a body cannot be asked wrongly.
    with suppress(Unsatisfiable):
        one()
    found.cases += done


def name_known(case: Any, known: Mapping[str, str], artefact: str) -> None:
    """Put ids that exist into a case, in place of those that nobody gave."""
    for name in ("job", "result"):
        if name in (case.path_parameters or {}):
            case.path_parameters[name] = known[name]
    if "artefact" in (case.path_parameters or {}):
        case.path_parameters["artefact"] = artefact
    body = case.body
    if isinstance(body, dict) and isinstance(body.get("theodolite"), dict):
        body = body["theodolite"]
    if not isinstance(body, dict):
        return
    for name in ("uploads", "images"):
        if isinstance(body.get(name), list) and body[name] and case.path == "/v1/scenes":
            body[name] = [known["upload"]]
    if "scene" in body or case.path in ("/v1/ask", "/v1/verify", "/v1/depth", "/v1/jobs"):
        for name in ("images", "uploads", "depth", "depth_uploads", *_OF_SCENES):
            body.pop(name, None)
        body["scene"] = known["scene"]
    for name in ("after", "result"):
        if body.get(name) is not None:
            body[name] = known["result"]


_OF_SCENES = ("depth_kind", "depth_scale", "camera", "fov_deg", "anchors", "options")


def _line(failure: BaseException) -> str:
    message = getattr(failure, "message", "") or str(failure)
    return f"{type(failure).__name__}: {' '.join(message.split())[:200]}"
