from __future__ import annotations

import json
import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hostile_folders import edited
from models.vlm.qwen3vl.reference import small
from random_qwen3vl import build_random_qwen3vl
from transformers import AutoModelForImageTextToText, AutoTokenizer

from pipeline.models.vlm.base import Generation, ImagePart, Request, TextPart
from pipeline.models.vlm.hints import HintMode
from pipeline.models.vlm.prompt import build_answer_request
from pipeline.models.vlm.qwen3vl import Qwen3VL
from pipeline.models.vlm.qwen3vl.engine import Engine
from pipeline.records import Scene
from pipeline.records.errors import GenerationError, StoppedError, UnaskableError


def ask(text: str = "Where?", *sizes: tuple[int, int]) -> Request:
    """A request with one grey image per (width, height)."""
    images = [ImagePart(np.full((height, width, 3), 90, np.uint8)) for width, height in sizes]
    return Request((*images, TextPart(text)), "item", text)


@pytest.fixture(scope="module")
def model(tiny_qwen3vl: Path) -> Qwen3VL:
    return small(tiny_qwen3vl, max_new_tokens=24)


@pytest.fixture
def brief(tiny_qwen3vl: Path) -> Qwen3VL:
    """A backend of its own, which has cached nothing and gives four tokens."""
    return small(tiny_qwen3vl, max_new_tokens=4)


def saying_only_token_0(folder: Path, target: Path) -> Path:
    """A copy of the checkpoint whose outputs repeat one token."""
    shutil.copytree(folder, target)
    checkpoint = AutoModelForImageTextToText.from_pretrained(folder)
    with torch.no_grad():
        checkpoint.model.language_model.norm.weight.zero_()
    checkpoint.save_pretrained(target)
    return target


def test_frames_and_depth_images_reach_the_model_in_order(model: Qwen3VL, scene: Scene, tiny_qwen3vl: Path) -> None:
    request = build_answer_request(scene, "Where is the cup?", hints=HintMode.IMAGE)
    _, encoder = model._loaded
    encoded = encoder.encode(request, 65_536)
    places = ["<|vision_start|>" + "<|image_pad|>" * tokens + "<|vision_end|>" for tokens in (12, 4, 12, 4)]
    expected = request.prompt_text
    for place in places:
        expected = expected.replace("<image>", place, 1)
    prompt = AutoTokenizer.from_pretrained(tiny_qwen3vl).decode(encoded.tokens)
    assert prompt == f"<|im_start|>user\n{expected}<|im_end|>\n<|im_start|>assistant\n"
    assert f"Picture 1: {places[0]}\nPicture 2: {places[1]}\nPicture 1, depth" in prompt
    assert [image.size_px for image in encoded.images] == [(128, 96), (64, 64), (128, 96), (64, 64)]
    assert encoder.pixels_of(encoded.images)["image_grid_thw"].tolist() == [[1, 6, 8], [1, 4, 4]] * 2
    assert model.generate(request).prompt_tokens == len(encoded)


def test_the_pixels_reach_the_model_unchanged(model: Qwen3VL, scene: Scene) -> None:
    _, encoder = model._loaded
    encoded = encoder.encode(Request((ImagePart(scene.frames[1].rgb), TextPart("?")), "item", "?"), 65_536)
    patches = encoder.pixels_of(encoded.images)["pixel_values"]
    # 16 patches in 2 x 2 blocks, each channel first, two equal moments.
    first = patches[0].reshape(3, 2, 16, 16)[:, 0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(first, scene.frames[1].rgb[:16, :16] / 127.5 - 1, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "tokens"),
    [
        ((64, 64), 4),
        ((128, 96), 12),
        ((97, 60), 6),  # Sides are rounded to multiples of 32.
        ((8, 8), 1),  # Enlarged to min_pixels.
        ((1024, 1024), 64),  # Reduced to max_pixels, as is the next.
        ((800, 600), 54),
        ((2000, 10), 62),  # Thinner than one token.
        ((4000, 20), 113),  # One row of tokens is the least.
    ],
)
def test_an_image_takes_one_token_per_32_by_32_pixels(model: Qwen3VL, size: tuple[int, int], tokens: int) -> None:
    _, encoder = model._loaded
    with_image, without = (encoder.encode(request, 65_536) for request in (ask("Where?", size), ask("Where?")))
    assert len(with_image) - len(without) == tokens + 2  # And one token each for its start and end.


def test_the_generation_is_fully_described(model: Qwen3VL, tiny_qwen3vl: Path) -> None:
    generation = model.generate(ask())
    assert generation.model == str(tiny_qwen3vl)
    assert generation.revision
    assert generation.seed == 0
    assert generation.seconds > 0
    assert (generation.completion_tokens, generation.truncated) == (24, True)
    assert (model.cache_mb, model.batch_tokens) == (2048, 8192)
    unused = {"model", "revision", "temperature", "top_p", "top_k", "seed", "takes_crops", "takes_followups"}
    unused |= {"takes_metres", "size_gb"}
    given = {field.name: getattr(model, field.name) for field in fields(model) if field.name not in unused}
    assert generation.settings == {**given, "dtype": "float32", "do_sample": False}


def test_an_endless_repetition_is_cut(tiny_qwen3vl: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = saying_only_token_0(tiny_qwen3vl, tmp_path / "looping")
    end = json.loads((folder / "generation_config.json").read_text())["eos_token_id"]
    others = [token for token in end if token != 0]
    folder = edited(folder, tmp_path / "endless", "generation_config.json", eos_token_id=others)
    generation = small(folder, max_new_tokens=500).generate(ask())
    assert generation.completion_tokens == 64
    assert generation.truncated
    assert "repeated itself" in caplog.text


def test_a_reasoning_that_is_too_long_is_closed_and_the_answer_begins(model: Qwen3VL, tmp_path: Path) -> None:
    folder = build_random_qwen3vl(tmp_path / "thinking", thinking=True)
    free, limited = small(folder, max_new_tokens=24), small(folder, max_new_tokens=24, max_thinking_tokens=6)
    requests = [ask("Where?", (64, 64)), ask("Why?", (64, 64))]
    for long, short, alone in zip(
        free.generate_all(requests), limited.generate_all(requests), map(limited.generate, requests), strict=True
    ):
        assert isinstance(long, Generation)
        assert isinstance(short, Generation)
        assert short.text == alone.text
        thought, close, answer = short.text.partition("\n</think>")
        assert close
        assert answer
        assert long.text.startswith(thought)
        assert long.text.startswith("<think>\n"), "the prompt opens it"
        assert short.completion_tokens == 24
    assert not model.generate(ask()).text.startswith("<think>")


def test_the_identity_follows_content_and_settings_but_not_the_place(tiny_qwen3vl: Path, tmp_path: Path) -> None:
    first = small(tiny_qwen3vl).identity
    moved = shutil.copytree(tiny_qwen3vl, tmp_path / "moved" / tiny_qwen3vl.name)
    other = saying_only_token_0(tiny_qwen3vl, tmp_path / "other" / tiny_qwen3vl.name)
    assert small(moved).identity == first
    others = small(other), small(moved, max_pixels=4096), small(moved, seed=1)
    assert len({first, *(model.identity for model in others)}) == 4


@pytest.mark.parametrize(("width", "height"), [(2010, 10), (1, 201)])
def test_an_image_that_is_too_long_is_refused_before_any_model_is_looked_for(width: int, height: int) -> None:
    with pytest.raises(UnaskableError, match=f"{width} x {height}"):
        Qwen3VL("no/such-model").generate(ask("Where?", (width, height)))


def test_a_prompt_beyond_the_models_positions_is_refused_and_the_others_are_answered(
    tiny_qwen3vl: Path, tmp_path: Path
) -> None:
    text = json.loads((tiny_qwen3vl / "config.json").read_text())["text_config"]
    text["max_position_embeddings"] = 200
    model = small(edited(tiny_qwen3vl, tmp_path / "short", "config.json", text_config=text), max_new_tokens=4)
    short, long = model.generate_all([ask("Where?", (64, 64)), ask("Where? " * 200, (64, 64))])
    assert isinstance(short, Generation)
    assert isinstance(long, UnaskableError) and "the model has 200" in str(long)


class Follows:
    """Keeps the texts that it is told, and stops after so many characters."""

    def __init__(self, most: float = float("inf")) -> None:
        self.texts: list[str] = []
        self.most = most

    def on_text(self, text: str) -> None:
        self.texts.append(text)

    @property
    def is_stopped(self) -> bool:
        return bool(self.texts) and len(self.texts[-1]) > self.most


def test_a_listener_hears_the_beginning_of_its_own_answer(model: Qwen3VL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.models.vlm.listening._INTERVAL_S", 0.0)
    heard = [Follows(), Follows()]
    requests = [replace(ask(f"Where is {number}?"), listener=one) for number, one in enumerate(heard)]
    for outcome, one, request in zip(model.generate_all(requests), heard, requests, strict=True):
        assert isinstance(outcome, Generation)
        assert len(one.texts) == outcome.completion_tokens, "once per token"
        assert all(outcome.text.startswith(text) for text in one.texts)
        assert outcome.text == model.generate(replace(request, listener=None)).text, "listening changes nothing"


def test_an_answer_that_is_stopped_ends_at_once_and_alone(model: Qwen3VL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.models.vlm.listening._INTERVAL_S", 0.0)
    impatient, patient = Follows(most=0), Follows()
    alone = model.generate(ask("Where is 1?"))
    stopped, whole = model.generate_all(
        [replace(ask("Where is 0?"), listener=impatient), replace(ask("Where is 1?"), listener=patient)]
    )
    assert isinstance(stopped, StoppedError)
    assert len(impatient.texts) < 24
    assert isinstance(whole, Generation)
    assert whole.text == alone.text
    gone = Follows(most=-1)
    gone.on_text("")
    (late,) = model.generate_all([replace(ask("Where is 2?"), listener=gone)])
    assert isinstance(late, StoppedError)
    assert gone.texts == [""], "nothing was generated"


def short_of_memory(monkeypatch: pytest.MonkeyPatch, most_tokens: int, error: Exception) -> list[list[int]]:
    """Let the real engine fail on larger batches; the prompts' lengths in each batch that is tried."""
    tried: list[list[int]] = []
    answer = Engine.answer

    def limited(engine: Engine, prompts: Any, goes_on: Any = ()) -> Any:
        tried.append([len(prompt) for prompt in prompts])
        if sum(tried[-1]) > most_tokens:
            raise error
        return answer(engine, prompts, goes_on)

    monkeypatch.setattr(Engine, "answer", limited)
    return tried


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory."),
    MemoryError(),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes."),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_too_little_memory_says_what_to_lower_and_what_was_tried(
    brief: Qwen3VL, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with monkeypatch.context() as patch:
        tried = short_of_memory(patch, 10, error)
        with pytest.raises(GenerationError, match=r"tried: .*max_pixels=32768.*lower vlm.max_pixels.*max_new_tokens"):
            brief.generate(ask("Where?", (256, 256)))
    assert len(tried) == 2
    assert tried[0][0] - tried[1][0] == 64 - 25, "the resolution is lowered once"
    assert brief.generate(ask("Where?", (64, 64))).text


def test_the_resolution_is_lowered_by_itself_and_the_result_says_so(
    brief: Qwen3VL, tiny_qwen3vl: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    short_of_memory(monkeypatch, 70, OUT_OF_MEMORY[0])
    generation = brief.generate(ask("Where?", (256, 256)))
    assert generation.settings["max_pixels"] == 32_768
    assert "vlm.max_pixels=32768" in caplog.text
    kept = small(tiny_qwen3vl, max_new_tokens=4, lower_resolution=False)
    with pytest.raises(GenerationError, match=r"lower vlm\.max_pixels"):
        kept.generate(ask("Where?", (256, 256)))


def test_images_that_a_budget_reduced_already_are_reduced_further(
    brief: Qwen3VL, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = short_of_memory(monkeypatch, 35, OUT_OF_MEMORY[0])
    image = ImagePart(np.full((256, 256, 3), 90, np.uint8), max_pixels=32 * 1024)
    generation = brief.generate(Request((image, TextPart("Where?")), "item", "Where?"))
    assert tried[0][0] - tried[1][0] == 25 - 16
    assert generation.settings["max_pixels"] == 16 * 1024


def test_what_is_remembered_is_given_up_before_the_resolution(brief: Qwen3VL, monkeypatch: pytest.MonkeyPatch) -> None:
    request = ask("Where?", (256, 256))
    expected = brief.generate(request)
    answer = Engine.answer

    def full(engine: Engine, prompts: Any, goes_on: Any = ()) -> Any:
        if engine.cache_bytes:
            raise OUT_OF_MEMORY[0]
        return answer(engine, prompts, goes_on)

    monkeypatch.setattr(Engine, "answer", full)
    generation = brief.generate(request)
    assert generation.text == expected.text
    assert generation.settings == expected.settings
    assert generation.cached_tokens == 0


def test_memory_that_runs_out_within_the_model_leaves_nothing_remembered(
    tiny_qwen3vl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small(tiny_qwen3vl, max_new_tokens=4, lower_resolution=False)
    requests = [ask(f"Where is {number}?", (64, 64)) for number in range(4)]
    expected = [model.generate(request).text for request in requests]
    engine, _ = model._loaded
    forward = Engine._pass

    def limited(engine: Engine, embedded: Any, *args: Any, **rest: Any) -> Any:
        if embedded.shape[0] > 1:
            raise OUT_OF_MEMORY[0]
        return forward(engine, embedded, *args, **rest)

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "_pass", limited)
        outcomes = model.generate_all(requests)
        assert [outcome.text for outcome in outcomes] == expected  # type: ignore[union-attr]
        patch.setattr(Engine, "_pass", lambda *args, **rest: (_ for _ in ()).throw(ValueError("broken")))
        with pytest.raises(ValueError, match="broken"):
            model.generate_all(requests)
        assert engine.cache_bytes == 0
    assert [model.generate(request).text for request in requests] == expected


def test_a_batch_that_does_not_fit_is_answered_in_halves(tiny_qwen3vl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = small(tiny_qwen3vl, max_new_tokens=4, lower_resolution=False)
    requests = [ask(f"Where is {number}?", (64, 64)) for number in range(4)] + [ask("Where?", (256, 256))]
    expected = [model.generate(request).text for request in requests[:4]]
    tried = short_of_memory(monkeypatch, 80, OUT_OF_MEMORY[0])
    outcomes = model.generate_all(requests)
    assert [outcome.text for outcome in outcomes[:4]] == expected  # type: ignore[union-attr]
    assert isinstance(outcomes[4], GenerationError)
    assert (len(tried[0]), min(map(len, tried))) == (5, 1)
