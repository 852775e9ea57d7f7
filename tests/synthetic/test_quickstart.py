from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import results_in
from rich.console import Console
from stages.doubles import ScriptedModel
from stages.runs import make_stages

from pipeline.api import load_config
from pipeline.batch.run import run
from pipeline.config.build import build, build_source, build_stages
from pipeline.config.overrides import with_quickstart
from pipeline.console.summary import print_shipped_models, print_summary
from pipeline.models.hub import locate_model, model_status, ships
from pipeline.records import Claim, Origin, Scene
from pipeline.records.errors import ConfigError, DependencyError, InputError
from pipeline.records.expected import AnswerKind
from pipeline.records.message import detect_language
from pipeline.records.noise import NANO
from pipeline.stages.known_truth import KnowsTruth
from pipeline.synthetic.quickstart import QuickstartSource

EXPERIMENT = ["experiment=quickstart"]


@pytest.fixture(scope="module")
def source() -> QuickstartSource:
    return QuickstartSource([0, 1], [10], frames=2)


@pytest.fixture(scope="module")
def scenes(source: QuickstartSource) -> list[Scene]:
    return [source.scene(item) for item in source.items()]


def test_the_scenes_have_a_question_in_each_language_and_nothing_that_gives_the_answer_away(
    source: QuickstartSource, scenes: list[Scene]
) -> None:
    assert source.count() == len(scenes) == len({scene.id for scene in scenes})
    assert [len(scene.frames) for scene in scenes] == [1, 1, 2]
    for scene in scenes:
        assert (scene.regions, scene.claims, scene.depth) == ((), (), ())
        assert [detect_language(question) for question in scene.questions] == ["en", "zh"]
        assert {(frame.width, frame.height) for frame in scene.frames} == {(256, 256)}
        for question in scene.questions:
            expected = source.expected(scene.id, question)
            assert expected is not None and expected.kind is AnswerKind.YES_NO and expected.answer in ("yes", "no")
    assert source.expected(scenes[0].id, "Is it late?") is None


def test_the_same_seeds_give_the_same_images_and_questions(scenes: list[Scene]) -> None:
    again = QuickstartSource([1])
    (scene,) = [again.scene(item) for item in again.items()]
    assert scene.questions == scenes[1].questions
    np.testing.assert_array_equal(scene.frames[0].rgb, scenes[1].frames[0].rgb)


@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize("chinese", [False, True])
def test_the_truth_of_a_claim_is_that_of_the_named_objects(
    source: QuickstartSource, scenes: list[Scene], negated: bool, chinese: bool
) -> None:
    view = source._known[scenes[0].id].made.view
    left, right = sorted(view.objects, key=lambda item: item.box_px[0] + item.box_px[2])[:: len(view.objects) - 1]
    names = [item.label_zh if chinese else f"The {item.label}s".upper() for item in (left, right)]
    claim = Claim("left_of", *names, negated=negated, origin=Origin.MODEL)  # type: ignore[arg-type]
    assert source.holds(scenes[0].id, claim) is not negated


def two_labels(source: QuickstartSource, scene: Scene) -> list[str]:
    return [item.label for item in source._known[scene.id].made.view.objects][:2]


def test_the_truth_of_other_claims_is_not_known(source: QuickstartSource, scenes: list[Scene]) -> None:
    first, second = two_labels(source, scenes[0])
    for claim in (
        Claim("left_of", "unicorn", second),
        Claim("left_of", first, second, perspective=second),
        Claim("left_of", first, second, frames=(3,)),
        Claim("box_3d", first),
    ):
        assert source.holds(scenes[0].id, claim) is None, claim


def test_of_several_images_all_that_a_claim_is_about_must_agree(source: QuickstartSource, scenes: list[Scene]) -> None:
    first, second = two_labels(source, scenes[2])
    for relation in ("closer", "farther", "left_of", "right_of"):
        claim = Claim(relation, first, second)  # type: ignore[arg-type]
        alone = {source.holds(scenes[2].id, Claim(relation, first, second, frames=(at,))) for at in (0, 1)}  # type: ignore[arg-type]
        assert source.holds(scenes[2].id, claim) is (alone.pop() if len(alone) == 1 else None)


def test_where_nothing_can_be_asked_it_says_so(source: QuickstartSource) -> None:
    item = replace(next(iter(source.items())), questions=())
    with pytest.raises(InputError, match="Nothing can be asked"):
        source.scene(item)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"seeds": [1, 2], "sequence_seeds": [2]}, "twice"),
        ({"seeds": [1, 1]}, "twice"),
        ({"seeds": [-1]}, "-1"),
        ({"seeds": ["a"]}, "'a'"),
        ({"seeds": None}, "^seeds must be a list"),
        ({"seeds": "12"}, "^seeds must be a list"),
        ({"seeds": [1], "sequence_seeds": 5}, "^sequence_seeds must be a list"),
        ({"seeds": []}, "name a scene"),
        ({"seeds": [1], "frames": 0}, "^frames must be"),
        ({"seeds": [1], "questions": True}, "^questions must be"),
    ],
)
def test_a_wrong_setting_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        QuickstartSource(**arguments)


def test_what_is_known_is_counted_and_written_but_no_verdict_depends_on_it(
    source: QuickstartSource, scenes: list[Scene], tmp_path: Path
) -> None:
    first_label, second_label = two_labels(source, scenes[0])
    model = ScriptedModel(lambda request: f"Yes, the {first_label} is farther than the {second_label}.")
    source = QuickstartSource([0])
    assert isinstance(source, KnowsTruth)
    summary = run(source, make_stages(model), tmp_path)
    first, second = results_in(tmp_path)
    assert first.correct_answer is not None
    assert [result.is_correct for result in (first, second)] == [
        result.correct_answer == "yes" for result in (first, second)
    ]
    (verdict,) = first.verdicts
    assert verdict.claim.truth is source.holds(first.item_id, verdict.claim) is not None
    assert first.answer is not None and first.answer.claims == (verdict.claim,)
    assert verdict.status == "undecided", "there is no depth, and the truth decides nothing"
    assert (summary.known["answers"], summary.correct["answers"]) == (
        2,
        bool(first.is_correct) + bool(second.is_correct),
    )
    out = io.StringIO()
    print_summary(Console(file=out), summary)
    assert f"Correct  {summary.correct['answers']} of 2 answers\n" in out.getvalue()


def test_without_an_input_the_quickstart_is_chosen_and_everything_typed_wins() -> None:
    config = load_config(with_quickstart(["depth=none", "verify.verifier.risk=0.2", "vlm.seed=7"]))
    assert build_source(config).count() == 12
    assert config.depth._target_.endswith("NoDepth")
    assert (config.verify.verifier.risk, config.vlm.seed, config.vlm.model) == (0.2, 7, "theodolite-vl-nano")
    stages = build_stages(config)
    assert stages.query is not None and stages.query.second_look == "off"
    assert stages.verify.verifier.budget.noise.models["nano"] == NANO


@pytest.mark.parametrize(
    "overrides",
    [
        ["input=photo.jpg"],
        ["input=quickstart"],
        ["+input=auto"],
        ["input@x=auto"],
        ["experiment=null"],
        ["-m", "input=a,b"],
    ],
)
def test_with_an_input_nothing_is_chosen(overrides: list[str]) -> None:
    assert with_quickstart(overrides) == overrides


def test_with_an_image_of_ones_own_no_small_model_is_asked() -> None:
    config = load_config(with_quickstart(["input=photo.jpg"]))
    assert [config[group].get("model") for group in ("depth", "vlm")] == [None, None]


@pytest.mark.parametrize("typed", ["question=Where?", "claims=claims.json"])
def test_nothing_is_asked_or_claimed_about_no_image(typed: str) -> None:
    with pytest.raises(ConfigError, match="input=PATH"):
        with_quickstart([typed])


def test_flags_stay_and_the_quickstart_comes_first() -> None:
    assert with_quickstart(["--cfg", "job", "-m"])[0] == "experiment=quickstart"
    assert with_quickstart(["--help"])[-1] == "--help"


def test_where_no_ocr_is_installed_no_text_is_read_and_that_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert load_config([*EXPERIMENT]).ocr._target_.endswith("RapidOcr")
    monkeypatch.setattr("pipeline.config.overrides.find_spec", lambda name: None)
    assert load_config(with_quickstart([])).ocr._target_.endswith("NoOcr")
    assert "rapidocr is not installed" in caplog.text
    assert load_config(with_quickstart(["ocr=rapidocr"])).ocr._target_.endswith("RapidOcr")


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a model that ships."""
    (tmp_path / "models" / "shipped-nano").mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "models" / "shipped-nano" / name).write_text("{}")
    monkeypatch.setattr("pipeline.models.hub.resource_dir", lambda name: tmp_path)
    return "shipped-nano"


def test_a_model_that_ships_is_found_by_its_name_from_anywhere(
    shipped: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    location = locate_model(shipped)
    assert (location.local, location.name) == (True, shipped)
    assert Path(location.path_or_name) == tmp_path / "models" / shipped
    assert model_status(shipped) == "on disk"
    assert ships(shipped) and not ships("another-nano") and not ships("../models/shipped-nano") and not ships("")
    assert not ships("Qwen/Qwen3-VL-2B-Instruct")


@pytest.mark.parametrize("models, words", [(1, "is a small model that ships"), (2, "are two small models that ship")])
def test_a_small_model_is_called_one_and_the_way_to_real_ones_is_told(shipped: str, models: int, words: str) -> None:
    out = io.StringIO()
    for others in ([], [None], ["Intel/dpt-hybrid-midas", None]):
        print_shipped_models(Console(file=out), others)
    assert out.getvalue() == "", "nothing is said of other models"
    print_shipped_models(Console(file=out, width=200), [shipped] * models)
    assert words in out.getvalue() and "not for photos" in out.getvalue()
    assert "depth=midas vlm=qwen3vl" in out.getvalue()


@pytest.mark.parametrize("group", ["depth", "vlm"])
def test_the_small_models_are_built_of_their_configuration(group: str) -> None:
    config = load_config([f"{group}=nano"])
    build(config[group])
    assert config[group].model.startswith("theodolite-")


def test_rendering_needs_open3d_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    original = builtins.__import__

    def without(name: str, *arguments: Any, **others: Any) -> Any:
        if name == "open3d":
            raise OSError("libEGL.so.1: cannot open shared object file")
        return original(name, *arguments, **others)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DependencyError, match=r"libEGL.*input=PATH"):
        next(QuickstartSource([0]).items())
