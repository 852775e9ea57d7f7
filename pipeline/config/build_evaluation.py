"""Builds data sets, protocols and subjects from a configuration of ``eval-claims`` or ``eval-depth``."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from annotated_types import Interval
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

from pipeline.config.build import build, query_stage, stage_cache, stages_without_model, target_of
from pipeline.config.options import option, options_of
from pipeline.datasets.base import ClaimDataset, DepthDataset
from pipeline.evaluate.claims.baselines import default_baselines
from pipeline.evaluate.claims.run import Subjects
from pipeline.evaluate.depth.alignment import Alignment
from pipeline.evaluate.depth.protocol import EvaluationProtocol
from pipeline.evaluate.depth.run import DepthSubject
from pipeline.models.vlm.none import NoModel
from pipeline.records.errors import ConfigError, InputError
from pipeline.records.settings import check_value
from pipeline.stages.depth import DepthStage
from pipeline.stages.group import Stages


def build_dataset(config: DictConfig) -> ClaimDataset[Any]:
    """The data set of ``eval-claims``: claims and questions with ground truth.

    Raises:
        ConfigError: If the data set has none, or no questions for a model that is configured, or cannot be built.
        InputError: If its files are missing or have none.
    """
    dataset: ClaimDataset[Any] = _built(config, ClaimDataset, "claims with ground truth")
    if dataset.lacks_claims:
        raise InputError(dataset.lacks_claims)
    if not dataset.has_questions and get_class(config.vlm["_target_"]) is not NoModel:
        raise ConfigError(
            f"Data set {dataset.name} has no questions for a model; leave out vlm, or choose a data set of questions, "
            "such as rendered with dataset.questions=2."
        )
    return dataset


def build_depth_dataset(config: DictConfig) -> DepthDataset[Any]:
    """The data set of ``eval-depth``: images with true depth.

    Raises:
        ConfigError: If the data set has none, or cannot be built.
        InputError: If its files are missing.
    """
    dataset: DepthDataset[Any] = _built(config, DepthDataset, "images with true depth")
    return dataset


def datasets_that_yield(wanted: type) -> list[str]:
    """Options of ``dataset`` whose readers are of a class: ``ClaimDataset`` or ``DepthDataset``."""
    names = options_of("dataset")
    return [name for name in names if issubclass(get_class(option("dataset", name)["_target_"]), wanted)]


def _built(config: DictConfig, wanted: type, what: str) -> Any:
    if not issubclass(get_class(target_of(config.dataset)), wanted):
        usable = ", ".join(datasets_that_yield(wanted))
        raise ConfigError(f"This data set has no {what}; set dataset to one of {usable}.")
    return build(config.dataset)


def build_protocol(config: DictConfig) -> EvaluationProtocol:
    """The protocol of ``eval-depth``.

    Raises:
        ConfigError: If a value is not allowed, or the alignment is not chosen.
    """
    if OmegaConf.is_missing(config.protocol, "alignment"):
        raise ConfigError(f"Choose protocol.alignment: {', '.join(Alignment)}; it has no default.")
    protocol: EvaluationProtocol = build(config.protocol)
    return protocol


def build_depth_subject(config: DictConfig) -> DepthSubject:
    """The depth stage that ``eval-depth`` measures.

    Raises:
        ConfigError: If it cannot be built.
    """
    workers = check_value("num_workers", config.num_workers, Annotated[int, Interval(ge=0, le=256)])
    cache = stage_cache(config)
    backend = build(config.depth)
    return DepthSubject(DepthStage(backend, cache), getattr(backend, "batch_size", 1), workers)


def build_subjects(config: DictConfig) -> Subjects:
    """The stages and baselines that ``eval-claims`` measures, with a model if one is configured.

    Raises:
        ConfigError: If a part cannot be built.
    """
    cache = stage_cache(config)
    model = build(config.vlm)
    stages = stages_without_model(config, cache)
    verify = stages.verify
    ways: dict[str, Stages] = {}
    if not isinstance(model, NoModel):
        if config.compare_hints:
            raw = {"hints": "none", "steps": "one", "second_look": "off", "recheck": 0}
            ways["raw"] = replace(stages, query=query_stage(config, model, verify, cache, **raw))
        ways["with_hints"] = replace(stages, query=query_stage(config, model, verify, cache))
    baselines = default_baselines(verify.verifier.settings.tolerance) if config.baselines else ()
    return Subjects(stages, baselines, ways)
