"""Small faults to plant in code: which there are, and a sample of them that a seed fixes.

A site is a place that can be changed: an operator, a number, a comparison, a condition, a loop. Every site is equally
likely, however many changes it allows. Sites are drawn by a hash of the seed, the file, the function and the text of
the line, so that a change elsewhere in the code moves none of them.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Position = tuple[int, int]
# A file, a place in it, and the changes that are possible there: operator of cosmic-ray, its occurrence in the file.
Site = tuple[str, tuple[object, ...], list[tuple[str, int]]]
# Calls whose arguments are texts for people.
_TEXTS = {"debug", "info", "warning", "error", "exception", "warn"}
# Nodes that no operator changes; leaving them out makes the search for sites five times as fast.
_FIXED = {
    "name", "newline", "string", "endmarker", "trailer", "atom_expr", "arglist", "suite", "simple_stmt", "expr_stmt",
    "fstring", "fstring_string", "fstring_start", "fstring_end", "param", "parameters", "funcdef", "file_input", "atom",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One changed place.

    Attributes:
        file: Path in the repository.
        line: Line of the change, from 1.
        source: The whole changed file.
        before: The lines that the change replaces, stripped.
        after: What replaces them, stripped.
    """

    file: str
    line: int
    source: str
    before: str
    after: str


def sites(root: Path, folders: Sequence[str]) -> list[Site]:
    """All places of the folders' files that can be changed."""
    return [
        (path.relative_to(root).as_posix(), place, changes)
        for folder in folders
        for path in sorted((root / folder).rglob("*.py"))
        for place, changes in _sites(path.read_text("utf-8")).items()
    ]


def sample(root: Path, places: Sequence[Site], seed: int, count: int) -> list[Mutant]:
    """That many mutants, one a site."""
    mutants: list[Mutant] = []
    for key, file, changes in sorted((_hashed(seed, file, place), file, changes) for file, place, changes in places):
        if len(mutants) == count:
            break
        ordered = sorted(changes, key=lambda change: _hashed(key, change))
        mutant = next((made for change in ordered if (made := _mutant(root, file, *change)) is not None), None)
        if mutant is not None:
            mutants.append(mutant)
    return mutants


def _hashed(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _mutant(root: Path, file: str, operator: str, occurrence: int) -> Mutant | None:
    """The mutant that a change makes; None where the result is no Python."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    source = (root / file).read_text("utf-8")
    changed = mutate_code(source, get_operator(operator)(), occurrence)
    try:
        ast.parse(changed)
    except SyntaxError:
        return None
    lines, others = source.splitlines(), changed.splitlines()
    parts = [part for part in difflib.SequenceMatcher(None, lines, others, False).get_opcodes() if part[0] != "equal"]
    _, first, last, other_first, other_last = parts[0]
    before, after = (" ".join(map(str.strip, part)) for part in (lines[first:last], others[other_first:other_last]))
    return Mutant(file, first + 1, changed, before, after)


def _sites(source: str) -> dict[tuple[object, ...], list[tuple[str, int]]]:
    """The changes that are possible, by their place."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    tree = ast.parse(source)
    left_out = list(_left_out(tree))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    headers = [((node.lineno, 0), (node.body[0].lineno, 0)) for node in functions]
    nodes = [node for node in ast_nodes(get_ast(source)) if node.type not in _FIXED]
    lines = source.splitlines()
    by_place: dict[tuple[Position, Position], list[tuple[str, int]]] = defaultdict(list)
    for name in operator_names():
        operator = get_operator(name)
        # Those with arguments invent variables; a decorator says what is cached or frozen, which no verdict shows.
        # Members of enumerations, and None, are equal exactly where they are identical.
        if operator.arguments() or name.endswith(("/RemoveDecorator", "_Is_Eq", "_IsNot_NotEq")):
            continue
        instance = operator()
        places = (place for node in nodes for place in instance.mutation_positions(node))
        for occurrence, place in enumerate(places):
            by_place[place].append((name, occurrence))
    found, seen = {}, Counter[tuple[object, ...]]()
    for (start, end), changes in sorted(by_place.items()):
        if any(first <= start and end <= last for first, last in left_out):
            continue
        # The star that begins keyword-only arguments is no product.
        token = lines[start[0] - 1][start[1] : end[1]]
        if token == "*" and any(first <= start < last for first, last in headers):
            continue
        text = (_function_at(tree, start[0]), lines[start[0] - 1].strip(), token)
        seen[text] += 1
        found[(*text, seen[text])] = changes
    return found


def _function_at(tree: ast.AST, line: int) -> str:
    """Names of the classes and functions around a line."""
    around = [
        node for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or 0)
    ]  # fmt: skip
    return ".".join(node.name for node in sorted(around, key=lambda node: node.lineno))


def _left_out(tree: ast.AST) -> Iterator[tuple[Position, Position]]:
    """Ranges that say nothing about a result: texts, types, decorators, checks of lengths by ``zip``."""
    for node in ast.walk(tree):
        parts: list[Any] = []
        if isinstance(node, ast.arg | ast.AnnAssign):
            parts.append(node.annotation)
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            parts += [*node.decorator_list, getattr(node, "returns", None)]
        if isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom):
            parts.append(node)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            parts.append(node)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            parts.append(node)
        if isinstance(node, ast.Call):
            parts += [word.value for word in node.keywords if word.arg == "strict"]
            if isinstance(node.func, ast.Attribute) and node.func.attr in _TEXTS:
                parts.append(node)
        for part in parts:
            if part is not None:
                yield (part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)
