from __future__ import annotations

import base64
import gzip
import io
import json
import logging
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models.vlm.recording_server import (
    EVENT_STREAM,
    KEY,
    QUESTION,
    RecordingServer,
    Reply,
    answer,
    chunk,
    completion,
    endpoint,
    record_pauses,
    recording_server,
    use_key,
    wait_for,
)
from PIL import Image

from pipeline.models.vlm.base import ImagePart, Request, TextPart
from pipeline.models.vlm.hints import HintMode
from pipeline.models.vlm.openai_endpoint import OpenAIEndpoint
from pipeline.models.vlm.prompt import build_answer_request
from pipeline.records import Scene
from pipeline.records.errors import ConfigError, GenerationError, ModelUnavailableError

both_ways = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with recording_server() as record:
        yield record


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    use_key(monkeypatch)
    return record_pauses(monkeypatch)


def pixels(url: str) -> np.ndarray:
    kind, _, data = url.partition(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert kind == f"data:image/{image.format.lower()}"  # type: ignore[union-attr]
    return np.asarray(image)


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
    endpoint(server, stream=False, max_new_tokens=None, temperature=None, seed=None).generate(QUESTION)
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
    server.replies = [Reply({"error": {"message": f"bad key {KEY}"}}, status)]
    with pytest.raises(GenerationError) as caught:
        endpoint(server, max_retries=0).generate(QUESTION)
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_without_a_key_a_harmless_word_is_sent(server: RecordingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint(server, api_key_env="THEODOLITE_TEST_KEY").generate(QUESTION)
    monkeypatch.setenv("THEODOLITE_TEST_KEY", "  other\n")
    endpoint(server, api_key_env="THEODOLITE_TEST_KEY").generate(QUESTION)
    assert [headers["authorization"] for headers in server.headers] == ["Bearer none", "Bearer other"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_tried_again(server: RecordingServer, status: int) -> None:
    server.replies = [Reply({"error": {"message": "busy"}}, status), Reply(completion("right"))]
    assert endpoint(server).generate(QUESTION).text == "right"
    assert len(server.bodies) == 2
    assert server.bodies[0] == server.bodies[1]


@pytest.mark.parametrize(
    ("status", "attempts", "complaint"),
    [
        (500, 2, r"failed after 2 attempts \(status 500\): .*what the server says"),
        (429, 2, r"failed after 2 attempts \(status 429\)"),
        (401, 1, r"OPENAI_API_KEY, which is set"),
        (403, 1, r"OPENAI_API_KEY, which is set"),
        (404, 1, r"no model 'qwen'.*vlm\.model and vlm\.base_url"),
        (400, 1, r"refused the request \(status 400\): .*what the server says"),
        (408, 2, r"failed after 2 attempts \(status 408\)"),
        (409, 2, r"failed after 2 attempts \(status 409\)"),
        (422, 1, r"refused the request \(status 422\)"),
        (307, 1, r"refused the request \(status 307\)"),
    ],
)
def test_a_lasting_failure_is_one_line_that_helps(
    server: RecordingServer, status: int, attempts: int, complaint: str
) -> None:
    headers = {"Location": f"{server.url}/elsewhere"}
    server.replies = [Reply({"error": {"message": "what\nthe server says"}}, status, headers=headers)]
    with pytest.raises(GenerationError, match=complaint) as caught:
        endpoint(server).generate(QUESTION)
    assert "\n" not in str(caught.value)
    assert server.url in str(caught.value)
    assert len(server.bodies) == attempts


def test_a_refused_key_that_is_not_set_is_said_to_be_so(
    server: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    server.replies = [Reply({}, 401)]
    with pytest.raises(GenerationError, match="OPENAI_API_KEY, which is not set"):
        endpoint(server).generate(QUESTION)


def test_a_server_that_hangs_runs_into_the_time_limit(server: RecordingServer) -> None:
    server.replies = [Reply(completion(), delay_s=1.5)]
    started = time.perf_counter()
    with pytest.raises(GenerationError, match=r"within 0\.2 s at the first attempt.*vlm\.timeout_s"):
        endpoint(server, timeout_s=0.2, max_retries=0).generate(QUESTION)
    assert time.perf_counter() - started < 1.4


def test_a_stream_that_drips_runs_into_the_time_limit(server: RecordingServer) -> None:
    parts = (chunk(f"{number} ") for number in range(100))
    server.replies = [Reply(parts, content_type=EVENT_STREAM, drip_s=0.05)]
    started = time.perf_counter()
    with pytest.raises(GenerationError, match=r"within 0\.4 s at the first attempt.*vlm\.timeout_s"):
        endpoint(server, timeout_s=0.4).generate(QUESTION)
    assert 0.4 <= time.perf_counter() - started < 1.5
    assert len(server.bodies) == 1
    wait_for(lambda: server.hung_up == 1)


def test_a_compressed_answer_is_read(server: RecordingServer) -> None:
    server.replies = [Reply(gzip.compress(json.dumps(completion()).encode()), encoding="gzip")]
    assert endpoint(server).generate(QUESTION).text == "left"


@both_ways
@pytest.mark.parametrize("secret", [KEY, base64.b64encode(KEY.encode()).decode()])
def test_a_key_that_the_server_repeats_is_kept_nowhere(server: RecordingServer, secret: str, streamed: bool) -> None:
    first = answer(streamed, f"You sent {secret}.", reasoning=f"It is {secret}.", fingerprint=secret)
    server.replies = [first, answer(streamed, "", finish=secret)]
    model = endpoint(server)
    generation = model.generate(QUESTION)
    assert secret.rstrip("=") not in str(vars(generation))
    assert "You sent ***" in generation.text
    with pytest.raises(GenerationError, match=r"\*\*\*") as caught:
        model.generate(QUESTION)
    assert secret.rstrip("=") not in str(caught.value)


def test_a_placeholder_key_changes_no_answer(server: RecordingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    server.replies = [Reply(completion("EMPTY"))]
    assert endpoint(server).generate(QUESTION).text == "EMPTY"


@both_ways
@pytest.mark.parametrize("content", [["left"], 7, {"text": "left"}, False])
def test_an_answer_that_is_no_text_is_an_error(server: RecordingServer, content: Any, streamed: bool) -> None:
    server.replies = [answer(streamed, content)]
    with pytest.raises(GenerationError, match=f"a {type(content).__name__} in place of a text"):
        endpoint(server).generate(QUESTION)


@both_ways
@pytest.mark.parametrize(
    "tokens", [{"prompt_tokens": "11", "completion_tokens": 3.5, "prompt_tokens_details": {"cached_tokens": -1}}, 3]
)
def test_optional_fields_of_other_types_are_left_out(server: RecordingServer, tokens: Any, streamed: bool) -> None:
    fields = {"reasoning": ["It", "is"], "refusal": {}, "fingerprint": {"a": 1}, "tokens": tokens}
    server.replies = [answer(streamed, **fields)]
    generation = endpoint(server).generate(QUESTION)
    counts = (generation.prompt_tokens, generation.completion_tokens, generation.cached_tokens)
    assert (generation.text, generation.revision, counts) == ("left", None, (None, None, None))


@both_ways
@pytest.mark.parametrize(
    ("details", "cached"), [({"cached_tokens": 8}, 8), ({"cached_tokens": 0}, 0), ({}, None), (None, None), ([8], None)]
)
def test_the_tokens_that_the_server_had_kept_are_told(
    server: RecordingServer, details: Any, cached: int | None, streamed: bool
) -> None:
    server.replies = [answer(streamed, tokens={"prompt_tokens": 11, "prompt_tokens_details": details})]
    generation = endpoint(server).generate(QUESTION)
    assert (generation.prompt_tokens, generation.cached_tokens) == (11, cached)


@both_ways
def test_lone_surrogates_are_replaced(server: RecordingServer, streamed: bool) -> None:
    server.replies = [answer(streamed, "left \ud800")]
    assert endpoint(server).generate(QUESTION).text == "left \ufffd"


def test_no_server_says_how_to_start_one() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(GenerationError, match=f"No connection to {url} .*vllm serve qwen"):
        OpenAIEndpoint("qwen", url, max_retries=0).generate(QUESTION)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"{not json"),
        Reply(b"<html>hello</html>", content_type="text/html"),
        Reply({"choices": []}),
        Reply({"something": "else"}),
        Reply([1, 2]),
        Reply({"choices": [{"message": None}]}),
        Reply({"choices": {"a": 1}}),
        Reply(b"[" * 200_000),
        Reply(b'{"choices":' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
    ],
)
def test_an_answer_outside_of_the_protocol_is_named(server: RecordingServer, reply: Reply) -> None:
    server.replies = [reply]
    with pytest.raises(GenerationError, match=r"OpenAI protocol.*vlm\.base_url"):
        endpoint(server, max_retries=0).generate(QUESTION)


@both_ways
@pytest.mark.parametrize("content", [None, ""])
def test_an_empty_answer_is_an_error(server: RecordingServer, content: str | None, streamed: bool) -> None:
    server.replies = [answer(streamed, content, finish="content_filter")]
    with pytest.raises(GenerationError, match=r"no text .*content_filter"):
        endpoint(server).generate(QUESTION)


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
    ],
)
def test_reasoning_and_cut_answers_are_kept(
    server: RecordingServer, message: dict[str, Any], finish: str, text: str, streamed: bool
) -> None:
    server.replies = [answer(streamed, **{"content": "left", **message}, finish=finish)]
    generation = endpoint(server).generate(QUESTION)
    assert (generation.text, generation.truncated) == (text, finish == "length")


def test_an_answer_without_usage_has_no_token_counts(server: RecordingServer) -> None:
    server.replies = [Reply({key: value for key, value in completion().items() if key != "usage"})]
    generation = endpoint(server).generate(QUESTION)
    assert (generation.prompt_tokens, generation.completion_tokens) == (None, None)


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "http://me:hidden@host/v1"},
        {"base_url": "ftp://me:hidden@host/v1"},
        {"base_url": "me:hidden@host/v1"},
        {"base_url": "http://host/v1?key=hidden"},
        {"base_url": "http://[hidden/v1"},
        {"api_key_env": "sk-hidden"},
        {"api_key_env": ""},
    ],
)
def test_a_secret_in_the_configuration_is_refused_and_not_repeated(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"^(vlm.)?{next(iter(settings))} ") as refused:
        OpenAIEndpoint("qwen", **{"base_url": "http://host/v1", **settings})
    assert "hidden" not in "".join(traceback.format_exception(refused.value))


def test_a_login_in_the_address_is_sent_to_the_environment() -> None:
    with pytest.raises(ConfigError, match=r"no login.*vlm\.api_key_env"):
        OpenAIEndpoint("qwen", "https://me:hidden@host/v1")


def test_the_identity_follows_the_settings(server: RecordingServer) -> None:
    identities = {
        endpoint(server, **settings).identity
        for settings in ({}, {"seed": 1}, {"image_format": "jpeg"}, {"top_p": 0.8})
    }
    assert len(identities) == 4
    assert endpoint(server, timeout_s=9.0, max_retries=0, max_concurrency=1, stream=False).identity in identities
    assert endpoint(server, seed=None, temperature=0.7).identity is None


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "localhost:8000"},
        {"image_format": "gif"},
        {"base_url": "http://host:99999/v1"},
        {"timeout_s": 0},
        {"max_retries": -1},
        {"max_concurrency": 0},
        {"top_p": 0},
        {"top_p": 1.1},
    ],
)
def test_a_setting_out_of_range_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        OpenAIEndpoint("qwen", **{"base_url": "http://127.0.0.1/v1", **settings})


def test_a_real_server_answers_about_images(transformers_serve: str, tiny_qwen3vl: Path, scene: Scene) -> None:
    model = OpenAIEndpoint(str(tiny_qwen3vl), transformers_serve, timeout_s=60, max_new_tokens=16)
    request = build_answer_request(scene, "Where is the cup?", hints=HintMode.NONE)
    first, second = model.generate(request), model.generate(request)
    assert first.text == second.text != ""
    assert first.completion_tokens == 16
    assert first.truncated
    plain = model.generate(Request((TextPart(request.prompt_text.replace("<image>", "")),), "item", "?"))
    assert first.prompt_tokens is not None
    assert plain.prompt_tokens is not None
    assert first.prompt_tokens - plain.prompt_tokens >= 2 * 3, "the images must have reached the model"


def test_a_real_server_refuses_an_unknown_model(transformers_serve: str) -> None:
    with pytest.raises(GenerationError, match=r"refused the request|knows no model|failed after"):
        OpenAIEndpoint("no/such-model", transformers_serve, max_retries=0).generate(QUESTION)


@pytest.mark.parametrize(
    "status, words", [(200, None), (404, None), (500, None), (401, "refused the API key"), (403, "key")]
)
def test_a_server_is_checked_by_its_list_of_models(status: int, words: str | None) -> None:
    class Listing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    asked: list[str] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Listing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        checked = OpenAIEndpoint("qwen", f"http://127.0.0.1:{server.server_port}/v1")
        with nullcontext() if words is None else pytest.raises(ModelUnavailableError, match=words):
            checked.check()
        server.shutdown()
    assert asked == ["/v1/models"]


def test_a_server_that_is_not_there_is_found_by_a_check() -> None:
    with pytest.raises(ModelUnavailableError, match=r"No connection to http://127\.0\.0\.1:9/v1"):
        OpenAIEndpoint("qwen", "http://127.0.0.1:9/v1").check()
