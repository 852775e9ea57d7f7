#!/usr/bin/env bash
# Builds the documentation into site/, strictly; the first time it sets everything up.
#
# Usage: bash scripts/docs.sh [serve]
#   bash scripts/docs.sh          builds it; open site/index.html
#   bash scripts/docs.sh serve    shows it at http://127.0.0.1:8000 and builds it again after each change
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
bash "$root/scripts/setup.sh" docs
cd "$root"
# A notice of the theme's authors about a version of mkdocs that the bounds exclude.
export NO_MKDOCS_2_WARNING=1

case "${1:-build}" in
  build) exec .venv/bin/python -m mkdocs build --strict --clean ;;
  serve) exec .venv/bin/python -m mkdocs serve --livereload --watch pipeline --watch conf ;;
  *)
    printf 'Usage: bash scripts/docs.sh [serve]\n' >&2
    exit 2
    ;;
esac
