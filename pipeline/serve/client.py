"""A typed client of the HTTP API."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

from pipeline.records import Anchor, Camera, Claim, Region, from_plain, to_plain
from pipeline.records.errors import InputError
from pipeline.serve.client_events import ServerEvent, events_of
from pipeline.serve.client_files import FileLike, depth_part, image_part, listed
from pipeline.serve.client_http import Http
from pipeline.serve.schema.results import StoredResult

if TYPE_CHECKING:
    from types import TracebackType

DEFAULT_URL = "http://127.0.0.1:7860"
OnText = Callable[[str], None]
OnStage = Callable[[str], None]


@dataclass(frozen=True)
class RemoteScene:
    """A scene that a server knows.

    Args:
        id: Its id.
    """

    id: str


Images = FileLike | Sequence[FileLike] | RemoteScene | StoredResult
"""What to ask about: images, a video or an export of a device; a scene of ``Client.scene``; or an earlier result."""


class SceneOptions(TypedDict, total=False):
    """What may come with images.

    Args:
        depth: One depth file per image: paths, contents, or float arrays (H, W), of metres unless ``depth_kind`` says
            otherwise.
        depth_kind: What the numbers mean: metric, scale_invariant, depth_affine or disparity_affine.
        depth_scale: Metres, or units, per stored number.
        camera: Intrinsics of the upright image: a Camera, or fx, fy, cx, cy [px].
        fov_deg: Field of view along the longer side where no camera is known [deg].
        anchors: Known lengths, or their JSON forms.
        options: Options of depth, ocr and segment that differ from the server's.
    """

    depth: FileLike | Sequence[FileLike]
    depth_kind: str
    depth_scale: float
    camera: Camera | Mapping[str, float]
    fov_deg: float
    anchors: Sequence[Anchor | Mapping[str, Any]]
    options: Mapping[str, str]


class Client:
    """Asks a server that ``python -m pipeline serve`` runs.

    Args:
        base_url: Its address.
        token: Its bearer token, where it has one.
        timeout_s: Longest time without a word from the server [s].

    Example:
        >>> from pipeline import Client
        >>> client = Client("http://127.0.0.1:7860")  # doctest: +SKIP
        >>> result = client.ask("kitchen.jpg", "Is the mug left of the book?")  # doctest: +SKIP
        >>> [(verdict.claim_text, verdict.status) for verdict in result.verdicts]  # doctest: +SKIP
    """

    def __init__(self, base_url: str = DEFAULT_URL, token: str | None = None, timeout_s: float = 600.0) -> None:
        self._http = Http(base_url, token, timeout_s)

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
        question: Sequence[str],
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
        question: str | Sequence[str],
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
        fields = {"regions": _regions(regions), "hints": hints, "language": language, "after": after}
        single = isinstance(question, str)
        fields["question" if single else "questions"] = question if single else list(question)
        if on_text is None and on_stage is None:
            answered = self._http.post("/v1/ask", *_body(images, options, fields))
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
        given = [claim if isinstance(claim, str) else _claim(claim) for claim in claims]
        fields = {"claims": given, "regions": _regions(regions), "language": language}
        return _result(self._http.post("/v1/verify", *_body(images, options, fields)))

    def depth(self, images: Images, **options: Unpack[SceneOptions]) -> StoredResult:
        """Measure the depth of images; ``save`` fetches depth maps and 3D scenes of the result.

        Raises:
            TheodoliteError: As ``ask``.
        """
        return _result(self._http.post("/v1/depth", *_body(images, options, {})))

    def scene(self, images: FileLike | Sequence[FileLike], **options: Unpack[SceneOptions]) -> RemoteScene:
        """Send images once, for several questions.

        Raises:
            TheodoliteError: As ``ask``.
        """
        fields, files = _body(images, options, {})
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
        plain, files = _body(images, options, {**fields, "work": work})
        return RemoteJob(self, self._http.post("/v1/jobs", plain, files)["id"])

    def result(self, result_id: str) -> StoredResult:
        """A stored result.

        Raises:
            UnknownError: If the server has none by this id.
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


def _body(
    images: Images, options: SceneOptions, fields: Mapping[str, Any]
) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """The fields of a request without those that are None, and its files."""
    plain = {key: value for key, value in fields.items() if value not in (None, [])}
    if isinstance(images, RemoteScene | StoredResult):
        if options:
            raise InputError(f"{min(options)} belongs to new images; a scene that the server knows has its own.")
        return {**plain, "scene": images.id if isinstance(images, RemoteScene) else images.scene}, []
    if unknown := options.keys() - SceneOptions.__annotations__:
        raise TypeError(f"There is no option {min(unknown)}; there are {', '.join(SceneOptions.__annotations__)}.")
    files = [("images", image_part(image, number)) for number, image in enumerate(listed(images))]
    files += [("depth", depth_part(each, number)) for number, each in enumerate(listed(options.get("depth", ())))]
    for key, value in options.items():
        if key == "camera" and isinstance(value, Camera):
            plain[key] = {name: getattr(value, name) for name in ("fx", "fy", "cx", "cy")}
        elif key == "anchors":
            plain[key] = [_anchor(anchor) for anchor in value]  # type: ignore[attr-defined]
        elif key != "depth" and value is not None:
            plain[key] = value
    return plain, files


def _result(plain: Mapping[str, Any]) -> StoredResult:
    return from_plain(StoredResult, plain)


def _only(results: list[StoredResult | None]) -> StoredResult:
    (found,) = results
    assert found is not None
    return found


def _regions(regions: Sequence[Region]) -> list[dict[str, Any]]:
    keys = ("label", "box_px", "frame", "mask")
    return [{key: part for key, part in to_plain(region).items() if key in keys} for region in regions]


def _claim(claim: Claim) -> dict[str, Any]:
    own = ("text_span", "origin", "truth")
    return {key: part for key, part in to_plain(claim).items() if key not in own}


def _anchor(anchor: Anchor | Mapping[str, Any]) -> dict[str, Any]:
    if not is_dataclass(anchor):
        return dict(anchor)  # type: ignore[arg-type]
    parts = asdict(anchor)
    kind, names, points = str(parts.pop("kind")), parts.pop("names"), parts.pop("points_px")
    plain = {key: part for key, part in parts.items() if part is not None}
    if kind == "camera_height":
        return {kind: plain.pop("value"), **plain, **({"above": names[0]} if names else {})}
    subject = list(names or points)
    return {kind: subject if len(subject) > 1 else subject[0], **plain}


__all__ = ["Client", "RemoteJob", "RemoteScene", "json"]
