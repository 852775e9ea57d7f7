#!/usr/bin/env bash
# Runs one input as an array of Slurm jobs, and joins their results in one folder.
#
# Usage: bash scripts/slurm_array.sh SHARDS OUT KEY=VALUE ...
#   bash scripts/slurm_array.sh 64 /shared/runs/kitchens input=/shared/kitchens.jsonl depth=midas vlm=qwen3vl
# Each job of the array runs shard=i/SHARDS into OUT/shard-i; when all of them are done, a further job joins them in
# OUT/all. The same line again resumes: what is done stays, and failures stay failures.
#
# Environment:
#   SBATCH_OPTIONS  options of every job of the array, such as "--partition=gpu --gres=gpu:1 --mem=32G --time=8:00:00"
#   MERGE_OPTIONS   options of the job that joins them; it needs one CPU and no GPU
#   AT_ONCE         how many jobs of the array may run at a time; without it, as many as Slurm gives
#   LOCAL_CACHE     a folder on the disk of each machine, such as /scratch/$USER: each job keeps its cache there, which
#                   is fastest. Without it, all jobs share OUT/cache, so that a job that starts again finds its stages.
#   THEODOLITE_PYTHON  the interpreter; otherwise .venv of this checkout
# OUT, the input and the checkout must be on a file system that all machines share. Give paths in full.
set -euo pipefail

fail() { printf '%s\n' "$*" >&2; exit 2; }

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
python="${THEODOLITE_PYTHON:-$root/.venv/bin/python}"

# One job of the array; Slurm sets SLURM_ARRAY_TASK_ID.
shard() {
  local shards="$1" out="$2" number cpus="${SLURM_CPUS_PER_TASK:-1}" settings=()
  shift 2
  number="${SLURM_ARRAY_TASK_ID:?only jobs of an array have a number}"
  # One thread for each CPU that Slurm gave, and none that spins while it waits.
  export OMP_NUM_THREADS="$cpus" OMP_WAIT_POLICY=PASSIVE
  # Workers compute with one thread each; a job with one CPU needs none.
  if [ "$cpus" -gt 1 ]; then
    settings+=("engine.workers=$cpus")
  fi
  # Jobs of one machine share the folder on its disk.
  settings+=("cache_dir=${LOCAL_CACHE:-$out}/cache")
  # A step of its own gets the SIGTERM before the time is up. Exit code 1 means that items failed, which is no reason to
  # hold back the results of the others.
  srun --ntasks=1 --cpus-per-task="$cpus" "$python" -P -m pipeline run "${settings[@]}" "$@" \
    "shard=$number/$shards" "output_dir=$out/shard-$number" resume=true || [ $? -eq 1 ]
}

# The job behind the array.
join() {
  local shards="$1" out="$2" number folders=()
  for ((number = 1; number <= shards; number++)); do
    folders+=("$out/shard-$number")
  done
  if [ -e "$out/all" ]; then
    # What an earlier run joined; merge writes into a new folder only.
    mv "$out/all" "$out/all-before-$(date +%Y%m%d-%H%M%S)"
  fi
  if [ "$shards" -eq 1 ]; then
    ln -s shard-1 "$out/all"
  else
    "$python" -P -m pipeline merge "${folders[@]}" "output_dir=$out/all"
  fi
}

submit() {
  local shards="$1" out="$2" array first
  shift 2
  mkdir -p "$out/logs"
  array="1-$shards${AT_ONCE:+%$AT_ONCE}"
  # Two minutes before the time is up, SIGTERM lets a run finish the items in work; the same line again does the rest.
  # shellcheck disable=SC2086
  first="$(sbatch --parsable --job-name=theodolite --array="$array" --signal=TERM@120 --requeue \
    --output="$out/logs/shard-%a.log" --open-mode=append ${SBATCH_OPTIONS:-} \
    "$root/scripts/slurm_array.sh" --shard "$root" "$shards" "$out" "$@")"
  # afterok: a shard that stopped for a reason of its own leaves nothing to join.
  # shellcheck disable=SC2086
  sbatch --parsable --job-name=theodolite-merge --dependency="afterok:${first%%;*}" --kill-on-invalid-dep=yes \
    --output="$out/logs/merge.log" --open-mode=append ${MERGE_OPTIONS:-} \
    "$root/scripts/slurm_array.sh" --merge "$root" "$shards" "$out" >/dev/null
  printf '%s\n' "Job $first runs $shards shards into $out; its results will be in $out/all."
}

case "${1:-}" in
  --shard | --merge)
    # Slurm runs a copy of this file from a folder of its own, so that the checkout is given by name.
    step="$1" root="$2"
    python="${THEODOLITE_PYTHON:-$root/.venv/bin/python}"
    shift 2
    if [ "$step" = --shard ]; then shard "$@"; else join "$1" "$2"; fi
    ;;
  *)
    [ $# -ge 3 ] || fail "Usage: bash scripts/slurm_array.sh SHARDS OUT KEY=VALUE ..."
    [[ "$1" =~ ^[1-9][0-9]*$ ]] || fail "SHARDS must be a whole number from 1 on, not $1."
    [[ "$2" = /* ]] || fail "OUT must be a full path that all machines share, not $2."
    command -v sbatch >/dev/null || fail "sbatch is not on the PATH; give this line on a login machine of the cluster."
    submit "$@"
    ;;
esac
