from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

from pipeline.api import load_config
from pipeline.config.build import build, build_source, build_stages, check_flags, stage_cache
from pipeline.config.options import OF_SEVERAL, groups_of, options_of
from pipeline.datasets.base import DepthDataset
from pipeline.models.segment.grabcut import GrabCutSegmenter
from pipeline.models.segment.none import NoSegmenter
from pipeline.models.vlm.none import NoModel
from pipeline.records.errors import ConfigError, InputError
from pipeline.records.resources import resource_dir

CONF = resource_dir("conf")
# An experiment sets keys of other groups, and makes no object: see test_quickstart.py.
GROUPS = sorted({*groups_of("run"), *groups_of("eval_claims"), *groups_of("eval_depth")} - set(OF_SEVERAL))
OPTIONS = [(group, option) for group in GROUPS for option in options_of(group)]
# Keys without a default, and a value for each.
MANDATORY = {
    ("input", "auto"): ["input.path=photo.jpg"],
    ("vlm", "recorded"): ["vlm.path=answers.jsonl"],
    ("protocol", "plain"): ["protocol.alignment=none"],
}
SELF_EXPLAINING = {"_target_", "_convert_", "defaults", "hydra", "input", "query", "verifier", "settings", "budget"}


def root_of(group: str, option: str) -> str:
    """Which file of conf/ an option belongs to."""
    if group == "dataset":
        target = str(OmegaConf.load(CONF / group / f"{option}.yaml")["_target_"])
        return "eval_depth" if issubclass(get_class(target), DepthDataset) else "eval_claims"
    return "eval_depth" if group == "protocol" else "run"


def mandatory(group: str, option: str) -> list[str]:
    """Overrides that an option cannot do without; data sets in files get a folder that does not exist."""
    if group == "dataset" and OmegaConf.is_missing(OmegaConf.load(CONF / group / f"{option}.yaml"), "path"):
        return ["dataset.path=nowhere"]
    return MANDATORY.get((group, option), [])


@pytest.mark.parametrize("group, option", OPTIONS)
def test_every_option_composes_and_becomes_its_object_and_takes_no_unknown_key(group: str, option: str) -> None:
    config = load_config([f"{group}={option}", *mandatory(group, option)], root_of(group, option))
    check_flags(config)
    wrong = copy.deepcopy(config)
    OmegaConf.set_struct(wrong, False)
    wrong[group].no_such_key = 1
    arguments = {"model": NoModel()} if group == "query" else {}
    with pytest.raises(ConfigError, match=r"no_such_key|takes (no|exactly one) argument"):
        build(wrong[group], **arguments)
    if mandatory(group, option) == ["dataset.path=nowhere"]:
        # What it makes of real files is tested beside its class.
        with pytest.raises(InputError, match="nowhere"):
            build(config[group])
        return
    made = build(config[group], **arguments)
    assert f"{type(made).__module__}.{type(made).__name__}" == config[group]["_target_"]


def test_every_option_is_found() -> None:
    assert {"dataset", "depth", "export", "input", "noise", "ocr", "query", "segment", "verify", "vlm"} <= set(GROUPS)


@pytest.mark.parametrize("cache_dir, kept", [("null", None), ("kept here", Path("kept here"))])
def test_the_cache_is_where_the_configuration_says(cache_dir: str, kept: Path | None) -> None:
    stages = build_stages(load_config([f"cache_dir={cache_dir}", "vlm=recorded", "vlm.path=a"]))
    assert stages.query is not None
    caches = (stages.depth.cache, stages.ocr.cache, stages.query.cache, stages.verify.cache)
    assert {cache.folder for cache in caches} == {kept}


@pytest.mark.parametrize("root, size", [("run", 20 * 10**9), ("eval_claims", 20 * 10**9), ("eval_depth", 20 * 10**9)])
def test_the_cache_has_the_bound_that_the_configuration_says(root: str, size: int) -> None:
    assert stage_cache(load_config([], root)).most_bytes == size
    assert stage_cache(load_config(["cache_gb=0.5"], root)).most_bytes == 500_000_000
    assert stage_cache(load_config(["cache_gb=null"], root)).most_bytes is None
    for wrong in ("0", "-1", "much", "true"):
        with pytest.raises(ConfigError, match="cache_gb must be a number above 0, or null"):
            stage_cache(load_config([f"cache_gb={wrong}"], root))


def test_by_default_nothing_is_asked_or_segmented_and_the_verifier_gets_a_chosen_segmenter() -> None:
    stages = build_stages(load_config())
    assert stages.query is None and isinstance(stages.verify.segmenter, NoSegmenter)
    segmenter = build_stages(load_config(["segment=grabcut", "segment.iterations=2"])).verify.segmenter
    assert isinstance(segmenter, GrabCutSegmenter)
    assert segmenter.iterations == 2


@pytest.mark.parametrize("language, found", [("auto", "en"), ("zh", "zh"), ("en", "en")])
def test_the_language_of_sentences_can_be_set_without_a_model(language: str, found: str) -> None:
    assert build_stages(load_config([f"query.language={language}"])).language(None) == found
    with pytest.raises(ConfigError, match=r"query\.language"):
        build_stages(load_config(["query.language=fr"]))


def test_the_prompt_is_measured_with_the_numbers_of_the_verifier() -> None:
    overrides = ["verify.verifier.settings.min_pixels=7", "verify.verifier.budget.box_px=3", "vlm=openai"]
    stages = build_stages(load_config(overrides))
    assert stages.query is not None
    assert stages.query.settings is stages.verify.verifier.settings
    assert stages.query.error_budget is stages.verify.verifier.budget
    assert (stages.query.settings.min_pixels, stages.query.error_budget.box_px) == (7, 3)


@pytest.mark.parametrize(
    "overrides, second_look",
    [
        (["vlm=nano"], "off"),
        (["vlm='nano'"], "off"),
        (["experiment=quickstart"], "off"),
        (["vlm=qwen3vl", "vlm.takes_crops=false"], "off"),
        (["vlm=nano", "query.second_look=always"], "always"),
        (["vlm=qwen3vl"], "auto"),
        (["vlm=openai"], "auto"),
    ],
)
def test_a_model_that_takes_no_crops_gets_none_however_it_is_chosen(overrides: list[str], second_look: str) -> None:
    query = build_stages(load_config(overrides)).query
    assert query is not None and query.second_look == second_look


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "vlm"])
def test_every_model_can_show_its_prompts_and_is_built_without_that_key(option: str) -> None:
    config = load_config([f"vlm={option}", "vlm.show_prompt=true", *MANDATORY.get(("vlm", option), [])])
    assert config.vlm.show_prompt is True
    build(config.vlm)
    assert config.vlm.show_prompt is True, "the configuration stays as it was"
    with pytest.raises(ConfigError, match=r"vlm\.show_prompt must be true or false"):
        check_flags(load_config([f"vlm={option}", "vlm.show_prompt=1", *MANDATORY.get(("vlm", option), [])]))


def faults(text: str) -> list[str]:
    """Keys that no comment explains, and lines that are not tidy."""
    lines = text.splitlines()
    found = [line for line in lines if len(line) > 120 or line != line.rstrip()]
    if not lines[0].startswith("# ") or not text.endswith("\n") or text.endswith("\n\n"):
        found.append("the first or last line")
    inside_hydra = False
    for above, line in zip(["", *lines], lines, strict=False):
        match = re.match(r"( *)(\w+):", line)
        if match is None:
            continue
        if not match[1]:
            inside_hydra = match[2] == "hydra"
        # A comment may speak of the keys below it until the next blank line or comment.
        explained = above.lstrip().startswith("#") or re.match(r" *[\w/]+: \S", above)
        if match[2] not in SELF_EXPLAINING and not inside_hydra and not explained:
            found.append(line.strip())
    return found


def test_every_file_is_tidy_and_explains_its_keys() -> None:
    found = {str(path): faults(path.read_text(encoding="utf-8")) for path in CONF.rglob("*.yaml")}
    assert {path: lines for path, lines in found.items() if lines} == {}
    assert faults("# What.\n\nkey: 1\n# Why.\nother: 2\nthird: 3 \n\n") == [
        "third: 3 ",
        "the first or last line",
        "key: 1",
    ]


@pytest.mark.parametrize("group, option", {group: option for group, option in OPTIONS}.items())
def test_no_unknown_key_is_composed(group: str, option: str) -> None:
    with pytest.raises(ConfigError, match="no_such_key"):
        load_config([f"{group}={option}", *mandatory(group, option), f"{group}.no_such_key=1"], root_of(group, option))


RECORDED = ["vlm=recorded", "vlm.path=a"]


@pytest.mark.parametrize(
    "overrides, words",
    [
        (["vlm=recorded"], "vlm.path"),
        (["~verify._target_"], "verify has no _target_, the class to build"),
        (["depth=common/network"], "choose one of the options of depth."),
        (["input=auto"], "input.path"),
        (["+verify.verifier.no_such_key=1"], "no_such_key"),
        (["+verify.verifier.settings.no_such_key=1"], "no_such_key"),
        (["+verify.verifier.budget.no_such_key=1"], "no_such_key"),
        (
            ["+query.sound=1", *RECORDED],
            "QueryStage has no key 'sound'; it has batch_size, budget, confirm, formalise",
        ),
        (["resume=perhaps"], "resume must be true or false, not 'perhaps'."),
        (["verify.verifier.risk=0.5"], "verify.verifier.risk must be a number above 0 and below 0.5, not 0.5."),
        (["verify.verifier.settings.edge_px=3.5"], "settings.edge_px must be a whole number from 0 to 50, not 3.5."),
        (["verify.verifier.budget.scale={sensor: x}"], "budget.scale.sensor must be a number of at least 0, not 'x'."),
        (["noise.models.sensor.pixel=-1"], "noise.models.sensor.pixel must be a number of at least 0, not -1."),
        (["input=a.jpg", "input.max_side_px=big"], "input.max_side_px must be a whole number of at least 0"),
        (["input=a.jpg", "input.fov_deg=200"], "input.fov_deg"),
        (["input=a.jpg", "input.frames_are=things"], "input.frames_are"),
        (["input=arc2017", "input.masks=1"], "input.masks must be true or false, not 1."),
        (["export.overlay=1"], "export.overlay must be true or false, not 1."),
        (["depth=midas/dpt_large", "depth.batch_size=two"], "depth.batch_size must be a whole number of at least 1"),
        (["vlm=openai", "vlm.timeout_s=long"], "vlm.timeout_s must be a number above 0, not 'long'."),
        (["segment=grabcut", "segment.grow_px=-1"], "segment.grow_px must be a number of at least 0, not -1."),
        (["segment=grabcut", "segment.iterations=0"], "segment.iterations"),
        (["segment=sam2", "segment.least_share=2"], "segment.least_share"),
        (["ocr=rapidocr", "ocr.min_score=7"], "ocr.min_score"),
        (["query.hints=maybe", *RECORDED], "query.hints"),
        (["query.budget.tokens=3", *RECORDED], "query.budget.tokens"),
    ],
)
def test_what_cannot_be_built_is_reported_in_one_line(overrides: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        config = load_config(overrides)
        check_flags(config)
        build_source(config)
        build_stages(config)
    assert "\n" not in str(caught.value)


def test_a_target_that_does_not_exist_is_a_configuration_error() -> None:
    node = OmegaConf.create({"_target_": "pipeline.no_such.Thing"})
    assert isinstance(node, DictConfig)
    with pytest.raises(ConfigError, match=r"pipeline\.no_such"):
        build(node)
