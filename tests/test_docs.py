"""The documentation names what exists: keys, relations, commands, files, and code that compiles."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import docs_configuration
import docs_pages
import docs_reference
import exported
import pyarrow.parquet
import pytest
import yaml

from pipeline.api import load_config
from pipeline.cli import _COMMANDS
from pipeline.config.options import OF_SEVERAL, groups_of, options_of
from pipeline.export.run_tables import run_tables
from pipeline.records.relations import RELATIONS

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
CONFIGS = {
    "run": "run", "verify": "run", "eval-claims": "eval_claims", "eval-depth": "eval_depth", "fit": "fit",
    "serve": "serve",
}  # fmt: skip
# Names that stand for an option of the reader's own.
OWN_OPTIONS = ("mine", "NAME", "simulated")
LARGEST_PICTURE = 60_000


def written_pages() -> dict[str, str]:
    """Every page that people wrote, by its path in the repository."""
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "data").rglob("*.md")]
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in sorted(files)}


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Fenced blocks of a language, with the page that holds each."""
    for page, text in written_pages().items():
        for match in re.finditer(r"(?ms)^```(\w*)\n(.*?)^```", text):
            if match[1] == language:
                yield page, match[2]


def commands() -> list[tuple[str, str, list[str]]]:
    """Page, name and arguments of every command of the program in a block for the shell."""
    found = []
    for page, text in [*blocks("bash"), *blocks("")]:
        for line in text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:3] == ["python", "-m", "pipeline"]:
                found.append((page, words[3], words[4:]))
            elif words[:2] == ["bash", "scripts/run.sh"]:
                found.append((page, "run", words[2:]))
    return found


def leaves(value: Any, path: str = "") -> Iterator[str]:
    """Names with dots of all values in a configuration file."""
    for key, inner in value.items():
        if key.startswith("_") or (not path and key in ("defaults", "hydra")):
            continue
        name = f"{path}.{key}" if path else key
        if isinstance(inner, dict) and inner:
            yield from leaves(inner, name)
        else:
            yield name


def is_listed(name: str, page: str) -> bool:
    """Whether a page lists a key, or the braces that hold it as the value of a key above it."""
    parts = name.split(".")
    return f"`{name}`" in page or any(f"`{'.'.join(parts[:end])}` | `{{" in page for end in range(1, len(parts)))


@pytest.mark.parametrize("group", sorted(path.name for path in CONF.iterdir() if path.is_dir()))
def test_the_reference_lists_every_key_of_a_group(group: str) -> None:
    page = docs_configuration.group_page(CONF, group)
    prefix = "" if group in (*OF_SEVERAL, "common") else f"{docs_configuration.PLACES.get(group, group)}."
    for path in (CONF / group).rglob("*.yaml"):
        names = [f"{prefix}{name}" for name in leaves(yaml.safe_load(path.read_text("utf-8")) or {})]
        assert [name for name in names if not is_listed(name, page)] == [], path


def test_the_reference_lists_every_key_of_no_group_with_its_meaning() -> None:
    page = docs_configuration.command_page(CONF)
    for path in CONF.glob("*.yaml"):
        for name in leaves(yaml.safe_load(path.read_text("utf-8"))):
            assert re.search(rf"(?m)^\| `{re.escape(name)}` \| `.+` \| \w.+\|$", page), name


def test_a_key_gets_the_comment_above_it_and_only_that() -> None:
    head, parents, keys = docs_configuration.keys_of(
        "# About the file.\n_target_: a.B\ndefaults:\n  - common@_here_\n  - _self_\nplain: 1\n\n"
        "# Two lines\n# of meaning.\nfirst: [1, 2]\nsecond: x\n\nthird: y\n"
        "# The parent.\nouter:\n  # The child.\n  inner: {a: 1}\n"
    )
    assert head == "About the file." and parents == ["common"]
    assert [(key.path, key.default, key.comment, key.inherited) for key in keys] == [
        ("plain", "1", "", ""),
        ("first", "[1, 2]", "Two lines of meaning.", ""),
        ("second", "x", "", "Two lines of meaning."),
        ("third", "y", "", ""),
        ("outer", "", "The parent.", ""),
        ("outer.inner", "{a: 1}", "The child.", ""),
    ]


def test_a_key_without_a_comment_takes_its_meaning_from_where_it_has_one(tmp_path: Path) -> None:
    (tmp_path / "depth").mkdir()
    (tmp_path / "depth" / "default.yaml").write_text(
        "# About.\n\n# Meaning of a.\na: 1\nb: 2\n\nmodels:\n  one:\n    # Size of one.\n    size: 3\n  two:\n"
        "    # Else.\n    other: 4\n    size: 5\n    a: 6\n"
    )
    (tmp_path / "depth" / "second.yaml").write_text("defaults:\n  - default@_here_\n\na: 7\nb: 8\n")
    page = docs_configuration.group_page(tmp_path, "depth")
    first, second = page.split("## depth=second")
    assert "| `depth.a` | `1` | Meaning of a. |" in first and "| `depth.b` | `2` | Meaning of a. |" in first
    assert "| `depth.models.one.size` | `3` | Size of one. |" in first
    assert "| `depth.models.two.size` | `5` | As `depth.models.one.size`. |" in first
    assert "Builds on `depth/default`" in second and "| `depth.a` | `7` | Meaning of a. |" in second
    assert "| `depth.b` | `8` | " in second


@pytest.mark.parametrize(
    "comment, markdown",
    [
        ("Set input.depth_scale=0.001.", "Set `input.depth_scale=0.001`."),
        ("Such as *.npy (a pattern)", "Such as `*.npy` (a pattern)"),
        ("In [0, 1], a|b <c>", "In &#91;0, 1&#93;, a&#124;b &#60;c>"),
        ("Already `code_here`", "Already `code_here`"),
    ],
)
def test_comments_become_markdown_that_shows_them_as_they_are(comment: str, markdown: str) -> None:
    assert docs_configuration.marked(comment) == markdown


@pytest.mark.parametrize("name", RELATIONS)
def test_the_reference_lists_every_relation(name: str) -> None:
    entry, page = RELATIONS[name], docs_reference.relations_page()
    section = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
    assert ", ".join(entry.english) in section and "、".join(entry.chinese) in section
    assert f"api/rules.md#pipeline.verify.rules.{entry.rule})" in section
    assert (f"| number | {entry.value}: " in section) == (entry.value != "none")
    words = {"nothing": "no depth", "order": "order", "shape": "up to one factor", "metric": "metric depth"}
    assert re.search(rf"\| needs \| .*{words[entry.need]}", section)


def test_the_reference_lists_every_column_of_the_tables_that_a_run_writes(tmp_path: Path) -> None:
    scene = exported.stored()
    run = exported.run_folder(tmp_path, (scene, exported.result(scene)))
    tables = run_tables(run, tmp_path / "made")
    page = docs_reference.tables_page()
    for name, path in tables.items():
        section = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
        listed = re.findall(r"(?m)^\| `(\w+)` \| (\w+) \| (.+) \|$", section)
        schema = pyarrow.parquet.read_schema(path)
        assert listed == [(one.name, str(one.type), one.metadata[b"description"].decode()) for one in schema]


def test_the_reference_describes_every_command() -> None:
    page = docs_reference.commands_page()
    assert all(f"python -m pipeline {name}" in page for name in _COMMANDS)


def test_the_schema_page_has_a_heading_for_every_type_that_it_links_to() -> None:
    page = docs_reference.schema_page()
    headings = {line[3:].lower() for line in page.splitlines() if line.startswith("## ")}
    linked = set(re.findall(r"\(#(\w+)\)", page))
    assert {"verdict", "claim", "region"} <= linked <= headings
    assert json.loads(docs_reference.schema_file())["$schema"].startswith("https://json-schema.org/")


def test_the_documentation_has_commands() -> None:
    assert len(commands()) > 50 and {name for _, name, _ in commands()} >= {"run", "verify", "eval-claims", "fit"}


@pytest.mark.parametrize("page, name, arguments", commands(), ids=lambda value: str(value)[:60])
def test_every_command_in_the_documentation_can_be_typed(page: str, name: str, arguments: list[str]) -> None:
    assert name in _COMMANDS, page
    if name in CONFIGS:
        sweep = "-m" in arguments
        typed = [argument for argument in arguments if not argument.startswith(("-", "hydra."))]
        own = len(typed) < len(arguments) - sweep
        groups = groups_of(CONFIGS[name])
        kept = []
        for argument in typed:
            key, _, value = argument.partition("=")
            if key in groups and key != "input" and (value in OWN_OPTIONS or (own and value not in options_of(key))):
                continue
            # Of a sweep, the first value of each.
            first = re.match(r"[^,\[{]*", value)
            is_swept = sweep and first is not None and value[: first.end() + 1].endswith(",")
            kept.append(f"{key}={first[0]}" if is_swept and first else argument)
        # An unknown key or option raises.
        assert load_config(kept, CONFIGS[name])


@pytest.mark.parametrize("page, code", blocks("python"), ids=lambda value: str(value)[:30].partition("\n")[0])
def test_python_in_the_documentation_compiles_and_imports_what_exists(page: str, code: str) -> None:
    for node in ast.walk(ast.parse(code, page)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipeline"):
            exec(compile(ast.Module([node], []), page, "exec"), {})


def test_the_example_of_the_library_prints_what_its_page_says() -> None:
    text = written_pages()["docs/python.md"]
    code, said = (re.search(rf"(?ms)^```{language}\n(.*?)^```", text) for language in ("python", "text"))
    assert code and said
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code[1], "docs/python.md", "exec"), {})
    assert printed.getvalue() == said[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "page, file", [("docs/tutorial.md", "claims.json"), ("docs/howto/own-answers.md", "answers.jsonl")]
)
def test_commands_print_what_their_page_says(page: str, file: str, tmp_path: Path) -> None:
    found = re.findall(r"(?ms)^```(\w+)\n(.*?)^```", written_pages()[page])
    (tmp_path / file).write_text(next(text for language, text in found if language == "json"), encoding="utf-8")
    (tmp_path / "data").symlink_to(ROOT / "data")
    compared = 0
    for (language, command), (after, printed) in pairwise(found):
        if (language, after) == ("bash", "text") and "python -m pipeline" in command:
            words = [sys.executable, *shlex.split(command.replace("\\\n", " "))[1:]]
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
            done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert [line for line in printed.splitlines() if line not in done.stdout.splitlines()] == []
            compared += 1
    assert compared == (3 if file == "claims.json" else 1)


@pytest.mark.parametrize("page, text", blocks("json"), ids=lambda value: str(value)[:30].partition("\n")[0])
def test_json_in_the_documentation_is_json(page: str, text: str) -> None:
    try:
        json.loads(text)
    except json.JSONDecodeError:
        assert all(json.loads(line) for line in text.splitlines()), page


def test_examples_in_docstrings_become_code_and_prose_stays() -> None:
    pytest.importorskip("griffe", reason="pip install 'theodolite[docs]'")
    from docs_docstrings import fenced

    docstring = "Example:\n    In words:\n\n    >>> half(\n    ...     2)\n    1\n\n    More words.\n"
    assert fenced(docstring) == (
        "Example:\n    In words:\n\n    ```pycon\n    >>> half(\n    ...     2)\n    1\n    ```\n\n    More words."
    )
    assert fenced("No >>> example.") == "No >>> example."


def test_links_lead_to_files_that_exist() -> None:
    made = {f"docs/{path}" for path in docs_pages.made_pages()}
    for page, text in written_pages().items():
        for target in re.findall(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)", re.sub(r"(?ms)^```.*?^```", "", text)):
            aim = (ROOT / page).parent / target
            assert aim.exists() or aim.resolve().relative_to(ROOT).as_posix() in made, f"{page}: {target}"


@pytest.mark.parametrize(
    "link, page, moved",
    [
        ("[a](docs/noise.md#the-keys)", "CONTRIBUTING.md", "[a](../noise.md#the-keys)"),
        ("[a](CONTRIBUTING.md)", "README.md", "[a](reference/contributing.md)"),
        ("[Licence](LICENSE)", "CONTRIBUTING.md", "Licence (`LICENSE`)"),
        ("[a](https://x.org/b.md)", "CONTRIBUTING.md", "[a](https://x.org/b.md)"),
        ("```\n[a](docs/noise.md)\n```\n", "CONTRIBUTING.md", "```\n[a](docs/noise.md)\n```\n"),
    ],
)
def test_links_of_files_outside_the_folder_are_moved_with_them(link: str, page: str, moved: str) -> None:
    assert docs_pages.moved_links(link, page, docs_pages.OTHER_PAGES[page]) == moved


def test_pictures_are_small_and_used() -> None:
    pages = "".join(written_pages().values())
    for picture in (ROOT / "docs" / "pictures").iterdir():
        assert picture.stat().st_size <= LARGEST_PICTURE, picture.name
        assert f"pictures/{picture.name})" in pages, picture.name
        assert "http" not in picture.read_text("utf-8", "replace").replace("http://www.w3.org/2000/svg", "")
