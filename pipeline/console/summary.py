"""The summary that a run prints at its end."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import set_cell_size
from rich.console import Console
from rich.markup import escape

from pipeline.export.formats import ITEM_FORMATS, RUN_FORMATS
from pipeline.export.report.answer_text import headline
from pipeline.export.report.index import INDEX_NAME
from pipeline.export.run_summary import MOST_SHOWN, Summary
from pipeline.export.text import one_line
from pipeline.models.hub import ships
from pipeline.records import Status
from pipeline.records.message import message

_MOST_FAILURES = 5
_MOST_MODELS = 3
_MOST_VERDICTS = 8
_LONGEST = 400
_OWN_PHOTO = 'bash scripts/run.sh input=photo.jpg question="Is the mug in front of the laptop?" depth=midas vlm=qwen3vl'


def print_summary(console: Console, summary: Summary) -> None:
    """Print results, verdicts, seconds per stage, failures and the paths of the files.

    Every entry is on one line, however long, so paths can be copied.
    """
    for title, text in _lines(summary):
        console.print(f"[bold]{set_cell_size(title, 8)}[/bold] {escape(one_line(text))}", soft_wrap=True)


def print_shipped_models(console: Console, models: Sequence[str | None]) -> None:
    """Print the limits of the small models that ship, and the command for real models and a photo.

    Args:
        console: Where to print.
        models: The models of a run; if none of them ships, nothing is printed.
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
    if correct := _correct(summary):
        lines.append(("Correct", correct))
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
    formats = {each.folder: each.words for each in ITEM_FORMATS.values()}
    formats |= {each.name: each.words for key, each in RUN_FORMATS.items() if key != "report"}
    for name, description in ((INDEX_NAME, "report"), ("overlays", "images"), *formats.items()):
        if (summary.folder / name).exists():
            lines.append(("", f"{summary.folder / name} ({description})"))
    return lines


def _correct(summary: Summary) -> str:
    """How many answers and decided claims with ground truth are correct; empty without ground truth."""
    parts = {"answers": "answers", "claims": "decided claims"}
    return ", ".join(
        f"{summary.correct[part]} of {total} {words}" for part, words in parts.items() if (total := summary.known[part])
    )


def _answers(summary: Summary) -> list[tuple[str, str]]:
    """Questions with their answers, or given claims, with their verdicts; none if there are many results."""
    lines: list[tuple[str, str]] = []
    for result in summary.shown if len(summary.shown) <= MOST_SHOWN else ():
        item = message("page_item").text(result.language)
        codes = ("page_question", "page_answer", "page_claim", "page_verdict", "page_note")
        question, answer, claim, verdict, note = (message(code).text(result.language) for code in codes)
        if len(summary.shown) > 1 and result.answer is None:
            lines.append((item, result.item_id))
        if result.answer is not None:
            lines.append((question, result.question or ""))
            lines.append((answer, headline(result.answer.text, result.language, _LONGEST)))
        for judged in result.verdicts[:_MOST_VERDICTS]:
            lines += [(claim, judged.claim.in_words(result.language))] if result.answer is None else []
            line = message("verdict_line", status=str(judged.status), reason=judged.reason)
            lines.append((verdict, line.text(result.language)))
        if (more := len(result.verdicts) - _MOST_VERDICTS) > 0:
            lines.append(("", message("page_more_verdicts", count=more).text(result.language)))
        lines += [(note, problem) for problem in result.errors]
    return lines


def _models(summary: Summary) -> str:
    """Models of the answers, and their prompt and completion tokens if known."""
    more = len(summary.models) - _MOST_MODELS
    models = "; ".join([*list(summary.models)[:_MOST_MODELS], *([f"and {more} more"] if more > 0 else [])])
    tokens = summary.tokens
    if not {"prompt", "completion"} & tokens.keys():
        return models
    cached = f" ({tokens['cached']} cached)" if "cached" in tokens else ""
    return f"{models}; {tokens['prompt']} prompt{cached} and {tokens['completion']} completion tokens"


def _rechecks(summary: Summary) -> str:
    """The number of questions asked again, and what became of the refuted claims."""
    counts = summary.rechecks
    text = f"{counts['questions']} asked again" + (f", {counts['failed']} failed" if counts["failed"] else "")
    if not counts["questions"]:
        return text
    gone = f"{counts['gone']} of {counts['refuted']} refuted claims gone" if counts["refuted"] else "none was refuted"
    return f"{text}; {gone}, {counts['now']} refuted now"
