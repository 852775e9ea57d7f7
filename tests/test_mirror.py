"""Tests stand where the code stands that they test."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

TESTS = Path(__file__).parent
# Modules without a test file of their own, by pattern, and where or why; the first pattern that fits counts.
ELSEWHERE = {
    "__main__": "test_cli.py",
    "*/none": "says that nothing was chosen; every test of the defaults goes through it",
    "*/base": "a protocol, and what the classes that follow it share",
    "batch/*": "batch/test_run.py",
    "claims/prose_*": "claims/test_prose.py",
    "claims/english_*": "claims/test_prose.py",
    "claims/sentences": "claims/test_prose.py",
    "claims/names": "claims/test_prose.py",
    "claims/phrases": "claims/test_spatial_words.py",
    "claims/markup": "claims/test_reasoning.py",
    "claims/claim_making": "claims/test_claims_json.py",
    "claims/chinese_shapes": "claims/test_prose.py",
    "claims/coordinates/boxes_3d": "claims/coordinates/test_notations.py",
    "claims/coordinates/keys": "claims/coordinates/test_entries.py",
    "claims/choice_words": "claims/test_choice.py",
    "claims/options": "claims/test_choice.py",
    "claims/question_patterns": "claims/test_questions.py",
    "config/build*": "config/test_config.py",
    "config/user_folder": "config/test_options.py",
    "console/*_report": "console/test_evaluation_claims.py",
    "console/fit": "evaluate/fit/test_files.py",
    "console/evaluation": "console/test_evaluation_claims.py",
    "datasets/*": "every reader is tested on small files of its own layout in tests/datasets",
    "evaluate/claims/*": "evaluate/claims/test_run.py",
    "evaluate/fit/examples": "evaluate/fit/test_run.py",
    "evaluate/plots": "evaluate/claims/test_report.py",
    "evaluate/depth/alignment_*": "evaluate/depth/test_alignment.py",
    "evaluate/depth/image_lines": "evaluate/depth/test_alignment.py",
    "evaluate/depth/moments": "evaluate/depth/test_alignment.py",
    "evaluate/depth/*": "evaluate/depth/test_table.py",
    "export/run_summary": "console/test_summary.py",
    "export/*": "export/test_formats.py",
    "geometry/agreement*": "ingest/test_alignment.py",
    "geometry/floor": "verify/test_anchors.py",
    "geometry/known_lengths": "geometry/test_scale.py",
    "geometry/regions": "geometry/test_objects.py",
    "geometry/plane_samples": "geometry/test_planes.py",
    "models/*": "every backend is tested on a tiny checkpoint in tests/models",
    "records/checks": "records/test_records.py",
    "records/errors": "exception types",
    "records/resources": "test_packaging.py",
    "records/relations": "claims/test_spatial_words.py",
    "records/*": "records/test_records.py",
    "serve/client_*": "serve/test_client.py",
    "serve/problems": "serve/test_app.py",
    "serve/records": "serve/routes/test_jobs.py",
    "serve/routes/*": "serve/routes/test_ask.py",
    "serve/schema/*": "serve/routes/test_ask.py",
    "serve/settings": "console/test_serve.py",
    "stages/known_truth": "synthetic/test_quickstart.py",
    "stages/outcomes": "stages/test_generations.py",
    "synthetic/*": "synthetic/test_scenes.py",
    "verify/named_regions": "verify/test_verifier_regions.py",
    "verify/views": "verify/test_own_samples.py",
    "verify/rules/*": "verify/test_verifier_pinned.py",
}
# Tests of more than one module.
OF_SEVERAL = {
    "test_docs", "test_docs_site", "test_end_to_end", "test_hostile", "test_layout", "test_mirror", "test_packaging",
    "test_samples", "test_nano_*", "test_slurm_array", "test_small_images", "test_tour", "serve/test_hostile_requests",
    "claims/coordinates/test_notations", "claims/test_wordings", "claims/test_traps", "config/test_config",
    "geometry/test_geometry_pinned", "synthetic/test_boxes",
    "datasets/*", "evaluate/depth/test_depth_agreement", "export/report/test_browser", "models/*",
    "records/test_records", "serve/test_schema_fuzz",
}  # fmt: skip


def modules() -> set[str]:
    package = TESTS.parent / "pipeline"
    paths = (path.relative_to(package).with_suffix("") for path in package.rglob("*.py"))
    return {path.as_posix() for path in paths if path.name != "__init__"}


def files_of_tests() -> set[str]:
    return {path.relative_to(TESTS).with_suffix("").as_posix() for path in TESTS.rglob("test_*.py")}


def mirror(module: str) -> str:
    folder, _, name = module.rpartition("/")
    return f"{folder}/test_{name}" if folder else f"test_{name}"


def test_every_module_has_its_test_or_a_reason() -> None:
    alone = {module for module in modules() if mirror(module) not in files_of_tests()}
    used = {module: next((key for key in ELSEWHERE if fnmatch(module, key)), None) for module in alone}
    assert sorted(module for module, key in used.items() if key is None) == []
    assert sorted(ELSEWHERE.keys() - set(used.values())) == [], "entries without a module"
    assert [where for where in ELSEWHERE.values() if where.endswith(".py") and not (TESTS / where).exists()] == []


def test_every_test_names_what_it_tests() -> None:
    starts = tuple(map(mirror, modules()))
    stray = {
        test for test in files_of_tests()
        if not any(test == start or test.startswith(f"{start}_") for start in starts)
        and not any(fnmatch(test, key) for key in OF_SEVERAL)
    }  # fmt: skip
    assert stray == set()
