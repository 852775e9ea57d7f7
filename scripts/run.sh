#!/usr/bin/env bash
# Runs the pipeline, from any folder; the first time it sets everything up.
#
# Usage: bash scripts/run.sh [overrides]
#   bash scripts/run.sh                                                    the quickstart
#   bash scripts/run.sh input=photo.jpg question="Is the cup in front of the book?"
# Paths are relative to the folder you stand in.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
# The quickstart reads the words in its images.
bash "$root/scripts/setup.sh" ocr

# Waiting threads that spin starve other processes on small machines.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-PASSIVE}"
# -P: a folder named "pipeline" where you stand must not take the package's place.
exec "$root/.venv/bin/python" -P -m pipeline run "$@"
