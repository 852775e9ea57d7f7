"""Words of the viewer, in the language of the result."""

from __future__ import annotations

from pipeline.records.message import Language, catalog

WORDS = (
    *("viewer_name", "viewer_keys", "viewer_toolbar", "viewer_view", "viewer_camera", "viewer_top", "viewer_side"),
    *("viewer_colour", "viewer_photo", "viewer_depth", "viewer_region", "viewer_error", "viewer_confidence"),
    *("viewer_point_size", "viewer_frame", "viewer_points_shown", "viewer_show"),
    *("viewer_boxes", "viewer_cameras", "viewer_labels", "viewer_near", "viewer_far", "viewer_units"),
    *("viewer_no_region", "viewer_no_webgl"),
    *("viewer_pick_second", "viewer_distance", "viewer_between", "viewer_no_metres", "viewer_pixel", "viewer_nearer"),
    *("viewer_first", "viewer_second"),
    *("viewer_same_depth", "viewer_two_spaces", "viewer_clear", "viewer_hint"),
    *("viewer_hint_order", "viewer_pick_order", "viewer_interval"),
)
"""Codes of the wording that the script uses; it knows them without ``viewer_``."""


def viewer_words(language: Language) -> dict[str, str]:
    """The words by name; what stands in braces is filled by the script."""
    patterns = catalog(language)
    return {code.removeprefix("viewer_"): patterns[code] for code in WORDS}
