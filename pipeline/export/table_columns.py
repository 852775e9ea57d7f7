"""Columns of the tables of a run: results, verdicts and regions.

Names of columns end in their unit. Columns that hold several values separate them by `` | ``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

STAGES = ("ingest", "depth", "ocr", "query", "verify", "export")
"""Stages whose time a result holds."""
Kind = Literal["text", "whole", "number", "truth"]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        name: Its name, with the unit at its end.
        kind: What its cells hold; any may be empty.
        about: What it means.
    """

    name: str
    kind: Kind
    about: str


_WHICH = (
    Column("item", "text", "id of the item"),
    Column("question", "text", "the question; empty where only given claims were judged"),
)
RESULT_COLUMNS = (
    *_WHICH,
    Column("answer", "text", "what the model said, verbatim, without its reasoning; empty where no model was asked"),
    Column("choice", "text", "letter that the model chose, for multiple-choice questions"),
    Column("correct_answer", "text", "the correct answer, where it is known"),
    Column("is_correct", "truth", "whether the answer agrees with it"),
    Column("claims", "whole", "number of claims, each with a verdict"),
    Column("supported", "whole", "number of supported claims"),
    Column("refuted", "whole", "number of refuted claims"),
    Column("undecided", "whole", "number of undecided claims"),
    Column("correct_claims", "whole", "number of decided verdicts that agree with ground truth"),
    Column("wrong_claims", "whole", "number of decided verdicts that contradict ground truth"),
    Column("regions", "whole", "number of regions"),
    Column("frames", "whole", "number of frames"),
    Column("depth_backend", "text", "backend of the depth of the first frame"),
    Column("depth_kind", "text", "kind of that depth"),
    Column("scale_source", "text", "source of its metric scale"),
    Column("model", "text", "model that answered"),
    Column("revision", "text", "its revision or content hash"),
    Column("seed", "whole", "seed of the generation"),
    Column("prompt_tokens", "whole", "tokens of its prompts"),
    Column("cached_tokens", "whole", "tokens of the prompts whose computation was reused"),
    Column("completion_tokens", "whole", "tokens of what it wrote"),
    Column("asked_again", "whole", "how often the question was asked again"),
    Column("seconds", "number", "time of all stages [s]"),
    *(Column(f"{stage}_s", "number", f"time of the stage {stage} [s]") for stage in STAGES),
    Column("errors", "text", "what went wrong without stopping the item"),
    Column("language", "text", "language of the sentences: en or zh"),
    Column("configuration", "text", "digest of the configuration, as in run.json"),
    Column("version", "text", "version of Theodolite"),
    Column("page", "text", "path of the result's page in the folder of the run"),
)
VERDICT_COLUMNS = (
    *_WHICH,
    Column("verdict", "whole", "index of the verdict in the result, from 0"),
    Column("claim", "text", "the claim in words"),
    Column("relation", "text", "name of the relation"),
    Column("subject", "text", "name of the subject"),
    Column("object", "text", "name of the object; that of `between` has two"),
    Column("negated", "truth", "whether the claim denies the relation"),
    Column("claimed_value", "number", "number of the claim, in claimed_unit"),
    Column("claimed_unit", "text", "unit of that number"),
    Column("status", "text", "supported, refuted or undecided"),
    Column("probability", "number", "probability that the claim holds"),
    Column("margin", "number", "how clearly it holds (positive) or fails, in margin_unit"),
    Column("margin_unit", "text", "unit of the margin"),
    Column("reason", "text", "why"),
    Column("reason_code", "text", "the same for programs"),
    Column("needs", "text", "what would decide an undecided claim"),
    Column("needs_code", "text", "the same for programs"),
    Column("truth", "truth", "ground truth of the claim, where it is known"),
    Column("is_correct", "truth", "whether a decided verdict agrees with it"),
    Column("frames", "text", "indices of the frames that were looked at, from 0"),
    Column("regions", "text", "indices of the regions that were compared, subject first"),
    Column("origin", "text", "who made the claim"),
    Column("model", "text", "model that answered"),
    Column("depth_backend", "text", "backend of the depth"),
    Column("depth_kind", "text", "kind of the depth"),
)
REGION_COLUMNS = (
    *_WHICH,
    Column("region", "whole", "index of the region in the result, from 0"),
    Column("frame", "whole", "index of its frame, from 0"),
    Column("frame_name", "text", "name of the frame"),
    Column("label", "text", "what it is called"),
    Column("origin", "text", "who gave it"),
    Column("score", "number", "confidence, where it was given"),
    Column("left_px", "number", "left edge of the box; the image's top-left corner is (0, 0)"),
    Column("top_px", "number", "top edge"),
    Column("right_px", "number", "right edge"),
    Column("bottom_px", "number", "bottom edge"),
    Column("mask_area_px", "whole", "pixels of the mask; empty without one"),
    Column("depth_m", "number", "median z of the object; empty unless the depth is metric"),
    Column("depth_sigma_m", "number", "its standard deviation"),
    Column("depth_relative", "number", "the same in the unit of depth that is not metric"),
    Column("depth_relative_sigma", "number", "its standard deviation, in that unit"),
    Column("depth_kind", "text", "kind of the depth: disparity_affine grows towards the camera"),
)
TABLES: dict[str, tuple[Column, ...]] = {
    "results": RESULT_COLUMNS,
    "verdicts": VERDICT_COLUMNS,
    "regions": REGION_COLUMNS,
}
"""The columns of each table, by its name."""
