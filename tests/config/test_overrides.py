from __future__ import annotations

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from pipeline.api import load_config
from pipeline.config.options import options_of
from pipeline.config.overrides import translate
from pipeline.records.errors import ConfigError

PATHS = [
    "photo.jpg",
    "a,b.jpg",
    "it's.jpg",
    'a"b.jpg',
    "photo (1).jpg",
    "[1].jpg",
    "{a}.jpg",
    "图片/杯子.png",
    "C:\\data\\photo.jpg",
    "folder\\",
    "../photo.jpg",
    "/data/my photo, (1)'s.jpg",
    "a=b.jpg",
    "a:b.jpg",
    "a;b&c.jpg",
    "a#b.jpg",
    "~/photo.jpg",
    "-photo.jpg",
    "$HOME/*.jpg",
    "%20.jpg",
    "2024",
    "007",
    "1e3",
    "true",
    " photo.jpg ",
]


@settings(max_examples=8)
@given(st.text(st.characters(codec="utf-8")).filter(lambda text: text not in ("null", "???")))
@example("")
@example("true")
@example("[a, b]")
@example("choice(a, b)")
@example("${oc.env:HOME}")
@example("\x00")
@example("\\\\${x}\\")
@example('\\\\"${')
@example("\r\n")
@example(" ")
@example("\u2028")
def test_any_question_arrives_as_it_was_typed(question: str) -> None:
    assert load_config([f"question={question}"]).question == question


@given(st.text(st.sampled_from("\\\"'${}[](),=?:#~ a1左\n"), max_size=12))
def test_any_mixture_of_special_characters_arrives_as_it_was_typed(question: str) -> None:
    # What composition does with one override, without the files of the configuration.
    (override,) = OverridesParser.create().parse_overrides(translate([f"question={question}"]))
    # A blank keeps OmegaConf from taking the question for a missing value.
    expected = "??? " if question == "???" else question
    assert OmegaConf.create({"question": override.value()}).question == expected


@pytest.mark.parametrize("question", ["???", "??", "????", "? ??", "???a", '"???"', "'???'", "what???"])
def test_a_question_of_question_marks_is_no_missing_value(question: str) -> None:
    assert load_config([f"question={question}"]).question.strip() == question


@pytest.mark.parametrize("typed", ["[???]", "[???, Where?]", "[Where?, ???]", '["???"]', "['???', '???']", "[ ??? ]"])
def test_question_marks_in_a_list_are_no_missing_values(typed: str) -> None:
    questions = load_config([f"questions={typed}"]).questions
    assert {question.strip() for question in questions} <= {"???", "Where?"}
    assert "???" in {question.strip() for question in questions}


@pytest.mark.parametrize("key", ["input", "input.path", "claims", "output_dir", "vlm", "+vlm.path", "depth"])
def test_question_marks_as_another_value_are_refused_with_what_they_mean(key: str) -> None:
    for value in ("???", "'???'"):
        with pytest.raises(ConfigError, match=r"=\?\?\? gives no value, because \?\?\? stands for a missing one"):
            translate([f"{key}={value}"])


@pytest.mark.parametrize(
    "typed, expected",
    [
        ("[Where?]", ["Where?"]),
        ("[Is it left?, is it right?]", ["Is it left?", "is it right?"]),
        ("[杯子在盒子的左边吗？，真的？, 哪里?]", ["杯子在盒子的左边吗？，真的？", "哪里?"]),
        ('["Is it the cup, or the box?", it\'s where?]', ["Is it the cup, or the box?", "it's where?"]),
        ("['Does it say \"EXIT\", or not?']", ['Does it say "EXIT", or not?']),
        ('[Is "this" it?, 2, true, null, ${x}, a=b]', ['Is "this" it?', "2", "true", "null", "${x}", "a=b"]),
        ("[]", []),
        ("null", None),
    ],
)
def test_several_questions_arrive_as_they_were_typed(typed: str, expected: list[str] | None) -> None:
    assert OmegaConf.to_container(load_config([f"questions={typed}"]), resolve=True)["questions"] == expected
    (override,) = OverridesParser.create().parse_overrides(translate([f"questions={typed}"], sweep=True))
    assert not override.is_sweep_override()


@pytest.mark.parametrize("path", PATHS)
def test_a_path_of_any_key_arrives_as_it_was_typed(path: str) -> None:
    keys = ("input.depth", "claims", "output_dir", "cache_dir", "vlm.path", "depth.model", "depth.revision")
    config = load_config([f"input={path}", "vlm=recorded", "depth=midas", *(f"{key}={path}" for key in keys)])
    assert {key: OmegaConf.select(config, key) for key in ("input.path", *keys)} == dict.fromkeys(
        ("input.path", *keys), path
    )


@pytest.mark.parametrize(
    "typed, expected",
    [
        ("[a.jpg, b.jpg]", ["a.jpg", "b.jpg"]),
        ("[left (1).jpg, it's.jpg, 右.jpg]", ["left (1).jpg", "it's.jpg", "右.jpg"]),
        ("[/data/a b.jpg,C:\\b.jpg]", ["/data/a b.jpg", "C:\\b.jpg"]),
        # A comma ends a name in a list, unless the name is quoted.
        ("[a b.jpg, c,d.jpg]", ["a b.jpg", "c", "d.jpg"]),
        ("['a b.jpg', \"c,d.jpg\"]", ["a b.jpg", "c,d.jpg"]),
        ("[]", []),
    ],
)
def test_a_list_of_images_arrives_as_a_list(typed: str, expected: list[str]) -> None:
    assert load_config([f"input={typed}"]).input.path == expected


@pytest.mark.parametrize("name", options_of("input"))
def test_the_name_of_an_option_stays_an_option(name: str) -> None:
    assert translate([f"input={name}"]) == [f"input={name}"]


@pytest.mark.parametrize(
    "before, typed, key, expected",
    [
        ([], "question=null", "question", None),
        ([], "claims=null", "claims", None),
        ([], "cache_dir=null", "cache_dir", None),
        ([], "resume=true", "resume", True),
        ([], "verify.verifier.risk=0.01", "verify.verifier.risk", 0.01),
        ([], "verify.verifier.risk=1e-3", "verify.verifier.risk", 0.001),
        ([], "export.max_points=7", "export.max_points", 7),
        ([], "verify.verifier.budget.scale={sensor: 0.01}", "verify.verifier.budget.scale.sensor", 0.01),
        ([], "+verify.verifier.budget.backends.zoedepth=0.08", "verify.verifier.budget.backends.zoedepth", 0.08),
        (["input=a.jpg"], "input.depth_scale=0.001", "input.depth_scale", 0.001),
        (["input=a.jpg"], "input.camera={fx: 5, fy: 5.5, cx: 3, cy: 2}", "input.camera.fy", 5.5),
        (["input=a.jpg"], "input.depth=[a.npy, b.npy]", "input.depth", ["a.npy", "b.npy"]),
        (["input=a.jpg"], "input.depth_invalid=[0,65535]", "input.depth_invalid", [0, 65535]),
        (["vlm=openai"], "vlm.extra_body={top_p: 0.8}", "vlm.extra_body.top_p", 0.8),
        (["vlm=openai"], "vlm.base_url=http://127.0.0.1:8000/v1", "vlm.base_url", "http://127.0.0.1:8000/v1"),
        (["vlm=openai"], "vlm.model=Qwen/Qwen3-VL-8B-Instruct", "vlm.model", "Qwen/Qwen3-VL-8B-Instruct"),
        (["depth=midas"], "depth.model=null", "depth.model", None),
        ([], "output_dir=out/${export.max_points}", "output_dir", "out/100000"),
        ([], "output_dir=/out/${export.max_points}", "output_dir", "/out/100000"),
    ],
)
def test_other_values_keep_the_meaning_that_hydra_gives_them(
    before: list[str], typed: str, key: str, expected: object
) -> None:
    config = load_config([*before, typed])
    found = OmegaConf.select(config, key)
    assert (OmegaConf.to_container(found) if OmegaConf.is_config(found) else found) == expected


def swept(key: str, *arguments: str) -> list[str]:
    """The values over which Hydra sweeps, each as it would arrive."""
    parser = OverridesParser.create()
    for override in parser.parse_overrides(translate(arguments, sweep=True)):
        if override.key_or_group == key:
            assert override.is_sweep_override()
            return [parser.parse_override(f"k={part}").value() for part in override.sweep_string_iterator()]
    pytest.fail(f"{key} is not among the overrides")


@pytest.mark.parametrize(
    "key, typed, expected",
    [
        ("verify.verifier.risk", "verify.verifier.risk=0.01,0.1", [0.01, 0.1]),
        ("depth", "depth=none,file", ["none", "file"]),
        ("input.path", "input=a.jpg,b.jpg", ["a.jpg", "b.jpg"]),
        ("input.path", "input=/data/a.jpg,/data/b c.jpg", ["/data/a.jpg", "/data/b c.jpg"]),
        ("input.path", "input=a (1).jpg,it's.jpg", ["a (1).jpg", "it's.jpg"]),
    ],
)
def test_in_a_sweep_commas_separate_values(key: str, typed: str, expected: list[object]) -> None:
    assert swept(key, typed) == expected


@pytest.mark.parametrize("question", ["cup, box?", "a,b", "choice(a,b)"])
def test_a_question_is_never_swept_over(question: str) -> None:
    (override,) = OverridesParser.create().parse_overrides(translate([f"question={question}"], sweep=True))
    assert not override.is_sweep_override()
    assert override.value() == question


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["depth=none", "-m"], ["-m", "depth=none"]),
        (["depth=none", "--cfg", "job", "resume=true"], ["--cfg", "job", "depth=none", "resume=true"]),
        (["--cfg=job"], ["--cfg=job"]),
        (["~claims", "--help"], ["--help", "~claims"]),
        (["-i", "config"], ["-i", "config"]),
    ],
)
def test_flags_may_stand_anywhere(arguments: list[str], expected: list[str]) -> None:
    assert translate(arguments) == expected


@pytest.mark.parametrize(
    "argument, words",
    [
        ("photo.jpg", "input=photo.jpg"),
        ("depth", "not KEY=VALUE"),
        ("=x", "not KEY=VALUE"),
        ("ques tion=x", "not KEY=VALUE"),
        ("-z", "no option -z"),
        ("--verbos", "no option --verbos"),
        ("~input", "required"),
        ("experiment=null", "is not an option"),
        ("questions=Where?", "is not a list; type questions="),
        ("output_dir=", "name a folder"),
        ('output_dir=""', "name a folder"),
    ],
)
def test_what_is_not_an_override_or_removes_a_required_group_is_refused(argument: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        translate([argument])


def test_archives_that_a_shell_made_of_braces_are_not_lost() -> None:
    with pytest.raises(ConfigError, match=r"given 2 times.*quote it: 'input=shards-\{000\.\.012\}\.tar'"):
        translate(["input=s-0.tar", "input=s-1.tar", "depth=none"])
    assert translate(["input=s-{0..1}.tar"]) == ["input=auto", 'input.path="s-{0..1}.tar"']
    assert translate(["input=s-0.tar", "input=s-0.tar"])[-1] == "input.path=s-0.tar"
