"""From a composed configuration to the objects it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig

from pipeline.errors import ConfigError, TheodoliteError
from pipeline.stages.cache import StageCache
from pipeline.stages.compose import Source, Stages
from pipeline.stages.depth import DepthStage
from pipeline.stages.ocr import OcrStage
from pipeline.vlm.none import NoModel


def build(node: DictConfig, **arguments: Any) -> Any:
    """Make the object that a configuration node names.

    Raises:
        TheodoliteError: Whatever the object's own checks raise.
        ConfigError: If the object cannot be made of these keys.
    """
    try:
        return instantiate(node, **arguments)
    except InstantiationException as error:
        cause = error.__cause__
        while cause is not None:
            if isinstance(cause, TheodoliteError):
                raise cause from error
            cause = cause.__cause__
        target = node.get("_target_", "?")
        reason = str(error.__cause__ or error).splitlines()[0]
        raise ConfigError(f"The configuration of {target} does not fit: {reason}") from error


def build_stages(config: DictConfig) -> Stages:
    """All stages after ingest."""
    cache = StageCache(Path(config.cache_dir) if config.cache_dir else None)
    model = build(config.vlm)
    return Stages(
        depth=DepthStage(build(config.depth), cache),
        ocr=OcrStage(build(config.ocr), cache),
        query=None if isinstance(model, NoModel) else build(config.query, model=model, cache=cache),
        verify=build(config.verify),
        export=build(config.export),
    )


def build_source(config: DictConfig) -> Source:
    """Where the items come from."""
    source: Source = build(config.input)
    return source
