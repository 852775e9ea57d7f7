from __future__ import annotations

import inspect
from importlib import import_module

import pytest
import yaml

from pipeline.export.formats import ITEM_FORMATS, RUN_FORMATS, is_format, require_packages
from pipeline.records.errors import DependencyError
from pipeline.records.resources import resource_dir
from pipeline.stages.export import ExportStage


@pytest.mark.parametrize("name", [*ITEM_FORMATS, *RUN_FORMATS])
def test_every_format_is_a_key_and_a_function_of_its_module(name: str) -> None:
    is_default = name in ("report", "parquet")
    keys = yaml.safe_load((resource_dir("conf") / "export" / "default.yaml").read_text(encoding="utf-8"))
    assert keys[name] is is_default
    assert inspect.signature(ExportStage.__init__).parameters[name].default is is_default
    assert is_format(name)
    module = import_module((ITEM_FORMATS.get(name) or RUN_FORMATS[name]).module)
    first = ["path", "stored", "result", "settings"] if name in ITEM_FORMATS else ["path", "folder", "settings"]
    assert list(inspect.signature(module.write).parameters) == first


def test_folders_of_items_are_their_own() -> None:
    folders = [each.folder for each in ITEM_FORMATS.values()]
    assert len(set(folders)) == len(folders) and not set(folders) & {each.name for each in RUN_FORMATS.values()}
    assert not is_format("obj") and not is_format(None)


def test_a_format_needs_the_packages_of_its_extra_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.export.formats.find_spec", lambda name: None)
    require_packages("glb")
    require_packages("coco")
    with pytest.raises(DependencyError, match="rerun"):
        require_packages("rrd")
