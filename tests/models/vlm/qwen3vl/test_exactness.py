"""Reuse and batching never change an answer: the reference is transformers' own ``generate``."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hostile_folders import edited
from models.vlm.asking import about, noise
from models.vlm.qwen3vl.reference import NEW_TOKENS, Reference, reference_of, small
from transformers import AutoModelForImageTextToText, AutoTokenizer

from pipeline.models.vlm.base import Generation, ImagePart, Request, Step, TextPart
from pipeline.models.vlm.qwen3vl import Qwen3VL
from pipeline.models.vlm.qwen3vl.engine import Engine
from pipeline.models.vlm.qwen3vl.prefix_cache import _Node
from pipeline.records.errors import GenerationError, UnaskableError

QUESTIONS = [f"Is the {thing} {relation} the {other}?" for thing, relation, other in (
    ("cup", "left of", "box"), ("box", "behind", "cup"), ("lamp", "nearer than", "chair"), ("chair", "above", "lamp"),
    ("door", "larger than", "shelf"), ("shelf", "on", "door"), ("sign", "touching", "wall"), ("wall", "below", "sign"),
    ("cat", "in front of", "dog"), ("dog", "taller than", "cat"), ("tree", "right of", "car"), ("car", "near", "tree"),
)]  # fmt: skip


def texts(outcomes: list[Any]) -> list[str]:
    assert all(isinstance(outcome, Generation) for outcome in outcomes)
    return [outcome.text for outcome in outcomes]


@pytest.fixture(scope="module")
def model(tiny_qwen3vl: Path) -> Qwen3VL:
    return small(tiny_qwen3vl)


@pytest.mark.parametrize("frames", [1, 3])
def test_the_second_question_about_the_same_frames_is_answered_as_by_the_reference_of(
    tiny_qwen3vl: Path, reference: Reference, frames: int
) -> None:
    answers = set()
    for number, (first, second) in enumerate(zip(QUESTIONS, QUESTIONS[1:] + QUESTIONS[:1], strict=True)):
        model = small(tiny_qwen3vl)
        images = [noise(100 * number + index) for index in range(frames)]
        model.generate(about(images, first))
        generation = model.generate(about(images, second))
        assert generation.text == reference(about(images, second))
        assert generation.cached_tokens is not None
        assert generation.cached_tokens > 6 * frames, "the images and the instruction are reused"
        answers.add(generation.text)
    assert len(answers) > 8, "the reference must tell the questions apart"


# Their widths and heights differ, so that positions of one scene are wrong for the other.
WIDE, TALL = [noise(1, 256, 32)], [noise(2, 32, 96), noise(3, 64, 64)]
FIRST, SECOND = noise(4), noise(5)


@pytest.mark.parametrize(
    "scenes",
    [
        [WIDE, TALL, WIDE, [], TALL, [], WIDE, WIDE, TALL],
        [[FIRST, SECOND], [SECOND, FIRST], [FIRST, FIRST], [FIRST], [SECOND, SECOND, FIRST]],
    ],
    ids=["back and forth", "same image elsewhere"],
)
def test_earlier_scenes_change_no_answer(model: Qwen3VL, reference: Reference, scenes: list[list[np.ndarray]]) -> None:
    for number, images in enumerate(scenes):
        request = about(images, QUESTIONS[number])
        assert model.generate(request).text == reference(request), number


def test_an_image_of_equal_pixels_in_another_size_is_another_image(tiny_qwen3vl: Path) -> None:
    model = small(tiny_qwen3vl)
    rgb = noise(6, 128, 128)
    full, reduced = ImagePart(rgb), ImagePart(rgb, max_pixels=64 * 64)
    requests = [Request((part, TextPart("Where?")), "item", "Where?") for part in (full, reduced, full)]
    tokens = [model.generate(request) for request in requests]
    assert [generation.prompt_tokens for generation in tokens] == [
        tokens[0].prompt_tokens, tokens[0].prompt_tokens - 12, tokens[0].prompt_tokens]  # fmt: skip
    assert tokens[1].cached_tokens < 10
    assert tokens[2].text == tokens[0].text


@pytest.mark.parametrize(
    ("batch_tokens", "cache_mb"), [(1, 0), (1, 64), (300, 0.03), (300, 0.1), (100_000, 0), (100_000, 64)]
)
def test_a_batch_gives_every_answer_as_it_would_be_alone_in_the_order_asked(
    tiny_qwen3vl: Path, reference: Reference, cache_mb: float, batch_tokens: int
) -> None:
    model = small(tiny_qwen3vl, cache_mb=cache_mb, batch_tokens=batch_tokens)
    scenes = [[noise(10)], [noise(11, 64, 32), noise(12, 32, 128)], [], [noise(13, 32, 32)] * 3]
    requests = [
        about(scenes[number % 4], question + " Say why." * (number % 5)) for number, question in enumerate(QUESTIONS)
    ]
    random.Random(0).shuffle(requests)
    expected = [reference(request) for request in requests]
    assert texts(model.generate_all(requests)) == expected
    assert texts(model.generate_all(requests[::-1])) == expected[::-1], "also from what was remembered"
    assert len(set(expected)) > 6


def test_rows_that_end_early_leave_the_others_alone(tiny_qwen3vl: Path, tmp_path: Path) -> None:
    requests = [about([noise(20 + number)], question) for number, question in enumerate(QUESTIONS)]
    tokenizer = AutoTokenizer.from_pretrained(tiny_qwen3vl)
    free = [tokenizer.encode(text) for text in texts(small(tiny_qwen3vl).generate_all(requests))]
    # The tokens of the middle of some answers end them early, and others with them.
    ends = sorted({answer[3 + number] for number, answer in enumerate(free[:6])})
    folder = edited(tiny_qwen3vl, tmp_path / "ending", "generation_config.json", eos_token_id=ends)
    together = small(folder).generate_all(requests)
    alone = [small(folder).generate(request) for request in requests]
    assert texts(together) == texts(alone)
    assert len({generation.completion_tokens for generation in alone}) > 3
    truncated = [generation.truncated for generation in alone]
    assert [generation.truncated for generation in together] == truncated
    assert set(truncated) == {True, False}


def test_threads_share_one_loaded_model_and_do_not_disturb_each_other(
    tiny_qwen3vl: Path, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes = [[noise(30)], [noise(31, 32, 128)], [noise(32), noise(33)]]
    requests = [about(scenes[number % 3], question) for number, question in enumerate(QUESTIONS)] * 2
    expected = [reference(request) for request in requests]
    loads: list[Any] = []
    load = AutoModelForImageTextToText.from_pretrained
    monkeypatch.setattr(
        AutoModelForImageTextToText, "from_pretrained", lambda *args, **rest: loads.append(args) or load(*args, **rest)
    )
    model = small(tiny_qwen3vl)
    assert loads == []
    with ThreadPoolExecutor(6) as threads:
        assert texts(list(threads.map(model.generate, requests))) == expected
    assert len(loads) == 1


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_lower_precision_answers_in_batches_too(tiny_qwen3vl: Path, dtype: str) -> None:
    model = small(tiny_qwen3vl, dtype=dtype)
    requests = [about([noise(40)], question) for question in QUESTIONS[:4]]
    found = model.generate_all(requests)
    assert all(generation.completion_tokens == NEW_TOKENS for generation in found)
    assert all(generation.settings["dtype"] == dtype for generation in found)


@pytest.mark.parametrize(
    ("settings", "of_reference"),
    [({"attn_implementation": "eager"}, {}), ({"repetition_penalty": 1.5}, {"repetition_penalty": 1.5})],
)
def test_attention_kernels_and_penalties_are_those_of_transformers(
    tiny_qwen3vl: Path, reference: Reference, settings: dict[str, Any], of_reference: dict[str, Any]
) -> None:
    model = small(tiny_qwen3vl, **settings)
    requests = [about([noise(41), noise(42, 32, 32)], QUESTIONS[index] + " Why?" * index) for index in range(4)]
    assert texts(model.generate_all(requests)) == [reference(request, **of_reference) for request in requests]


def test_a_mixture_of_experts_answers_as_on_the_reference_of(tiny_mixture: Path) -> None:
    reference = reference_of(tiny_mixture)
    scenes = [[noise(51)], [noise(52, 64, 32), noise(53, 32, 128)], []]
    requests = [about(scenes[number % 3], question) for number, question in enumerate(QUESTIONS)]
    expected = [reference(request) for request in requests]
    assert texts(small(tiny_mixture).generate_all(requests)) == expected
    assert len(set(expected)) > 8


def test_drawing_depends_on_the_seed_and_never_on_the_batch_or_the_global_generator(tiny_qwen3vl: Path) -> None:
    def drawn(seed: int) -> Qwen3VL:
        return small(tiny_qwen3vl, temperature=1.0, top_p=0.9, top_k=50, presence_penalty=1.5, seed=seed)

    requests = [about([noise(44)], question + " Why?" * index) for index, question in enumerate(QUESTIONS[:4])]
    state = torch.get_rng_state()
    alone = [drawn(3).generate(request).text for request in requests]
    assert texts(drawn(3).generate_all(requests)) == alone
    assert texts(drawn(4).generate_all(requests)) != alone
    assert torch.equal(torch.get_rng_state(), state)


def test_a_request_that_cannot_be_asked_does_not_stop_the_others(model: Qwen3VL, reference: Reference) -> None:
    fine = about([noise(45)], QUESTIONS[0])
    too_long = about([noise(46, 4020, 20)], QUESTIONS[1])
    placeholder = about([noise(45)], "<|image_pad|>")
    outcomes = model.generate_all([too_long, fine, placeholder])
    assert isinstance(outcomes[0], GenerationError)
    assert isinstance(outcomes[2], UnaskableError) and "2 placeholders for 1 images" in str(outcomes[2])
    assert texts(outcomes[1:2]) == [reference(fine)]
    assert model.generate_all([]) == []


def test_memory_of_remembered_beginnings_is_bounded_and_reported(tiny_qwen3vl: Path, reference: Reference) -> None:
    # 512 bytes a token: two prompts of about 90 tokens fit, three do not.
    model = small(tiny_qwen3vl, cache_mb=0.125)
    sizes = []
    for number in range(12):
        request = about([noise(200 + number % 4)], QUESTIONS[number])
        generation = model.generate(request)
        sizes.append(generation.timings["prefix_cache_mb"])
        assert generation.text == reference(request)
    assert 0 < max(sizes) <= 0.125
    assert small(tiny_qwen3vl, cache_mb=0).generate(request).timings["prefix_cache_mb"] == 0


def test_the_first_images_of_a_scene_that_is_too_large_are_remembered(tiny_qwen3vl: Path, reference: Reference) -> None:
    images = [noise(300 + number) for number in range(8)]
    requests = [about(images, question) for question in QUESTIONS[:4]]
    # 512 bytes a token: 60 tokens, which are the first images.
    model = small(tiny_qwen3vl, cache_mb=0.034)
    outcomes = [model.generate(requests[0]), *model.generate_all(requests[1:])]
    assert texts(outcomes) == [reference(request) for request in requests]
    assert [generation.cached_tokens > 40 for generation in outcomes] == [False, True, True, True]


@pytest.mark.parametrize("cache_mb", [0, 0.034, 64])
def test_shared_beginnings_of_a_batch_are_computed_and_counted_once(
    tiny_qwen3vl: Path, monkeypatch: pytest.MonkeyPatch, cache_mb: float
) -> None:
    computed = 0
    first_pass = Engine._first_pass

    def counting(*args: Any, **rest: Any) -> Any:
        nonlocal computed
        done = first_pass(*args, **rest)
        computed += sum(done.own)
        return done

    monkeypatch.setattr(Engine, "_first_pass", counting)
    scenes = [[noise(310 + scene), noise(320)] for scene in range(3)]
    requests = [about(scenes[number % 3], question) for number, question in enumerate(QUESTIONS)]
    outcomes = small(tiny_qwen3vl, cache_mb=cache_mb).generate_all(requests)
    prompts = sum(generation.prompt_tokens for generation in outcomes)
    assert computed == prompts - sum(generation.cached_tokens for generation in outcomes)
    assert computed < prompts or cache_mb == 0
    if cache_mb == 64:
        assert computed < prompts / 2


def test_the_seconds_of_a_batch_sum_up_to_its_time(tiny_qwen3vl: Path) -> None:
    model = small(tiny_qwen3vl, cache_mb=0.1, batch_tokens=500)
    model.generate(about([], "Where?"))
    requests = [about([noise(330 + number % 3, 256, 256)] * 6, question) for number, question in enumerate(QUESTIONS)]
    started = time.perf_counter()
    outcomes = model.generate_all(requests)
    passed = time.perf_counter() - started
    assert 0.9 * passed < sum(generation.seconds for generation in outcomes) <= passed
    for generation in outcomes:
        parts = [generation.timings[name] for name in ("prepare_s", "prefill_s", "decode_s")]
        assert generation.seconds == pytest.approx(sum(parts))
        assert generation.timings["first_token_s"] < passed
        assert generation.cached_tokens < generation.prompt_tokens


@pytest.mark.parametrize("calls", [1, 2, 5, 9])
def test_an_interrupt_leaves_no_wrong_state_behind(
    tiny_qwen3vl: Path, reference: Reference, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    model = small(tiny_qwen3vl)
    requests = [about([noise(340 + number % 2)], question) for number, question in enumerate(QUESTIONS[:6])]
    model.generate(requests[0])
    left = calls

    def interrupted(node: Any, *args: Any, **rest: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        node_init(node, *args, **rest)

    node_init = _Node.__init__
    with monkeypatch.context() as patch:
        # Nodes are made in the middle of every change of the tree.
        patch.setattr(_Node, "__init__", interrupted)
        with suppress(KeyboardInterrupt):
            model.generate_all(requests)
            pytest.fail("nothing was interrupted")
    assert model._loaded[0].cache_bytes == 0
    assert texts(model.generate_all(requests)) == [reference(request) for request in requests]


def test_a_recheck_reuses_the_whole_first_prompt(model: Qwen3VL) -> None:
    first = about([noise(47), noise(48)], QUESTIONS[0])
    generation = model.generate(first)
    again = Request((*first.parts, TextPart("\nThat was refuted; answer again.")), "item", QUESTIONS[0], Step.RECHECK)
    second = model.generate(again)
    assert second.cached_tokens >= generation.prompt_tokens - 12, "all but the end of the turn"


def test_no_state_stays_in_the_model(tiny_qwen3vl: Path, model: Qwen3VL, reference: Reference) -> None:
    request = about([noise(49)], QUESTIONS[2])
    model.generate(request)
    assert model._loaded[0]._model.model.rope_deltas is None


@pytest.mark.parametrize(
    "sizes",
    [[], [(32, 32)], [(96, 64), (32, 128)], [(64, 96)] * 3, [(256, 32), (32, 256), (128, 128)]],
)
def test_positions_are_those_of_the_model(model: Qwen3VL, sizes: list[Any]) -> None:
    engine, encoder = model._loaded
    images = [noise(50 + index, width, height) for index, (width, height) in enumerate(sizes)]
    prompt = encoder.encode(about(images, "Where?"), 65_536)
    grids = [[1, height // 16, width // 16] for width, height in sizes]
    ids = torch.from_numpy(prompt.tokens)[None]
    positions, delta = engine._model.model.get_rope_index(
        ids,
        mm_token_type_ids=torch.from_numpy(prompt.keys < 0)[None].int(),
        image_grid_thw=torch.tensor(grids) if grids else None,
    )
    np.testing.assert_array_equal(prompt.positions, positions[:, 0].numpy())
    assert prompt.next_position == len(prompt) + int(delta)
