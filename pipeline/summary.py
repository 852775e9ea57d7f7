"""What a run prints at its end."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from pipeline.claims.markup import shorten, without_code
from pipeline.export.text import one_line
from pipeline.records import Status
from pipeline.stages.run_summary import MOST_SHOWN, Summary

_MOST_FAILURES = 5
_MOST_MODELS = 3
_MOST_VERDICTS = 8
_LONGEST = 400


def print_summary(console: Console, summary: Summary) -> None:
    """Print items, verdicts, seconds per stage, failures and the paths of what was written.

    Every entry is one line, however long, so that paths can be copied.
    """
    for title, text in _lines(summary):
        console.print(f"[bold]{title:<8}[/bold] {escape(one_line(text))}", soft_wrap=True)


def _lines(summary: Summary) -> list[tuple[str, str]]:
    lines = _answers(summary)
    lines += [("Results", str(summary.results) + (f" (and {summary.skipped} kept)" if summary.skipped else ""))]
    if summary.failures:
        lines.append(("Failed", str(len(summary.failures))))
    total = sum(summary.verdicts.values())
    counts = ", ".join(f"{summary.verdicts[status]} {status}" for status in Status)
    lines.append(("Claims", f"{total}: {counts}" if total else "0"))
    if summary.rightly["decided"]:
        right, decided = summary.rightly["right"], summary.rightly["decided"]
        lines.append(("Right", f"{right} of {decided} decided claims, by their known truth"))
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
    for name, description in (("overlays", "pictures"), ("clouds", "point clouds")):
        if (summary.folder / name).is_dir():
            lines.append(("", f"{summary.folder / name} ({description})"))
    return lines


def _answers(summary: Summary) -> list[tuple[str, str]]:
    """Questions, answers and verdicts, where they are few."""
    lines: list[tuple[str, str]] = []
    for result in summary.answered if len(summary.answered) <= MOST_SHOWN else ():
        assert result.answer is not None
        lines.append(("Question", result.question or ""))
        lines.append(("Answer", shorten(without_code(result.answer.text), _LONGEST) or "(empty)"))
        lines += [("Verdict", f"{verdict.status}: {verdict.reason}") for verdict in result.verdicts[:_MOST_VERDICTS]]
        if len(result.verdicts) > _MOST_VERDICTS:
            lines.append(("", f"and {len(result.verdicts) - _MOST_VERDICTS} more verdicts"))
        lines += [("Note", problem) for problem in result.errors]
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
