from __future__ import annotations

import base64
import logging
import time
import traceback
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from models.vlm.asking import pixels
from models.vlm.recording_server import (
    KEY,
    QUESTION,
    RecordingServer,
    Reply,
    answer,
    ask,
    chunk,
    completion,
    endpoint,
    events,
    failure,
    wait_for,
)

from pipeline.models.vlm.base import ImagePart, Request
from pipeline.models.vlm.hints import HintMode
from pipeline.models.vlm.openai_endpoint import OpenAIEndpoint
from pipeline.models.vlm.prompt import build_answer_request
from pipeline.records import Scene
from pipeline.records.errors import ConfigError, GenerationError, ModelUnavailableError

both_ways = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
pytestmark = pytest.mark.usefixtures("pauses")


def test_images_and_texts_arrive_exactly_and_in_order(server: RecordingServer, scene: Scene) -> None:
    request = build_answer_request(scene, "Where is the cup?", hints=HintMode.IMAGE)
    endpoint(server).generate(request)
    (message,) = server.bodies[0]["messages"]
    assert message["role"] == "user"
    assert len(message["content"]) == len(request.parts)
    for sent, part in zip(message["content"], request.parts, strict=True):
        if isinstance(part, ImagePart):
            np.testing.assert_array_equal(pixels(sent["image_url"]["url"]), part.rgb)
        else:
            assert sent == {"type": "text", "text": part.text}
    assert server.paths == ["/v1/chat/completions"]


def test_settings_are_sent_and_described(server: RecordingServer) -> None:
    settings = {"temperature": 0.5, "top_p": 0.8, "presence_penalty": 1.5, "seed": 3}
    model = endpoint(server, max_new_tokens=77, **settings, extra_body={"top_k": 20})
    generation = model.generate(QUESTION)
    body = server.bodies[0]
    assert (body["model"], body["max_tokens"], body["top_k"]) == ("qwen", 77, 20)
    assert {name: body[name] for name in settings} == settings
    assert (generation.text, generation.model, generation.revision, generation.seed) == ("left", "qwen", "fp-7", 3)
    assert (generation.prompt_tokens, generation.completion_tokens, generation.truncated) == (11, 3, False)
    assert generation.settings == settings | {
        "max_tokens": 77, "extra_body": {"top_k": 20}, "image_format": "png", "max_side_px": 2048,
        "stream": True, "timeout_s": 5.0, "max_retries": 1, "max_concurrency": 4,
    }  # fmt: skip
    assert generation.seconds > 0


def test_settings_of_none_are_left_to_the_server(server: RecordingServer) -> None:
    ask(server, stream=False, max_new_tokens=None, temperature=None, seed=None)
    assert set(server.bodies[0]) == {"model", "messages"}


def test_large_images_are_reduced_and_jpeg_is_close(server: RecordingServer) -> None:
    ramp = np.repeat(np.linspace(0, 255, 300).astype(np.uint8)[None, :, None], 150, 0).repeat(3, 2)
    ramp[:, :, 2] = 0  # Red and blue must not be exchanged.
    request = Request((ImagePart(ramp),), "item", "?")
    endpoint(server, image_format="jpeg", max_side_px=100).generate(request)
    sent = pixels(server.bodies[0]["messages"][0]["content"][0]["image_url"]["url"])
    assert sent.shape == (50, 100, 3)
    assert np.abs(sent.astype(int) - ramp[1::3, 1::3].astype(int)).mean() < 5


def test_the_key_is_in_the_authorisation_and_nowhere_else(
    server: RecordingServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    model = endpoint(server)
    generation = model.generate(QUESTION)
    (headers,) = server.headers
    assert headers.pop("authorization") == f"Bearer {KEY}"
    everything = [headers, server.bodies, server.paths, vars(generation), model.identity, caplog.text, repr(model)]
    assert KEY not in str(everything)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_the_key_is_in_no_error_even_if_the_server_repeats_it(server: RecordingServer, status: int) -> None:
    error = failure(server, server.url, Reply({"error": {"message": f"bad key {KEY}"}}, status))
    assert KEY not in "".join(traceback.format_exception(error))
    assert (error.__cause__, error.__context__) == (None, None)


def test_without_a_key_a_placeholder_is_sent(server: RecordingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(server, api_key_env="THEODOLITE_TEST_KEY")
    monkeypatch.setenv("THEODOLITE_TEST_KEY", "  other\n")
    ask(server, api_key_env="THEODOLITE_TEST_KEY")
    assert [headers["authorization"] for headers in server.headers] == ["Bearer none", "Bearer other"]


def test_a_server_that_hangs_runs_into_the_time_limit(server: RecordingServer) -> None:
    started = time.perf_counter()
    words = r"within 0\.2 s at the first attempt.*vlm\.timeout_s"
    failure(server, words, Reply(completion(), delay_s=1.5), timeout_s=0.2, max_retries=0)
    assert time.perf_counter() - started < 1.4


@pytest.mark.parametrize("parts", [[chunk("le")] * 100, [b": keep-alive\n\n"] * 100], ids=["text", "comments"])
def test_a_stream_that_drips_runs_into_the_time_limit(server: RecordingServer, parts: list[bytes]) -> None:
    started = time.perf_counter()
    words = r"within 0\.4 s at the first attempt.*vlm\.timeout_s"
    failure(server, words, events(*parts, drip_s=0.05), timeout_s=0.4)
    assert 0.4 <= time.perf_counter() - started < 1.5
    assert len(server.bodies) == 1
    wait_for(lambda: server.hung_up == 1)


@both_ways
@pytest.mark.parametrize("secret", [KEY, base64.b64encode(KEY.encode()).decode()])
def test_a_key_that_the_server_repeats_is_kept_nowhere(server: RecordingServer, secret: str, streamed: bool) -> None:
    said = answer(streamed, f"You sent {secret}.", reasoning=f"It is {secret}.", fingerprint=secret)
    generation = ask(server, said)
    assert secret.rstrip("=") not in str(vars(generation))
    assert "You sent ***" in generation.text
    assert secret.rstrip("=") not in str(failure(server, r"\*\*\*", answer(streamed, "", finish=secret)))


def test_a_placeholder_key_changes_no_answer(server: RecordingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    assert ask(server, Reply(completion("EMPTY"))).text == "EMPTY"


@both_ways
@pytest.mark.parametrize("content", [["left"], 7, {"text": "left"}, False])
def test_an_answer_that_is_not_a_text_is_an_error(server: RecordingServer, content: Any, streamed: bool) -> None:
    failure(server, f"a {type(content).__name__} in place of a text", answer(streamed, content))


@both_ways
def test_optional_fields_of_other_types_are_left_out(server: RecordingServer, streamed: bool) -> None:
    generation = ask(server, answer(streamed, reasoning=["It", "is"], refusal={}, fingerprint={"a": 1}))
    assert (generation.text, generation.revision) == ("left", None)


@both_ways
@pytest.mark.parametrize(
    ("tokens", "counts"),
    [
        ({"prompt_tokens": 11, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}}, (11, 3, 8)),
        ({"prompt_tokens": 11, "prompt_tokens_details": {"cached_tokens": 0}}, (11, None, 0)),
        *(({"prompt_tokens": 11, "prompt_tokens_details": other}, (11, None, None)) for other in ({}, None, [8])),
        ({"prompt_tokens": "11", "completion_tokens": 3.5, "prompt_tokens_details": {"cached_tokens": -1}}, [None] * 3),
        (3, [None] * 3),
        (None, [None] * 3),
    ],
)
def test_tokens_are_counted_where_the_server_gives_whole_numbers(
    server: RecordingServer, tokens: Any, counts: Any, streamed: bool
) -> None:
    generation = ask(server, answer(streamed, tokens=tokens))
    assert (generation.prompt_tokens, generation.completion_tokens, generation.cached_tokens) == tuple(counts)


def test_a_missing_server_is_reported_with_the_command_that_starts_one() -> None:
    model = OpenAIEndpoint("qwen", "http://127.0.0.1:9/v1", max_retries=0)
    words = r"No connection to http://127\.0\.0\.1:9/v1 .*vllm serve qwen"
    with pytest.raises(GenerationError, match=words):
        model.generate(QUESTION)
    with pytest.raises(ModelUnavailableError, match=words):
        model.check()


@both_ways
@pytest.mark.parametrize("content", [None, ""])
def test_an_empty_answer_is_an_error(server: RecordingServer, content: str | None, streamed: bool) -> None:
    failure(server, "no text .*content_filter", answer(streamed, content, finish="content_filter"))


@both_ways
@pytest.mark.parametrize(
    ("message", "finish", "text"),
    [
        ({"reasoning_content": "It is"}, "stop", "<think>\nIt is\n</think>\n\nleft"),
        ({"reasoning": "It is"}, "stop", "<think>\nIt is\n</think>\n\nleft"),
        ({"reasoning": "It is", "reasoning_content": "It is"}, "stop", "<think>\nIt is\n</think>\n\nleft"),
        ({"content": None, "reasoning_content": "It is"}, "length", "<think>\nIt is"),
        ({"content": "le"}, "length", "le"),
        ({"content": None, "refusal": "I cannot."}, "stop", "I cannot."),
        ({"content": "left \ud800"}, "stop", "left \ufffd"),
    ],
)
def test_reasoning_and_cut_answers_are_kept(
    server: RecordingServer, message: dict[str, Any], finish: str, text: str, streamed: bool
) -> None:
    generation = ask(server, answer(streamed, **{"content": "left", **message}, finish=finish))
    assert (generation.text, generation.truncated) == (text, finish == "length")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"base_url": "http://me:hidden@host/v1"}, "base_url must hold no login.*vlm.api_key_env"),
        ({"base_url": "ftp://me:hidden@host/v1"}, "base_url must hold no login.*vlm.api_key_env"),
        ({"base_url": "me:hidden@host/v1"}, "base_url must start with"),
        ({"base_url": "http://host/v1?key=hidden"}, "base_url must start with .* hold no query"),
        ({"base_url": "http://[hidden/v1"}, "base_url must be an address"),
        ({"base_url": "http://hidden:99999/v1"}, "base_url must be an address"),
        ({"base_url": "hidden:8000"}, "base_url must start with"),
        ({"api_key_env": "sk-hidden"}, "api_key_env must be the name of an environment variable"),
        ({"api_key_env": ""}, "api_key_env must be the name of an environment variable"),
    ],
)
def test_a_secret_in_the_configuration_is_refused_and_not_repeated(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        OpenAIEndpoint("qwen", **{"base_url": "http://host/v1", **settings})
    assert "hidden" not in "".join(traceback.format_exception(refused.value))


def test_the_identity_follows_the_settings(server: RecordingServer) -> None:
    identities = {
        endpoint(server, **settings).identity
        for settings in ({}, {"seed": 1}, {"image_format": "jpeg"}, {"top_p": 0.8})
    }
    assert len(identities) == 4
    assert endpoint(server, timeout_s=9.0, max_retries=0, max_concurrency=1, stream=False).identity in identities
    assert endpoint(server, seed=None, temperature=0.7).identity is None


@pytest.mark.parametrize(
    "status, words", [(200, None), (404, None), (500, None), (401, "refused the API key"), (403, "key")]
)
def test_a_server_is_checked_by_its_list_of_models(server: RecordingServer, status: int, words: str | None) -> None:
    server.replies = [Reply({}, status)]
    with nullcontext() if words is None else pytest.raises(ModelUnavailableError, match=words):
        endpoint(server).check()
    assert server.paths == ["/v1/models"]
