from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from random_qwen3vl import build_random_qwen3vl

from pipeline.models.vlm.base import Generation, ImagePart, Request, TextPart
from pipeline.models.vlm.hints import HintMode
from pipeline.models.vlm.prompt import build_answer_request
from pipeline.models.vlm.qwen3vl import Qwen3VL
from pipeline.models.vlm.qwen3vl.engine import Engine
from pipeline.records import Scene
from pipeline.records.errors import ConfigError, GenerationError, ModelUnavailableError

SMALL = {"device": "cpu", "min_pixels": 1024, "max_pixels": 65_536}


def ask(text: str = "Where?", *sizes: tuple[int, int]) -> Request:
    """A request with one grey image per (width, height)."""
    images = [ImagePart(np.full((height, width, 3), 90, np.uint8)) for width, height in sizes]
    return Request((*images, TextPart(text)), "item", text)


@pytest.fixture(scope="module")
def model(tiny_qwen3vl: Path) -> Qwen3VL:
    return Qwen3VL(str(tiny_qwen3vl), max_new_tokens=24, **SMALL)  # type: ignore[arg-type]


def decoded(folder: Path, tokens: torch.Tensor) -> str:
    from transformers import AutoTokenizer

    return str(AutoTokenizer.from_pretrained(folder).decode(tokens))


def changed_copy(folder: Path, target: Path, change: Callable[[Any], None]) -> Path:
    """A copy of the checkpoint whose model was changed."""
    from transformers import AutoModelForImageTextToText

    shutil.copytree(folder, target)
    checkpoint = AutoModelForImageTextToText.from_pretrained(folder)
    with torch.no_grad():
        change(checkpoint)
    checkpoint.save_pretrained(target)
    return target


def say_only_token_0(checkpoint: Any) -> None:
    checkpoint.model.language_model.norm.weight.zero_()


def test_frames_and_depth_images_reach_the_model_in_order(model: Qwen3VL, scene: Scene, tiny_qwen3vl: Path) -> None:
    request = build_answer_request(scene, "Where is the cup?", hints=HintMode.IMAGE)
    _, encoder = model._loaded
    encoded = encoder.encode(request, 65_536)
    places = ["<|vision_start|>" + "<|image_pad|>" * tokens + "<|vision_end|>" for tokens in (12, 4, 12, 4)]
    expected = request.prompt_text
    for place in places:
        expected = expected.replace("<image>", place, 1)
    prompt = decoded(tiny_qwen3vl, torch.from_numpy(encoded.tokens))
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


def test_the_same_request_gives_the_same_answer(model: Qwen3VL, scene: Scene) -> None:
    request = build_answer_request(scene, "Where is the cup?", hints=HintMode.BOTH)
    first, second = model.generate(request), model.generate(request)
    assert first.text == second.text != ""
    assert (first.prompt_tokens, first.completion_tokens) == (second.prompt_tokens, second.completion_tokens)


def test_another_image_gives_another_answer(model: Qwen3VL, scene: Scene) -> None:
    frame = scene.frames[0].rgb
    texts = {
        model.generate(Request((ImagePart(rgb), TextPart("Where?")), "item", "Where?")).text
        for rgb in (frame, np.zeros_like(frame))
    }
    assert len(texts) == 2


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
def test_a_image_takes_one_token_per_32_by_32_pixels(model: Qwen3VL, size: tuple[int, int], tokens: int) -> None:
    with_image = model.generate(ask("Where?", size)).prompt_tokens
    without = model.generate(ask("Where?")).prompt_tokens
    assert with_image is not None
    assert without is not None
    assert with_image - without == tokens + 2  # And one token each for its start and end.


def test_the_generation_is_fully_described(model: Qwen3VL, tiny_qwen3vl: Path) -> None:
    generation = model.generate(ask())
    assert generation.model == str(tiny_qwen3vl)
    assert generation.revision
    assert generation.seed == 0
    assert generation.seconds > 0
    assert generation.settings == {
        "max_new_tokens": 24,
        "max_thinking_tokens": None,
        "do_sample": False,
        "repetition_penalty": 1.0,
        "presence_penalty": 0.0,
        "min_pixels": 1024,
        "max_pixels": 65_536,
        "device": "cpu",
        "dtype": "float32",
        "attn_implementation": None,
        "quantization": None,
        "cache_mb": 2048,
        "batch_tokens": 8192,
        "lower_resolution": True,
    }


def test_the_output_ends_at_the_token_limit(tiny_qwen3vl: Path) -> None:
    generation = Qwen3VL(str(tiny_qwen3vl), max_new_tokens=5, **SMALL).generate(ask())  # type: ignore[arg-type]
    assert generation.completion_tokens == 5
    assert generation.truncated


def test_the_output_ends_at_the_end_token(tiny_qwen3vl: Path, tmp_path: Path) -> None:
    free = Qwen3VL(str(tiny_qwen3vl), max_new_tokens=24, **SMALL)  # type: ignore[arg-type]
    engine, encoder = free._loaded
    (output,) = engine.answer([encoder.encode(ask(), 65_536)])
    end = output.tokens[7]
    folder = shutil.copytree(tiny_qwen3vl, tmp_path / "ending")
    settings = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps({**settings, "eos_token_id": end}))
    ended = Qwen3VL(str(folder), max_new_tokens=24, **SMALL).generate(ask())  # type: ignore[arg-type]
    assert ended.completion_tokens == output.tokens.index(end) + 1
    assert not ended.truncated


def test_an_endless_repetition_is_cut(tiny_qwen3vl: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = changed_copy(tiny_qwen3vl, tmp_path / "looping", say_only_token_0)
    settings = json.loads((folder / "generation_config.json").read_text())
    end = [token for token in settings["eos_token_id"] if token != 0]
    (folder / "generation_config.json").write_text(json.dumps({**settings, "eos_token_id": end}))
    generation = Qwen3VL(str(folder), max_new_tokens=500, **SMALL).generate(ask())  # type: ignore[arg-type]
    assert generation.completion_tokens == 64
    assert generation.truncated
    assert "repeated itself" in caplog.text


def test_thinking_that_the_prompt_opens_is_put_in_front(model: Qwen3VL, tmp_path: Path) -> None:
    folder = build_random_qwen3vl(tmp_path / "thinking", thinking=True)
    thinking = Qwen3VL(str(folder), max_new_tokens=4, **SMALL).generate(ask())  # type: ignore[arg-type]
    assert thinking.text.startswith("<think>\n")
    assert not model.generate(ask()).text.startswith("<think>")


def test_a_reasoning_that_is_too_long_is_closed_and_the_answer_begins(tmp_path: Path, tiny_qwen3vl: Path) -> None:
    folder = build_random_qwen3vl(tmp_path / "thinking", thinking=True)
    free = Qwen3VL(str(folder), max_new_tokens=24, **SMALL)  # type: ignore[arg-type]
    limited = Qwen3VL(str(folder), max_new_tokens=24, max_thinking_tokens=6, **SMALL)  # type: ignore[arg-type]
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
        assert short.completion_tokens == 24
    # A model that does not reason is left alone.
    plain = Qwen3VL(str(tiny_qwen3vl), max_new_tokens=24, max_thinking_tokens=6, **SMALL)  # type: ignore[arg-type]
    assert plain.generate(ask()).text == Qwen3VL(str(tiny_qwen3vl), max_new_tokens=24, **SMALL).generate(ask()).text  # type: ignore[arg-type]


def test_drawing_is_repeatable_and_leaves_the_global_generator_alone(tiny_qwen3vl: Path) -> None:
    def draw(seed: int) -> str:
        sampling = {"temperature": 0.9, "top_p": 1.0, "top_k": 0, "seed": seed}
        return Qwen3VL(str(tiny_qwen3vl), max_new_tokens=12, **sampling, **SMALL).generate(ask()).text  # type: ignore[arg-type]

    state = torch.get_rng_state()
    assert draw(0) == draw(0) != draw(1)
    assert torch.equal(torch.get_rng_state(), state)


def test_threads_share_one_loaded_model(tiny_qwen3vl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoModelForImageTextToText

    loads: list[Any] = []
    load = AutoModelForImageTextToText.from_pretrained
    monkeypatch.setattr(
        AutoModelForImageTextToText, "from_pretrained", lambda *args, **rest: loads.append(args) or load(*args, **rest)
    )
    model = Qwen3VL(str(tiny_qwen3vl), max_new_tokens=4, **SMALL)  # type: ignore[arg-type]
    assert loads == []
    requests = [ask("Where?", (64, 64)), ask("Where?", (128, 96))] * 3
    with ThreadPoolExecutor(4) as threads:
        texts = [generation.text for generation in threads.map(model.generate, requests)]
    assert len(loads) == 1
    assert texts == [model.generate(request).text for request in requests]


def test_the_identity_follows_content_and_settings_but_not_the_place(tiny_qwen3vl: Path, tmp_path: Path) -> None:
    def identity(folder: Path, **settings: Any) -> str:
        return Qwen3VL(str(folder), **{**SMALL, **settings}).identity

    first = identity(tiny_qwen3vl)
    moved = shutil.copytree(tiny_qwen3vl, tmp_path / "moved" / tiny_qwen3vl.name)
    other = changed_copy(tiny_qwen3vl, tmp_path / "other" / tiny_qwen3vl.name, say_only_token_0)
    assert identity(moved) == first
    assert len({first, identity(other), identity(moved, max_pixels=4096), identity(moved, seed=1)}) == 4


@pytest.mark.parametrize(("width", "height"), [(2010, 10), (1, 201)])
def test_a_image_that_is_too_long_is_refused_before_any_model_is_looked_for(width: int, height: int) -> None:
    with pytest.raises(GenerationError, match=f"{width} x {height}"):
        Qwen3VL("no/such-model").generate(ask("Where?", (width, height)))


def test_a_place_for_a_image_in_a_text_is_refused(model: Qwen3VL) -> None:
    with pytest.raises(GenerationError, match="2 places for 1 images"):
        model.generate(ask("<|image_pad|>", (64, 64)))


def test_a_prompt_beyond_the_models_positions_is_refused_and_the_others_are_answered(
    tiny_qwen3vl: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_qwen3vl, tmp_path / "short")
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["max_position_embeddings"] = 200
    (folder / "config.json").write_text(json.dumps(config))
    model = Qwen3VL(str(folder), max_new_tokens=4, **SMALL)  # type: ignore[arg-type]
    short, long = model.generate_all([ask("Where?", (64, 64)), ask("Where? " * 200, (64, 64))])
    assert isinstance(short, Generation)
    assert isinstance(long, GenerationError) and "the model knows 200" in str(long)


class ShortOfMemory:
    """Lets the real engine answer only batches that are small enough, and counts what was tried."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most_tokens: int, error: Exception) -> None:
        self.tried: list[list[int]] = []
        answer = Engine.answer

        def limited(engine: Engine, prompts: Any) -> Any:
            self.tried.append([len(prompt) for prompt in prompts])
            if sum(self.tried[-1]) > most_tokens:
                raise error
            return answer(engine, prompts)

        monkeypatch.setattr(Engine, "answer", limited)


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory."),
    MemoryError(),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes."),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_too_little_memory_says_what_to_lower_and_what_was_tried(
    tiny_qwen3vl: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    model = Qwen3VL(str(tiny_qwen3vl), max_new_tokens=4, **SMALL)  # type: ignore[arg-type]
    with monkeypatch.context() as patch:
        tried = ShortOfMemory(patch, 10, error).tried
        with pytest.raises(GenerationError, match=r"tried: .*max_pixels=32768.*lower vlm.max_pixels.*max_new_tokens"):
            model.generate(ask("Where?", (256, 256)))
    assert len(tried) == 2
    assert tried[0][0] - tried[1][0] == 64 - 25, "the resolution is lowered once"
    assert model.generate(ask("Where?", (64, 64))).text


def test_the_resolution_is_lowered_by_itself_and_the_result_says_so(
    tiny_qwen3vl: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = Qwen3VL(str(tiny_qwen3vl), max_new_tokens=4, **SMALL)  # type: ignore[arg-type]
    ShortOfMemory(monkeypatch, 70, OUT_OF_MEMORY[0])
    generation = model.generate(ask("Where?", (256, 256)))
    assert generation.settings["max_pixels"] == 32_768
    assert "vlm.max_pixels=32768" in caplog.text
    kept = Qwen3VL(str(tiny_qwen3vl), max_new_tokens=4, lower_resolution=False, **SMALL)  # type: ignore[arg-type]
    with pytest.raises(GenerationError, match=r"lower vlm\.max_pixels"):
        kept.generate(ask("Where?", (256, 256)))


def test_images_that_a_budget_reduced_already_are_reduced_further(
    tiny_qwen3vl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Qwen3VL(str(tiny_qwen3vl), max_new_tokens=4, **SMALL)  # type: ignore[arg-type]
    tried = ShortOfMemory(monkeypatch, 35, OUT_OF_MEMORY[0]).tried
    image = ImagePart(np.full((256, 256, 3), 90, np.uint8), max_pixels=32 * 1024)
    generation = model.generate(Request((image, TextPart("Where?")), "item", "Where?"))
    assert tried[0][0] - tried[1][0] == 25 - 16
    assert generation.settings["max_pixels"] == 16 * 1024


def test_what_is_remembered_is_given_up_before_the_resolution(
    tiny_qwen3vl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Qwen3VL(str(tiny_qwen3vl), max_new_tokens=4, **SMALL)  # type: ignore[arg-type]
    request = ask("Where?", (256, 256))
    expected = model.generate(request)
    answer = Engine.answer

    def full(engine: Engine, prompts: Any) -> Any:
        if engine.cache_bytes:
            raise OUT_OF_MEMORY[0]
        return answer(engine, prompts)

    monkeypatch.setattr(Engine, "answer", full)
    generation = model.generate(request)
    assert generation.text == expected.text
    assert generation.settings == expected.settings
    assert generation.cached_tokens == 0


def test_memory_that_runs_out_within_the_model_leaves_nothing_remembered(
    tiny_qwen3vl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Qwen3VL(str(tiny_qwen3vl), max_new_tokens=4, lower_resolution=False, **SMALL)  # type: ignore[arg-type]
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
    model = Qwen3VL(str(tiny_qwen3vl), max_new_tokens=4, lower_resolution=False, **SMALL)  # type: ignore[arg-type]
    requests = [ask(f"Where is {number}?", (64, 64)) for number in range(4)] + [ask("Where?", (256, 256))]
    expected = [model.generate(request).text for request in requests[:4]]
    tried = ShortOfMemory(monkeypatch, 80, OUT_OF_MEMORY[0]).tried
    outcomes = model.generate_all(requests)
    assert [outcome.text for outcome in outcomes[:4]] == expected  # type: ignore[union-attr]
    assert isinstance(outcomes[4], GenerationError)
    assert len(tried[0]) == 5
    assert min(len(batch) for batch in tried) == 1


def test_a_model_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelUnavailableError, match=r"no/such-model.*4\.3 GB"):
        Qwen3VL("no/such-model", size_gb=4.3).generate(ask())


def test_a_folder_of_another_kind_of_model_is_refused(tiny_qwen3vl: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_qwen3vl, tmp_path / "other")
    (folder / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelUnavailableError, match="cannot be loaded"):
        Qwen3VL(str(folder), device="cpu").generate(ask())


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"min_pixels": 0}, "min_pixels"),
        ({"min_pixels": 2048, "max_pixels": 1024}, "max_pixels"),
        ({"temperature": -1.0}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"repetition_penalty": 0.0}, "repetition_penalty"),
        ({"max_thinking_tokens": 2000}, "max_thinking_tokens"),
        ({"cache_mb": -1}, "cache_mb"),
        ({"batch_tokens": 0}, "batch_tokens"),
        ({"quantization": "2bit"}, "quantization"),
        ({"model": ""}, "model"),
        ({"temperature": float("nan")}, "temperature must be a number, not nan"),
        ({"presence_penalty": None}, "presence_penalty must be a number, not null"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        Qwen3VL(**settings)
