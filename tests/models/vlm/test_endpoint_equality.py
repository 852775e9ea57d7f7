"""A checkpoint says the same in this process and behind a real server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from models.vlm.asking import about, noise

from pipeline.models.vlm.base import Generation
from pipeline.models.vlm.openai_endpoint import OpenAIEndpoint
from pipeline.models.vlm.qwen3vl import Qwen3VL

NEW_TOKENS = 12
# Sides that are multiples of a token's, and more pixels than the smallest image: neither side resizes them.
ONE = [noise(1, 128, 96)]
THREE = [noise(2, 96, 64), noise(3, 64, 128), noise(4, 160, 96)]
REQUESTS = [
    about(images, question)
    for images in (ONE, THREE)
    for question in ("Where is the cup?", "Is the box behind the cup?", "杯子在盒子的左侧吗?", "How far is it?")
]  # fmt: skip


@pytest.fixture(scope="module")
def local(tiny_qwen3vl: Path) -> list[Generation]:
    """What the checkpoint says in this process, each request alone."""
    sizing = json.loads((tiny_qwen3vl / "processor_config.json").read_text())["image_processor"]["size"]
    model = Qwen3VL(
        str(tiny_qwen3vl),
        device="cpu",
        dtype="float32",
        max_new_tokens=NEW_TOKENS,
        min_pixels=sizing["shortest_edge"],
        max_pixels=sizing["longest_edge"],
    )
    answers = [model.generate(request) for request in REQUESTS]
    assert len({answer.text for answer in answers}) > len(REQUESTS) // 2, "the answers depend on what is asked"
    return answers


@pytest.fixture
def remote(transformers_serve: str, tiny_qwen3vl: Path, stream: bool) -> OpenAIEndpoint:
    return OpenAIEndpoint(
        str(tiny_qwen3vl), transformers_serve, timeout_s=60, max_new_tokens=NEW_TOKENS, stream=stream, max_retries=0
    )


def whole_text(answer: Generation) -> str:
    """The text without what the server drops: blanks at both ends, and an incomplete last character."""
    return answer.text.strip().rstrip("\ufffd").strip()


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_server_answers_as_this_process_does(remote: OpenAIEndpoint, local: list[Generation], stream: bool) -> None:
    one_by_one = [remote.generate(request) for request in REQUESTS]
    for there, here in zip(one_by_one + remote.generate_all(REQUESTS), local * 2, strict=True):
        assert isinstance(there, Generation)
        assert whole_text(there) == whole_text(here)
        assert (there.prompt_tokens, there.completion_tokens) == (here.prompt_tokens, here.completion_tokens)
        assert there.truncated == here.truncated
        assert ("first_token_s" in there.timings) is stream
