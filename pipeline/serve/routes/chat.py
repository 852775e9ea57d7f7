"""Chat completions in OpenAI's form, so that chat clients can ask about space."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from pipeline.serve.intake.bodies import apart
from pipeline.serve.problems import UnfitError
from pipeline.serve.records import Ask
from pipeline.serve.routes.bodies import add_scene, client_of, fields_of, kept
from pipeline.serve.routes.chat_form import MODEL, completion
from pipeline.serve.routes.chat_stream import streamed
from pipeline.serve.routes.common import Serving, Settings, finished, nobody, one_result
from pipeline.serve.routes.documented import OF_BODIES, OF_WORK, body, problems
from pipeline.serve.schema.base import read
from pipeline.serve.schema.chat import ChatBody, ChatCompletion, ChatOptions, Message, ModelCard, Models
from pipeline.serve.schema.scenes import SceneOptions
from pipeline.serve.schema.work import check_texts, records_of
from pipeline.serve.service import Service
from pipeline.serve.settings import ServeSettings

router = APIRouter(tags=["chat"])

CHAT = "/v1/chat/completions"
"""The path; its errors have OpenAI's form besides."""
_EXAMPLE = {
    "model": MODEL,
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Is the mug left of the book?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA"}},
            ],
        }
    ],
}


@router.post(
    CHAT,
    summary="Chat, in OpenAI's form",
    response_model=ChatCompletion,
    response_model_exclude_none=True,
    responses={
        200: {
            "description": "The answer; with stream, chunks of it as server-sent events, then [DONE].",
            "content": {"text/event-stream": {}},
        },
        **problems(*OF_BODIES, *OF_WORK),
    },
    openapi_extra=body(ChatBody, files=False, example=_EXAMPLE),
)
async def chat(request: Request, service: Serving, settings: Settings) -> Response | ChatCompletion:
    """The last question of the user is asked about the latest images, and its answer judged.

    ``theodolite`` of the answer, or of the last chunk, holds the verdicts, the ids of result and scene, and links.
    Whatever else OpenAI's parameters ask for is accepted and ignored.
    """
    given = await apart(read, ChatBody, await fields_of(request, service, settings), settings.limits)
    work = await _work(given, request, service, settings)
    client = client_of(request)
    if given.stream:
        job = await run_in_threadpool(service.submit, work, client)
        usage = given.stream_options is not None and bool(given.stream_options.include_usage)
        chunks = streamed(job, service, has_usage=usage)
        return StreamingResponse(chunks, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
    finished_job = await finished(request, service, work, client)
    if finished_job is None:
        return nobody()
    return completion(finished_job, await one_result(service, finished_job))


@router.get("/v1/models", summary="Models, in OpenAI's form", response_model=Models, responses=problems())
async def models() -> Models:
    """The one model, for chat clients that let their users choose."""
    return Models(data=[ModelCard(id=MODEL)])


async def _work(given: ChatBody, request: Request, service: Service, settings: ServeSettings) -> Ask:
    """The question of a conversation about its scene."""
    question, images = question_of(given.messages), images_of(given.messages)
    options = given.theodolite or ChatOptions.model_validate({})
    check_texts([question], settings.limits)
    check_scene(options, bool(images))
    regions = await apart(records_of, options.regions, settings.limits)
    scene = options.scene
    if scene is None:
        if not images:
            raise UnfitError("The conversation has no image; add one as an image_url with a data URL.")
        uploads = await kept([{"url": url} for url in images], request, service, settings)
        plain = options.model_dump(include=set(SceneOptions.model_fields), exclude_unset=True)
        scene = await add_scene(SceneOptions.model_validate(plain), uploads, [], request, service)
    return Ask(scene, (question,), regions, options.hints, options.language)


def check_scene(options: ChatOptions, has_images: bool) -> None:
    """Check that a conversation is about one scene.

    Args:
        options: What the request says beside OpenAI's parameters.
        has_images: Whether a message holds images.

    Raises:
        UnfitError: If a known scene comes with images, or with what belongs to a new one.
    """
    if options.scene is None:
        return
    if has_images:
        raise UnfitError("Give the id of a scene, or images in the messages, not both.")
    if given := options.model_fields_set & SceneOptions.model_fields.keys():
        raise UnfitError(
            f"The field {min(given)} belongs to a new scene; leave it out, or give images instead of a scene."
        )


def question_of(messages: list[Message]) -> str:
    """The last question of the user.

    Raises:
        UnfitError: If the last turn of the user has no text.
    """
    turn = next((message for message in reversed(messages) if message.role == "user"), None)
    if turn is None:
        raise UnfitError("The conversation has no turn of the user; add a message with the role user.")
    if isinstance(turn.content, str):
        texts = [turn.content]
    else:
        kinds = {part.type for part in turn.content or ()} - {"text", "image_url"}
        if kinds:
            raise UnfitError(f"A part of the type {min(kinds)!r} is not read; send text and image_url.")
        texts = [part.text or "" for part in turn.content or () if part.type == "text"]
    question = "\n".join(text for text in texts if text.strip()).strip()
    if not question:
        raise UnfitError("The last message of the user has no text; ask something about the images.")
    return question


def images_of(messages: list[Message]) -> list[str]:
    """The addresses of the latest images: all of the last message that has any."""
    for message in reversed(messages):
        if message.role == "user" and isinstance(message.content, list):
            urls = [part.image_url for part in message.content if part.type == "image_url" and part.image_url]
            if urls:
                return [url if isinstance(url, str) else url.url for url in urls]
    return []
