"""A typed client of the HTTP API."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, overload

from pipeline.records import Claim, Region, from_plain
from pipeline.records.errors import InputError
from pipeline.serve.client_body import Images, RemoteScene, SceneOptions, body, plain_claim, plain_regions
from pipeline.serve.client_events import ServerEvent, events_of
from pipeline.serve.client_files import FileLike
from pipeline.serve.client_http import Http
from pipeline.serve.schema.results import StoredResult

if TYPE_CHECKING:
    from types import TracebackType

DEFAULT_URL = "http://127.0.0.1:7860"
_TOKEN_ENV = "THEODOLITE_TOKEN"
OnText = Callable[[str], None]
OnStage = Callable[[str], None]


class Client:
    """Asks a server that ``python -m pipeline serve`` runs.

    Args:
        base_url: Its address.
        token: Its bearer token, where it has one; None takes the environment variable ``THEODOLITE_TOKEN``, and an
            empty text sends none. It is sent to this address only; redirects are not followed.
        timeout_s: Longest time without a word from the server [s].

    Example:
        >>> from pipeline import Client
        >>> client = Client("http://127.0.0.1:7860")  # doctest: +SKIP
        >>> result = client.ask("kitchen.jpg", "Is the mug left of the book?")  # doctest: +SKIP
        >>> [(verdict.claim_text, verdict.status) for verdict in result.verdicts]  # doctest: +SKIP
    """

    def __init__(self, base_url: str = DEFAULT_URL, token: str | None = None, timeout_s: float = 600.0) -> None:
        self._http = Http(base_url, os.environ.get(_TOKEN_ENV) if token is None else token, timeout_s)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @overload
    def ask(
        self,
        images: Images,
        question: str,
        *,
        regions: Sequence[Region] = (),
        hints: str | None = None,
        language: str | None = None,
        after: str | None = None,
        on_text: OnText | None = None,
        on_stage: OnStage | None = None,
        **options: Unpack[SceneOptions],
    ) -> StoredResult: ...

    @overload
    def ask(
        self,
        images: Images,
        question: list[str] | tuple[str, ...],
        *,
        regions: Sequence[Region] = (),
        hints: str | None = None,
        language: str | None = None,
        after: str | None = None,
        on_text: OnText | None = None,
        on_stage: OnStage | None = None,
        **options: Unpack[SceneOptions],
    ) -> list[StoredResult | None]: ...

    def ask(
        self,
        images: Images,
        question: str | list[str] | tuple[str, ...],
        *,
        regions: Sequence[Region] = (),
        hints: str | None = None,
        language: str | None = None,
        after: str | None = None,
        on_text: OnText | None = None,
        on_stage: OnStage | None = None,
        **options: Unpack[SceneOptions],
    ) -> StoredResult | list[StoredResult | None]:
        """Ask about images and wait for the judged answer.

        Args:
            images: See ``Images``.
            question: The question; a list of several, which are answered together.
            regions: Regions that the questions name.
            hints: Depth hints in the prompt: none, table, image or both.
            language: Language of reasons: en or zh; by default that of each question.
            after: Id of a result with a refuted claim: its question is asked again with the evidence.
            on_text: Called with the whole answer so far, while the model writes it.
            on_stage: Called with the name of each stage that begins.
            **options: See ``SceneOptions``.

        Returns:
            The result; of a list of questions a list, with None for a question that failed.

        Raises:
            InputError: If an image cannot be sent.
            ServeError: If the server refuses the request; its sentence says why.
            TheodoliteError: If the server cannot be reached, or fails.
        """
        single = isinstance(question, str)
        fields: dict[str, Any] = {"question": question} if single else {"questions": list(question)}
        fields |= {"regions": plain_regions(regions), "hints": hints, "language": language, "after": after}
        if on_text is None and on_stage is None:
            answered = self._http.post("/v1/ask", *body(images, options, fields))
            return _result(answered) if single else [part and _result(part) for part in answered["results"]]
        job = self.submit("ask", images, fields, **options)
        results = job.wait(on_text, on_stage)
        return _only(results) if single else results

    def verify(
        self,
        images: Images,
        claims: Sequence[Claim | str],
        regions: Sequence[Region] = (),
        *,
        language: str | None = None,
        **options: Unpack[SceneOptions],
    ) -> StoredResult:
        """Have claims judged without a model.

        Args:
            images: See ``Images``.
            claims: Claims, or sentences that state them.
            regions: The regions that they name.
            language: Language of the reasons: en or zh.
            **options: See ``SceneOptions``.

        Raises:
            TheodoliteError: As ``ask``.
        """
        given = [claim if isinstance(claim, str) else plain_claim(claim) for claim in claims]
        fields = {"claims": given, "regions": plain_regions(regions), "language": language}
        return _result(self._http.post("/v1/verify", *body(images, options, fields)))

    def depth(self, images: Images, **options: Unpack[SceneOptions]) -> StoredResult:
        """Measure the depth of images; ``save`` fetches depth maps and 3D scenes of the result.

        Raises:
            TheodoliteError: As ``ask``.
        """
        return _result(self._http.post("/v1/depth", *body(images, options, {})))

    def scene(self, images: FileLike | Sequence[FileLike], **options: Unpack[SceneOptions]) -> RemoteScene:
        """Send images once, for several questions.

        Raises:
            TheodoliteError: As ``ask``.
        """
        fields, files = body(images, options, {})
        ids: dict[str, list[str]] = {"images": [], "depth": []}
        for name, part in files:
            ids[name].append(self._http.post("/v1/uploads", {}, [("file", part)])["id"])
        return RemoteScene(self._http.post("/v1/scenes", {**fields, **ids}, [])["id"])

    def submit(
        self, work: str, images: Images, fields: Mapping[str, Any], **options: Unpack[SceneOptions]
    ) -> RemoteJob:
        """Start work and return at once.

        Args:
            work: ask, verify, depth or rejudge.
            images: See ``Images``.
            fields: Fields of the work's own request, such as ``{"questions": [...]}``, see the server's OpenAPI
                document.
            **options: See ``SceneOptions``.

        Raises:
            TheodoliteError: As ``ask``.
        """
        plain, files = body(images, options, {**fields, "work": work})
        return RemoteJob(self, self._http.post("/v1/jobs", plain, files)["id"])

    def result(self, result_id: str) -> StoredResult:
        """A stored result.

        Raises:
            UnknownError: If the server has none with this id.
            GoneError: If the server deleted it because of its age.
        """
        return _result(self._http.get(f"/v1/results/{result_id}"))

    def save(self, result: StoredResult | str, artefact: str, path: str | Path) -> Path:
        """Save an artefact of a result, such as ``overlay.jpg``, ``points.ply`` or ``download.zip``.

        Args:
            result: The result or its id.
            artefact: A name of the result's ``links``.
            path: A file, or a folder in which the artefact keeps its name.

        Raises:
            UnknownError: If the result has no such artefact.
            InputError: If the file cannot be written.
        """
        name = result if isinstance(result, str) else result.id
        target = Path(path)
        target = target / artefact.rpartition("/")[2] if target.is_dir() else target
        try:
            with target.open("wb") as file:
                self._http.save(f"/v1/results/{name}/{artefact}", file)
        except OSError as error:
            raise InputError(f"{target} cannot be written: {error.strerror or error}.") from error
        return target

    def events(self, job_id: str) -> Iterator[ServerEvent]:
        """The events of a job, as they happen, until it ends."""
        return events_of(self._http, job_id)

    def job(self, job_id: str) -> dict[str, Any]:
        """How far a job is."""
        found: dict[str, Any] = self._http.get(f"/v1/jobs/{job_id}")
        return found

    def cancel(self, job_id: str) -> None:
        """Cancel a job."""
        self._http.delete(f"/v1/jobs/{job_id}")

    @property
    def is_ready(self) -> bool:
        """Whether the server's models are loaded."""
        return self._http.is_ready()


@dataclass(frozen=True)
class RemoteJob:
    """Work that a server does.

    Args:
        client: The client that started it.
        id: Its id.
    """

    client: Client
    id: str

    def wait(self, on_text: OnText | None = None, on_stage: OnStage | None = None) -> list[StoredResult | None]:
        """Wait for the results.

        Args:
            on_text: Called with the whole answer so far, while the model writes it.
            on_stage: Called with the name of each stage that begins.

        Returns:
            One result per question, with None for one that failed.

        Raises:
            TheodoliteError: If the job failed or was cancelled.
        """
        for event in self.client.events(self.id):
            if event.kind == "text" and on_text is not None:
                on_text(event.data["text"])
            elif event.kind == "stage" and on_stage is not None:
                on_stage(event.data["stage"])
        job = self.client.job(self.id)
        if not any(job["results"]):
            self.client._http.raise_for(job)
        return [None if name is None else self.client.result(name) for name in job["results"]]

    def cancel(self) -> None:
        """Cancel it."""
        self.client.cancel(self.id)


def _result(plain: Mapping[str, Any]) -> StoredResult:
    return from_plain(StoredResult, plain)


def _only(results: list[StoredResult | None]) -> StoredResult:
    (found,) = results
    assert found is not None
    return found
