"""From a composed configuration to the objects it names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.config.mistakes import describe
from pipeline.models.vlm.base import VisionLanguageModel
from pipeline.models.vlm.none import NoModel
from pipeline.records.errors import ConfigError, TheodoliteError
from pipeline.records.resources import resource_dir
from pipeline.stages.cache import StageCache
from pipeline.stages.compose import Source
from pipeline.stages.depth import DepthStage
from pipeline.stages.group import Stages
from pipeline.stages.ocr import OcrStage
from pipeline.stages.verify import VerifyStage

if TYPE_CHECKING:
    from pipeline.stages.query import QueryStage

# Keys of a group that the program reads itself.
_PROGRAM_KEYS = ("show_prompt",)


def build(node: DictConfig, plain: Mapping[str, Any] | None = None, **arguments: Any) -> Any:
    """Make the object that a configuration node names.

    Args:
        node: The node.
        plain: Further arguments as they are; in ``arguments`` a text with ``${...}`` would be interpolated.
        **arguments: Further arguments.

    Raises:
        TheodoliteError: Whatever the object's own checks raise.
        ConfigError: If the object cannot be made of these keys.
    """
    node = _without_program_keys(node)
    try:
        if plain is None:
            return instantiate(node, **arguments)
        missing = sorted(OmegaConf.missing_keys(node))
        if missing:
            raise ConfigError(f"Missing mandatory value: {node._get_full_key(missing[0])}.")
        return instantiate(node, _partial_=True, **arguments)(**plain)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{describe(error)}.") from error
    except (InstantiationException, TypeError) as error:
        cause = error.__cause__
        while cause is not None:
            if isinstance(cause, TheodoliteError):
                raise cause from error
            cause = cause.__cause__
        target = node.get("_target_", "?")
        reason = str(error.__cause__ or error).splitlines()[0]
        unknown = re.search(r"unexpected keyword argument '(\w+)'", reason)
        if unknown and unknown[1] in node:
            known = sorted(key for key in map(str, node) if key[0] != "_" and key != unknown[1])
            raise ConfigError(f"{target} has no key {unknown[1]!r}; known are {', '.join(known) or 'none'}.") from error
        raise ConfigError(f"The configuration of {target} does not fit: {reason}") from error


def _without_program_keys(node: DictConfig) -> DictConfig:
    if not any(key in node for key in _PROGRAM_KEYS):
        return node
    # A copy keeps its place in the configuration, so that errors can name it.
    node = node.copy()
    OmegaConf.set_struct(node, False)
    for key in _PROGRAM_KEYS:
        node.pop(key, None)
    return node


def build_stages(config: DictConfig) -> Stages:
    """All stages after ingest.

    Raises:
        ConfigError: If a stage cannot be built, or a question is asked of no model.
    """
    cache = stage_cache(config)
    model = build(config.vlm)
    if isinstance(model, NoModel) and config.question is not None:
        raise ConfigError("The question needs a model: choose one with vlm=qwen3vl, vlm=openai or vlm=recorded.")
    verify = verify_stage(config, cache)
    return Stages(
        depth=DepthStage(build(config.depth), cache),
        ocr=OcrStage(build(config.ocr), cache),
        query=None if isinstance(model, NoModel) else query_stage(config, model, verify, cache),
        verify=verify,
        export=build(config.export),
    )


def verify_stage(config: DictConfig, cache: StageCache) -> VerifyStage:
    """What judges claims, with the segmenter of the configuration."""
    stage: VerifyStage = build(config.verify, {"segmenter": build(config.segment), "cache": cache})
    return stage


def query_stage(
    config: DictConfig, model: VisionLanguageModel, verify: VerifyStage, cache: StageCache, **changes: Any
) -> QueryStage:
    """The query stage; it measures the prompt's depth as the verifier measures it."""
    judge = verify.verifier
    plain = {"model": model, "cache": cache, "error_budget": judge.budget, "settings": judge.settings}
    stage: QueryStage = build(config.query, plain, **changes)
    return stage


def build_source(config: DictConfig) -> Source:
    """Where the items come from."""
    source: Source = build(config.input, {"question": config.question, "claims": config.claims})
    return source


def stage_cache(config: DictConfig) -> StageCache:
    """Where outputs of stages are kept.

    Raises:
        ConfigError: If ``cache_dir`` is neither a folder nor null.
    """
    folder = config.cache_dir
    if folder is not None and not isinstance(folder, str):
        raise ConfigError(f"cache_dir must be a folder or null, not {folder!r}.")
    return StageCache(Path(folder) if folder else None)


def check_types(config: DictConfig, config_name: str = "run") -> None:
    """Check that numbers and truth values of ``conf/`` were replaced by their like, or by null.

    Args:
        config: A composed configuration.
        config_name: File in ``conf/`` that it was composed from, without its suffix.

    Raises:
        ConfigError: If one was not; names the key.
    """
    root = resource_dir("conf")
    try:
        given = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{describe(error)}.") from error
    assert isinstance(given, dict)
    for path in (root / f"{config_name}.yaml", *root.glob("*/**/*.yaml")):
        defaults = OmegaConf.to_container(OmegaConf.load(path))
        assert isinstance(defaults, dict)
        group = path.relative_to(root).parts[0] if path.parent != root else ""
        is_shared = bool(group) and "_target_" not in defaults
        node = given.get(group) if group else given
        if not node:
            continue
        # What several options share has no target; an option has it where it has all its keys.
        applies = defaults.keys() - {"defaults"} <= node.keys() if is_shared else _same_target(node, defaults)
        if applies:
            _check_like(node, defaults, group)


def _same_target(node: Mapping[Any, Any], defaults: Mapping[Any, Any]) -> bool:
    return bool(node.get("_target_") == defaults.get("_target_"))


def _check_like(values: Mapping[Any, Any], defaults: Mapping[Any, Any], place: str) -> None:
    for key in values.keys() & defaults.keys():
        name, value, default = f"{place}.{key}".lstrip("."), values[key], defaults[key]
        if isinstance(value, dict) and isinstance(default, dict):
            _check_like(value, default, name)
        elif isinstance(default, bool):
            if not isinstance(value, bool | None):
                raise ConfigError(f"{name} must be true or false, not {value!r}.")
        elif isinstance(default, int | float) and (
            isinstance(value, bool) or not isinstance(value, int | float | None)
        ):
            raise ConfigError(f"{name} must be a number, not {value!r}.")
