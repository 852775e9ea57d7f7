"""Queries that users often want, by name."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.export.table_columns import STAGES

VIEWS = {
    "results": "question",
    "verdicts": "claim, with its verdict",
    "regions": "region of a result",
    "failures": "item or question that failed",
}
"""The tables that SQL can name, and what a row of each is about."""


@dataclass(frozen=True)
class NamedQuery:
    """A query with a name.

    Args:
        about: What it gives.
        sql: Its SQL; ``{run}``, ``{by_run}`` and ``{in_run}`` keep several runs apart.
    """

    about: str
    sql: str

    def of(self, runs: int) -> str:
        """The SQL for a number of runs."""
        several = runs > 1
        return self.sql.format(
            run="run, " if several else "",
            by_run="run, " if several else "",
            in_run="PARTITION BY run" if several else "",
        )


_TIMES = ", ".join(f"{stage}_s" for stage in STAGES)
NAMED = {
    "refuted": NamedQuery(
        "refuted claims by relation, and how many of these verdicts are correct where ground truth is known",
        """
        SELECT {run}relation, count(*) AS claims, count(*) FILTER (status = 'refuted') AS refuted,
            round(100 * refuted / claims, 1) AS refuted_percent,
            count(*) FILTER (status = 'refuted' AND is_correct) AS correct,
            count(*) FILTER (status = 'refuted' AND NOT is_correct) AS wrong
        FROM verdicts GROUP BY {by_run}relation HAVING count(*) FILTER (status = 'refuted') > 0
        ORDER BY {by_run}refuted DESC, relation
        """,
    ),
    "slowest": NamedQuery(
        "the 20 slowest results, with the stage that took longest and the seconds of each stage",
        f"""
        SELECT {{run}}item, question, round(seconds, 3) AS total_s,
            list_extract({list(STAGES)}, list_position(stages, list_max(stages))) AS slowest_stage, {_TIMES}
        FROM (SELECT *, [{", ".join(f"coalesce({stage}_s, 0)" for stage in STAGES)}] AS stages FROM results)
        ORDER BY seconds DESC, item, question LIMIT 20
        """,
    ),
    "undecided": NamedQuery(
        "the most frequent reasons of undecided verdicts, and what would decide them",
        """
        SELECT {run}reason_code, needs_code, count(*) AS verdicts,
            round(100 * count(*) / sum(count(*)) OVER ({in_run}), 1) AS percent, count(DISTINCT item) AS items,
            mode(relation) AS most_often, min(reason) AS example
        FROM verdicts WHERE status = 'undecided' GROUP BY {by_run}reason_code, needs_code
        ORDER BY {by_run}verdicts DESC, reason_code, needs_code
        """,
    ),
    "stages": NamedQuery(
        "seconds per stage: in total, and per result",
        f"""
        SELECT {{run}}stage, round(sum(s), 3) AS total_s,
            round(100 * sum(s) / sum(sum(s)) OVER ({{in_run}}), 1) AS percent, round(avg(s), 4) AS mean_s,
            round(median(s), 4) AS median_s, round(quantile_cont(s, 0.95), 4) AS p95_s, round(max(s), 4) AS most_s
        FROM (
            SELECT run, unnest({list(STAGES)}) AS stage, unnest([{_TIMES}]) AS s FROM results
        ) WHERE s IS NOT NULL GROUP BY {{by_run}}stage ORDER BY {{by_run}}total_s DESC, stage
        """,
    ),
    "failures": NamedQuery(
        "what failed, by stage and reason, with an item and the command that runs it alone",
        """
        SELECT {run}stage, reason, count(*) AS failures, min(item) AS item, min_by(command, item) AS command
        FROM failures GROUP BY {by_run}stage, reason ORDER BY {by_run}failures DESC, stage, reason
        """,
    ),
}
