"""The script for Slurm runs every item once and joins the results, on a stand-in for Slurm."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.batch_kills import make_batch
from commands import results_in
from stages.runs import failures_in

# They take the options that the script gives, and no others, and run what follows in this order.
SBATCH = """#!/usr/bin/env bash
set -euo pipefail
array=
while [ "${1#--}" != "$1" ]; do
  case "$1" in
    --array=*) array="${1#--array=1-}" ;;
    --parsable | --job-name=* | --signal=TERM@120 | --requeue | --output=* | --open-mode=append) ;;
    --dependency=afterok:7 | --kill-on-invalid-dep=yes | --mem=4G) ;;
    *) echo "no option: $1" >&2; exit 64 ;;
  esac
  shift
done
copy="$(mktemp)"
cp "$1" "$copy"
shift
for number in $([ -n "$array" ] && seq "${array%%%*}" || echo 0); do
  [ -z "$array" ] || export SLURM_ARRAY_TASK_ID="$number" SLURM_CPUS_PER_TASK=1
  bash "$copy" "$@" >&2
done
echo "7;cluster"
"""
SRUN = """#!/usr/bin/env bash
[ "$1 $2" = "--ntasks=1 --cpus-per-task=1" ] || exit 64
shift 2
exec "$@"
"""


def slurm(repository: Path, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name, text in (("sbatch", SBATCH), ("srun", SRUN)):
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    return subprocess.run(
        ["bash", str(repository / "scripts/slurm_array.sh"), *arguments],
        env={
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(repository),
            "THEODOLITE_PYTHON": sys.executable,
            **environment,
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_an_array_runs_every_item_once_and_joins_the_results(repository: Path, tmp_path: Path) -> None:
    overrides = [override for override in make_batch(tmp_path, 13) if not override.startswith("cache_dir")]
    out = tmp_path / "out"
    arguments = ("2", str(out), *overrides, "export.scenes=false")
    done = slurm(repository, tmp_path, *arguments, SBATCH_OPTIONS="--mem=4G", AT_ONCE="1")
    assert done.returncode == 0, done.stderr
    assert "Job 7;cluster runs 2 shards" in done.stdout
    names = [result.item_id for result in results_in(out / "all")]
    assert names == sorted(names) and set(names) == {f"item-{index:04d}" for index in range(12)}
    assert [failure["item_id"] for failure in failures_in(out / "all")] == ["item-0012"]
    assert {path.name for path in out.iterdir()} >= {"shard-1", "shard-2", "logs"}


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["2"], "Usage:"),
        (["two", "/out", "input=x"], "SHARDS must be a whole number"),
        (["0", "/out", "input=x"], "SHARDS must be a whole number"),
        (["2", "out", "input=x"], "OUT must be a full path"),
    ],
)
def test_a_wrong_line_is_one_sentence(repository: Path, tmp_path: Path, arguments: list[str], words: str) -> None:
    done = slurm(repository, tmp_path, *arguments)
    assert done.returncode == 2 and done.stderr.startswith(words) and done.stderr.count("\n") == 1
