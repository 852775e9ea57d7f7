"""Chat completions in OpenAI's form, see https://platform.openai.com/docs/api-reference/chat."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.serve.schema.base import Answer, Listed
from pipeline.serve.schema.scenes import Id, SceneOptions
from pipeline.serve.schema.work import RegionGiven

_MOST_MESSAGES, _MOST_PARTS = 1000, 200


class Lenient(BaseModel):
    """A part of a request of which keys that mean nothing here are left alone, as OpenAI's clients expect."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())


class ImageUrl(Lenient):
    """An image of a message."""

    url: str = Field(
        min_length=1,
        description="A data URL; an address is refused unless serve.fetch_hosts names its host.",
        examples=["data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA..."],
    )


class Part(Lenient):
    """A part of a message: its kind, and what it holds."""

    type: Annotated[str, Field(max_length=40)] = Field(description="text or image_url.", examples=["text"])
    text: str | None = Field(None, description="Of a text.", examples=["Is the mug left of the book?"])
    image_url: ImageUrl | str | None = Field(None, description="Of an image.")


class Message(Lenient):
    """A turn of the conversation."""

    role: Annotated[str, Field(max_length=40)] = Field(
        description="user, assistant, system, ...; only what users said counts.", examples=["user"]
    )
    content: Annotated[list[Part], Field(max_length=_MOST_PARTS)] | str | None = Field(
        None, description="A text, or parts."
    )


class StreamOptions(Lenient):
    """How an answer is streamed."""

    include_usage: bool | None = Field(None, description="Whether the last chunk states the tokens.")


class ChatOptions(SceneOptions):
    """What this server knows beside OpenAI's parameters; Python's client sends it as extra_body."""

    scene: Id | None = Field(None, description="Id of a scene, in place of images.")
    regions: Listed[RegionGiven] = Field([], max_length=10_000, description="Regions that the question names.")
    hints: Literal["none", "table", "image", "both"] | None = Field(None, description="Depth hints in the prompt.")
    language: Literal["en", "zh"] | None = Field(None, description="Language of reasons; null takes the question's.")


class ChatBody(Lenient):
    """A conversation. The last question of the user counts, and the latest images; further parameters are ignored."""

    messages: Annotated[Listed[Message], Field(min_length=1, max_length=_MOST_MESSAGES)] = Field(
        description="The turns.",
        examples=[
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Is the mug left of the book?"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA"}},
                    ],
                }
            ]
        ],
    )
    model: str | None = Field(None, description="Ignored: the server has one model.", examples=["theodolite"])
    n: int | None = Field(None, ge=1, le=1, description="Number of answers: one.")
    stream: bool | None = Field(None, description="Whether the answer comes in chunks, as server-sent events.")
    stream_options: StreamOptions | None = None
    theodolite: ChatOptions | None = None


class ChatMessage(Answer):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    content: str = Field(description="What the model said, without its JSON.")
    reasoning_content: str | None = Field(None, description="What it thought before, where it did.")


class Choice(Answer):
    """The one answer."""

    index: int = 0
    message: ChatMessage
    finish_reason: Literal["stop"] = "stop"
    logprobs: None = None


class Usage(Answer):
    """Tokens, 0 where the backend does not count them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: dict[str, int] = Field({}, description="cached_tokens: those reused from earlier prompts.")


class Judged(Answer):
    """What is known beyond the answer: its verdicts, and where the rest is."""

    id: str = Field(description="Id of the result.")
    scene: str = Field(description="Id of the scene.")
    model: str | None = Field(None, description="The model that answered.")
    links: dict[str, str] = Field(description="Paths of the result, its report and its artefacts.")
    verdicts: list[dict[str, Any]] = Field(description="As in the published schema of results, /v1/schema.")
    regions: list[dict[str, Any]] = Field(description="The regions that the verdicts' indices refer to.")
    language: Literal["en", "zh"]
    errors: list[str] = Field(description="What went wrong without stopping the question.")


class ChatCompletion(Answer):
    """An answer in OpenAI's form."""

    id: str = Field(description="chatcmpl- and the id of the job.")
    object: Literal["chat.completion"] = "chat.completion"
    created: int = Field(description="[s since 1970]")
    model: str = Field(description="theodolite, the one name that /v1/models lists.")
    choices: list[Choice]
    usage: Usage
    theodolite: Judged


class ModelCard(Answer):
    """A model, in OpenAI's form."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "theodolite"


class Models(Answer):
    """The models, in OpenAI's form."""

    object: Literal["list"] = "list"
    data: list[ModelCard]
