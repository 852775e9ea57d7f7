"""Bodies of requests: forms with files and JSON alike become one model, and its files a scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from pipeline.serve.intake.bodies import FORM, apart, read_body
from pipeline.serve.intake.json_text import MOST_VALUES, count_values, parse_json
from pipeline.serve.intake.multipart import Form
from pipeline.serve.intake.sources import read_sources
from pipeline.serve.problems import TooLargeError, UnfitError, UnsupportedError
from pipeline.serve.records import Upload
from pipeline.serve.schema.base import read
from pipeline.serve.schema.scenes import SceneOptions, WithScene
from pipeline.serve.service import Service
from pipeline.serve.settings import Limits, ServeSettings

Wanted = TypeVar("Wanted", bound=WithScene)

# Fields of forms that are texts as they stand, and lists to which each field adds one text, or a list in JSON.
_TEXTS = frozenset(("question", "hints", "language", "after", "scene", "depth_kind", "work", "result"))
_LISTS = frozenset(("questions", "claims", "uploads", "depth_uploads"))
# Files of forms, by the field that takes their ids.
_FILES = {"images": "uploads", "depth": "depth_uploads"}


@dataclass(frozen=True)
class Given:
    """A body that was read.

    Args:
        plain: Its fields, as in the JSON form; files of a form are ids of uploads.
        files: Files of a form, by field.
    """

    plain: dict[str, Any]
    files: Mapping[str, tuple[Upload, ...]] = field(default_factory=dict)


def client_of(request: Request) -> str:
    """Whose a request is, for limits: what the guards call the client."""
    named = getattr(request.state, "client", None)
    return str(named) if named else (request.client.host if request.client else "local")


async def body_of(request: Request, service: Service, settings: ServeSettings) -> Given:
    """Read the body of a request; files of a form are in the store then.

    Raises:
        ServeError: If it is malformed or breaks a limit.
    """
    found = await read_body(request, service.store, settings.limits, client_of(request))
    return await apart(_of_form, found, settings) if isinstance(found, Form) else Given(found)


async def fields_of(request: Request, service: Service, settings: ServeSettings) -> dict[str, Any]:
    """Read the body of a request that holds no files.

    Raises:
        ServeError: If it is no JSON, is malformed, or breaks a limit.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM:
        raise UnsupportedError("Send application/json.")
    return (await body_of(request, service, settings)).plain


async def uploaded(request: Request, service: Service, settings: ServeSettings) -> Upload:
    """The one file of a form.

    Raises:
        UnfitError: If there is none, or several.
        ServeError: If the form is malformed or breaks a limit.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise UnsupportedError(f"Send {FORM} with one file.")
    found = await read_body(request, service.store, settings.limits, client_of(request))
    assert isinstance(found, Form)
    files = [upload for uploads in found.files.values() for upload in uploads]
    if len(files) != 1:
        raise UnfitError(f"The form holds {len(files)} files; send one file in each request.")
    return files[0]


async def received(
    request: Request, model: type[Wanted], service: Service, settings: ServeSettings
) -> tuple[Wanted, str]:
    """Read a request about a scene.

    Args:
        request: The request.
        model: The model of its fields.
        service: The service.
        settings: Settings of the server.

    Returns:
        The fields, and the id of the scene.

    Raises:
        ServeError: If the request does not fit, or a limit or a missing upload forbids it.
    """
    given = await apart(read, model, (await body_of(request, service, settings)).plain, settings.limits)
    return given, await scene_of(given, request, service, settings)


async def scene_of(given: WithScene, request: Request, service: Service, settings: ServeSettings) -> str:
    """Id of the scene of a request; a new one is made of its files.

    Raises:
        ServeError: If a file cannot be kept, or an upload does not exist.
    """
    if given.scene is not None:
        return given.scene
    images = given.uploads or await kept(given.images, request, service, settings)
    depth = given.depth_uploads or await kept(given.depth, request, service, settings, "depth file")
    return await add_scene(given, images, depth, request, service)


async def kept(
    sources: Sequence[Any], request: Request, service: Service, settings: ServeSettings, what: str = "image"
) -> list[str]:
    """Ids of the uploads that a JSON request's files become.

    Raises:
        ServeError: If one is malformed, not allowed, or breaks a limit.
    """
    client = client_of(request)

    def read_all() -> list[str]:
        plain = [each.model_dump(exclude_none=True) if isinstance(each, BaseModel) else each for each in sources]
        return [upload.id for upload in read_sources(plain, service.store, settings, what, client)]

    return await run_in_threadpool(read_all)


async def add_scene(
    options: SceneOptions, images: Sequence[str], depth: Sequence[str], request: Request, service: Service
) -> str:
    """Make a scene of uploads.

    Raises:
        ServeError: If an upload does not exist, or an option is not allowed.
    """
    return await run_in_threadpool(service.add_scene, options.input(images, depth), client_of(request))


def _of_form(form: Form, settings: ServeSettings) -> Given:
    """The fields of a form as those of the JSON form."""
    if unknown := sorted(form.files.keys() - _FILES.keys()):
        raise UnfitError(f"There is no file field {unknown[0][:80]!r}; send files as images or depth.")
    plain: dict[str, Any] = {}
    json = _JsonFields(settings.limits)
    for name, texts in form.fields.items():
        if name == "question" and len(texts) > 1:
            plain["questions"] = list(texts)
        elif name in _LISTS:
            plain[name] = [entry for text in texts for entry in json.entries(name, text)]
        elif len(texts) > 1:
            raise UnfitError(f"The field {name[:80]!r} is given {len(texts)} times; give it once.")
        else:
            plain[name] = texts[0] if name in _TEXTS else json.value(name, texts[0])
    for name, uploads in form.files.items():
        if plain.keys() & {name, _FILES[name]}:
            raise UnfitError(f"Give {name} as files, or as ids of uploads, not both.")
        plain[_FILES[name]] = [upload.id for upload in uploads]
    return Given(plain, form.files)


class _JsonFields:
    """The fields of a form that are JSON, which together have no more values than one request."""

    def __init__(self, limits: Limits) -> None:
        self._most_depth = limits.json_depth
        self._left = MOST_VALUES

    def entries(self, name: str, text: str) -> list[Any]:
        """The entries that one field adds to a list."""
        if not text.lstrip().startswith(("[", "{")):
            return [text]
        value = self.value(name, text)
        return value if isinstance(value, list) else [value]

    def value(self, name: str, text: str) -> Any:
        """The value of one field."""
        data = text.encode()
        self._left -= count_values(data, self._most_depth, self._left)
        try:
            return parse_json(data, self._most_depth)
        except (UnfitError, TooLargeError):
            raise
        except Exception as error:
            raise UnfitError(f"The field {name[:80]!r} must be JSON: {error}") from None
