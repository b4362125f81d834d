#!/usr/bin/env bash
#SBATCH --job-name=retmask-parts
#SBATCH --array=0-7
#SBATCH --ntasks=1
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=USR1@60
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%A-%a.log
# Runs detect or eval with one worker per array task. Each worker answers its part of the samples and resumes automatically after
# time limits and preemptions. submit_parts.sh submits it together with the job that merges the parts.
#
#   COMMAND       detect or eval
#   MODEL         checkpoint folder
#   OUT           folder for the parts and the results, on a file system shared by all nodes
#   CONFIG        TOML file with flags (optional)
#   FLAGS         more flags, separated by spaces: --suite ruler --lengths 8k,32k,128k (optional)
#   RETMASK       the program (default: build/release/retmask)
#   MAX_RESTARTS  see requeue.sh (default: 100)
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:?this is a job script: sbatch scripts/slurm/parts.sh}"
# shellcheck source=scripts/slurm/requeue.sh
. scripts/slurm/requeue.sh
need COMMAND MODEL OUT

# The worker reads its part from SLURM_ARRAY_TASK_ID and related variables.
# shellcheck disable=SC2086  # FLAGS is a list of words
run_or_requeue srun --cpus-per-task="$SLURM_CPUS_PER_TASK" \
  "${RETMASK:-build/release/retmask}" "$COMMAND" ${CONFIG:+--config "$CONFIG"} \
  --model "$MODEL" --out "$OUT" --threads "$SLURM_CPUS_PER_TASK" ${FLAGS:-}
