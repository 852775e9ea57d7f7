"""The programs that train the small models: images, prompts, answers, forward pass, losses and resuming."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from average_nano import average_weights
from nano.depth_model import build as build_depth
from nano.dialogues import Dialogues, Kind
from nano.images import patch_owners, shown
from nano.loop import Training
from nano.rendering import FIRST_SEED, TrainingScene, load_shards, training_scene
from nano.train_depth import drawn_pair, scale_shift_invariant_loss
from nano.train_vl import MIXES, Batches, Losses
from nano.vl_model import BatchedForward, build, number_tokens
from nano.vocabulary import LANGUAGES, phrases
from safetensors.torch import load_file, save_file

from pipeline.claims.answer import parse_answer
from pipeline.claims.regions import Images
from pipeline.models.vlm.none import NoModel
from pipeline.models.vlm.qwen3vl.encoding import PromptEncoder
from pipeline.records.camera import Camera
from pipeline.stages.query import QueryStage
from pipeline.stages.reading import Prompt
from pipeline.synthetic.scenes import rendered_sequence

CAMERA = Camera.from_fov(256, 256, 60)


@pytest.fixture(scope="module")
def scenes() -> list[TrainingScene]:
    """One scene of one image and one of three."""
    found: dict[int, TrainingScene] = {}
    seed = FIRST_SEED
    while len(found) < 2:
        scene = training_scene(seed)
        if len(scene.statements) > 20:
            found.setdefault(len(scene.frames), scene)
        seed += 1
    return [found[1], found[3]]


@pytest.fixture(scope="module")
def built() -> tuple[Any, Any]:
    torch.manual_seed(0)
    return build()


@pytest.fixture
def model(built: tuple[Any, Any]) -> Any:
    return built[0]


@pytest.fixture
def processor(built: tuple[Any, Any]) -> Any:
    return built[1]


def test_a_scene_shown_plainly_is_the_rendered_one(scenes: list[TrainingScene]) -> None:
    scene = scenes[0]
    view = shown(scene, np.random.default_rng(0), plain=True)
    exact = rendered_sequence(scene.seed, 1, size_px=(256, 256), tidy=True)
    noiseless = exact.view.layers
    assert np.array_equal(view.images[0].ids, noiseless.ids)
    names = [f"{colour} {shape}" for colour, shape in zip(view.colours, scene.shapes, strict=True)]
    boxes = {item.label: item.box_px for item in exact.view.objects}
    assert view.images[0].boxes
    for piece, box in view.images[0].boxes.items():
        assert box == boxes[names[piece]]
    # The rendered image has the noise of a camera, exposure and vignetting besides.
    off = view.images[0].rgb.astype(float) - exact.view.frame.rgb
    assert abs(off.mean()) < 25 and off.std() < 25


def test_boxes_stay_tight_and_names_different_however_a_scene_is_shown(scenes: list[TrainingScene]) -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        view = shown(scenes[0], rng)
        names = [pair for pair in zip(view.colours, scenes[0].shapes, strict=True) if pair[1] != "table"]
        assert len(set(names)) == len(names)
        for piece, (left, top, right, bottom) in view.images[0].boxes.items():
            rows, columns = np.nonzero(view.images[0].ids == piece)
            assert (left, top, right, bottom) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_patches_belong_to_what_covers_most_of_them() -> None:
    ids = np.full((256, 256), 9, np.uint8)
    ids[:16, :16] = 1
    ids[16:32, :5] = 2
    ids[16:32, 16:18] = 2
    owners = patch_owners(ids, 3, 16)
    assert (owners[0, 0], owners[1, 0], owners[1, 1], owners[5, 5]) == (1, 2, -1, -1)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("kind", list(Kind))
def test_trained_prompts_are_those_of_the_pipeline(
    scenes: list[TrainingScene],
    model: Any,
    processor: Any,
    kind: Kind,
    frames: int,
    language: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = scenes[0 if frames == 1 else 1]
    dialogues = Dialogues(processor)
    monkeypatch.setattr("nano.dialogues._WITH_TEXT", 0.0)
    view = shown(scene, np.random.default_rng(2))
    turn = dialogues.turn(kind, scene, view, language, np.random.default_rng(3))
    assert turn is not None
    prompt = processor.tokenizer.decode(turn.prompt)
    question = prompt.split("Question: " if language == "en" else "问题：")[-1].split("<|im_end|>")[0]
    stage = QueryStage(NoModel(), hints="table" if kind is Kind.ANSWER_WITH_DEPTH else "none")
    rendered = rendered_sequence(scene.seed, frames, size_px=(256, 256), tidy=True).scene
    if kind in (Kind.LOCATE, Kind.GROUND):
        request = stage.grounding_request(rendered, question)
    else:
        request = stage.answer_request(Prompt(rendered, question))
    encoder = PromptEncoder(
        processor, model.config.image_token_id, 65_536, model.config.text_config.max_position_embeddings
    )
    tokens = encoder.encode(request, 65_536).tokens.tolist()
    trained = dialogues.prefix(language, frames) + turn.prompt
    if kind is Kind.ANSWER_WITH_DEPTH:
        # The table stands between the instruction and the question.
        parts = processor.tokenizer.decode(tokens).rsplit("\n\n", 1)
        whole = processor.tokenizer.decode(trained)
        assert whole.startswith(parts[0]) and whole.endswith(parts[1])
        assert "| 1 |" in whole
    else:
        assert trained == tokens
    assert len(turn.prompt) < 40 + 70 * frames * (kind is Kind.ANSWER_WITH_DEPTH)


def test_some_prompts_hold_lines_of_text(
    scenes: list[TrainingScene], processor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer, rng = processor.tokenizer, np.random.default_rng(5)
    monkeypatch.setattr("nano.dialogues._WITH_TEXT", 1.0)
    turn = Dialogues(processor).turn(Kind.ANSWER, scenes[1], shown(scenes[1], rng), "en", rng)
    assert turn is not None
    assert "Text that was read in the pictures" in tokenizer.decode(turn.prompt) and len(turn.prompt) < 140


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("frames", [1, 3])
def test_trained_answers_say_what_the_pipeline_reads(
    scenes: list[TrainingScene], processor: Any, frames: int, language: Any
) -> None:
    scene = scenes[0 if frames == 1 else 1]
    dialogues, rng = Dialogues(processor), np.random.default_rng(4)
    for _ in range(5):
        view = shown(scene, rng)
        turn = dialogues.turn(Kind.ANSWER, scene, view, language, rng)
        assert turn is not None and turn.answer[-1] == processor.tokenizer.eos_token_id
        text = processor.tokenizer.decode(turn.answer[:-1])
        parsed = parse_answer(text, Images([CAMERA] * frames))
        (claim,) = parsed.claims
        assert not parsed.problems
        evidence, said = text.replace("。", ". ", 1).split(". ", 1)
        first, second = (int(number) for number in re.findall(r"\d+", evidence))
        assert claim.negated == said.startswith(("No", "不是"))
        assert (first < second) is not claim.negated
        assert claim.relation in ("left_of", "above", "right_of", "below") or {first, second} == {1, 2}
        located = {region.label for region in parsed.regions}
        assert {claim.subject, claim.object} == located
        boxes = [box for image in view.images for box in image.boxes.values()]
        for region in parsed.regions:
            off = min(np.abs(np.array(region.box_px) - box).max() for box in boxes)
            assert off <= 0.13  # half of a thousandth


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_table_that_is_set_right_tells_the_numbers_of_the_answer_in_the_rows_that_it_is_read_in(
    scenes: list[TrainingScene], processor: Any, language: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer, rng = processor.tokenizer, np.random.default_rng(6)
    monkeypatch.setattr("nano.dialogues._SET_RIGHT", 1.0)
    for _ in range(12):
        view = shown(scenes[0], rng)
        turn = Dialogues(processor).turn(Kind.ANSWER_WITH_DEPTH, scenes[0], view, language, rng)
        assert turn is not None and len(turn.rows) == len(turn.told) == 2
        rows = [tokenizer.decode(turn.prompt[first:end]) for first, end in turn.rows]
        names = [row.split(" | [")[0] for row in rows]
        prose = tokenizer.decode(turn.answer[: turn.prose])
        assert prose.index(names[0]) < prose.index(names[1])
        if not turn.is_measured:
            told = re.findall(r"\d+", prose)[:2]
            assert [tokenizer.decode(turn.prompt[first - 2]) for first, _ in turn.rows] == told


def test_every_fixed_phrase_is_one_token(processor: Any) -> None:
    tokenizer = processor.tokenizer
    several = [phrase for phrase in phrases() if len(tokenizer(phrase)["input_ids"]) != 1]
    assert not several
    assert tokenizer.decode(tokenizer("Any 文字, 3.14!")["input_ids"]) == "Any 文字, 3.14!"


def test_numbers_have_ascending_tokens_and_near_ones_are_alike(model: Any, processor: Any) -> None:
    tokens = number_tokens(processor.tokenizer)
    assert tokens == sorted(set(tokens))
    vectors = torch.nn.functional.normalize(model.get_input_embeddings().weight[tokens].detach(), dim=1)
    near, far = (vectors[:-1] * vectors[1:]).sum(1), (vectors[:-300] * vectors[300:]).sum(1)
    assert near.min() > 0.9 and far.mean() < 0.6


@pytest.mark.parametrize("mix", [k for k, mix in enumerate(MIXES) if mix.kinds])
def test_the_batched_forward_pass_is_that_of_transformers(
    scenes: list[TrainingScene], model: Any, processor: Any, mix: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nano.train_vl.MIXES", (replace(MIXES[mix], items=2, share=(1.0, 1.0)),))
    batches = Batches(scenes, processor, 0)
    batch = batches.draw()
    image = model.config.image_token_id
    prefix, *_, last_turn = batch.parts
    seen_by_last = torch.cat((torch.arange(prefix), torch.arange(sum(batch.parts) - last_turn, sum(batch.parts))))
    tokens = batch.tokens[:1, seen_by_last]
    frames = MIXES[mix].frames
    forward = BatchedForward(model)
    with torch.no_grad():
        seen, deep = forward.see(batch.images[:frames])
        hidden, pointing, reading = forward.read(
            batch.tokens[:1],
            batch.positions,
            batch.parts,
            batch.places,
            seen.flatten(0, 1)[None],
            [layer.flatten(0, 1)[None] for layer in deep],
        )
        images = [image.permute(2, 0, 1) for image in batch.images[:frames]]
        pixels = processor.image_processor(images=images, do_resize=False, return_tensors="pt")
        reference = model(input_ids=tokens, mm_token_type_ids=(tokens == image).long(), **pixels).logits
    ours = forward.logits(hidden)[:, seen_by_last]
    assert torch.allclose(ours, reference, atol=2e-4)
    assert pointing.shape == (1, batch.tokens.shape[1], 64 * frames) and float(pointing.sum(dim=-1).max()) <= 1
    assert [own.shape for own in reading] == [(1, size, size) for size in batch.parts[1:]]


def test_batches_without_turns_train_the_vision_model_alone(
    scenes: list[TrainingScene], model: Any, processor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nano.train_vl.MIXES", (replace(MIXES[0], items=2, share=(1.0, 1.0)),))
    batch = Batches(scenes, processor, 0).draw()
    found = Losses(BatchedForward(model), number_tokens(processor.tokenizer))(batch, 8.0)
    assert set(found) == {"colour", "shape", "box"}


def test_losses_are_taken_at_the_answers_and_fall(
    scenes: list[TrainingScene], processor: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    model, _ = build()
    monkeypatch.setattr("nano.train_vl.MIXES", tuple(replace(mix, items=2) for mix in MIXES if mix.kinds))
    batch = Batches(scenes[:1] + scenes[1:], processor, 0).draw()
    assert torch.equal(batch.tokens.flatten()[batch.asked + 1], batch.answers)
    edges = int(batch.is_coordinate.sum())
    assert edges > 0 and edges % 4 == 0
    pointed = int(batch.is_pointed.sum())
    assert pointed > edges and bool((batch.is_pointed >= batch.is_coordinate).all())
    assert batch.spots.shape == (pointed, len(batch.places)) and bool((batch.spots.sum(dim=1) > 0).all())
    losses = Losses(BatchedForward(model), number_tokens(processor.tokenizer))
    training = Training(tmp_path, torch.nn.ModuleDict({"model": model, "losses": losses}), 1e-3, 3e-3, 0.03)
    values = []
    for _ in range(2):
        found = losses(batch, 8.0)
        loss = sum(value for name, value in found.items() if name != "off")
        values.append(float(loss.detach()))
        training._started -= 1
        training.step(loss, 2)
    assert values[-1] < values[0]
    training.save()
    again = Training(tmp_path, torch.nn.ModuleDict({"model": model, "losses": losses}), 60, 3e-3, 0.03)
    assert (again.steps, again.images) == (2, 4)


def test_the_depth_loss_ignores_scale_and_shift_sees_order_and_holds_the_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    true = torch.from_numpy(rng.uniform(0.2, 2, (2, 32, 32)).astype(np.float32))

    def loss(predicted: torch.Tensor) -> float:
        return float(scale_shift_invariant_loss(predicted, true))

    monkeypatch.setattr("nano.train_depth._ANCHOR", 0.0)
    assert loss(3 * true + 5) < 1e-5
    assert loss(-true) > 1
    wrong, pieces = true.clone(), torch.zeros(true.shape, dtype=torch.int64)
    wrong[:, :8, :8] += 0.5
    pieces[:, :8, :8] = 1
    assert float(scale_shift_invariant_loss(wrong, true, pieces)) > loss(wrong)
    monkeypatch.setattr("nano.train_depth._ANCHOR", 1.0)
    assert loss(300 * true + 5) > loss(3 * true + 5)


def test_the_depth_loss_pulls_solids_into_their_order_and_bears_maps_without_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true = torch.linspace(1, 2, 32).expand(2, 32, 32).clone()
    pieces = torch.zeros(true.shape, dtype=torch.int64)
    pieces[0, 4:12, 4:12], pieces[0, 16:24, 4:12] = 1, 3
    true[0, 4:12, 4:12], true[0, 16:24, 4:12] = 1.4, 1.5

    def told(nearer: int) -> float:
        predicted = torch.where(pieces == nearer, 1.5, torch.where(pieces > 0, 1.4, true)).requires_grad_()
        loss = scale_shift_invariant_loss(predicted, true, pieces)
        loss.backward()
        assert predicted.grad is not None and bool(predicted.grad.isfinite().all())
        return float(loss.detach())

    right, wrong = told(3), told(1)
    with monkeypatch.context() as patch:
        patch.setattr("nano.train_depth._ORDER_WEIGHT", 0.0)
        without_right, without_wrong = told(3), told(1)
    assert right - without_right < 0.2 < wrong - without_wrong
    surroundings = torch.zeros_like(pieces)
    assert np.isfinite(float(scale_shift_invariant_loss(true, true, surroundings)))


def test_depth_pairs_show_one_scene(scenes: list[TrainingScene]) -> None:
    rgb, disparity, pieces = drawn_pair(scenes[0], np.random.default_rng(0))
    side = build_depth()[0].config.image_size
    assert rgb.shape == (side, side, 3) and disparity.shape == (side, side)
    assert 0 in pieces and set(np.unique(pieces)) <= set(range(len(scenes[0].shapes) + 1))
    assert np.isfinite(disparity).all() and disparity.min() >= 0 and disparity.max() > 0.1


def test_averaged_weights_lie_half_way_between_and_other_networks_are_refused(tmp_path: Path) -> None:
    tensors = {"a": torch.tensor([1.0, 3.0]), "b": torch.tensor([2.0], dtype=torch.bfloat16)}
    for name, factor in (("first", 1.0), ("second", 3.0)):
        (tmp_path / name).mkdir()
        save_file({key: (one * factor) for key, one in tensors.items()}, tmp_path / name / "model.safetensors")
    (tmp_path / "first" / "config.json").write_text("{}")
    average_weights(tmp_path / "first", tmp_path / "second", tmp_path / "both")
    means = load_file(tmp_path / "both" / "model.safetensors")
    assert (tmp_path / "both" / "config.json").is_file() and means["b"].dtype == torch.bfloat16
    assert means["a"].tolist() == [2.0, 6.0] and means["b"].tolist() == [4.0]
    save_file({"a": torch.zeros(3)}, tmp_path / "second" / "model.safetensors")
    with pytest.raises(ValueError, match="different shapes"):
        average_weights(tmp_path / "first", tmp_path / "second", tmp_path / "neither")
    (tmp_path / "second" / "model.safetensors").write_bytes(b"none")
    with pytest.raises(ValueError, match="damaged"):
        average_weights(tmp_path / "first", tmp_path / "second", tmp_path / "neither")


def test_missing_scenes_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="render them first"):
        load_shards(tmp_path, 3)
