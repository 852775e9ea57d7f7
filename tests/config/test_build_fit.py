"""Sets of a fit: their cases and the depth that these are judged on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from datasets.test_manifest import LEFT, NEARER, written
from omegaconf import OmegaConf

from pipeline.config.build_fit import build_sets
from pipeline.evaluate.fit.run import FitSet
from pipeline.records.errors import ConfigError, InputError


def sets_of(files: dict[str, Path], **keys: Any) -> list[FitSet]:
    mine = {"dataset": "manifest", **{name: str(path) for name, path in files.items()}, **keys}
    return build_sets(OmegaConf.create({"sets": {"mine": mine}}))


def test_a_set_has_the_claims_that_depend_on_depth_and_the_depth_of_its_frames(tmp_path: Path) -> None:
    (found,) = sets_of(written(tmp_path, {"a": [NEARER, LEFT], "b": [NEARER]}), without=["b"], weight=0.5)
    (case,) = found.cases
    assert (found.name, found.weight, found.is_fitted_on, found.is_rendered) == ("mine", 0.5, True, False)
    assert [str(claim.relation) for claim in case.scene.claims] == ["closer"]
    assert case.scene.depth == (case.scene.frames[0].given_depth,)
    assert case.scene.depth[0].backend == "file"


def test_a_network_can_estimate_the_depth_of_a_set_with_or_without_one(tmp_path: Path) -> None:
    files = written(tmp_path, {"a": [NEARER]})
    bare = tmp_path / "bare.jsonl"
    bare.write_text('{"id": "a", "frames": "a.png"}')
    for given in (files, files | {"path": bare}):
        (found,) = sets_of(given, depth="nano")
        (depth,) = found.cases[0].scene.depth
        assert (depth.backend, depth.kind) == ("nano", "disparity_affine")
    with pytest.raises(InputError, match="nothing to fit on"):
        sets_of(files | {"path": bare})


@pytest.mark.parametrize(
    "depth, message",
    [("nanoo", r"^sets\.mine: there is no depth 'nanoo'; did you mean 'nano'\?$"), ("none", "takes a network")],
)
def test_a_depth_that_estimates_nothing_is_refused(tmp_path: Path, depth: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        sets_of(written(tmp_path, {"a": [NEARER]}), depth=depth)
