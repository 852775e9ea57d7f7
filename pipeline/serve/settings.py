"""Settings of the server, which ``conf/serve.yaml`` gives."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Interval

from pipeline.records.settings import Count, Natural, Positive, Text, checked

MB = 10**6
GB = 10**9


@checked
@dataclass(frozen=True)
class Limits:
    """What one request, and one client, may ask for; everything is enforced before it is decoded.

    Args:
        request_mb: Size of a request [MB].
        part_mb: Size of one uploaded file [MB].
        parts: Number of parts of a request: files and fields.
        json_depth: Depth of nested JSON.
        frames: Frames of a scene, those taken from a video included.
        megapixels: Pixels of one image [million].
        scene_megapixels: Pixels of all frames of a scene together [million].
        aspect: How many times as long as the other a side of an image may be.
        video_s: Length of a video [s].
        questions: Questions of one request.
        question_chars: Length of a question or of a claim in words [characters].
        claims: Claims of one request.
        regions: Regions of one request.
        send_s: Time that a client may take to send its request [s].
        stream_s: Time that an answer may take [s], such as the events of a job; its client then connects again.
        connections: Open connections; one more is refused with the status 503. A process that may open fewer files has
            fewer.
        client_connections: Open connections of one client; one more is refused with the status 429.
        job_s: Time that a job may run [s]; the wait before it does not count.
        queue: Jobs that may wait; one more is refused with the status 429. One client fills at most half of it.
        client_jobs: Jobs of one client that may wait or run.
        client_per_minute: Requests of one client in a minute that start work or upload files. A client is an address;
            all programs of this machine are one.
    """

    request_mb: Positive = 96.0
    part_mb: Positive = 64.0
    parts: Count = 64
    json_depth: Count = 32
    frames: Count = 32
    megapixels: Positive = 50.0
    scene_megapixels: Positive = 200.0
    aspect: Positive = 50.0
    video_s: Positive = 300.0
    questions: Count = 8
    question_chars: Count = 4000
    claims: Count = 100
    regions: Count = 200
    send_s: Positive = 60.0
    stream_s: Positive = 3600.0
    connections: Count = 1000
    client_connections: Count = 64
    job_s: Positive = 600.0
    queue: Count = 64
    client_jobs: Count = 16
    client_per_minute: Count = 240


@checked
@dataclass(frozen=True)
class StoreSettings:
    """Where results live, and for how long.

    Args:
        folder: The folder; a restarted server finds its results there.
        size_gb: Most that it may take on disk [GB]; what is oldest goes first.
        client_share: Share of ``size_gb`` that the uploads of one client may take; beyond it, its own oldest go first.
        result_hours: Age at which a result is deleted [h].
        upload_hours: Age at which uploaded files are deleted [h]; further questions about them are then refused, while
            their results stay.
    """

    folder: Text = "outputs/serve"
    size_gb: Positive = 10.0
    client_share: Annotated[float, Interval(gt=0, le=1)] = 0.25
    result_hours: Positive = 720.0
    upload_hours: Positive = 24.0


@checked
@dataclass(frozen=True)
class ServeSettings:
    """The server.

    Args:
        host: Address that it listens on.
        port: Port; 0 takes a free one.
        open: Whether to open a browser.
        page: Whether the web app is served beside the HTTP API.
        token_env: Environment variable that holds the bearer token. Needed where other machines reach the server.
        hosts: Further names by which clients may call it, such as that of a proxy; others are refused, because a web
            page could otherwise reach it through a name of its own.
        workers: Processes for the stages that need no model.
        batch_wait_ms: Time that a question waits for others, to be answered together with them [ms].
        scenes: Scenes that stay in memory with their depth, for further questions.
        read_paths: Folders from which requests may name files; empty refuses every path.
        fetch_hosts: Hosts from which requests may name images by URL; empty refuses every URL.
        choices: For the groups depth, ocr and segment, options that requests may choose besides the configured one.
        limits: See ``Limits``.
        store: See ``StoreSettings``.
    """

    host: Text = "127.0.0.1"
    port: Annotated[int, Interval(ge=0, le=65535)] = 7860
    open: bool = False
    page: bool = True
    token_env: Text = "THEODOLITE_TOKEN"
    hosts: tuple[Text, ...] = ()
    workers: Natural = 0
    batch_wait_ms: Annotated[float, Interval(ge=0, le=1000)] = 5.0
    scenes: Count = 32
    read_paths: tuple[Text, ...] = ()
    fetch_hosts: tuple[Text, ...] = ()
    choices: dict[str, list[str]] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    store: StoreSettings = field(default_factory=StoreSettings)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
