#!/usr/bin/env bash
# Runs the tests; the first time it sets everything up.
#
# Usage: bash scripts/test.sh [pytest arguments]
#   bash scripts/test.sh                       all tests
#   bash scripts/test.sh -m "not slow"         the quick ones
#   bash scripts/test.sh tests/export -k ply   some
# Paths are relative to the repository. Nothing is downloaded once the set-up is done.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
bash "$root/scripts/setup.sh" ocr serve dev

export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-PASSIVE}"
export HF_HUB_OFFLINE=1
# One test process a core: threads of their own would starve them.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
cd "$root"
# The tests of a file share what they build, so one process runs them all.
exec .venv/bin/python -m pytest --numprocesses auto --dist loadfile "$@"
