"""Builds the sets of ``fit`` from its configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

from pipeline.config.build import build
from pipeline.config.options import option, options_of
from pipeline.datasets.base import Case, ClaimDataset
from pipeline.evaluate.fit.run import FitSet
from pipeline.evaluate.fit.variants import Variant, varied
from pipeline.ingest.files import suggestion
from pipeline.models.depth.base import DepthBackend
from pipeline.records.errors import ConfigError, InputError
from pipeline.records.relations import RELATIONS, Need
from pipeline.records.settings import Count, Positive, check_value

# Keys of a set beside those of its data set.
_KEYS: Mapping[str, Any] = {
    "dataset": None,
    "variant": None,
    "spacing_px": [2, 6],
    "depth": None,
    "keeps_masks": True,
    "without": [],
    "only_relations": [],
    "weight": 1.0,
    "fitted_on": True,
}
_KINDS: Mapping[str, Any] = {
    "variant": Variant | None,
    "spacing_px": list[Count],
    "depth": str | None,
    "keeps_masks": bool,
    "without": list[str],
    "only_relations": list[str],
    "weight": Positive,
    "fitted_on": bool,
}


def build_sets(config: DictConfig) -> list[FitSet]:
    """All sets of a configuration of ``fit``.

    Raises:
        ConfigError: If a set names no data set of claims, or a key is unknown.
        InputError: If its files are missing.
    """
    read: dict[str, list[Case]] = {}
    networks = cache(lambda name: build(option("depth", name)))
    sets = [_built(str(name), node, read, networks) for name, node in config.sets.items() if node is not None]
    if not any(one.is_fitted_on and one.cases for one in sets):
        raise InputError("There is nothing to fit on: give sets.NAME.dataset, and its keys beside it.")
    return sets


def _built(name: str, node: DictConfig, read: dict[str, list[Case]], networks: Callable[[str], DepthBackend]) -> FitSet:
    """One set; cases of equal data sets are read only once, and networks loaded only once."""
    given = OmegaConf.to_container(node, resolve=True)
    assert isinstance(given, dict)
    if not isinstance(given.get("dataset"), str):
        raise ConfigError(f"sets.{name} names no data set; add sets.{name}.dataset=NAME.")
    keys = {key: given.pop(key, default) for key, default in _KEYS.items()}
    if keys["dataset"] not in options_of("dataset"):
        nearest = suggestion(keys["dataset"], options_of("dataset")) or "."
        raise ConfigError(f"sets.{name}: there is no data set {keys['dataset']!r}{nearest}")
    choice = option("dataset", keys["dataset"])
    if not issubclass(get_class(choice["_target_"]), ClaimDataset):
        raise ConfigError(f"sets.{name}: the data set {keys['dataset']} has no claims with ground truth.")
    unknown = sorted(set(given) - set(map(str, choice)))
    if unknown:
        known = sorted({*_KEYS, *(str(key) for key in choice if str(key)[0] != "_")})
        raise ConfigError(f"sets.{name} has no key {unknown[0]}; it has {', '.join(known)}.")
    OmegaConf.set_struct(choice, False)
    choice.update(given)
    address = OmegaConf.to_yaml(choice)
    if address not in read:
        read[address] = list(build(choice))
    checked = {key: check_value(f"sets.{name}.{key}", keys[key], kind) for key, kind in _KINDS.items()}
    variant, spacing_px = checked["variant"], tuple(checked["spacing_px"])
    unknown = sorted(set(checked["only_relations"]) - set(map(str, RELATIONS)))
    if unknown:
        raise ConfigError(f"sets.{name}.only_relations: there is no relation {unknown[0]!r}.")
    if len(spacing_px) != 2:
        raise ConfigError(f"sets.{name}.spacing_px must be two whole numbers, not {keys['spacing_px']!r}.")
    network = checked["depth"]
    if network is not None and network not in options_of("depth"):
        nearest = suggestion(network, options_of("depth")) or "."
        raise ConfigError(f"sets.{name}: there is no depth {network!r}{nearest}")
    rendered = keys["dataset"] == "rendered"
    cases = []
    for number, case in enumerate(read[address]):
        has_depth = all(frame.given_depth is not None for frame in case.scene.frames)
        if case.scene.id in checked["without"] or not (has_depth or network):
            continue
        case = _trimmed(case, checked["keeps_masks"], tuple(checked["only_relations"]))
        if network is not None:
            case = _predicted(case, networks(network))
        if variant is not None:
            case = varied(case, variant, number, spacing_px)
        depths = tuple(frame.given_depth for frame in case.scene.frames if frame.given_depth is not None)
        cases.append(replace(case, scene=case.scene.with_depth(depths)))
    return FitSet(name, cases, rendered, checked["weight"], checked["fitted_on"])


def _predicted(case: Case, network: DepthBackend) -> Case:
    """The case with depth that a network estimates from its frames alone."""
    bare = [replace(frame, given_depth=None) for frame in case.scene.frames]
    depths = network.estimate(bare)
    if not depths:
        raise ConfigError("The key depth of a set takes a network; null takes the depth of the data set.")
    frames = tuple(replace(frame, given_depth=depth) for frame, depth in zip(bare, depths, strict=True))
    return replace(case, scene=replace(case.scene, frames=frames))


def _trimmed(case: Case, masks: bool, relations: tuple[str, ...]) -> Case:
    """The case with its claims that depend on depth, of some relations if any are named, with masks or without."""
    wanted = relations or [name for name, relation in RELATIONS.items() if relation.need is not Need.NOTHING]
    claims = tuple(claim for claim in case.scene.claims if claim.relation in wanted)
    regions = case.scene.regions if masks else tuple(replace(region, mask=None) for region in case.scene.regions)
    return replace(case, expected=(), scene=replace(case.scene, claims=claims, regions=regions, questions=()))
