"""Folders of checkpoints that are damaged or malicious."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.records.errors import ModelUnavailableError


class Executed:
    """Unpickled without care, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


def edited(folder: Path, target: Path, name: str, **changes: Any) -> Path:
    """A copy of a folder with other values in one of its JSON files."""
    shutil.copytree(folder, target)
    path = target / name
    settings = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(settings | changes))
    return target


def damaged(folder: Path, target: Path, name: str, content: bytes | dict[str, Any] | None) -> Path:
    """A copy of a folder in which one file has other bytes or other values, or is missing."""
    if isinstance(content, dict):
        return edited(folder, target, name, **content)
    path = shutil.copytree(folder, target) / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    return target


def with_code(folder: Path, target: Path, *, known: bool) -> tuple[Path, Path]:
    """A copy of a folder that names code beside its weights, and the file that the code would write.

    Args:
        folder: A checkpoint.
        target: Where to copy it.
        known: Whether transformers knows the type that ``config.json`` names.
    """
    written = target.parent / "executed"
    names = ("AutoConfig", "AutoModel", "AutoModelForDepthEstimation", "AutoModelForImageTextToText")
    named = {"auto_map": {name: "evil.Evil" for name in names}} | ({} if known else {"model_type": "evil"})
    edited(folder, target, "config.json", **named)
    for name in ("preprocessor_config.json", "processor_config.json", "tokenizer_config.json"):
        path = target / name
        if path.is_file() or name == "preprocessor_config.json":
            settings = json.loads(path.read_text()) if path.is_file() else {}
            several = dict.fromkeys(("AutoImageProcessor", "AutoProcessor"), "evil.Evil")
            if name == "tokenizer_config.json":
                several = {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}
            own = {"auto_map": several}
            kind = {} if known else {"image_processor_type": "Evil", "processor_class": "Evil"}
            path.write_text(json.dumps(settings | own | kind))
    (target / "evil.py").write_text(f"open({str(written)!r}, 'w').close()\nclass Evil: pass\n")
    return target, written


@contextmanager
def refused(reason: str) -> Iterator[None]:
    """Assert that the block refuses a model for a reason, in one plain sentence."""
    with pytest.raises(ModelUnavailableError, match=reason) as caught:
        yield
    assert_plain(caught.value)


def assert_plain(error: Exception, *, longest: int = 260) -> None:
    """Assert that an error is one short sentence without the words of other libraries."""
    text = str(error)
    reason = text.split(": ", 1)[-1]
    assert "\n" not in text
    assert len(reason) < longest
    assert text.endswith(".")
    foreign = ("weights_only", "trust_remote_code", "Unexpected", "unpack", "http", "Traceback", "unhashable", "'str'")
    assert [words for words in foreign if words in text] == []
