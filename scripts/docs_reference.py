"""The reference of relations, commands, JSON Schema and API, made from the code."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

from pipeline.records.claim import _MEASURES as MEASURES
from pipeline.records.message import catalog
from pipeline.records.relations import RELATIONS, Need, Relation, ValueUse

_NEEDS = {
    Need.NOTHING: "no depth",
    Need.ORDER: "depth of any kind: its order",
    Need.SHAPE: "depth that is metric or known up to one factor",
    Need.METRIC: "metric depth",
}
_OBJECTS = {0: "none: it is about the subject alone", 1: "one: `object`", 2: "two: `object` and `other_object`"}
API = {
    "pipeline": ("Asking and judging", ["pipeline.api", "pipeline.serve.client", "pipeline.serve.client_body"]),
    "records": (
        "Records",
        [
            f"pipeline.records.{name}"
            for name in ("camera", "depth", "scene", "claim", "relations", "anchor", "result", "json_form", "errors")
        ],
    ),
    "verify": (
        "Verifier and its numbers",
        [
            "pipeline.verify.verifier",
            "pipeline.verify.fusion",
            *(f"pipeline.records.{name}" for name in ("error_budget", "noise", "calibration", "weights")),
        ],
    ),
    "rules": ("Rules", []),
    "geometry": ("Geometry", []),
    "export": ("Stored scenes and exports", []),
    "evaluate": ("Evaluation and fits", ["pipeline.evaluate.noise_fit"]),
}
_WHOLE_PACKAGES = {"rules": "pipeline/verify/rules", "geometry": "pipeline/geometry", "export": "pipeline/export"}


def relations_page() -> str:
    """Every relation of the registry: words, objects, what it needs, its number."""
    english, chinese = catalog("en"), catalog("zh")
    rows = [
        f"| [`{name}`](#{name}) | {entry.objects} | {_NEEDS[entry.need]} | {_value(entry)} |"
        for name, entry in RELATIONS.items()
    ]
    parts = [
        "# Relations",
        "",
        "A claim names one of these relations. The registry in `pipeline/records/relations.py` is closed: whatever an "
        "answer says about space becomes one of them, or is listed as unread. [Verdicts](../verdicts.md#relations) "
        "explains the rule behind each.",
        "",
        "| relation | objects | needs | number |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
    ]
    for name, entry in RELATIONS.items():
        parts += [f"## {name}", "", *_relation(name, entry, english, chinese), ""]
    return "\n".join(parts)


def _relation(name: str, entry: Relation, english: Any, chinese: Any) -> list[str]:
    stated = [code for code in (f"claim_{name}", f"claim_{name}_height") if code in english]
    said = f"{english[stated[0]]} / {chinese[stated[0]]}" if stated else ""
    rows = {
        "a claim reads": f"`{said}`" if said else "",
        "objects": _OBJECTS[entry.objects] + ("; subject and object may be exchanged" if entry.symmetric else ""),
        "needs": _NEEDS[entry.need]
        + (f"; with a number {_NEEDS[entry.value_need]}" if entry.value is ValueUse.OPTIONAL else ""),
        "number": _value(entry),
        "measures": ", ".join(f"`{measure}`" for measure in MEASURES.get(name, ())),
        "English phrases": ", ".join(entry.english),
        "Chinese phrases": "、".join(entry.chinese),
        "stated without words": "yes: an answer implies it, and no prompt offers it" if entry.implied else "",
        "judged by": f"[`pipeline.verify.rules.{entry.rule}`](api/rules.md#pipeline.verify.rules.{entry.rule})",
    }
    (head, first), *rest = [(key, value) for key, value in rows.items() if value]
    return [f"| {head} | {first} |", "| --- | --- |", *(f"| {key} | {value} |" for key, value in rest)]


def _value(entry: Relation) -> str:
    if entry.value is ValueUse.NONE:
        return "none"
    share, length = "a share from 0 to 1, unit `fraction`", "a length in `m`, `cm`, `mm`, `ft` or `in`"
    unit = {"occlusion": share, "count": "a number of objects, unit `count`"}.get(entry.rule, length)
    return f"{entry.value}: {unit}"


def commands_page() -> str:
    """What each command prints as its help."""
    from pipeline.cli import _COMMANDS
    from pipeline.console.usage import COMMANDS, usage_of

    parts = [
        "# Commands",
        "",
        "Each command is `python -m pipeline COMMAND`, or `theodolite COMMAND` where the package is installed.",
        "",
        f"```text\n{COMMANDS}\n```",
        "",
        "The exit code is 0 on success, 1 if some items of a batch failed, 2 if the command, its input or a model "
        "cannot be used, and 130 after Ctrl-C.",
        "",
    ]
    for command in _COMMANDS:
        if (text := usage_of(command)) != COMMANDS:
            parts += [f"## {command}", "", f"```text\n{text}\n```", ""]
    return "\n".join(parts)


def schema_page() -> str:
    """The records in a line of results.jsonl, one table each, and where the schema itself is."""
    from pipeline.records import SCHEMA_VERSION, json_schema

    schema = json_schema()
    parts = [
        "# JSON Schema",
        "",
        f"A line of `results.jsonl` follows this schema, version {SCHEMA_VERSION}. "
        "[results.schema.json](results.schema.json) is the schema itself, as `python -m pipeline schema` prints it. "
        "[Results](../results.md) explains what the keys mean.",
        "",
    ]
    records = {schema.get("title", "Result"): schema, **schema.get("$defs", {})}
    for name, record in records.items():
        parts += [f"## {name}", ""]
        if described := record.get("description"):
            parts += [described.split("\n\n")[0].replace("``", "`").replace("\n", " "), ""]
        if values := record.get("enum"):
            parts += ["One of " + ", ".join(f"`{value}`" for value in values) + ".", ""]
        if fields := record.get("properties"):
            needed = set(record.get("required", ()))
            parts += ["| key | type | required |", "| --- | --- | --- |"]
            parts += [
                f"| `{key}` | {_type(field)} | {'yes' if key in needed else ''} |" for key, field in fields.items()
            ]
            parts += [""]
    return "\n".join(parts)


def tables_page() -> str:
    """The columns of the tables of a run, as the files have them."""
    from pipeline.console.named_queries import NAMED, VIEWS
    from pipeline.export.parquet_tables import schema_of
    from pipeline.export.run_tables import FAILURE_COLUMNS
    from pipeline.export.table_columns import TABLES

    parts = [
        "# Tables",
        "",
        "A run ends with `tables/results.parquet`, `tables/verdicts.parquet` and `tables/regions.parquet`; "
        "`export.csv=true` writes the same as CSV. `python -m pipeline query RUN` reads them as tables of these names, "
        "each with a further first column `run`. Names end in their unit; columns that hold several values separate "
        "them by ` | `, and unknown cells are empty (null). Each column of a Parquet file has its meaning as metadata.",
        "",
    ]
    for name, columns in {**TABLES, "failures": FAILURE_COLUMNS}.items():
        parts += [
            f"## {name}",
            "",
            f"One row per {VIEWS[name]}.",
            "",
            "| column | type | meaning |",
            "| --- | --- | --- |",
        ]
        fields = schema_of(columns)
        parts += [f"| `{one.name}` | {field.type} | {one.about} |" for one, field in zip(columns, fields, strict=True)]
        parts += [""]
    parts += ["## Named queries", "", "| `python -m pipeline query RUN …` | gives |", "| --- | --- |"]
    parts += [f"| `{name}` | {query.about} |" for name, query in NAMED.items()]
    return "\n".join([*parts, ""])


def schema_file() -> str:
    """The JSON Schema of a line of results.jsonl."""
    from pipeline.records import json_schema

    return json.dumps(json_schema(), indent=2) + "\n"


def _type(field: dict[str, Any]) -> str:
    if reference := field.get("$ref"):
        name = reference.rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if choices := field.get("anyOf") or field.get("oneOf") or field.get("allOf"):
        return " or ".join(dict.fromkeys(_type(choice) for choice in choices))
    if "const" in field:
        return f"`{field['const']}`"
    if field.get("type") == "array":
        items = field.get("items")
        if isinstance(items, dict):
            return f"list of {_type(items)}"
        if parts := field.get("prefixItems"):
            return f"list of {len(parts)}: {' or '.join(dict.fromkeys(_type(part) for part in parts))}"
        return "list"
    return str(field.get("type", "any"))


def api_pages(root: Path) -> dict[str, str]:
    """A page per part of the API; each names modules, whose docstrings mkdocstrings draws in."""
    pages = {}
    for page, (title, modules) in API.items():
        found = [*modules, *(_modules(root, _WHOLE_PACKAGES[page]) if page in _WHOLE_PACKAGES else ())]
        parts = [f"# {title}", ""]
        for module in found:
            directive = [
                f"::: {module}",
                "    options:",
                "      show_root_heading: false",
                "      show_root_toc_entry: false",
            ]
            parts += [f"## {module.removeprefix('pipeline.')} {{ #{module} }}", "", *directive, ""]
        pages[f"{page}.md"] = "\n".join(parts)
    return pages


def _modules(root: Path, folder: str) -> list[str]:
    """The modules of a folder that define something public."""
    found = []
    for path in sorted((root / folder).glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        kinds = ast.FunctionDef | ast.ClassDef
        if any(isinstance(node, kinds) and not node.name.startswith("_") for node in tree.body):
            found.append(".".join(path.relative_to(root).with_suffix("").parts))
    return found
