"""Words of the workbench, in the language of the page."""

from __future__ import annotations

from typing import Any

from pipeline.export.viewer.words import viewer_words
from pipeline.records import Status
from pipeline.records.message import Language, catalog

_OWN = (
    *("workbench_name", "workbench_marks", "workbench_wipe", "workbench_wipe_at", "workbench_picture"),
    *("workbench_pixel", "workbench_nearer_than", "workbench_depth_at", "workbench_photo_of"),
    *("workbench_draw_box", "workbench_box", "workbench_box_named", "workbench_box_place", "workbench_box_hint"),
    *("workbench_adjust_hint", "workbench_use_box", "workbench_cancel"),
    *("workbench_known_length", "workbench_points_hint", "workbench_move_points_hint", "workbench_use_points"),
    *("workbench_point_place",),
    *("workbench_left", "workbench_top", "workbench_right", "workbench_bottom"),
    *("workbench_pick_hint", "workbench_failed", "workbench_loading"),
)
_OF_REPORTS = (
    *("page_photo", "page_depth", "page_view", "page_frame", "page_frames", "page_regions", "page_enlarge"),
    *(
        "page_show_in_picture",
        "page_back_to_claim",
        "page_shrink",
        "page_no_view",
        "legend_near",
        "legend_far",
        "legend_no_depth",
        "legend_no_valid_depth",
    ),
)


def workbench_words(language: Language) -> dict[str, Any]:
    """The words by name, with those of the 3D viewer under ``viewer``; the script fills what stands in braces."""
    patterns = catalog(language)
    words: dict[str, Any] = {code.split("_", 1)[1]: patterns[code] for code in (*_OF_REPORTS, *_OWN)}
    words.update({str(status): patterns[str(status)] for status in Status})
    return {**words, "viewer": viewer_words(language)}
