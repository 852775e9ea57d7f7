"""What a run prints at its end."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import set_cell_size
from rich.console import Console
from rich.markup import escape

from pipeline.claims.markup import shorten, without_code
from pipeline.export.page import PAGE_NAME
from pipeline.export.text import one_line
from pipeline.models.hub import ships
from pipeline.records import Status
from pipeline.records.message import message
from pipeline.stages.run_summary import MOST_SHOWN, Summary

_MOST_FAILURES = 5
_MOST_MODELS = 3
_MOST_VERDICTS = 8
_LONGEST = 400
_OWN_PHOTO = 'bash scripts/run.sh input=photo.jpg question="Is the mug in front of the laptop?" depth=midas vlm=qwen3vl'


def print_summary(console: Console, summary: Summary) -> None:
    """Print items, verdicts, seconds per stage, failures and the paths of what was written.

    Every entry is one line, however long, so that paths can be copied.
    """
    for title, text in _lines(summary):
        console.print(f"[bold]{set_cell_size(title, 8)}[/bold] {escape(one_line(text))}", soft_wrap=True)


def print_shipped_models(console: Console, models: Sequence[str | None]) -> None:
    """Say of small models that ship what they are not for, and how real ones are asked about a photo.

    Args:
        console: Where to print.
        models: The models of a run; where none of them ships, nothing is printed.
    """
    names = [name for name in models if name is not None and ships(name)]
    if not names:
        return
    console.print()
    several = "are two small models that ship" if len(names) > 1 else "is a small model that ships"
    console.print(f"{' and '.join(names)} {several} with Theodolite, trained on rendered scenes; not for photos.")
    console.print("Real models and your own photo (5 GB are downloaded once):")
    console.print(f"  {_OWN_PHOTO}", markup=False)


def _lines(summary: Summary) -> list[tuple[str, str]]:
    lines = _answers(summary)
    lines += [("Results", str(summary.results) + (f" (and {summary.skipped} kept)" if summary.skipped else ""))]
    if summary.failures:
        lines.append(("Failed", str(len(summary.failures))))
    total = sum(summary.verdicts.values())
    counts = ", ".join(f"{summary.verdicts[status]} {status}" for status in Status)
    lines.append(("Claims", f"{total}: {counts}" if total else "0"))
    if right := _right(summary):
        lines.append(("Right", f"{right}, by their ground truth"))
    if summary.models:
        lines.append(("Model", _models(summary)))
    if summary.rechecks["questions"] or summary.rechecks["failed"]:
        lines.append(("Recheck", _rechecks(summary)))
    if summary.seconds:
        lines.append(("Seconds", ", ".join(f"{name} {value:.2f}" for name, value in summary.seconds.items())))
    lines += [("Failed", f"{item} in {stage}: {reason}") for item, stage, reason in summary.failures[:_MOST_FAILURES]]
    if len(summary.failures) > _MOST_FAILURES:
        lines.append(("", f"and {len(summary.failures) - _MOST_FAILURES} more in failures.jsonl"))
    lines.append(("Written", str(summary.folder / "results.jsonl")))
    for name, description in ((PAGE_NAME, "page"), ("overlays", "images"), ("clouds", "point clouds")):
        if (summary.folder / name).exists():
            lines.append(("", f"{summary.folder / name} ({description})"))
    return lines


def _right(summary: Summary) -> str:
    """How many answers and decided claims are right, where that is known."""
    counts = summary.rightly
    parts = []
    if counts["questions"]:
        parts.append(f"{counts['answers']} of {counts['questions']} answers")
    if counts["decided"]:
        parts.append(f"{counts['right']} of {counts['decided']} decided claims")
    return ", ".join(parts)


def _answers(summary: Summary) -> list[tuple[str, str]]:
    """Questions and answers, or claims that were given, and verdicts, where they are few."""
    lines: list[tuple[str, str]] = []
    for result in summary.shown if len(summary.shown) <= MOST_SHOWN else ():
        codes = ("page_question", "page_answer", "page_verdict", "page_note", "page_empty")
        question, answer, verdict, note, empty = (message(code).text(result.language) for code in codes)
        if result.answer is not None:
            lines.append((question, result.question or ""))
            lines.append((answer, shorten(without_code(result.answer.text), _LONGEST) or empty))
        for judged in result.verdicts[:_MOST_VERDICTS]:
            lines += [("Claim", judged.claim.in_words(result.language))] if result.answer is None else []
            line = message("verdict_line", status=str(judged.status), reason=judged.reason)
            lines.append((verdict, line.text(result.language)))
        if (more := len(result.verdicts) - _MOST_VERDICTS) > 0:
            lines.append(("", message("page_more_verdicts", count=more).text(result.language)))
        lines += [(note, problem) for problem in result.errors]
    return lines


def _models(summary: Summary) -> str:
    """Models of the answers, and the tokens that they read and wrote, where they tell them."""
    names = list(summary.models)
    models = "; ".join(names[:_MOST_MODELS])
    if len(names) > _MOST_MODELS:
        models += f"; and {len(names) - _MOST_MODELS} more"
    if "prompt" not in summary.tokens and "completion" not in summary.tokens:
        return models
    tokens = summary.tokens
    cached = f" ({tokens['cached']} cached)" if "cached" in tokens else ""
    return f"{models}; {tokens['prompt']} prompt{cached} and {tokens['completion']} completion tokens"


def _rechecks(summary: Summary) -> str:
    """Whether asking again helped: what became of the refuted claims."""
    counts = summary.rechecks
    failed = f", {counts['failed']} more could not be" if counts["failed"] else ""
    told = f"{counts['questions']} asked again{failed}"
    if not counts["questions"]:
        return told
    gone = f"{counts['gone']} of {counts['refuted']} refuted claims gone" if counts["refuted"] else "none was refuted"
    return f"{told}; {gone}, {counts['now']} refuted now"
