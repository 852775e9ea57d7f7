from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from pipeline.api import load_config
from pipeline.config.build import build
from pipeline.config.run_file import (
    RunRecord,
    changed_sections,
    differences,
    read_run_file,
    run_record,
    some_differences,
    write_run_file,
)

BASE = ["input=photo.png", "depth=none", "vlm=openai"]


@pytest.fixture(scope="module")
def base() -> RunRecord:
    return run_record(load_config(BASE))


def changed(**keys: Any) -> RunRecord:
    config = load_config(BASE)
    for key, value in keys.items():
        OmegaConf.update(config, key.replace("__", "."), value, force_add=True)
    return run_record(config)


@pytest.mark.parametrize(
    ("key", "value", "section"),
    [
        ("input__fov_deg", 50.0, "input"),
        ("question", "Where?", "input"),
        ("claims", "claims.json", "input"),
        ("depth__new", 1, "depth"),
        ("ocr__new", 1, "ocr"),
        ("vlm__seed", 1, "query"),
        ("query__recheck", 1, "query"),
        ("segment__new", 1, "query"),
        ("verify__verifier__risk", 0.01, "verify"),
        ("noise__models__sensor__new", 0.5, "verify"),
        ("weights__fitted_on", "x", "verify"),
        ("calibration__name", "x", "verify"),
        ("export__ply", True, "export"),
        ("mine", 3, "other"),
    ],
)
def test_a_key_belongs_to_the_stage_whose_output_it_changes(
    base: RunRecord, key: str, value: Any, section: str
) -> None:
    other = changed(**{key: value})
    assert changed_sections(base, other) == changed_sections(other, base) == {section}
    assert other.digest != base.digest
    (line,) = differences(base, other)
    assert line.startswith(f"{key.replace('__', '.')}: ") and " -> " in line


@pytest.mark.parametrize(
    "key", ["output_dir", "resume", "limit", "shard", "only", "verbose", "log_format", "cache_dir"]
)
def test_where_and_how_much_is_run_changes_no_digest(base: RunRecord, key: str) -> None:
    other = changed(**{key: "2/3"})
    assert other.digest == base.digest
    assert differences(base, other) == []


def test_only_the_first_differences_are_shown() -> None:
    assert some_differences(list("abcdef")) == "a; b; c; d; and 2 more"
    assert some_differences(list("abcd")) == "a; b; c; d"


def test_a_record_reads_back_and_builds_the_same(base: RunRecord, tmp_path: Path) -> None:
    question = r"Is ${x} or \${y} left, \\${z}?"
    config = load_config([*BASE, f"question={question}"])
    plain = OmegaConf.to_container(config, resolve=True)
    record = run_record(config, ["depth=none"])
    write_run_file(tmp_path, record)
    again = read_run_file(tmp_path)
    assert again == RunRecord(**{**vars(record), "overrides": ("depth=none",)})
    assert again.digest == record.digest
    built = OmegaConf.to_container(again.config(), resolve=True)
    assert built["question"] == plain["question"]
    assert {key: built[key] for key in plain if key != "hydra"} == {
        key: value for key, value in plain.items() if key != "hydra"
    }
    assert build(again.config().verify).verifier.risk == 0.05
    assert again.config(limit=3).limit == 3


def test_no_secret_is_stored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECRET_HEADER", "sk-from-the-environment")
    body = {
        "api_key": "sk-1",
        "headers": {"Authorization": "Bearer sk-2"},
        "user": "${oc.env:SECRET_HEADER}",
        "top_k": 3,
    }
    config = load_config(BASE)
    config.vlm.extra_body = body
    typed = ["vlm.extra_body={headers: {Authorization: Bearer sk-2}}", "+vlm.extra_body.api_key=sk-1", "vlm.seed=2"]
    record = run_record(config, typed)
    write_run_file(tmp_path, record)
    text = (tmp_path / "run.json").read_text()
    assert "sk-" not in text
    assert record.overrides[2] == "vlm.seed=2"
    assert record.hides_secrets and '"top_k": 3' in text and '"api_key_env": "OPENAI_API_KEY"' in text
    config.vlm.extra_body = {"user": body["user"]}
    safe = run_record(config)
    assert not safe.hides_secrets
    assert safe.config().vlm.extra_body.user == "sk-from-the-environment"


def test_an_absent_record_is_none(tmp_path: Path) -> None:
    assert read_run_file(tmp_path) is None
