"""Builds the objects that a composed configuration names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from multiprocessing import parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.batch.local import Work
from pipeline.config.logs import KEY as LOG_FORMAT
from pipeline.config.logs import LogFormat, set_up_logging
from pipeline.config.mistakes import describe
from pipeline.config.run_file import escaped
from pipeline.models.vlm.base import VisionLanguageModel
from pipeline.models.vlm.none import NoModel
from pipeline.records.errors import ConfigError, TheodoliteError
from pipeline.records.settings import Positive, SettingError, check_value
from pipeline.stages.cache import StageCache
from pipeline.stages.compose import Source
from pipeline.stages.depth import DepthStage
from pipeline.stages.group import Stages
from pipeline.stages.ocr import OcrStage
from pipeline.stages.verify import VerifyStage

if TYPE_CHECKING:
    from pipeline.stages.query import QueryStage

# The verifier refers to the group noise from here.
_NOISE_PLACE = "verify.verifier.budget.noise"
_GB = 10**9
# Boolean keys that belong to no object.
_FLAGS = ("verbose", "resume", "baselines", "compare_hints", "vlm.show_prompt")


def build(node: DictConfig, plain: Mapping[str, Any] | None = None, **arguments: Any) -> Any:
    """The object that a configuration node names.

    Args:
        node: The node.
        plain: Further arguments, passed unchanged; texts with ``${...}`` in ``arguments`` would be interpolated.
        **arguments: Further arguments.

    Raises:
        TheodoliteError: Whatever the object's own checks raise.
        ConfigError: If the object cannot be built from these keys.
    """
    target = target_of(node)
    if "show_prompt" in node:  # The command line reads it.
        node = node.copy()  # A copy keeps its place in the configuration, so errors can name it.
        OmegaConf.set_struct(node, False)
        del node["show_prompt"]
    try:
        if plain is None:
            return instantiate(node, **arguments)
        missing = sorted(OmegaConf.missing_keys(node))
        if missing:
            raise ConfigError(f"{(key := node._get_full_key(missing[0]))} is required; give {key}=VALUE.")
        return instantiate(node, _partial_=True, **arguments)(**plain)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{describe(error)}.") from error
    except SettingError as error:
        raise error.below(_typed(node._get_full_key(None))) from None
    except (InstantiationException, TypeError) as error:
        cause = error.__cause__
        if isinstance(cause, SettingError):
            place = re.search(r"^full_key: (\S+)$", str(error), re.MULTILINE)
            raise cause.below(_typed(place[1]) if place else "") from None
        while cause is not None:
            if isinstance(cause, TheodoliteError):
                raise cause from error
            cause = cause.__cause__
        reason = str(error.__cause__ or error).splitlines()[0]
        unknown = re.search(r"unexpected keyword argument '(\w+)'", reason)
        if unknown and unknown[1] in node:
            known = sorted(key for key in map(str, node) if key[0] != "_" and key != unknown[1])
            raise ConfigError(f"{target} has no key {unknown[1]!r}; it has {', '.join(known) or 'none'}.") from error
        raise ConfigError(f"The configuration of {target} does not fit: {reason}") from error


def target_of(node: DictConfig) -> str:
    """The class that a configuration node names.

    Raises:
        ConfigError: If it names none.
    """
    if "_target_" not in node:
        place = node._get_full_key(None)
        raise ConfigError(f"{place} has no _target_, the class to build; choose one of the options of {place}.")
    return str(node["_target_"])


def _typed(place: str) -> str:
    """The key that a user sets for a place in the configuration."""
    return re.sub(rf"^{re.escape(_NOISE_PLACE)}\b", "noise", place)


def build_stages(config: DictConfig) -> Stages:
    """All stages after ingest.

    Raises:
        ConfigError: If a stage cannot be built, or there is a question but no model.
    """
    cache = stage_cache(config)
    model = build(config.vlm)
    if isinstance(model, NoModel) and _asked(config) is not None:
        raise ConfigError("The question needs a model: choose one with vlm=qwen3vl, vlm=openai or vlm=recorded.")
    stages = stages_without_model(config, cache)
    query = None if isinstance(model, NoModel) else query_stage(config, model, stages.verify, cache)
    export = build(config.export, {"budget": stages.verify.verifier.budget})
    # A run without a model builds no query stage, which would refuse other values.
    language = check_value("query.language", OmegaConf.select(config, "query.language"), Literal["auto", "en", "zh"])
    return replace(stages, query=query, export=export, asked_language=None if language == "auto" else language)


def stages_without_model(config: DictConfig, cache: StageCache) -> Stages:
    """The stages that give depth and text and judge claims."""
    verify = build(config.verify, {"segmenter": build(config.segment), "cache": cache})
    return Stages(DepthStage(build(config.depth), cache), OcrStage(build(config.ocr), cache), None, verify)


def query_stage(
    config: DictConfig, model: VisionLanguageModel, verify: VerifyStage, cache: StageCache, **changes: Any
) -> QueryStage:
    """The query stage; it measures depth for the prompt as the verifier does."""
    verifier = verify.verifier
    plain = {"model": model, "cache": cache, "error_budget": verifier.budget, "settings": verifier.settings}
    stage: QueryStage = build(config.query, plain, **changes)
    return stage


def build_source(config: DictConfig) -> Source:
    """The source of the items."""
    claims = OmegaConf.to_container(config.claims) if OmegaConf.is_config(config.claims) else config.claims
    source: Source = build(config.input, {"question": _asked(config), "claims": claims})
    return source


def _asked(config: DictConfig) -> str | list[str] | None:
    """The question, or the list of questions."""
    question, questions = config.question, config.questions
    if question is not None and questions is not None:
        raise ConfigError("Give question= or questions=, not both.")
    return question if questions is None else list(questions) if isinstance(questions, ListConfig) else questions


def stage_cache(config: DictConfig) -> StageCache:
    """The cache of the stages' outputs.

    Raises:
        ConfigError: If ``cache_dir`` is neither a folder nor null, or ``cache_gb`` neither a size nor null.
    """
    folder = check_value("cache_dir", config.cache_dir, str | None)
    size_gb = check_value("cache_gb", config.cache_gb, Positive | None)
    return StageCache(Path(folder) if folder else None, None if size_gb is None else round(size_gb * _GB))


def work_factory(config: DictConfig) -> Callable[[], Work]:
    """What makes the source and the stages of a configuration in another process."""
    plain: Any = OmegaConf.to_container(config, resolve=True)
    return partial(_work, plain)


def _work(plain: dict[str, Any]) -> Work:
    if parent_process() is not None:
        set_up_logging(bool(plain.get("verbose")), str(plain.get(LOG_FORMAT, "text")))
    config = OmegaConf.create(escaped(plain))
    return Work(build_source(config), build_stages(config))


def check_flags(config: DictConfig) -> None:
    """Check the keys of a composed configuration that belong to no object.

    Raises:
        SettingError: If one has a value that it cannot have.
    """
    if (log_format := OmegaConf.select(config, LOG_FORMAT)) is not None:
        check_value(LOG_FORMAT, log_format, LogFormat)
    for key in _FLAGS:
        if (flag := OmegaConf.select(config, key)) is not None:
            check_value(key, flag, bool)
