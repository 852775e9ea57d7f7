"""OpenAI's own client against a server."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import openai
import pytest
from serve.fake_service import FakeService, png

from pipeline.serve.problems import BusyError

Served = tuple[FakeService, str]


def conversation(photo: bytes, question: str) -> list[Any]:
    url = "data:image/png;base64," + base64.b64encode(photo).decode()
    parts = [{"type": "text", "text": question}, {"type": "image_url", "image_url": {"url": url}}]
    return [{"role": "user", "content": parts}]


def client_of(address: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)


def test_errors_are_those_of_openai_with_the_servers_sentence(fake_server: Served) -> None:
    service, address = fake_server
    client = client_of(address)
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        client.chat.completions.create(model="any", messages=[{"role": "user", "content": "Is it?"}])
    assert "has no image" in str(refused.value) and refused.value.type == "invalid_request_error"
    service.refusal = BusyError("The queue is full.", 3)
    with pytest.raises(openai.RateLimitError, match="The queue is full"):
        client.chat.completions.create(model="any", messages=conversation(png(), "Is it?"))
    service.refusal, service.ending = None, "failed"
    stream = client.chat.completions.create(model="any", messages=conversation(png(), "Is it?"), stream=True)
    with pytest.raises(openai.APIError, match="could not answer"):
        list(stream)


@pytest.mark.slow
def test_a_conversation_with_the_small_models(real_server: str, repository: Path) -> None:
    client = client_of(real_server)
    assert [model.id for model in client.models.list()] == ["theodolite"]
    photo = sorted((repository / "data" / "samples" / "images").iterdir())[0].read_bytes()
    messages = conversation(photo, "Is the brown box left of the red ball?")
    first = client.chat.completions.create(
        model="theodolite", messages=messages, temperature=0.2, max_tokens=64, extra_body={"top_k": 3}
    )
    said = first.choices[0].message.content
    assert said and "```" not in said and first.usage is not None and first.usage.completion_tokens > 0
    extra: Any = first.theodolite  # type: ignore[attr-defined]
    assert extra["verdicts"][0]["status"] in ("supported", "refuted", "undecided") and extra["id"]
    messages += [
        {"role": "assistant", "content": said},
        {"role": "user", "content": "红球在棕色盒子的前面吗？"},
    ]
    stream = client.chat.completions.create(
        model="theodolite", messages=messages, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text and "```" not in text
    judged = [chunk.theodolite for chunk in chunks if getattr(chunk, "theodolite", None)]  # type: ignore[attr-defined]
    assert len(judged) == 1 and judged[0]["language"] == "zh" and judged[0]["verdicts"]
    assert chunks[-1].usage is not None and chunks[-1].usage.prompt_tokens > 0
